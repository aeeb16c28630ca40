import Operations
import Terminal
import Tokens

/// What a stand shows.
extension Samples {
    /// One text everybody is asked for, one that may be refused; long, as real ones are.
    static let consents = [
        ConsentText(
            version: "carte-2026-1", isRequired: true,
            texts: Words([
                "fr":
                    "Je reçois une Carte ECO. Mes opérations sont enregistrées sous le numéro de la "
                    + "carte, sans mon nom. Je peux rendre la carte et faire effacer mes données.",
                "en":
                    "I receive a Carte ECO. What I do with it is recorded under the card’s number, "
                    + "without my name. I may give it back and have my data erased.",
            ])),
        ConsentText(
            version: "contact-2026-1", isRequired: false,
            texts: Words([
                "fr": "L’association peut me contacter au sujet de ma carte. Ce que j’indique est "
                    + "chiffré aussitôt\u{202F}; elle seule peut le lire.",
                "en": "The association may contact me about my card. What I tell is encrypted at "
                    + "once; only the association can read it.",
            ])),
    ]

    static func enrolment(_ order: EnrolmentOrder) -> Purpose {
        .enrolment(
            consents: order.consents.map { Consent(textVersion: $0, time: 1) }, sealed: nil,
            replaces: order.replaces)
    }

    static func given(
        replaces: CardNumber? = nil, offline: Bool = false, count: UInt64 = 12,
        cardPresent: Bool = false
    ) -> Stage {
        .completed(
            Completion(
                operation: armed(.enrolment(consents: [], sealed: nil, replaces: replaces)),
                lastFour: "4821", isOffline: offline, report: nil, isCardPresent: cardPresent,
                given: count))
    }
}

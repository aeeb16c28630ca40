import Foundation
import Operations
import Terminal
import Tokens

/// What a stand shows.
extension Samples {
    /// The texts a deployment starts from: one that all are asked for, one that may be refused.
    static let consents: [ConsentText] = {
        struct Seed: Decodable {
            let version: String
            let required: Bool
            let texts: [String: String]
        }
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "seeds/consents.json")
        let seeds =
            (try? JSONDecoder().decode([Seed].self, from: Data(contentsOf: file))) ?? []
        return seeds.map {
            ConsentText(version: $0.version, isRequired: $0.required, texts: Words($0.texts))
        }
    }()

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

import Cards
import CommandLineTool
import Crypto
import KeyStore
import Linux
import Operations
import Readers
import Tokens

/// The checks at the reader: that it is there, and one card read by it.
struct SelfTestDesk {
    private static let patience = Duration.seconds(20)
    let configuration: Configuration
    /// `serve` runs, and has the chip or may begin a conversation at any moment.
    let isServing: Bool

    /// True when a card can be read.
    func reader() throws -> (Bool, Finding) {
        let choice = try configuration.reader
        if isServing, case .nfc(let connstring) = choice {
            return (
                false,
                .open(
                    "eco-terminal serve has the chip at \(connstring)",
                    hint: "its page shows the reader; stop it to test the chip")
            )
        }
        do throws(ReaderError) {
            let names = try readersFound(choice)
            let others = names.count > 1 ? ", the first of \(names.count)" : ""
            return (
                true,
                .good(
                    "\(names.first ?? "") is there\(others)",
                    [.init("readers", .array(names.map { .text($0) }))])
            )
        } catch { throw Failure(error) }
    }

    /// Reads and authenticates one card as a payment would; writes nothing.
    func card(
        keys: TerminalKeys, policy: Policy, denied: Set<CardNumber>, now: UInt64
    ) throws -> (Void, Finding) {
        guard !isServing else {
            return (
                (),
                .open(
                    "eco-terminal serve runs: it would take the card for a payment",
                    hint: "stop it, then test with --card")
            )
        }
        let result: Result<SeenCard, CardRefusal>
        do throws(ReaderError) {
            result = try withCard(
                choice: try reader(configuration), waiting: Self.patience,
                notice: { Console.error("Lay a card on the reader (\($0))…") }
            ) { (connection) throws(CardRefusal) in
                var card = NTAG424Card(connection)
                let seen: Result<SeenCard, CardRefusal>
                do throws(CardRefusal) {
                    seen = .success(try Self.look(&card, keys, policy, denied, now))
                } catch { seen = .failure(error) }
                connection = card.end()
                return try seen.get()
            }
        } catch { throw Failure(error) }
        switch result {
        case .failure(let refusal):
            throw Failure(refusal.sentence, hint: refusal.hint, code: .cardRefused)
        case .success(let seen): return ((), seen.finding)
        }
    }

    private func reader(_ configuration: Configuration) throws(ReaderError) -> ReaderChoice {
        do { return try configuration.reader } catch { throw .noReader }
    }

    private static func look(
        _ card: inout NTAG424Card<CardConnection>, _ keys: TerminalKeys, _ policy: Policy,
        _ denied: Set<CardNumber>, _ now: UInt64
    ) throws(CardRefusal) -> SeenCard {
        do {
            let token = try card.identify().token
            let claims = try policy.tokenRules.verify(
                token, now: now, isDenied: { denied.contains($0) })
            let key = try keys.terminalKey(uid: claims.uid, epoch: claims.epoch)
            try card.authenticate(terminalKey: key)
            return SeenCard(claims: claims, state: try card.state())
        } catch let error as TokenRefusal { throw CardRefusal(error) } catch let error as CardError
        { throw CardRefusal(error) } catch { throw CardRefusal.keys }
    }
}

/// A card that was read and has proved its key.
private struct SeenCard {
    let claims: CardToken
    let state: CardState

    private var word: String {
        switch claims.cardClass {
        case .anonymous: "anonymous"
        case .member: "member"
        case .professional: "professional"
        case .training: "training"
        }
    }

    private var spent: String {
        guard let allowance = state.current?.allowance else {
            return "its state cannot be read: the next payment needs the network"
        }
        return allowance.count == 0
            ? "nothing spent offline since its last contact"
            : "\(allowance.total.text) ECO in \(allowance.count) payments offline since its last "
                + "contact"
    }

    var finding: Finding {
        let members: [JSONValue.Member] = [
            .init("number", .text(claims.number.digits)), .init("class", .text(word)),
            .init("epoch", .integer(Int64(claims.epoch))),
            .init(
                "offline-cents", state.current.map { .integer($0.allowance.total.cents) } ?? .null),
        ]
        return .good(
            "Carte ECO \(claims.number), \(word), proves its key of epoch \(claims.epoch); "
                + spent,
            members)
    }
}

/// Why a card would not pay here.
private struct CardRefusal: Error {
    let sentence: String
    let hint: String

    private init(_ sentence: String, _ hint: String) {
        self.sentence = sentence
        self.hint = hint
    }

    static let keys = CardRefusal(
        "there is no key of this card's epoch here", "copy a newer bundle: eco-card key bundle")

    init(_ error: TokenRefusal) {
        self =
            switch error {
            case .malformed, .unknownIssuer:
                CardRefusal("this is no Carte ECO of this network", "try another card")
            case .badSignature:
                CardRefusal("the card's token was altered", "keep the card, call the association")
            case .revokedIssuer:
                CardRefusal("the card's issuer is revoked", "the holder needs a new card")
            case .expired: CardRefusal("the card has expired", "the holder needs a new card")
            case .notYetValid:
                CardRefusal("the card is not valid yet", "check this terminal's clock")
            case .classNotAccepted:
                CardRefusal("cards of this class are not taken here", "try another card")
            case .epochNotAccepted:
                CardRefusal("the card's epoch is not taken here", "eco-card card rekey renews it")
            case .denied: CardRefusal("the card is blocked", "the holder asks the association")
            }
    }

    init(_ error: CardError) {
        self =
            switch error {
            case .removed, .timedOut:
                CardRefusal("the card left too early", "leave it on the reader")
            case .readerFault(let what):
                CardRefusal("the reader failed: \(what)", "unplug it and plug it in again")
            case .refused(.authenticationError, _), .notAuthentic:
                CardRefusal(
                    "the card does not hold the key its token names: a copy, or another network's",
                    "keep the card, call the association")
            case .refused, .malformed, .noSession:
                CardRefusal("this is no Carte ECO", "eco-card card info says what it is")
            }
    }
}

extension Failure {
    init(_ error: ReaderError) {
        switch error {
        case .noService:
            self.init(
                "the PC/SC service does not run", hint: "systemctl start pcscd", code: .noReader)
        case .noReader:
            self.init(
                "the reader is not there",
                hint: "plug it in, or correct 'reader' of the configuration", code: .noReader)
        case .unknownDriver(let name):
            self.init(
                "there is no reader driver '\(name)'",
                hint: "for example pn532_uart:/dev/ttyAMA0; also pn532_spi, pn532_i2c, pn53x_usb",
                code: .usage)
        case .noCard:
            self.init("no card came in 20 s", hint: "lay one on the reader", code: .noCard)
        case .severalCards:
            self.init("several cards lie there", hint: "leave one", code: .noCard)
        case .fault(let what):
            self.init(
                "the reader failed: \(what)", hint: "unplug it and plug it in again",
                code: .noReader)
        }
    }
}

import COSE
import CardEmulation
import Cards
import Crypto
import Foundation
import Journal
import KeyStore
import Linux
import Operations
import ReaderEmulation
import SQLite
import Terminal
import Threads
import Tokens

/// One house: an issuer, a terminal with a real journal, and cards.
final class Bench {
    static let now: UInt64 = 1_800_000_000
    let folder: String
    let issuer: IssuerKeys
    let terminalKey: SigningKey
    let journal: Journal
    let world: BenchWorld
    let stack: Stack
    /// The reader of `Stack.libnfc`.
    let chip: VirtualPN532?
    private var serial: Int64 = 0

    init(_ stack: Stack = .memory) throws {
        self.stack = stack
        chip = stack == .libnfc ? try VirtualPN532(recordsContent: true) : nil
        folder = NSTemporaryDirectory() + "/terminal-" + UUID().uuidString
        try Files.makeDirectory(folder)
        issuer = try IssuerKeys.create(epoch: BenchIssuer.epoch)
        terminalKey = try SigningKey.create()
        journal = try Journal(path: folder + "/journal.sqlite", signer: terminalKey)
        let policy = Policy(
            version: 1, issued: Self.now - 1_000, expires: Self.now + 86_400,
            terminal: terminalKey.publicKey.kid, merchant: "Épicerie", limits: .standard,
            classes: [.anonymous, .member], issuers: [issuer.issuerKey], revokedKids: [],
            epochs: [BenchIssuer.epoch], languages: ["fr"])
        world = BenchWorld(
            terminal: terminalKey.publicKey.kid, keys: try issuer.terminalBundle(),
            journal: journal,
            policy: policy)
    }

    deinit {
        chip?.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func token(
        uid: [UInt8], issued: UInt64 = now - 100, expires: UInt64 = now + 1_000,
        epoch: UInt8 = BenchIssuer.epoch, cardClass: CardClass = .member
    ) -> CardToken {
        serial += 1
        return CardToken(
            number: CardNumber(serial: serial)!, issued: issued, expires: expires, uid: uid,
            epoch: epoch, cardClass: cardClass)!
    }

    /// A personalised card with a token of its own.
    func card(_ number: UInt8 = 1) throws -> SoftwareNTAG424 {
        let uid = BenchIssuer.uid(number)
        return try card(token(uid: uid))
    }

    func card(
        _ token: CardToken, state: CardStateRecord? = .fresh
    ) throws -> SoftwareNTAG424 {
        try BenchIssuer.card(
            uid: token.uid, token: try issuer.sign(token: token).bytes, keys: issuer, state: state)
    }

    func arm(_ cents: Int64 = 1_250) -> Armed {
        Armed(
            id: EntryID(milliseconds: Self.now * 1_000), amount: Amount(cents: cents)!,
            deadline: .max)
    }

    var entries: UInt64 { journal.position.sequence }
}

/// What one tap came to.
struct TapResult {
    let outcome: TapOutcome
    /// The token hash the operation is bound to from here on.
    let binding: [UInt8]?
    let steps: [Int]
    let commands: [[UInt8]]
    let answers: [[UInt8]]
    var bytesSent: Int { commands.reduce(0) { $0 + $1.count } }
    var bytesReceived: Int { answers.reduce(0) { $0 + $1.count } }

    /// The code of a refusal; nil for another outcome.
    var code: String? {
        guard case .refused(let refusal) = outcome else { return nil }
        return refusal.code
    }
    var isAccepted: Bool {
        guard case .accepted = outcome else { return false }
        return true
    }
}

extension Bench {
    /// Presents the card once; it comes back as it left.
    func tap(
        _ card: inout SoftwareNTAG424, _ operation: Armed, binding: [UInt8]? = nil,
        fault: (BenchFault, Int)? = nil,
        alter: ((_ number: Int, _ answer: [UInt8]) -> [UInt8])? = nil
    ) -> TapResult {
        let notes = TapNotes(binding: binding)
        let tap = Tap(
            operation: operation, binding: binding, world: world,
            progress: { notes.steps.append($0) }, bind: { notes.binding = notes.binding ?? $0 })
        if let chip {
            precondition(alter == nil, "tests: only in memory an answer is altered on its way")
            let outcome = chip.present(&card, fault, to: tap)
            let exchanges = chip.exchanges
            return TapResult(
                outcome: outcome, binding: notes.binding, steps: notes.steps,
                commands: exchanges.compactMap(\.command),
                answers: exchanges.compactMap(\.answer).filter { !$0.isEmpty })
        }
        var channel = BenchChannel(card)
        channel.fault = fault.map { (kind: $0.0, at: $0.1) }
        channel.alter = alter
        var profile = NTAG424Card(channel)
        let outcome = tap.run(&profile)
        channel = profile.end()
        let (commands, answers) = (channel.commands, channel.answers)
        card = channel.remove()
        return TapResult(
            outcome: outcome, binding: notes.binding, steps: notes.steps, commands: commands,
            answers: answers)
    }

    /// Plays a recording to the terminal.
    func play(_ answers: [[UInt8]], _ operation: Armed) -> TapResult {
        let notes = TapNotes(binding: nil)
        let tap = Tap(
            operation: operation, binding: nil, world: world,
            progress: { notes.steps.append($0) }, bind: { notes.binding = notes.binding ?? $0 })
        var profile = NTAG424Card(RecordedChannel(answers))
        let outcome = tap.run(&profile)
        return TapResult(
            outcome: outcome, binding: notes.binding, steps: notes.steps, commands: [],
            answers: answers)
    }

    /// What the card says of its own state, read with the terminal's key.
    func state(of card: inout SoftwareNTAG424) throws -> CardState {
        let key = try issuer.cardKey(3, uid: card.memory.uid, epoch: BenchIssuer.epoch)
        var profile = NTAG424Card(BenchChannel(card))
        _ = try profile.identify()
        try profile.authenticate(terminalKey: key)
        let state = try profile.state()
        card = profile.end().remove()
        return state
    }

    /// The payment with this id in the journal.
    func payment(_ id: EntryID) throws -> Payment? {
        guard case .payment(let payment) = try journal.entry(id)?.body else { return nil }
        return payment
    }

    /// The ledger's check of evidence (FORMATS §3): the counter of the read when it holds.
    func verifyEvidence(_ evidence: Evidence, digest: [UInt8], uid: [UInt8]) throws -> UInt32? {
        guard case .sdm(let piccData, let mac, let stated) = evidence, stated == digest else {
            return nil
        }
        let ledger = try issuer.ledgerBundle()
        guard
            let plain = SDM.decrypt(
                piccData: piccData, metaReadKey: try ledger.metaReadKey(epoch: BenchIssuer.epoch)),
            plain.uid == uid, let counter = plain.readCounter
        else { return nil }
        let expected = try SDM.mac(
            fileReadKey: try ledger.fileReadKey(uid: plain.uid, epoch: BenchIssuer.epoch),
            uid: plain.uid, readCounter: counter,
            input: SDM.evidenceInput(digest: digest, piccData: piccData))
        return expected == mac ? counter : nil
    }

    func digest(_ operation: Armed, _ card: CardNumber) -> [UInt8] {
        transactionDigest(
            terminal: world.terminal, entry: operation.id, kind: .payment,
            quantity: operation.amount.cents, card: card)
    }
}

/// What a tap told its caller.
private final class TapNotes {
    var steps: [Int] = []
    var binding: [UInt8]?
    init(binding: [UInt8]?) { self.binding = binding }
}

/// A world whose answers a test sets; what it commits goes to a real journal.
final class BenchWorld: TapWorld {
    /// What the test may change.
    struct Script: Sendable {
        var policy: Policy?
        var now = Bench.now
        var denied: Set<CardNumber> = []
        var given: Set<CardNumber> = []
        var answer: AuthorisationAnswer?
        var secondsWithoutLedger: UInt64 = 0
        var hasKeys = true
        var isReachable = false
        var balance: Int64?
        var notes: [String] = []
        var asked: [EntryID] = []
    }

    let terminal: [UInt8]
    let keys: TerminalKeys
    let journal: Journal
    private let script: Monitor<Script>

    /// Changes what the world answers from here on.
    func set(_ change: (inout Script) -> Void) { script.update { change(&$0) } }
    /// Operations the ledger was asked about.
    var asked: [EntryID] { script.read { $0.asked } }
    /// What was noted for the log.
    var notes: [String] { script.read { $0.notes } }

    init(terminal: [UInt8], keys: TerminalKeys, journal: Journal, policy: Policy) {
        self.terminal = terminal
        self.keys = keys
        self.journal = journal
        script = Monitor(Script(policy: policy))
    }

    var policy: Policy? { script.read { $0.policy } }
    var now: UInt64 { script.read { $0.now } }
    var unsent: UnsentTotals {
        let unsent = journal.unsent
        return UnsentTotals(
            total: unsent.total, count: unsent.count,
            secondsWithoutLedger: script.read { $0.secondsWithoutLedger })
    }
    func isDenied(_ number: CardNumber) -> Bool { script.read { $0.denied.contains(number) } }

    func terminalKey(uid: [UInt8], epoch: UInt8) -> AES128Key? {
        guard script.read({ $0.hasKeys }) else { return nil }
        return try? keys.terminalKey(uid: uid, epoch: epoch)
    }

    private struct Scripted: PendingAnswer {
        let answer: AuthorisationAnswer
        func value() -> AuthorisationAnswer { answer }
    }

    func authorise(
        _ id: EntryID, card: CardNumber, amount: Amount, sun: Evidence
    ) -> (any PendingAnswer)? {
        script.update { script in
            script.asked.append(id)
            return script.answer.map { Scripted(answer: $0) }
        }
    }

    var isReachable: Bool { script.read { $0.isReachable } }
    func standing(_ id: EntryID) -> EntryStanding? { (try? journal.standing(id)) ?? nil }
    func actions(_ code: String, of card: CardNumber, isTraining: Bool) -> ActionDay {
        let day = UTCDay.number(now * 1_000)
        let found = try? journal.actions(code, of: card, day: day, isTraining: isTraining)
        return found ?? .none
    }

    func isGiven(_ card: CardNumber, isTraining: Bool) -> Bool {
        script.read { $0.given.contains(card) }
    }

    private struct ScriptedBalance: PendingBalance {
        let cents: Int64?
        func value() -> Int64? { cents }
    }

    func balance(of card: CardNumber) -> (any PendingBalance)? {
        script.read { script in
            script.isReachable ? ScriptedBalance(cents: script.balance) : nil
        }
    }

    func commit(_ body: EntryBody, for operation: Armed) -> CommitResult {
        let id = operation.id
        let moment = Moment(milliseconds: now * 1_000, trust: .synchronised)
        do {
            _ = try journal.append(body, id: id, at: moment, isTraining: operation.isTraining)
            return .stored
        } catch .alreadyRecorded {
            return .stored
        } catch {
            do {
                try journal.reopen()
                return try journal.entry(id) == nil ? .notStored : .stored
            } catch { return .unknown }
        }
    }

    func note(_ refusal: Refusal, reason: String) {
        script.update { $0.notes.append("\(refusal.code) \(reason)") }
    }
}

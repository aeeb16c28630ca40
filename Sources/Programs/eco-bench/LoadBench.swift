import COSE
import CardEmulation
import Cards
import CommandLineTool
import Crypto
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations
import Provisioning
import Terminal
import Tokens

let loadCommand = Command(
    ["load"], words: "DIRECTORY COUNT",
    "take COUNT offline payments as fast as they go, one line for each accepted one",
    examples: ["eco-bench load /tmp/load 1000", "eco-bench load /tmp/load 10 --json"],
    run: { invocation in
        guard let count = Int(invocation.words[1]), count >= 0 else {
            throw Failure("COUNT is no number", hint: "for example 1000", code: .usage)
        }
        let load = try Load(directory: invocation.words[0])
        for _ in 0..<count { Console.out("accepted \(try load.pay())") }
    })

/// A software card without a reader in between.
private struct DirectChannel: CardChannel {
    var card: SoftwareNTAG424

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        card.respond(to: command)
    }
}

/// Keys that the first run makes, under a passphrase everybody knows: for measurements only.
enum BenchKeys {
    static var phrase: SecretBytes { SecretBytes(Array("bench keys, not secret".utf8)) }

    static func signer(_ path: String) throws -> SigningKey {
        if !Files.exists(path) { try SigningKey.create().seal(to: path, passphrase: phrase) }
        return try SigningKey.open(path: path, passphrase: phrase)
    }
}

/// A terminal without reader and network: real keys, journal, world and tap. Its keys are made by
/// the first run and kept in DIRECTORY under a passphrase everybody knows: for measurements only.
private final class Load {
    private let world: LiveWorld
    private let fresh: SoftwareNTAG424
    private var channel: DirectChannel
    private static let cardNumber = CardNumber(serial: 10_000_000_001)

    init(directory: String) throws {
        try Files.makeDirectory(directory)
        let signer = try BenchKeys.signer(directory + "/terminal.key")
        let ledger = try BenchKeys.signer(directory + "/ledger.key")
        let phrase = BenchKeys.phrase
        let issuerPath = directory + "/issuer.keys"
        if !Files.exists(issuerPath) {
            try IssuerKeys.create(epoch: 1).seal(to: issuerPath, passphrase: phrase)
        }
        let issuer = try IssuerKeys.open(path: issuerPath, passphrase: phrase)
        let now = Clock.realtimeMilliseconds() / 1_000
        let policy = BenchWorld.policy(
            issuer: issuer, terminal: signer.publicKey.kid, now: now)
        try Files.writeAtomically(
            ledger.sign(payload: policy.item.encoded).bytes, to: directory + "/policy.cose")
        let journal = try Journal(path: directory + "/journal.sqlite", signer: signer)
        let link = LedgerLink(
            address: LedgerAddress(url: "http://127.0.0.1:1", key: ledger.publicKey),
            signer: signer, journal: journal, directory: directory)
        world = LiveWorld(
            journal: journal, link: link, keys: try issuer.terminalBundle(),
            terminal: signer.publicKey.kid, log: { Console.error($0.text) })
        guard let number = Self.cardNumber else { preconditionFailure("eco-bench: card number") }
        channel = DirectChannel(
            card: SoftwareNTAG424(try CardMemory.factory(uid: [0x04] + randomBytes(6))))
        channel.card.powerOn()
        _ = try Personalisation(keys: issuer, epoch: 1).run(
            &channel,
            CardOrder(
                number: number, cardClass: .member, host: "carte.eco.example", issued: now,
                expires: now + 86_400))
        fresh = channel.card
    }

    /// One payment of one cent; its id once it is accepted.
    func pay() throws -> EntryID {
        let operation = Armed(
            id: EntryID(milliseconds: Clock.realtimeMilliseconds()),
            amount: Amount(cents: 1) ?? .zero, deadline: .max)
        var card = NTAG424Card(channel)
        let outcome = Tap(
            operation: operation, binding: nil, world: world, progress: { _ in }, bind: { _ in }
        ).run(&card)
        channel = card.end()
        switch outcome {
        case .accepted: return operation.id
        case .refused(.cardLimitReached):
            // The card has spent its allowance: the next one comes.
            channel.card = fresh
            channel.card.powerOn()
            return try pay()
        case .checked, .refused, .torn, .unknown:
            throw Failure("a tap was not accepted: \(outcome)", hint: "this is a fault: report it")
        }
    }
}

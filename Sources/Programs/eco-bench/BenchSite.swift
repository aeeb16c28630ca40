import COSE
import CardEmulation
import Cards
import CommandLineTool
import Crypto
import KeyStore
import LedgerClient
import Linux
import Operations
import Provisioning
import Tokens

/// A terminal's folder as pairing leaves it, without a ledger anywhere: keys, card keys, a policy
/// whose limits never end a run, and the settings of the real program. Its keys are made by the
/// first run and kept under a passphrase everybody knows: for measurements only.
struct BenchSite {
    private static let cardNumber = CardNumber(serial: 10_000_000_001)
    let directory: String
    let signer: SigningKey
    let ledger: SigningKey
    let issuer: IssuerKeys
    /// Seconds since the Unix epoch.
    let now = Clock.realtimeMilliseconds() / 1_000

    init(_ directory: String) throws {
        self.directory = directory
        try Files.makeDirectory(directory)
        signer = try BenchKeys.signer(directory + "/terminal.key")
        ledger = try BenchKeys.signer(directory + "/ledger.key")
        let path = directory + "/issuer.keys"
        let phrase = BenchKeys.phrase
        if !Files.exists(path) {
            try IssuerKeys.create(epoch: 1).seal(to: path, passphrase: phrase)
        }
        issuer = try IssuerKeys.open(path: path, passphrase: phrase)
        let policy = BenchWorld.policy(
            issuer: issuer, terminal: signer.publicKey.kid, now: now)
        try Files.writeAtomically(
            ledger.sign(payload: policy.item.encoded).bytes, to: directory + "/policy.cose")
    }

    /// Nobody listens there.
    var address: LedgerAddress {
        LedgerAddress(url: "http://127.0.0.1:1", key: ledger.publicKey)
    }

    var journalPath: String { directory + "/journal.sqlite" }
    var settings: String { directory + "/terminal.conf" }

    /// What `eco-terminal serve` wants beside what is here: passphrase, bundle, ledger, settings.
    func writeSettings(port: UInt16, reader: String) throws {
        let pass = directory + "/pass"
        try Files.writeAtomically(BenchKeys.phrase.withBytes { Array($0) }, to: pass)
        let bundle = directory + "/terminal.keys"
        if Files.exists(bundle) { try Files.remove(bundle) }
        try issuer.terminalBundle().seal(to: bundle, passphrase: BenchKeys.phrase)
        let key = Hexadecimal.text(ledger.publicKey.bytes)
        try Files.writeAtomically(
            Array("\(address.url)\n\(key)\n".utf8), to: directory + "/ledger.conf")
        let text = """
            directory = \(directory)
            keys = \(bundle)
            passphrase-file = \(pass)
            reader = \(reader)
            listen = 127.0.0.1:\(port)

            """
        try Files.writeAtomically(Array(text.utf8), to: settings)
    }

    /// A card of this issuer that has paid nothing yet, powered.
    func card() throws -> SoftwareNTAG424 {
        guard let number = Self.cardNumber else { preconditionFailure("eco-bench: card number") }
        var channel = DirectChannel(
            card: SoftwareNTAG424(try CardMemory.factory(uid: [0x04] + randomBytes(6))))
        channel.card.powerOn()
        _ = try Personalisation(keys: issuer, epoch: 1).run(
            &channel,
            CardOrder(
                number: number, cardClass: .member, host: "carte.eco.example", issued: now,
                expires: now + 86_400))
        return channel.card
    }

    /// Removes the folder and all that is in it.
    func remove() { removeFolder(directory) }
}

/// Keys that the first run makes, under a passphrase everybody knows: for measurements only.
enum BenchKeys {
    static var phrase: SecretBytes { SecretBytes(Array("bench keys, not secret".utf8)) }

    static func signer(_ path: String) throws -> SigningKey {
        if !Files.exists(path) { try SigningKey.create().seal(to: path, passphrase: phrase) }
        return try SigningKey.open(path: path, passphrase: phrase)
    }
}

/// A software card without a reader in between.
struct DirectChannel: CardChannel {
    var card: SoftwareNTAG424

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        card.respond(to: command)
    }
}

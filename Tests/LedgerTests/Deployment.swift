import Crypto
import Foundation
import KeyStore
import LedgerBook
import Linux
import TestSupport
import Tokens

/// A deployment as an operator makes it: sealed keys, a database, the real program.
final class Deployment {
    let place: Place
    let issuer: IssuerKeys
    var folder: String { place.folder }
    var database: String { place.text }
    /// Both stores keep the ledger's own keys at one path.
    var keyOptions: [String] {
        ["--keys", folder + "/ledger.keys", "--passphrase-file", folder + "/pass"]
            + (place.store == .sqlite ? [] : ["--own-keys", folder + "/ledger.sqlite"])
    }

    private static let program = "eco-ledger"
    private var processes: [Process] = []
    static let seeds = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "seeds").path

    convenience init(_ store: Store) throws { try self.init(Place(store)) }

    init(_ place: Place) throws {
        self.place = place
        issuer = try IssuerKeys.create(epoch: 1)
        try Files.writeAtomically(Array("correct horse\n".utf8), to: folder + "/pass")
        try issuer.ledgerBundle().seal(
            to: folder + "/ledger.keys", passphrase: SecretBytes(Array("correct horse".utf8)))
    }

    /// No ledger outlives its test.
    deinit { for process in processes where process.isRunning { process.terminate() } }

    /// Runs a command to its end.
    func run(_ words: String...) throws -> Programs.Result { try run(words) }

    func run(_ words: [String]) throws -> Programs.Result {
        try Programs.run(Self.program, words)
    }

    func initialise(seed: String = seeds) throws -> Programs.Result {
        try run(["init", "-d", database, "--seed", seed, "--json"] + keyOptions)
    }

    /// Starts `serve`, on a free port where none is given; waits until it says where it listens.
    func serve(
        _ more: [String] = [], port: UInt16 = 0, errors: FileHandle = .nullDevice
    ) throws -> Serving {
        let out = Pipe()
        let process = try Programs.start(
            Self.program,
            ["serve", "-d", database, "--listen", "127.0.0.1:\(port)", "--json"] + keyOptions
                + more,
            output: out, errors: errors)
        processes.append(process)
        var line = Data()
        while !line.contains(0x0a) {
            let more = out.fileHandleForReading.availableData
            if more.isEmpty { throw CocoaError(.fileReadUnknown) }
            line += more
        }
        let object = try JSONSerialization.jsonObject(with: line) as? [String: Any]
        let fleet = (object?["fleet"] as? String).map { "http://" + $0 }
        return Serving(
            process: process, url: "http://" + (object?["listening"] as? String ?? ""),
            fleet: fleet)
    }

    struct Serving {
        let process: Process
        let url: String
        let fleet: String?
    }

    /// A card of this deployment's keys, registered by the command.
    func card(_ serial: Int64, cents: Int64) throws -> SoftwareCard {
        let card = try SoftwareCard(serial: serial, keys: IssuedKeys(issuer: issuer))
        let uid = Hexadecimal.text(card.uid)
        let line = """
            {"number":"\(card.number.digits)","uid":"\(uid)","epoch":1,"class":1}

            """
        try Files.writeAtomically(Array(line.utf8), to: folder + "/register.ndjson")
        let added = try run("card", "add", folder + "/register.ndjson", "-d", database)
        let topped = try run(
            "card", "topup", card.number.digits, "\(cents / 100)", "-d", database)
        guard added.code == 0, topped.code == 0 else { throw CocoaError(.featureUnsupported) }
        return card
    }
}

/// The keys a card holds, from the issuer.
private struct IssuedKeys: EvidenceKeys {
    let issuer: IssuerKeys
    var epochs: [UInt8] { issuer.epochs }
    var issuers: [Ed25519PublicKey] { [issuer.issuerKey] }
    func metaReadKey(epoch: UInt8) -> AES128Key? { try? issuer.cardKey(1, uid: [], epoch: epoch) }
    func fileReadKey(uid: [UInt8], epoch: UInt8) -> AES128Key? {
        try? issuer.cardKey(2, uid: uid, epoch: epoch)
    }
}

import COSE
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import SQLite
import Testing
import Tokens

/// A journal in a folder of its own, with the keys of its terminal and of its ledger.
final class JournalBench {
    let folder: String
    let terminal: SigningKey
    let ledger: SigningKey
    private var time: UInt64 = 1_800_000_000_000

    /// - Parameter twin: whose keys it has.
    init(folder: String? = nil, like twin: JournalBench? = nil) throws {
        self.folder = folder ?? NSTemporaryDirectory() + "/journal-" + UUID().uuidString
        terminal = try twin?.terminal ?? SigningKey.create()
        ledger = try twin?.ledger ?? SigningKey.create()
        try Files.makeDirectory(self.folder)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var path: String { folder + "/journal.sqlite" }

    func open() throws -> Journal { try Journal(path: path, signer: terminal) }

    /// The next moment, a second later.
    func moment() -> Moment {
        time += 1_000
        return Moment(milliseconds: time, trust: .synchronised)
    }

    /// The clock goes on to the next day.
    func passDay() { time += UTCDay.length }

    static func payment(
        cents: Int64 = 1_250, card: CardNumber = CardNumber(serial: 42)!
    ) -> EntryBody {
        .payment(
            Payment(
                amount: Amount(cents: cents)!, card: card,
                tokenHash: [UInt8](repeating: 4, count: 32),
                evidence: .sdm(
                    piccData: [UInt8](repeating: 1, count: 16),
                    mac: [UInt8](repeating: 2, count: 8),
                    digest: [UInt8](repeating: 3, count: 16)),
                authorisation: nil))
    }

    @discardableResult
    func append(
        _ journal: Journal, _ body: EntryBody = payment(), id: EntryID? = nil,
        isTraining: Bool = false
    ) throws(JournalError) -> Entry {
        let moment = moment()
        return try journal.append(
            body, id: id ?? EntryID(milliseconds: moment.milliseconds), at: moment,
            isTraining: isTraining)
    }

    /// What the ledger would answer for the entries `from...to`.
    func receipt(
        _ journal: Journal, from: UInt64, to: UInt64, outcomes: [Outcome]? = nil,
        terminal: [UInt8]? = nil, head: [UInt8]? = nil, by ledger: SigningKey? = nil
    ) throws -> (Receipt, [UInt8]) {
        let receipt = Receipt(
            terminal: terminal ?? self.terminal.publicKey.kid, from: from, to: to,
            head: try head ?? journal.hash(of: to) ?? [UInt8](repeating: 0, count: 32),
            outcomes: outcomes ?? [Outcome](repeating: .settled, count: Int(to - from + 1)))
        return (receipt, (ledger ?? self.ledger).withKey { receipt.signed(by: $0).bytes })
    }

    /// A connection that goes around the journal.
    func raw() throws -> Database { try Database(path: path, access: .readWrite) }

    /// A connection that goes around its triggers and references too.
    func unguarded() throws -> Database {
        let database = try raw()
        try database.run("PRAGMA foreign_keys = OFF")
        for row in try database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'") {
            try database.run("DROP TRIGGER \(try #require(row[0].text))")
        }
        return database
    }

    func verify() throws -> JournalVerification {
        try JournalVerifier(
            path: path, terminal: terminal.publicKey, ledger: ledger.publicKey
        ).run()
    }
}

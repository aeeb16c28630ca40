import COSE
import Crypto
import Foundation
import Journal
import LedgerBook
import LedgerMessages
import Operations
import Proofs
import Testing

/// A terminal with a real journal and a real ledger that has booked it in three batches, and the
/// parts of the archive it makes: what tests take apart and put together again.
final class ArchiveBench {
    let ledger: TestLedger
    let till = Till()
    let journal: Journal
    var manifest: [UInt8] = []
    var entries: [[UInt8]] = []
    var receipts: [[UInt8]] = []

    /// Nine entries: payments of two cards, three a batch.
    init(_ store: Store) throws {
        ledger = try TestLedger(store)
        let code = try ledger.book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        _ = try ledger.book.pair(code: code, key: till.signer.publicKey, now: Sunday.noon)
        journal = try Journal(path: ledger.folder + "/journal.sqlite", signer: till.signer)
        let cards = [try ledger.card(), try ledger.card()]
        for index in 0..<9 {
            try pay(cards[index % 2], 100 + Int64(index), at: index)
            if index % 3 == 2 { try drain() }
        }
        try archive()
    }

    func pay(_ card: SoftwareCard, _ cents: Int64, at minute: Int) throws {
        let time = Sunday.noon + UInt64(minute) * Sunday.minute
        let id = EntryID(milliseconds: time)
        let evidence = try card.read(digest: till.digest(id, cents, card.number))
        _ = try journal.append(
            .payment(till.payment(card, cents, evidence)), id: id,
            at: Moment(milliseconds: time, trust: .synchronised))
    }

    func drain() throws {
        let batch = try journal.nextBatch(count: 100, sizeMax: 1 << 20).map(\.bytes)
        let bytes = try ledger.sendRaw(till, batch)
        try journal.store(Receipt(bytes, ledger: ledger.signer.publicKey), bytes: bytes)
    }

    private func archive() throws {
        let bytes = try JournalArchive.bytes(
            of: ledger.folder + "/journal.sqlite", signer: till.signer, made: Sunday.noon)
        let items = try CBOR.sequence(bytes, count: 1_000, limit: bytes.count)
        manifest = items[0]
        entries = Array(items[1...9])
        receipts = Array(items[10...])
        #expect(receipts.count == 3)
    }

    var bytes: [UInt8] { ([manifest] + entries + receipts).flatMap { $0 } }

    /// A manifest that fits what is there now: what a merchant can make who has the key.
    func sign(from: UInt64 = 1) throws {
        let old = try CBOR.decode(Sign1(parsing: manifest, limit: 65_536).payload, limit: 65_536)
        let made = CBOR.record([
            1: old[1], 2: old[2], 3: .unsigned(from),
            4: .unsigned(from + UInt64(entries.count) - 1),
            5: old[5], 6: .bytes(sha256(entries[entries.count - 1])),
            7: .unsigned(UInt64(receipts.count)),
            8: .bytes(sha256(receipts.flatMap { sha256($0) })), 9: old[9],
        ])
        manifest = till.signer.sign(payload: made.encoded).bytes
    }

    /// The entry at an index, changed and signed by the terminal's own key.
    func resign(
        _ index: Int, by signer: TestSigner? = nil, _ change: (inout [Int64: CBOR]) -> Void
    ) throws -> [UInt8] {
        try resigned(entries[index], by: signer ?? till.signer, change)
    }

    func receipt(
        _ from: UInt64, _ to: UInt64, head: [UInt8]? = nil, terminal: [UInt8]? = nil,
        outcomes: [Outcome]? = nil, by signer: TestSigner? = nil
    ) -> [UInt8] {
        let receipt = Receipt(
            terminal: terminal ?? till.kid, from: from, to: to,
            head: head ?? sha256(entries[Int(to) - 1]),
            outcomes: outcomes ?? (from...to).map { _ in .settled })
        return (signer ?? ledger.signer).withKey { receipt.signed(by: $0).bytes }
    }

    func proof(
        files: [[UInt8]] = [], archives: [[UInt8]]? = nil, isOpen: Bool = false,
        isUpToArchive: Bool = false
    ) -> TerminalProof {
        TerminalProof(
            archives: archives ?? [bytes], receipts: files, ledger: ledger.signer.publicKey,
            isOpen: isOpen, isUpToArchive: isUpToArchive)
    }

    func codes(_ proof: TerminalProof? = nil) -> [String] {
        (proof ?? self.proof()).findings.map { finding in
            let place = finding.sequence == 0 ? "" : " \(finding.sequence)"
            let end = finding.last == finding.sequence ? "" : "-\(finding.last)"
            return finding.code.rawValue + place + end
        }
    }

    /// The proof beside the ledger's own copies.
    func compared(isUpToArchive: Bool = false) throws -> TerminalProof {
        var proof = proof(isUpToArchive: isUpToArchive)
        try ledger.book.copies(of: till.kid) { sequence, bytes, outcome in
            proof.compare(copy: bytes, sequence: sequence, outcome: outcome)
        }
        proof.endCopies()
        return proof
    }
}

/// A signed message with other fields, signed by whoever may.
func resigned(
    _ message: [UInt8], by signer: TestSigner, _ change: (inout [Int64: CBOR]) -> Void
) throws -> [UInt8] {
    let payload = try Sign1(parsing: message, limit: 65_536).payload
    let pairs = try #require(CBOR.decode(payload, limit: 65_536).map)
    var fields = Dictionary(
        uniqueKeysWithValues: pairs.compactMap { pair in
            pair.key.integer.map { ($0, pair.value) }
        })
    change(&fields)
    let map = CBOR.map(fields.map { CBOR.Pair(.integer($0.key), $0.value) })
    return signer.sign(payload: map.encoded).bytes
}

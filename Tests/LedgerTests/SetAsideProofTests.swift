import COSE
import Crypto
import Foundation
import Journal
import Linux
import Operations
import Proofs
import Testing

/// The association's proof that its book has what a journal that was set aside holds.
@Suite struct SetAsideProofTests {
    /// A branch that was set aside, and the chain that has claimed it.
    private struct Fork {
        let till = Till()
        let archive: [UInt8]
        var copies: [[UInt8]] = []
        let payments: [Entry]

        init(folder: String) throws {
            try Files.makeDirectory(folder)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let keys = try TestKeys()
            let card = try SoftwareCard(serial: 1, keys: keys)
            let till = till
            func pay(_ journal: Journal, _ cents: Int64, at minute: UInt64) throws -> Entry {
                let time = Sunday.noon + minute * Sunday.minute
                let id = EntryID(milliseconds: time)
                let evidence = try card.read(digest: till.digest(id, cents, card.number))
                return try journal.append(
                    .payment(till.payment(card, cents, evidence)), id: id,
                    at: Moment(milliseconds: time, trust: .synchronised))
            }
            let branch = try Journal(path: folder + "/journal.sqlite", signer: till.signer)
            let first = try pay(branch, 100, at: 0)
            let kept = [try pay(branch, 400, at: 1), try pay(branch, 30, at: 2)]
            let undone = try pay(branch, 7, at: 3)
            _ = try branch.append(
                .reversal(Reversal(entry: undone.id, reason: .wrongEntry)),
                id: EntryID(milliseconds: Sunday.noon), at: Self.moment(4))
            // What was practised is nobody's money.
            _ = try branch.append(
                first.body, id: EntryID(milliseconds: Sunday.noon), at: Self.moment(5),
                isTraining: true)
            archive = try JournalArchive.bytes(
                of: folder + "/journal.sqlite", signer: till.signer, made: Sunday.noon)
            payments = kept
            // The chain that goes on begins with the same entry, and has another one after it.
            let other = folder + "/other"
            try Files.makeDirectory(other)
            let chain = try Journal(path: other + "/journal.sqlite", signer: till.signer)
            _ = try chain.append(first.body, id: first.id, at: Self.moment(0))
            _ = try chain.append(
                .technicalEvent(TechnicalEvent(code: "restore")),
                id: EntryID(milliseconds: Sunday.noon), at: Self.moment(9))
            try chain.enter(try chain.claim(from: archive), at: Self.moment(10))
            copies = try chain.nextBatch(count: 100, sizeMax: 1 << 20).map(\.bytes)
        }

        private static func moment(_ minute: UInt64) -> Moment {
            Moment(milliseconds: Sunday.noon + minute * Sunday.minute, trust: .synchronised)
        }

        func proof(_ copies: [[UInt8]], _ archive: [UInt8]? = nil) -> SetAsideProof {
            var proof = SetAsideProof(archive: archive ?? self.archive)
            for (index, bytes) in copies.enumerated() {
                proof.compare(copy: bytes, sequence: UInt64(index) + 1)
            }
            proof.end()
            return proof
        }

        /// The copy at `place`, as a ledger might have been given it.
        func forged(_ place: Int, _ change: (Entry) -> Entry) throws -> [[UInt8]] {
            let message = try Sign1(parsing: copies[place], limit: Entry.sizeMax)
            let entry = change(try Entry(payload: message.payload))
            var forged = copies
            forged[place] = till.signer.sign(payload: entry.item.encoded).bytes
            return forged
        }
    }

    private func told(_ proof: SetAsideProof) -> [String] {
        proof.findings.map { "\($0.code.rawValue) \($0.sequence)" }
    }

    @Test func `Each operation of the old journal is in the book, once and as it was signed`()
        throws
    {
        let fork = try Fork(folder: NSTemporaryDirectory() + "/set-aside-" + UUID().uuidString)
        let whole = fork.proof(fork.copies)
        #expect(whole.findings == [] && whole.entered == 2 && whole.common == 1)
        #expect(whole.terminal == fork.till.signer.publicKey)
        #expect(
            told(fork.proof(Array(fork.copies.prefix(2)))) == [
                "set-aside-missing 2", "set-aside-missing 3",
            ])
        #expect(told(fork.proof(Array(fork.copies.prefix(3)))) == ["set-aside-missing 3"])
        let raised = try fork.forged(2) { copy in
            Entry(
                sequence: copy.sequence, id: copy.id, previous: copy.previous, time: copy.time,
                clockTrust: copy.clockTrust, body: fork.payments[1].body, setAside: copy.setAside)
        }
        #expect(told(fork.proof(raised)) == ["set-aside-differs 2"])
        let misplaced = try fork.forged(3) { copy in
            Entry(
                sequence: copy.sequence, id: copy.id, previous: copy.previous, time: copy.time,
                clockTrust: copy.clockTrust, body: copy.body,
                setAside: copy.setAside.map {
                    SetAside(
                        sequence: $0.sequence, hash: [UInt8](repeating: 9, count: 32),
                        time: $0.time, clockTrust: $0.clockTrust)
                })
        }
        #expect(told(fork.proof(misplaced)) == ["set-aside-differs 3"])
    }

    @Test func `An archive that is no archive, or was altered, proves nothing`() throws {
        let fork = try Fork(folder: NSTemporaryDirectory() + "/set-aside-" + UUID().uuidString)
        #expect(told(fork.proof(fork.copies, [])) == ["archive-damaged 0"])
        for place in stride(from: 0, to: fork.archive.count, by: 11) {
            var bytes = fork.archive
            bytes[place] ^= 1
            #expect(!fork.proof(fork.copies, bytes).findings.isEmpty, "byte \(place)")
        }
    }

    @Test func `An archive that the terminal itself signed must hold together`() throws {
        let fork = try Fork(folder: NSTemporaryDirectory() + "/set-aside-" + UUID().uuidString)
        let items = try CBOR.sequence(fork.archive, count: 100, limit: 1 << 20)
        func spoiled(_ place: Int, _ field: Int64, _ value: CBOR) throws -> [String] {
            var items = items
            items[place] = try resigned(items[place], by: fork.till.signer) { $0[field] = value }
            return told(fork.proof(fork.copies, items.flatMap { $0 }))
        }
        // It ends elsewhere.
        #expect(
            try spoiled(0, 6, .bytes([UInt8](repeating: 9, count: 32))) == ["entry-missing 7"])
        // The third entry is another one than the fourth names.
        #expect(try spoiled(3, 9, .bool(true)) == ["entry-forked 4"])
    }
}

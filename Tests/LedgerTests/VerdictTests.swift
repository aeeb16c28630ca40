import COSE
import Crypto
import Journal
import LedgerBook
import LedgerClient
import LedgerMessages
import LedgerService
import Linux
import Operations
import TestSupport
import Testing
import Tokens

/// A terminal learns what became of the entries that the ledger holds.
@Suite struct VerdictTests {
    /// A terminal with three payments of a blocked card: all held.
    private final class Stall {
        let running: Running
        let till: Till
        let journal: Journal
        let link: LedgerLink

        init(_ store: Store) throws {
            running = try Running(store)
            let ledger = running.ledger
            till = try ledger.till()
            let card = try ledger.card()
            _ = try ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
            journal = try Journal(path: ledger.folder + "/journal.sqlite", signer: till.signer)
            for cents in [100, 200, 300] as [Int64] {
                let id = EntryID(milliseconds: Sunday.noon)
                let evidence = try card.read(digest: till.digest(id, cents, card.number))
                _ = try journal.append(
                    .payment(till.payment(card, cents, evidence)), id: id,
                    at: Moment(milliseconds: Sunday.noon, trust: .synchronised))
            }
            link = try Self.link(running, till, journal)
        }

        static func link(_ running: Running, _ till: Till, _ journal: Journal) throws -> LedgerLink
        {
            LedgerLink(
                address: LedgerAddress(
                    url: "http://127.0.0.1:\(running.service.port)",
                    key: running.ledger.signer.publicKey),
                signer: till.signer, journal: journal, directory: running.ledger.folder)
        }

        /// The terminal's clock when it last said how it is, beside the ledger's.
        func said() throws -> Int64? {
            try running.ledger.book.fleet().first?.said?.clockAhead
        }

        func decide(_ sequence: UInt64, release: Bool, now: UInt64) throws {
            try running.ledger.book.decide(
                terminal: till.kid, sequence: sequence, release: release, reason: "Mme Dupont",
                now: now)
        }
    }

    @Test(arguments: Store.all)
    func `What a person decided reaches the terminal, and stays`(store: Store) throws {
        let stall = try Stall(store)
        let (link, journal) = (stall.link, stall.journal)
        link.start()
        defer { link.stop() }
        #expect(Programs.wait { journal.position.acknowledged == 3 })
        #expect(try journal.rejectedCount() == 3 && link.verdicts.isEmpty)
        try stall.decide(1, release: true, now: Sunday.noon + 5)
        try stall.decide(3, release: false, now: Sunday.noon + 6)
        link.sendNow()
        #expect(Programs.wait { link.verdicts.count == 2 })
        #expect(link.verdicts[1]?.isReleased == true && link.verdicts[3]?.isReleased == false)
        #expect(link.verdicts[1]?.time == Sunday.noon + 5)
        #expect(try journal.rejectedCount(without: link.verdicts.keys) == 1)
        let page = try journal.find(JournalQuery()).told(link.verdicts)
        #expect(page.lines.map(\.isBooked) == [false, false, true])
        #expect(page.lines.map(\.verdict?.isReleased) == [false, nil, true])
        // Another run knows it before it has asked, and why it was decided so is not here.
        let again = try Stall.link(stall.running, stall.till, journal)
        #expect(again.verdicts == link.verdicts)
        let stored = try Files.read(
            stall.running.ledger.folder + "/verdicts.cose", atMost: 1 << 20)
        #expect(!String(decoding: stored, as: UTF8.self).contains("Dupont"))
        #expect(try stall.running.ledger.book.audit().faults == [])
    }

    @Test func `A list that is older, of another terminal or of another ledger is not believed`()
        throws
    {
        let stall = try Stall(.sqlite)
        let signer = stall.running.ledger.signer
        let path = stall.running.ledger.folder + "/verdicts.cose"
        func list(_ kid: [UInt8], _ verdicts: [Verdict], _ signer: TestSigner) -> [UInt8] {
            let list = VerdictList(terminal: kid, verdicts: verdicts)
            return signer.withKey { list.signed(by: $0).bytes }
        }
        let late = Verdict(sequence: 2, isReleased: true, time: Sunday.noon + 1_000)
        func known(_ bytes: [UInt8]) throws -> [UInt64: Verdict] {
            try Files.writeAtomically(bytes, to: path)
            return try Stall.link(stall.running, stall.till, stall.journal).verdicts
        }
        #expect(try known(list(stall.till.kid, [late], TestSigner())).isEmpty)
        #expect(try known(list(Till().kid, [late], signer)).isEmpty)
        #expect(try known(list(stall.till.kid, [late], signer)) == [2: late])
        // The ledger, put back from a backup, knows an earlier verdict alone.
        let link = try Stall.link(stall.running, stall.till, stall.journal)
        link.start()
        defer { link.stop() }
        #expect(Programs.wait { stall.journal.position.acknowledged == 3 })
        try stall.decide(1, release: false, now: Sunday.noon + 1)
        // It says how it is, then asks; so when it says it once more, it has asked.
        for _ in 0..<2 {
            let before = try stall.said()
            link.sendNow()
            #expect(Programs.wait { (try? stall.said()) != before })
        }
        #expect(link.verdicts == [2: late])
        try stall.decide(2, release: true, now: Sunday.noon + 1_000)
        link.sendNow()
        #expect(Programs.wait { link.verdicts.count == 2 })
    }

    @Test func `A list is read back as signed, and any other bytes are refused`() throws {
        let signer = TestSigner()
        let verdicts = [
            Verdict(sequence: 9, isReleased: false, time: 7),
            Verdict(sequence: 3, isReleased: true, time: 8),
        ]
        let list = VerdictList(terminal: [UInt8](repeating: 1, count: 8), verdicts: verdicts)
        let bytes = signer.withKey { list.signed(by: $0).bytes }
        let read = try VerdictList(bytes, ledger: signer.publicKey)
        #expect(read == list && read.newest == 8 && read.verdicts.map(\.sequence) == [3, 9])
        for place in bytes.indices {
            var altered = bytes
            altered[place] ^= 1
            #expect(throws: MessageError.self) {
                try VerdictList(altered, ledger: signer.publicKey)
            }
        }
        let kid = CBOR.bytes([UInt8](repeating: 1, count: 8))
        func one(_ fields: [CBOR]) -> CBOR { .record([1: kid, 2: .array([.array(fields)])]) }
        let wrong: [CBOR] = [
            .record([1: kid]), .record([1: .bytes([1]), 2: .array([])]),
            .record([1: kid, 2: .array([]), 3: .null]), .array([]), one([]),
            one([.unsigned(0), .unsigned(1), .unsigned(1)]),
            one([.unsigned(1), .unsigned(2), .unsigned(1)]),
            one([.unsigned(1), .bool(true), .unsigned(1)]),
            one([.unsigned(1), .unsigned(1), .unsigned(.max)]),
            one([.unsigned(.max), .unsigned(1), .unsigned(1)]),
            one([.unsigned(1), .unsigned(1), .unsigned(1), .unsigned(1)]),
            .record([
                1: kid,
                2: .array(
                    [2, 2].map { .array([.unsigned($0), .unsigned(1), .unsigned(1)]) }),
            ]),
        ]
        for item in wrong {
            let message = signer.sign(payload: item.encoded)
            #expect(throws: MessageError.malformed("verdicts"), "\(item)") {
                try VerdictList(message.bytes, ledger: signer.publicKey)
            }
        }
    }
}

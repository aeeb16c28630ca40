import Crypto
import Journal
import LedgerBook
import LedgerClient
import LedgerMessages
import LedgerService
import Operations
import Testing
import Tokens

/// The terminal's own link and journal against the real service.
@Suite struct LinkTests {
    private func link(
        _ running: Running, _ till: Till, journal name: String
    ) throws -> (LedgerLink, Journal) {
        let folder = running.ledger.folder
        let journal = try Journal(path: "\(folder)/\(name).sqlite", signer: till.signer)
        let link = LedgerLink(
            address: LedgerAddress(
                url: "http://127.0.0.1:\(running.service.port)",
                key: running.ledger.signer.publicKey),
            signer: till.signer, journal: journal, directory: folder, version: "9.9.9")
        return (link, journal)
    }

    private func wait(_ link: LedgerLink, until isTrue: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        var version: UInt64 = 0
        while ContinuousClock.now < deadline {
            if isTrue() { return true }
            version = link.waitForChange(after: version, atMost: .milliseconds(100)) ?? version
        }
        return isTrue()
    }

    @Test(arguments: Store.all)
    func `a terminal's link drains its journal, pulls and asks`(store: Store) throws {
        let running = try Running(store)
        let ledger = running.ledger
        let (card, blocked, till) = (try ledger.card(), try ledger.card(), try ledger.till())
        _ = try ledger.book.setBlocked(true, card: blocked.number, now: Sunday.noon)
        let (link, journal) = try link(running, till, journal: "journal")
        let moment = Moment(milliseconds: Sunday.noon, trust: .synchronised)
        for cents in [100, 200, 300] as [Int64] {
            let id = EntryID(milliseconds: Sunday.noon)
            let evidence = try card.read(digest: till.digest(id, cents, card.number))
            _ = try journal.append(
                .payment(till.payment(card, cents, evidence)), id: id, at: moment)
        }
        link.start()
        #expect(wait(link) { journal.position.acknowledged == 3 })
        #expect(try ledger.balance(card) == 9_400)
        #expect(link.policy?.merchant == "Café des Halles")
        #expect(link.isDenied(blocked.number) && !link.isDenied(card.number))
        #expect(link.standing == .good)
        let terminal = try #require(try ledger.book.fleet().first)
        let said = try #require(terminal.said, "the terminal says how it is")
        #expect(said.last == 3 && said.version == "9.9.9" && said.unsentCents == 600)
        #expect(terminal.unsent == 0 && terminal.entries == 3)
        let request = AuthorisationRequest(
            entry: EntryID(milliseconds: Sunday.noon), card: card.number,
            amount: Amount(cents: 9_400) ?? .zero,
            sun: try card.read(digest: [UInt8](repeating: 0, count: 16)))
        let answer = link.authorise(request).wait(atMost: .seconds(60))
        guard case .approved(_, let rearm) = answer else {
            Issue.record("not approved: \(answer)")
            return link.stop()
        }
        #expect(!rearm)
        link.stop()
    }

    @Test(arguments: Store.all)
    func `a terminal restored from an old image is told so at the first contact`(store: Store)
        throws
    {
        let running = try Running(store)
        let till = try running.ledger.till()
        try running.ledger.send(till, [till.event(), till.event()])
        let (link, _) = try link(running, till, journal: "restored")
        link.start()
        #expect(wait(link) { link.standing == .chainUnknown })
        link.stop()
    }
}

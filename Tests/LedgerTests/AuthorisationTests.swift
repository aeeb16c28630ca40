import COSE
import Crypto
import LedgerBook
import LedgerMessages
import Operations
import Testing
import Tokens

@Suite struct AuthorisationTests {
    private func ask(
        _ ledger: TestLedger, _ till: Till, _ card: SoftwareCard, _ cents: Int64,
        id: EntryID = EntryID(milliseconds: Sunday.noon), sun: Evidence? = nil,
        now: UInt64 = Sunday.noon
    ) throws -> AuthorisationAnswer {
        let request = AuthorisationRequest(
            entry: id, card: card.number, amount: Amount(cents: cents) ?? .zero,
            sun: try sun ?? card.read(digest: [UInt8](repeating: 0, count: 16)))
        return try ledger.book.authorise(
            request, from: till.kid, authority: ledger.authority, now: now)
    }

    private func available(
        _ ledger: TestLedger, _ card: SoftwareCard, now: UInt64 = Sunday.noon
    ) throws -> Int64 {
        try ledger.book.balance(of: card.number, now: now).available
    }

    private func approval(_ answer: AuthorisationAnswer) throws -> [UInt8] {
        guard case .approved(let id, _) = answer else {
            Issue.record("not approved: \(answer)")
            return []
        }
        return id
    }

    @Test(arguments: Store.all)
    func `an approval reserves, the same request is answered the same, the entry releases`(
        store: Store
    )
        throws
    {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(1_000), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let first = try ask(ledger, till, card, 600, id: id)
        #expect(try ask(ledger, till, card, 600, id: id) == first)
        #expect(try available(ledger, card) == 400)
        #expect(try ask(ledger, till, card, 500) == .insufficient(missing: cents(100)))
        let entry = try till.pay(card, 600, id: id, authorisation: try approval(first))
        #expect(try ledger.send(till, [entry]).outcomes == [.settled])
        #expect(try available(ledger, card) == 400)
        #expect(try ledger.balance(card) == 400)
        #expect(try ledger.flags() == [])
    }

    @Test(arguments: Store.all)
    func `the missing amount is told, and a top-up mends it`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(250), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        #expect(
            try ask(ledger, till, card, 1_000, id: id) == .insufficient(missing: cents(750)))
        try ledger.book.topUp(card.number, cents(750), now: Sunday.noon)
        _ = try approval(try ask(ledger, till, card, 1_000, id: id))
    }

    @Test(arguments: Store.all)
    func `a reservation lapses after fifteen minutes and must be had anew`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(1_000), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let first = try ask(ledger, till, card, 1_000, id: id)
        let lapsed = Sunday.noon + Book.reservationTime
        #expect(try available(ledger, card, now: lapsed - 1) == 0)
        #expect(try available(ledger, card, now: lapsed) == 1_000)
        #expect(try ask(ledger, till, card, 1_000, id: id, now: lapsed) == first)
        #expect(try available(ledger, card, now: lapsed) == 0)
        let later = lapsed + Book.reservationTime
        _ = try approval(try ask(ledger, till, card, 700, now: later))
        #expect(
            try ask(ledger, till, card, 1_000, id: id, now: later)
                == .insufficient(missing: cents(700)))
    }

    @Test(arguments: Store.all)
    func `the card is re-armed unless its account is emptied`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(1_000), try ledger.till())
        guard case .approved(_, let rearm) = try ask(ledger, till, card, 999),
            case .approved(_, let rearmLast) = try ask(ledger, till, card, 1)
        else {
            Issue.record("not approved")
            return
        }
        #expect(rearm)
        #expect(!rearmLast)
    }

    @Test(arguments: Store.all)
    func `an old, forged or foreign first read reserves nothing`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, other, till) = (try ledger.card(), try ledger.card(), try ledger.till())
        let zeros = [UInt8](repeating: 0, count: 16)
        let old = try card.read(digest: zeros)
        _ = try approval(try ask(ledger, till, card, 100, sun: old))
        #expect(
            try ask(ledger, till, card, 100, sun: old) == .declined(code: "counter-repeated"))
        let earlier = try card.read(digest: zeros)
        try ledger.send(till, [try till.pay(card, 100)])
        #expect(
            try ask(ledger, till, card, 100, sun: earlier) == .declined(code: "counter-repeated"))
        #expect(
            try ask(ledger, till, card, 100, sun: try other.read(digest: zeros))
                == .declined(code: "evidence-uid"))
        let forged = Evidence.sdm(
            piccData: randomBytes(16), mac: randomBytes(8), digest: zeros)
        // One in 256 random blocks looks like another card's.
        let refused = ["evidence-forged", "evidence-uid"].map {
            AuthorisationAnswer.declined(code: $0)
        }
        #expect(refused.contains(try ask(ledger, till, card, 100, sun: forged)))
        #expect(try available(ledger, card) == 9_800)
    }

    @Test(arguments: Store.all)
    func `one id cannot authorise two different payments`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        _ = try approval(try ask(ledger, till, card, 100, id: id))
        #expect(
            try ask(ledger, till, card, 200, id: id) == .declined(code: "entry-mismatch"))
        let other = try ledger.card()
        #expect(
            try ask(ledger, till, other, 100, id: id) == .declined(code: "entry-mismatch"))
    }

    @Test(arguments: Store.all)
    func `what was paid is told again and reserves nothing more`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(1_000), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let first = try ask(ledger, till, card, 600, id: id)
        try ledger.send(
            till, [try till.pay(card, 600, id: id, authorisation: try approval(first))])
        let later = Sunday.noon + Book.reservationTime
        #expect(try ask(ledger, till, card, 600, id: id, now: later) == first)
        #expect(try available(ledger, card, now: later) == 400)
    }

    @Test(arguments: Store.all)
    func `a counter that has paid authorises nothing`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100, counter: 7)])
        let zeros = [UInt8](repeating: 0, count: 16)
        #expect(
            try ask(ledger, till, card, 100, sun: card.read(digest: zeros, counter: 7))
                == .declined(code: "counter-repeated"))
        _ = try approval(
            ask(ledger, till, card, 100, sun: card.read(digest: zeros, counter: 8)))
    }

    @Test(arguments: Store.all)
    func `a revoked terminal is given no authorisation`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.book.revoke(kid: till.kid, now: Sunday.noon)
        #expect(throws: BookError.terminalRevoked) { try ask(ledger, till, card, 100) }
    }

    @Test(arguments: Store.all)
    func `blocked, unknown and training cards are not authorised`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        _ = try ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        #expect(try ask(ledger, till, card, 100) == .declined(code: "card-blocked"))
        let unknown = try SoftwareCard(serial: 99, keys: ledger.keys)
        #expect(try ask(ledger, till, unknown, 100) == .declined(code: "card-unknown"))
        let training = try SoftwareCard(serial: 98, keys: ledger.keys)
        try ledger.book.registerCard(
            number: training.number, uid: training.uid, epoch: 1, cardClass: .training,
            now: Sunday.noon)
        #expect(try ask(ledger, till, training, 100) == .useOfflineRules)
    }

    @Test(arguments: Store.all)
    func `a payment naming an authorisation it was not given is flagged`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let entry = try till.pay(card, 100, authorisation: randomBytes(16))
        #expect(try ledger.send(till, [entry]).outcomes == [.settled])
        #expect(try ledger.flags() == ["authorisation-unknown"])
    }

    private func cents(_ cents: Int64) -> Amount { Amount(cents: cents) ?? .zero }
}

@Suite struct RegisterTests {
    @Test(arguments: Store.all)
    func `the deny-list tells the change since an epoch, or the whole`(store: Store) throws {
        let ledger = try TestLedger(store)
        let cards = try (0..<3).map { _ in try ledger.card() }.map(\.number)
        func block(_ index: Int, _ isBlocked: Bool = true) throws -> Bool {
            try ledger.book.setBlocked(isBlocked, card: cards[index], now: Sunday.noon)
        }
        func delta(
            _ since: UInt64, _ epoch: UInt64, _ added: [CardNumber], _ removed: [CardNumber]
        ) -> DenyListDelta {
            DenyListDelta(since: since, epoch: epoch, added: added, removed: removed)
        }
        #expect(try ledger.book.denyList(since: 0) == delta(0, 0, [], []))
        #expect(try block(0))
        #expect(try !block(0))
        #expect(try block(1))
        #expect(try block(0, false))
        #expect(try block(2))
        #expect(try ledger.book.denyList(since: 0) == delta(0, 4, [cards[1], cards[2]], []))
        #expect(try ledger.book.denyList(since: 2) == delta(2, 4, [cards[2]], [cards[0]]))
        #expect(try ledger.book.denyList(since: 4) == delta(4, 4, [], []))
        // A ledger restored from an older copy: terminals know an epoch it never reached.
        #expect(try ledger.book.denyList(since: 9) == delta(0, 4, [cards[1], cards[2]], []))
    }

    @Test(arguments: Store.all)
    func `a card is registered once, and the same line again is no fault`(store: Store) throws {
        let ledger = try TestLedger(store)
        let card = try ledger.card()
        func register(_ number: CardNumber, _ uid: [UInt8]) throws(BookError) {
            try ledger.book.registerCard(
                number: number, uid: uid, epoch: 1, cardClass: .member, now: Sunday.noon)
        }
        try register(card.number, card.uid)
        #expect(throws: BookError.cardKnown) { try register(card.number, randomBytes(7)) }
        let other = try #require(CardNumber(serial: 55))
        #expect(throws: BookError.cardKnown) { try register(other, card.uid) }
        #expect(throws: BookError.malformed("uid")) { try register(other, randomBytes(4)) }
        #expect(try ledger.book.cards().map(\.number) == [card.number])
    }

    @Test(arguments: Store.all)
    func `a pairing code serves one key, for ten minutes`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (one, two) = (TestSigner().publicKey, TestSigner().publicKey)
        let code = try ledger.book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        #expect(code.count == 8)
        let terminal = try ledger.book.pair(code: code, key: one, now: Sunday.noon)
        #expect(try ledger.book.pair(code: code, key: one, now: Sunday.noon) == terminal)
        #expect(throws: BookError.pairingCode) {
            try ledger.book.pair(code: code, key: two, now: Sunday.noon)
        }
        let late = try ledger.book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        let end = Sunday.noon + Book.pairingMinutes * Sunday.minute
        #expect(throws: BookError.pairingCode) {
            try ledger.book.pair(code: late, key: two, now: end)
        }
        _ = try ledger.book.pair(code: late, key: two, now: end - 1)
        #expect(throws: BookError.pairingCode) {
            try ledger.book.pair(code: code, key: two, now: Sunday.noon)
        }
        #expect(try ledger.book.terminals().count == 2)
        #expect(throws: BookError.merchantUnknown("Nulle part")) {
            try ledger.book.pairingCode(merchant: "Nulle part", now: Sunday.noon)
        }
    }

    @Test(arguments: Store.all)
    func `what was revoked stays so, whatever code it has`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (book, key) = (ledger.book, TestSigner().publicKey)
        let used = try book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        _ = try book.pair(code: used, key: key, now: Sunday.noon)
        try book.revoke(kid: key.kid, now: Sunday.noon)
        try book.revoke(kid: key.kid, now: Sunday.noon + 1)
        #expect(try book.terminal(kid: key.kid)?.revoked == Sunday.noon)
        #expect(throws: BookError.pairingCode) {
            try book.pair(code: used, key: key, now: Sunday.noon)
        }
        let fresh = try book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        #expect(throws: BookError.terminalRevoked) {
            try book.pair(code: fresh, key: key, now: Sunday.noon)
        }
    }

    @Test(arguments: Store.all)
    func `a code that moves a terminal serves its key alone, and no other code moves it`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (book, till) = (ledger.book, try ledger.till())
        try book.add(merchants: ["La Ressourcerie"])
        let key = till.signer.publicKey
        let plain = try book.pairingCode(merchant: "La Ressourcerie", now: Sunday.noon)
        #expect(throws: BookError.otherMerchant) {
            try book.pair(code: plain, key: key, now: Sunday.noon)
        }
        let moving = try book.pairingCode(
            merchant: "La Ressourcerie", moving: till.kid, now: Sunday.noon)
        #expect(throws: BookError.pairingCode) {
            try book.pair(code: moving, key: TestSigner().publicKey, now: Sunday.noon)
        }
        #expect(
            try book.pair(code: moving, key: key, now: Sunday.noon).merchant == "La Ressourcerie")
    }

    @Test(arguments: Store.all)
    func `a policy keeps its bytes until half of its life is over or something changed`(
        store: Store
    )
        throws
    {
        let ledger = try TestLedger(store)
        let till = try ledger.till()
        let terminal = try #require(try ledger.book.terminal(kid: till.kid))
        let day: UInt64 = 86_400_000
        func bytes(_ now: UInt64) throws -> [UInt8] {
            try ledger.book.policy(of: terminal, authority: ledger.authority, now: now)
        }
        func policy(_ bytes: [UInt8]) throws -> Policy {
            let message = try Sign1(parsing: bytes, limit: Policy.sizeMax)
            return try Policy(payload: try message.verified(by: ledger.signer.publicKey))
        }
        let first = try bytes(Sunday.noon)
        #expect(try bytes(Sunday.noon + 7 * day) == first)
        let second = try policy(try bytes(Sunday.noon + 7 * day + 1_000))
        #expect(second.version == 2 && second.merchant == "Café des Halles")
        #expect(second.terminal == till.kid && second.issuers == ledger.keys.issuers)
        #expect(second.limits == .standard && second.epochs == [1])
        #expect(second.expires == second.issued + 14 * 86_400)
        var settings = try ledger.book.settings()
        settings.hours = 12
        try ledger.book.set(settings)
        let third = try policy(try bytes(Sunday.noon + 8 * day))
        #expect(third.version == 3 && third.limits.hours == 12)
        settings.revokedIssuers = ["01020304"]
        try ledger.book.set(settings)
        let fourth = try policy(try bytes(Sunday.noon + 8 * day))
        #expect(fourth.version == 4 && fourth.revokedKids == [[1, 2, 3, 4]])
        try ledger.book.add(merchants: ["La Ressourcerie"])
        let code = try ledger.book.pairingCode(
            merchant: "La Ressourcerie", moving: till.kid, now: Sunday.noon)
        _ = try ledger.book.pair(code: code, key: till.signer.publicKey, now: Sunday.noon)
        let fifth = try policy(try bytes(Sunday.noon + 8 * day))
        #expect(fifth.version == 5 && fifth.merchant == "La Ressourcerie")
    }

    @Test(arguments: Store.all)
    func `a phone's page knows valid, blocked, stale and unknown cards`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let zeros = [UInt8](repeating: 0, count: 16)
        func standing(_ sun: Evidence) throws -> CardStanding {
            let (standing, tap) = try ledger.book.standing(of: sun, keys: ledger.keys)
            if let tap { try ledger.book.note(tap) }
            return standing
        }
        let old = try card.read(digest: zeros)
        let tap = try card.read(digest: zeros)
        #expect(try standing(tap) == .valid)
        #expect(try standing(tap) == .valid)
        #expect(try standing(old) == .stale)
        // A phone's tap takes no counter from payments, not even from one still on its way.
        #expect(
            try ledger.send(till, [try till.pay(card, 100, counter: 1)]).outcomes == [.settled])
        #expect(try ledger.send(till, [try till.pay(card, 100)]).outcomes == [.settled])
        #expect(try standing(tap) == .stale)
        _ = try ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        #expect(try standing(try card.read(digest: zeros)) == .blocked)
        // Of two phones at once, the later tap counts, whichever is kept first.
        let taps = try (0..<2).map { _ in
            try #require(
                try ledger.book.standing(of: card.read(digest: zeros), keys: ledger.keys).tap)
        }
        for tap in taps.reversed() { try ledger.book.note(tap) }
        let last = try card.read(digest: zeros, counter: card.counter - 1)
        #expect(try standing(last) == .stale)
        let unknown = try SoftwareCard(serial: 99, keys: ledger.keys)
        #expect(try standing(try unknown.read(digest: zeros)) == .unknown)
        #expect(
            try standing(.sdm(piccData: randomBytes(16), mac: randomBytes(8), digest: zeros))
                == .unknown)
    }
}

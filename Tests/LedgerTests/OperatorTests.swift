import Crypto
import HTTPClient
import LedgerBook
import LedgerMessages
import Operations
import Testing
import Tokens

/// What an operator enters: merchants, terminals that move, money issued at the ledger.
@Suite struct OperatorTests {
    private func eco(_ cents: Int64) throws -> Amount { try #require(Amount(cents: cents)) }

    // MARK: top-ups

    @Test(arguments: Store.all)
    func `a top-up counts once for its reference, and another one is refused`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (card, other) = (try ledger.card(0), try ledger.card(0))
        let reference = try #require(TopUpReference("V-2026-0412"))
        func topUp(_ card: SoftwareCard, _ cents: Int64, _ reason: String = "") throws
            -> TopUpOutcome
        {
            try ledger.book.topUp(
                card.number, try eco(cents), reference: reference, reason: reason,
                now: Sunday.noon + UInt64(ledger.balance(other)) + 5)
        }
        #expect(try topUp(card, 2_500, "subscription") == .booked)
        #expect(try topUp(card, 2_500, "subscription") == .before(time: Sunday.noon + 5))
        #expect(try topUp(card, 2_500) == .before(time: Sunday.noon + 5))
        let what = "top-up of \(card.number.digits), reference V-2026-0412: subscription"
        for (wrong, cents) in [(card, 2_501), (other, 2_500)] as [(SoftwareCard, Int64)] {
            #expect(throws: BookError.topUp(.reference(what: what, cents: 2_500))) {
                try topUp(wrong, cents)
            }
        }
        #expect(try ledger.balance(card) == 2_500 && ledger.balance(other) == 0)
        #expect(
            try ledger.book.movements(of: card.number, limit: 9).map { [$0.what, "\($0.cents)"] }
                == [[what, "2500"]])
        // Without a reference each is one of its own.
        for _ in 1...2 { try ledger.book.topUp(other.number, try eco(100), now: Sunday.noon) }
        #expect(try ledger.balance(other) == 200)
        let today = Sunday.noon / 86_400_000
        #expect(try ledger.book.volumes(days: today...today).map(\.toppedUpCents) == [2_700])
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `no money goes to a blocked card, a training card or no card`(store: Store) throws {
        let ledger = try TestLedger(store)
        let card = try ledger.card(0)
        let training = try SoftwareCard(serial: 900, keys: ledger.keys)
        try ledger.book.registerCard(
            number: training.number, uid: training.uid, epoch: 1, cardClass: .training,
            now: Sunday.noon)
        let stranger = try SoftwareCard(serial: 901, keys: ledger.keys)
        _ = try ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        let expected: [(SoftwareCard, BookError)] = [
            (card, .topUp(.blocked(card.number))), (training, .topUp(.training)),
            (stranger, .cardUnknown),
        ]
        for (card, error) in expected {
            #expect(throws: error) {
                try ledger.book.topUp(card.number, try eco(100), now: Sunday.noon)
            }
        }
        for wrong in [String(repeating: "x", count: 257), "two\nlines"] {
            #expect(throws: BookError.self) {
                try ledger.book.topUp(card.number, try eco(1), reason: wrong, now: Sunday.noon)
            }
        }
        for wrong in ["", "two\nlines", "a\u{2028}b", String(repeating: "é", count: 33)] {
            #expect(TopUpReference(wrong) == nil, "\(wrong)")
        }
        #expect(TopUpReference(String(repeating: "é", count: 32)) != nil)
        #expect(try ledger.book.issued() == 0)
    }

    @Test(arguments: Store.all)
    func `a reference still counts once when the card was replaced meanwhile`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (lost, fresh, till) = (try ledger.card(0), try ledger.card(0), try ledger.till())
        let reference = try #require(TopUpReference("form 7"))
        func topUp() throws -> TopUpOutcome {
            try ledger.book.topUp(
                lost.number, try eco(1_000), reference: reference, now: Sunday.noon)
        }
        #expect(try topUp() == .booked)
        _ = try ledger.send(till, [till.enrol(fresh, replaces: lost)])
        try ledger.book.decide(
            terminal: till.kid, sequence: 1, release: true, reason: "hers", now: Sunday.noon)
        #expect(try topUp() == .before(time: Sunday.noon))
        // The lost card is blocked; what comes for it goes to the card that has its account.
        try ledger.book.topUp(lost.number, try eco(50), now: Sunday.noon)
        #expect(try ledger.balance(lost) == 0 && ledger.balance(fresh) == 1_050)
        #expect(try ledger.book.replaced(by: fresh.number) == [lost.number])
        _ = try ledger.book.setBlocked(true, card: fresh.number, now: Sunday.noon)
        #expect(throws: BookError.topUp(.blocked(fresh.number))) {
            try ledger.book.topUp(lost.number, try eco(50), now: Sunday.noon)
        }
        #expect(try ledger.book.audit().faults == [])
    }

    // MARK: terminals

    @Test(arguments: Store.all)
    func `a known terminal goes to another merchant by a code for that alone`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (here, there) = ("Café des Halles", "Le Quai")
        try ledger.book.add(merchants: [there])
        let (till, card) = (try ledger.till(), try ledger.card())
        #expect(try ledger.outcome(till, try till.pay(card, 700)) == .settled)
        let key = till.signer.publicKey
        func merchants() throws -> [String] {
            try ledger.book.report(from: 0, to: .max).map(\.merchant)
        }
        let plain = try ledger.book.pairingCode(merchant: there, now: Sunday.noon)
        #expect(throws: BookError.otherMerchant) {
            try ledger.book.pair(code: plain, key: key, now: Sunday.noon)
        }
        #expect(try merchants() == [here])
        // Its own merchant's code is as good as ever; the other code still serves a new terminal.
        let own = try ledger.book.pairingCode(merchant: here, now: Sunday.noon)
        #expect(try ledger.book.pair(code: own, key: key, now: Sunday.noon).merchant == here)
        let other = TestSigner().publicKey
        #expect(try ledger.book.pair(code: plain, key: other, now: Sunday.noon).merchant == there)
        let move = try ledger.book.pairingCode(merchant: there, moving: till.kid, now: Sunday.noon)
        for stranger in [other, TestSigner().publicKey] {
            #expect(throws: BookError.pairingCode) {
                try ledger.book.pair(code: move, key: stranger, now: Sunday.noon)
            }
        }
        let late = Sunday.noon + Book.pairingMinutes * Sunday.minute
        #expect(throws: BookError.pairingCode) {
            try ledger.book.pair(code: move, key: key, now: late)
        }
        for _ in 1...2 {
            #expect(try ledger.book.pair(code: move, key: key, now: Sunday.noon).merchant == there)
        }
        #expect(try merchants() == [there, there])
        #expect(try ledger.book.terminals().count == 2)
        #expect(throws: BookError.terminalUnknown) {
            try ledger.book.pairingCode(
                merchant: there, moving: TestSigner().publicKey.kid, now: Sunday.noon)
        }
        try ledger.book.revoke(kid: till.kid, now: Sunday.noon)
        #expect(throws: BookError.terminalRevoked) {
            try ledger.book.pairingCode(merchant: here, moving: till.kid, now: Sunday.noon)
        }
    }

    @Test(arguments: Store.all)
    func `the API says that a code does not move a terminal`(store: Store) throws {
        let running = try Running(store)
        let till = try running.ledger.till()
        try running.ledger.book.add(merchants: ["Le Quai"])
        func pair(_ code: String) throws -> (status: Int, code: String) {
            let body = PairingRequest(code: code, publicKey: till.signer.publicKey).encoded
            let answer = try running.send(
                "POST", "/v1/terminals", body, [("Content-Type", "application/cbor")])
            return (answer.status, Problem(answer.body).code)
        }
        let plain = try running.ledger.book.pairingCode(merchant: "Le Quai", now: Sunday.noon)
        // Nobody is kept out by it: a code was right, whoever showed it.
        for _ in 1...12 { #expect(try pair(plain) == (403, "other-merchant")) }
        let move = try running.ledger.book.pairingCode(
            merchant: "Le Quai", moving: till.kid, now: Sunday.noon)
        #expect(try pair(move).status == 201)
        #expect(try running.ledger.book.terminals().map(\.merchant) == ["Le Quai"])
    }

    // MARK: merchants

    @Test(arguments: Store.all)
    func `a merchant is added alone, and its place beside the others`(store: Store) throws {
        let ledger = try TestLedger(store)
        _ = try ledger.book.change(now: Sunday.noon) { (settings) throws(BookError) in
            settings.paymentCents = 777
        }
        func add(_ name: String, _ actions: [String]? = nil) throws -> [Bool] {
            let place = actions.map { PlaceSeed(name: name, parcours: [1], actions: $0) }
            let done = try ledger.book.add(merchant: name, place: place, now: Sunday.noon)
            return [done.isNew, done.isDifferent]
        }
        #expect(try add("Le Quai") == [true, false])
        #expect(try add("Le Quai") == [false, false])
        #expect(try add("Le Canal", ["repas"]) == [true, true])
        #expect(try add("Le Quai", []) == [false, true])
        #expect(try add("Le Canal", []) == [false, true])
        #expect(try add("Le Canal", []) == [false, false])
        let settings = try ledger.book.settings()
        #expect(settings.places?.map(\.name) == ["Le Canal", "Le Quai"])
        #expect(settings.paymentCents == 777)
        #expect(try ledger.book.settingVersions().map(\.version) == [1, 2, 3, 4])
        for name in ["", "two\nlines", String(repeating: "x", count: 65)] {
            #expect(throws: BookError.self, "\(name)") { try add(name) }
        }
        // An action nobody knows: the merchant is not added either.
        #expect(throws: BookError.malformed("the catalogue has no action 'nothing'")) {
            try add("Le Port", ["nothing"])
        }
        #expect(
            try ledger.book.merchants() == ["Café des Halles", "Le Canal", "Le Quai"])
    }
}

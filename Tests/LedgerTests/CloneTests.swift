import Crypto
import Foundation
import LedgerMessages
import Operations
import TestSupport
import Testing
import Tokens

@testable import LedgerBook

/// A copy of a card at work.
@Suite struct CloneTests {
    @Test(arguments: Store.all)
    func `a repeated counter blocks the card and says why`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, other) = (try ledger.till(), try ledger.otherTill())
        let card = try ledger.card()
        #expect(try ledger.outcome(till, till.pay(card, 100, counter: 5)) == .settled)
        let late = Sunday.noon + 3_600_000
        let copy = try ledger.outcome(other, other.pay(card, 100, time: late, counter: 5))
        #expect(copy == .held(code: "counter-repeated"))
        let why = try #require(try ledger.book.blockReasons().first)
        #expect(why.card == card.number && why.reason == "counter-repeated")
        #expect(why.entry == "\(other.id) 1" && why.time == Sunday.noon)
        #expect(try ledger.book.denyList(since: 0).added == [card.number])
        #expect(try ledger.flags().contains("card-blocked-as-copy"))
        #expect(
            try ledger.outcome(till, till.pay(card, 100, time: late, counter: 9))
                == .held(code: "card-blocked"))
        _ = try ledger.book.setBlocked(false, card: card.number, now: late)
        #expect(try ledger.book.blockReasons() == [])
        _ = try ledger.book.setBlocked(true, card: card.number, now: late, reason: "asked for it")
        #expect(try ledger.book.blockReasons().first?.reason == "asked for it")
        #expect(try ledger.book.blockReasons().first?.entry == nil)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a counter that goes back blocks the card, a late one does not`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, other) = (try ledger.till(), try ledger.otherTill())
        let card = try ledger.card()
        let minute = Sunday.minute
        _ = try ledger.send(
            till, [till.pay(card, 100, time: Sunday.noon + 90 * minute, counter: 9)])
        let late = try ledger.outcome(other, other.pay(card, 1, time: Sunday.noon, counter: 4))
        #expect(late == .settled)
        #expect(try ledger.book.blockReasons() == [])
        let back = try ledger.outcome(
            till, till.pay(card, 1, time: Sunday.noon + 95 * minute, counter: 6))
        #expect(back == .held(code: "counter-lower"))
        #expect(try ledger.book.blockReasons().first?.reason == "counter-lower")
    }

    /// At 10 and 20 the card paid elsewhere; whose clocks are sure, and when the one between was.
    @Test(
        arguments: [
            (.synchronised, .synchronised, 15, .late), (.untrusted, .synchronised, 15, .unclear),
            (.synchronised, .untrusted, 15, .unclear), (.untrusted, .untrusted, 99, .unclear),
            (.untrusted, .synchronised, 99, .lower), (.synchronised, .untrusted, 99, .unclear),
            (.untrusted, .synchronised, 1, .unclear), (.synchronised, .untrusted, 1, .lower),
        ] as [(ClockTrust, ClockTrust, UInt64, CounterVerdict)])
    func `a clock that is not sure speaks neither for a card nor against it`(
        _ place: (lower: ClockTrust, higher: ClockTrust, hour: UInt64, verdict: CounterVerdict)
    ) {
        func at(_ hour: UInt64, _ trust: ClockTrust) -> CounterNeighbour {
            CounterNeighbour(
                counter: UInt32(hour), time: Sunday.noon + hour * 60 * Sunday.minute, trust: trust)
        }
        var found = CounterPlace(lower: at(10, place.lower), higher: at(20, place.higher))
        let time = at(place.hour, .synchronised).time
        #expect(judgeCounter(found, time: time, trust: .synchronised) == place.verdict)
        #expect(judgeCounter(found, time: time, trust: .untrusted) == .unclear)
        found.isBehindOwnTerminal = true
        #expect(judgeCounter(found, time: time, trust: .untrusted) == .lower)
    }

    @Test(arguments: Store.all)
    func `two merchants within seconds block the card; the second is still paid`(
        store: Store
    ) throws {
        func settle(
            _ seconds: UInt64, _ trust: ClockTrust = .synchronised, sameMerchant: Bool = false
        ) throws -> [String] {
            let ledger = try TestLedger(store)
            let till = try ledger.till()
            let other = try sameMerchant ? ledger.till() : ledger.otherTill()
            let card = try ledger.card()
            _ = try ledger.send(till, [till.pay(card, 100)])
            let next = try ledger.outcome(
                other, other.pay(card, 100, time: Sunday.noon + seconds * 1_000, trust: trust))
            #expect(next == .settled)
            return try ledger.book.blockReasons().map(\.reason)
        }
        #expect(try settle(4) == ["two-places"])
        #expect(try settle(5) == [])
        #expect(try settle(4, .hardwareClock) == [], "a clock that is not sure says nothing")
        #expect(try settle(4, sameMerchant: true) == [])
    }

    @Test(arguments: Store.all)
    func `what comes late is not the use before the next one`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (shop, stall, card) = (try ledger.till(), try ledger.otherTill(), try ledger.card())
        func at(_ second: UInt64) -> UInt64 { Sunday.noon + second * 1_000 }
        _ = try ledger.send(
            shop,
            [
                shop.pay(card, 100, time: at(0), counter: 4),
                shop.pay(card, 100, time: at(60), counter: 6),
            ])
        _ = try ledger.send(
            stall,
            [
                stall.pay(card, 100, time: at(30), counter: 5),
                stall.pay(card, 100, time: at(62), counter: 7),
            ])
        #expect(try ledger.flags() == ["late", "card-blocked-as-copy", "two-places"])
    }

    @Test func `what is told at a terminal is told with its reason`() throws {
        let ledger = try TestLedger(.sqlite)
        let (till, card) = (try ledger.till(), try ledger.card())
        let event = CardEvent(card: card.number, what: .lost, reporter: .holder)
        #expect(try ledger.outcome(till, till.append(.cardEvent(event))) == .settled)
        let why = try #require(try ledger.book.blockReasons().first)
        #expect(why.reason == "terminal-lost" && why.entry == "\(till.id) 1")
    }

    @Test(arguments: Store.all)
    func `settings have versions, and a new policy is given out`(store: Store) throws {
        let ledger = try TestLedger(store)
        let till = try ledger.till()
        let terminal = try #require(try ledger.book.terminal(kid: till.kid))
        let authority = ledger.authority
        let first = try ledger.book.policy(of: terminal, authority: authority, now: Sunday.noon)
        var settings = try ledger.book.settings()
        #expect(try ledger.book.change(settings, now: Sunday.noon))
        #expect(try !ledger.book.change(settings, now: Sunday.noon), "nothing new, no version")
        settings.paymentCents = 2_500
        #expect(try ledger.book.change(settings, now: Sunday.noon + 1))
        let second = try ledger.book.policy(of: terminal, authority: authority, now: Sunday.noon)
        #expect(second != first)
        let versions = try ledger.book.settingVersions()
        #expect(
            versions.map(\.version) == [1, 2]
                && versions.map(\.settings.paymentCents) == [2_000, 2_500])
        settings.validDays = 0
        #expect(throws: BookError.malformed("policy.json: validDays")) {
            try ledger.book.change(settings, now: Sunday.noon)
        }
        #expect(try ledger.book.settings().validDays == 14, "nothing of it stays")
        #expect(try ledger.book.settingVersions().count == 2)
    }

    @Test func `an operator changes policy and catalogue, and sees what changed`() throws {
        let deployment = try Deployment(.sqlite)
        #expect(try deployment.initialise().code == 0)
        let here = ["-d", deployment.database]
        func run(_ words: String...) throws -> Programs.Result {
            try deployment.run(words + here)
        }
        #expect(try run("policy", "show").out.contains("paymentCents 2000\n"))
        #expect(try run("policy", "diff").out == "no difference\n")
        let set = try run("policy", "set", "paymentCents", "2500")
        #expect(set.code == 0 && set.out == "paymentCents 2000 -> 2500\n")
        #expect(try run("policy", "diff").out == "paymentCents 2000 -> 2500\n")
        #expect(try run("policy", "set", "rules.refundOffline", "true").code == 0)
        #expect(try run("policy", "set", "languages", "fr,en,pt").code == 0)
        let file = try run("policy", "diff", "--file", Deployment.seeds + "/policy.json")
        #expect(file.out.contains(",pt,tr,ta,zh,ro -> fr,en,pt\n"))
        #expect(try run("policy", "diff", "--since", "1", "--json").json["changes"] != nil)
        for words in [
            ["paymentCents", "-1"], ["paymentCents", "x"], ["nothing", "1"],
            ["rules.refundOffline", "maybe"], ["classes", "1,,2"],
        ] {
            #expect(try deployment.run(["policy", "set"] + words + here).code == 2, "\(words)")
        }
        #expect(try run("policy", "set", "validDays", "0").code == 1)
        #expect(try run("policy", "set", "classes", "7").code == 1)
        #expect(try run("catalogue", "show").out.contains("1  portions-cuisinees  piece"))
        let path = deployment.folder + "/catalogue.json"
        let one = """
            [{"code": "pain", "parcours": 1, "unit": "kilogram", "labels": {"fr": "Pain"},
              "purpose": {"fr": "Sauver"}, "operationLimit": 5000, "dayLimit": 6000, "dayCount": 3}]
            """
        try Data(one.utf8).write(to: URL(filePath: path))
        let loaded = try run("catalogue", "load", path)
        #expect(loaded.code == 0 && loaded.out.contains("added pain\n"))
        #expect(try run("catalogue", "load", path).out == "1 actions, as before\n")
        #expect(try run("policy", "diff").out.contains("-> pain\n"))
        let places = try Book(deployment.place.address).settings().places ?? []
        #expect(places.count == 5 && places.allSatisfy { $0.actions.isEmpty })
        try Data(one.replacingOccurrences(of: "\"pain\"", with: "\"Pain\"").utf8)
            .write(to: URL(filePath: path))
        #expect(try run("catalogue", "load", path).code == 1)
        let card = try deployment.card(1, cents: 100)
        #expect(try run("card", "block", card.number.digits, "--reason", "rendue").code == 0)
        let list = try run("card", "list", "--blocked").out
        #expect(list.contains("blocked  since 2") && list.hasSuffix("  rendue\n"))
    }
}

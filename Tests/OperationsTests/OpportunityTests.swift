import COSE
import Operations
import Testing
import Tokens

/// What is proposed to a person, from what her card did of late.
@Suite struct OpportunityTests {
    private static func action(_ code: String, _ parcours: Parcours) -> CatalogueAction {
        CatalogueAction(
            code: code, parcours: parcours, unit: .piece, labels: Words(["fr": code]),
            purpose: Words(["fr": code]), operationLimit: 1, dayLimit: 1, dayCount: 1)
    }

    private static let catalogue = [
        action("cook", .cuisinesContributives), action("share", .cuisinesContributives),
        action("rescue", .cuisinesContributives), action("bring", .circulaireTextile),
        action("mend", .circulaireTextile), action("reuse", .circulaireTextile),
    ]
    private static let places = [
        LocalPlace(name: "Kitchen", parcours: [.cuisinesContributives], actions: ["cook"]),
        LocalPlace(name: "Market", parcours: [.cuisinesContributives], actions: ["rescue"]),
        LocalPlace(name: "Workshop", parcours: [.circulaireTextile], actions: ["mend"]),
        LocalPlace(name: "Store", parcours: [.circulaireTextile], actions: ["bring", "reuse"]),
    ]

    private func near(_ recent: [String], here: String = "Elsewhere") -> [Opportunity] {
        opportunities(
            after: recent, catalogue: Self.catalogue, places: Self.places, here: here)
    }

    @Test func `It is near in theme, new before known, and never the one just done`() {
        #expect(near(["mend"]) == [.action("bring"), .action("reuse"), .place("Workshop")])
        #expect(
            near(["mend", "bring"]) == [.action("reuse"), .action("bring"), .place("Workshop")])
        #expect(near(["rescue"]) == [.action("cook"), .action("share"), .place("Market")])
    }

    @Test func `The last action weighs more than those before it`() {
        let mixed = near(["share", "mend", "mend", "mend", "mend", "mend"])
        #expect(mixed.first == .action("cook"))
        #expect(near(["mend", "share", "cook"]).first == .action("bring"))
    }

    @Test func `Not where she stands, at most two of one sort, at most three`() {
        #expect(near(["mend"], here: "Workshop").last == .place("Store"))
        for recent in [[], ["cook"], ["mend", "cook"], ["unknown"]] {
            let found = near(recent)
            #expect(found.count == 3)
            let actions = found.filter { if case .action = $0 { true } else { false } }
            #expect((1...2).contains(actions.count), "\(recent)")
        }
        #expect(opportunities(after: ["x"], catalogue: [], places: [], here: "").isEmpty)
        let only = opportunities(
            after: [], catalogue: Self.catalogue, places: [], here: "")
        #expect(only == [.action("cook"), .action("share")])
    }

    @Test func `Same values, same answer; only the last ten count`() {
        let many = Array(repeating: "cook", count: 10)
        #expect(near(many) == near(many + ["mend", "bring"]))
        for _ in 0..<20 { #expect(near(["mend", "cook"]) == near(["mend", "cook"])) }
    }

    @Test func `A place is read strictly, and an old policy has none`() throws {
        for place in Self.places { #expect(try LocalPlace(place.item) == place) }
        let wrong: [CBOR] = [
            LocalPlace(name: "", parcours: [.circulaireTextile], actions: []).item,
            LocalPlace(name: "A", parcours: [], actions: []).item,
            LocalPlace(
                name: "A", parcours: [.circulaireTextile, .circulaireTextile], actions: []
            ).item,
            LocalPlace(
                name: String(repeating: "a", count: 65), parcours: [.circulaireTextile],
                actions: []
            ).item,
            LocalPlace(name: "A", parcours: [.circulaireTextile], actions: ["Not a code"]).item,
            LocalPlace(
                name: "A", parcours: [.circulaireTextile],
                actions: (0..<17).map { "a\($0)" }
            ).item,
            .record([1: .text("A"), 2: .array([.unsigned(3)]), 3: .array([])]),
            .record([1: .text("A"), 2: .array([.unsigned(1)])]),
            .record([
                1: .text("A"), 2: .array([.unsigned(1)]), 3: .array([]), 4: .unsigned(1),
            ]),
        ]
        for item in wrong {
            #expect(throws: OperationError.self) { try LocalPlace(item) }
        }
    }

    @Test func `A policy carries its places, and a terminal passes over what it does not know`()
        throws
    {
        var policy = Policy(
            version: 1, issued: 1, expires: 2, terminal: Array(repeating: 1, count: 8),
            merchant: "A", limits: .standard, classes: [.member], issuers: [], revokedKids: [],
            epochs: [1], languages: ["fr"])
        #expect(policy.item[16] == nil)
        #expect(try Policy(payload: policy.item.encoded) == policy)
        policy.places = Self.places
        #expect(try Policy(payload: policy.item.encoded) == policy)
        let pairs = try #require(policy.item.map)
        let later = CBOR.map(pairs + [CBOR.Pair(.unsigned(99), .text("later"))])
        #expect(try Policy(payload: later.encoded) == policy)
        policy.places = Array(repeating: Self.places[0], count: LocalPlace.countMax + 1)
        #expect(throws: OperationError.self) { try Policy(payload: policy.item.encoded) }
    }
}

import Crypto
import Testing

@testable import CardEmulation

/// Cards that go wrong on purpose, and the model of the air.
@Suite struct FaultTests {
    private static let version = bytes("90640000010000")

    private func faulty(_ plan: FaultPlan) throws -> FaultyCard {
        var card = FaultyCard(try factoryCard(), plan: plan)
        card.powerOn()
        #expect(card.respond(to: TestTerminal.selectApplication) == bytes("9000"))
        return card
    }

    private let write = bytes("908D000008 02 000000 010000 7F 00")

    private func firstByte(_ card: FaultyCard) -> UInt8? {
        (card.card as? SoftwareNTAG424)?.memory.files[1].content[0]
    }

    @Test(arguments: [
        ("tear", true, UInt8(0), ""), ("lost", true, 0x7F, ""), ("gone", true, 0x7F, "9100"),
        ("mute", false, 0, ""), ("sw=6A82", false, 0, "6a82"),
        ("answer=01029100", false, 0x7F, "01029100"),
    ])
    func `Each fault at its command`(
        _ name: String, _ leaves: Bool, _ content: UInt8, _ answer: String
    ) throws {
        var card = try faulty(FaultPlan("\(name)@3"))
        #expect(card.respond(to: Self.version) == bytes("00 9100"))
        #expect(Hexadecimal.text(card.respond(to: write)) == answer)
        #expect(card.hasLeft == leaves)
        #expect(firstByte(card) == content)
        let isMute = answer.isEmpty || leaves
        #expect(card.respond(to: Self.version).isEmpty == isMute)
        card.powerOn()
        #expect(!card.hasLeft)
        #expect(card.respond(to: TestTerminal.selectApplication) == bytes("9000"))
        #expect(card.commands == 5)
    }

    @Test func `A flip changes one bit of the answer`() throws {
        var card = try faulty(FaultPlan("flip@2,flip@4"))
        for isFlipped in [true, false, true] {
            let answer = card.respond(to: Self.version)
            let differences = zip(answer, bytes("00 9100")).map { ($0 ^ $1).nonzeroBitCount }
            #expect(differences.reduce(0, +) == (isFlipped ? 1 : 0))
        }
    }

    @Test(arguments: [
        "", "tear", "tear@", "tear@0", "tear@-1", "tear@1000001", "tear@+1", "tear@1@2",
        "tear@1,", "burn@1", "sw=@1", "sw=6A@1", "sw=6A8200@1", "sw=GGGG@1", "sw@1", "Tear@1",
        "answer=@1", "answer=91@1", "answer=GG9100@1", "answer@1",
        "tear@99999999999999999999", "tear @1", " tear@1", "tear@\u{661}",
    ])
    func `A specification that is not understood is refused`(_ text: String) {
        #expect(throws: FaultPlanError.self) { try FaultPlan(text) }
    }

    @Test func `A specification names several faults`() throws {
        #expect(
            try FaultPlan("tear@3,sw=9000@7,mute@3").faults == [3: .mute, 7: .status(0x9000)])
        let longest = String(repeating: "00", count: 258)
        #expect(try FaultPlan("answer=\(longest)@1").faults.count == 1)
        #expect(throws: FaultPlanError.self) { try FaultPlan("answer=\(longest)00@1") }
    }

    @Test(arguments: [
        (AirPace.Rate.kilobits106, 33.9, 40.2, 45.0), (.kilobits212, 17.6, 24.8, 29.5),
        (.kilobits424, 9.3, 16.5, 21.3), (.kilobits848, 5.2, 12.4, 17.1),
    ])
    func `The air model gives the figures it was fitted to`(
        _ rate: AirPace.Rate, _ air: Double, _ activated: Double, _ total: Double
    ) {
        let tap = [(13, 2), (8, 18), (38, 34), (21, 160), (53, 10)]
        let cost = modelledAirTime(
            exchanges: tap.map { (command: $0.0, answer: $0.1) }, rate: rate)
        #expect(cost.bytes == 387)
        #expect(cost.exchanges == 5)
        func milliseconds(_ duration: Duration) -> Double { duration / .milliseconds(1) }
        let activation = AirPace(rate).activation
        #expect(abs(milliseconds(cost.air) - air) < 0.06)
        #expect(abs(milliseconds(cost.air + activation) - activated) < 0.06)
        #expect(abs(milliseconds(cost.total + activation) - total) < 0.06)
    }

    @Test func `Long commands and answers are chained`() {
        let pace = AirPace(.kilobits106)
        #expect(pace.exchange(command: 125, answer: 253).exchanges == 1)
        #expect(pace.exchange(command: 126, answer: 2).exchanges == 2)
        #expect(pace.exchange(command: 5, answer: 254).exchanges == 2)
        #expect(pace.exchange(command: 5, answer: 258).bytes == 5 + 258 + 3 * 4)
    }
}

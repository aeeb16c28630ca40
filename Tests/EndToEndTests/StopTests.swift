import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// A card that sends a signal to a process when its N-th command has come, and answers then; it may
/// leave with that answer lost.
private struct SignallingCard: SoftwareCard {
    var card: FaultyCard
    let process: Int32
    let index: Int
    private var commands = 0

    init(_ card: FaultyCard, process: Int32, index: Int) {
        (self.card, self.process, self.index) = (card, process, index)
    }

    var atr: [UInt8] { card.atr }
    var identity: ContactlessIdentity { card.identity }
    var workingTime: Duration { card.workingTime }
    var hasLeft: Bool { card.hasLeft }
    mutating func powerOn() { card.powerOn() }
    mutating func powerOff() { card.powerOff() }

    mutating func respond(to command: [UInt8]) -> [UInt8] {
        commands += 1
        if commands == index { kill(process, SIGTERM) }
        return card.respond(to: command)
    }
}

/// P1 at a stop: SIGTERM comes at each command of a tap. What began is ended; what was accepted is
/// in the journal, once; what was not charged nothing.
@Suite(.serialized) struct StopTests {
    private static let commands = 9

    private func lay(_ bench: TerminalBench, signalAt index: Int, _ plan: FaultPlan) throws {
        let card = try SoftwareNTAG424(storage: ImageStorage(path: bench.folder + "/card.image"))
        bench.chip.insert(
            SignallingCard(
                FaultyCard(card, plan: plan), process: bench.terminalProcess, index: index))
    }

    private func started(_ bench: TerminalBench) throws -> Page {
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        let page = Page(port: bench.pagePort)
        #expect(page.waitUntilReady(network: "online"))
        return page
    }

    private func payments(_ bench: TerminalBench) throws -> Int {
        let list = try bench.must("eco-terminal", ["journal", "list"] + bench.configuration)
        return list.components(separatedBy: "payment  1,00 ECO").count - 1
    }

    @Test func `SIGTERM at each command of a tap: it ends as it would have, stored once`() throws {
        let bench = try TerminalBench(rate: .kilobits106)
        _ = try bench.must(
            "eco-ledger", ["card", "topup"] + bench.database + ["100000000024", "50,00"])
        for index in 1...Self.commands {
            let page = try started(bench)
            #expect(try page.arm(100))
            try lay(bench, signalAt: index, FaultPlan())
            #expect(bench.waitForTerminal() == 0, "command \(index)")
            bench.chip.remove()
            #expect(bench.serveSays("outcome=accepted apdus=\(Self.commands)"), "\(index)")
            #expect(bench.serveSays("event=stop"))
            #expect(try payments(bench) == index, "command \(index)")
        }
        try settle(bench, Self.commands)
    }

    @Test func `SIGTERM while the card leaves: nothing or one charge, and the card pays again`()
        throws
    {
        let bench = try TerminalBench(rate: .kilobits106)
        _ = try bench.must(
            "eco-ledger", ["card", "topup"] + bench.database + ["100000000024", "50,00"])
        var accepted = 0
        for index in 1...Self.commands {
            var page = try started(bench)
            #expect(try page.arm(100))
            try lay(bench, signalAt: index, FaultPlan([index: .tearAfter]))
            #expect(bench.waitForTerminal() == 0, "command \(index)")
            bench.chip.remove()
            #expect(bench.serveSays("outcome=torn"), "command \(index)")
            #expect(try payments(bench) == accepted, "command \(index)")
            // The person lays her card again at the next start: it pays, once.
            page = try started(bench)
            #expect(try page.arm(100))
            try bench.lay()
            #expect(try page.wait(for: ["accepted", "refused"]).name == "accepted", "\(index)")
            bench.chip.remove()
            accepted += 1
            bench.stopTerminal()
            #expect(try payments(bench) == accepted, "command \(index)")
        }
        try settle(bench, accepted)
    }

    /// The chain is whole, and the ledger booked what the journal holds and nothing else.
    private func settle(_ bench: TerminalBench, _ count: Int) throws {
        let page = try started(bench)
        #expect(try Programs.wait { try page.snapshot().queue == 0 })
        bench.stopTerminal()
        let proof = try bench.must(
            "eco-terminal", ["journal", "verify", "--receipts"] + bench.configuration)
        #expect(proof.contains("\(count) payments, \(count),00 ECO"), "\(proof)")
        let cards = try bench.must("eco-ledger", ["card", "list"] + bench.database)
        #expect(cards.contains("\(50 - count),00"), "\(cards)")
    }
}

import CardEmulation
import Cards
import Linux
import Operations
import ReaderEmulation
import Readers
import Terminal
import TestSupport
import Testing
import Threads

/// What a tap costs on a serial line, and a whole checkout at its end.
@Suite(.serialized) struct LineTests {
    /// Nine exchanges: 26 bytes of frames each, five ACKs and codes included.
    @Test func `A tap's bytes on the line are its APDUs and 26 a piece`() throws {
        let bench = try Bench(.libnfc)
        let chip = try #require(bench.chip)
        var card = try bench.card()
        let operation = bench.arm()
        let result = bench.tap(&card, operation)
        #expect(result.isAccepted && result.commands.count == 9)
        let apdus = result.bytesSent + result.bytesReceived
        // The same APDUs once more on a chip that is open: only the exchanges are on the line.
        chip.insert(FaultyCard(card, plan: FaultPlan()))
        let line = Monitor(0)
        let again = try LateChip.withCard(choice: .nfc(chip.connstring)) {
            (connection) throws(CardError) in
            let before = chip.lineTraffic.bytes
            for command in result.commands { _ = try connection.transmit(command) }
            line.update { $0 = chip.lineTraffic.bytes - before }
            return [connection.bytesSent, connection.bytesReceived]
        }
        let counts = try again.get()
        let bytes = line.read { $0 }
        // Two more lengths of a byte for each answer of 254 bytes and more: an extended frame.
        #expect(bytes - counts[0] - counts[1] <= 9 * 26 + 2 * 3)
        #expect(bytes - counts[0] - counts[1] >= 9 * 26)
        let modelled = Double(apdus + 9 * 26) * 10 / 115_200 * 1_000
        let pace = AirPace(.kilobits106, readerFrame: 64)
        let air = zip(result.commands, result.answers).reduce(Duration.zero) { sum, exchange in
            sum + pace.exchange(command: exchange.0.count, answer: exchange.1.count).total
        }
        print(
            "tap over libnfc: \(apdus) bytes of APDUs, \(apdus + 9 * 26) on the line, "
                + "\(modelled) ms at 115200, \(air) on the air; opened, found and closed: "
                + "\(chip.lineTraffic)"
        )
    }

    @Test(arguments: [nil, 115_200, 921_600] as [Int?])
    func `A tap at the pace of line and air is accepted`(baud: Int?) throws {
        let bench = try Bench()
        let chip = try VirtualPN532(
            baud: baud, rate: baud == nil ? nil : .kilobits106, recordsContent: true)
        defer { chip.stop() }
        var card = try bench.card()
        let operation = bench.arm()
        chip.insert(card)
        let clock = ContinuousClock()
        var spent = Duration.zero
        let outcome = try LateChip.withCard(choice: .nfc(chip.connstring)) {
            (connection) throws(CardError) -> Bool in
            let tap = Tap(
                operation: operation, binding: nil, world: bench.world, progress: { _ in },
                bind: { _ in })
            var profile = NTAG424Card(connection)
            spent = clock.measure { _ = tap.run(&profile) }
            connection = profile.end()
            return true
        }
        #expect(try outcome.get() && bench.entries == 1)
        card = try #require(chip.remove() as? SoftwareNTAG424)
        #expect(try bench.state(of: &card).current?.allowance.count == 1)
        if let baud { #expect(spent > .milliseconds(Int64(9_460_000 / baud))) }
        print("tap over libnfc at \(baud.map { "\($0) baud and 106 kbit/s" } ?? "once"): \(spent)")
    }
}

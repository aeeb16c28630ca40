import CardEmulation
import Foundation
import Linux
import PCSC
import ReaderEmulation
import Testing

/// Against a real pcscd with the vpcd driver: run under `Hardware/private-pcscd`.
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["ECO_PCSCD"] == "private"))
struct LiveTests {
    private static let limit = LiveReader.limit

    /// Runs a program of the machine; its standard output.
    private func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    @Test func `pcscd sees a card come, talk and go`() throws {
        let slot = VirtualReaderSlot(port: VirtualReaderSlot.firstPort + 1)
        let reader = try LiveReader()
        #expect(try reader.count() == 2)
        #expect(try reader.state(isPresent: false) != nil)
        slot.insert(try factoryCard())
        let state = try #require(try reader.state(isPresent: true))
        #expect(state.atr == [0x3B, 0x81, 0x80, 0x01, 0x80, 0x80])
        let tool = try run(["opensc-tool", "-r", "1", "-s", "00A4040007D276000085010100"])
        #expect(tool.contains("Received (SW1=0x90, SW2=0x00)"))
        #expect(try run(["opensc-tool", "-l"]).contains("1    Yes"))

        let card = try reader.connect()
        #expect(try card.transmit(selectApplication) == [0x90, 0x00])
        #expect(try card.transmit([0x90, 0x60, 0, 0, 0]).suffix(2) == [0x91, 0xAF])
        card.disconnect(.unpower)
        slot.remove()
        #expect(try reader.state(isPresent: false) != nil)
        slot.insert(try factoryCard())
        #expect(try reader.state(isPresent: true) != nil)
    }

    @Test func `An exchange does not wait for a delayed acknowledgement`() throws {
        let slot = VirtualReaderSlot(port: VirtualReaderSlot.firstPort + 1)
        let reader = try LiveReader()
        #expect(try reader.state(isPresent: false) != nil, "the last test's card is gone")
        slot.insert(try factoryCard())
        _ = try #require(try reader.state(isPresent: true))
        let card = try reader.connect()
        var times: [Duration] = []
        for _ in 0..<200 {
            let start = ContinuousClock.now
            #expect(try card.transmit(selectApplication) == [0x90, 0x00])
            times.append(start.duration(to: .now))
        }
        let sorted = times.sorted()
        let median = sorted[times.count / 2]
        // A busy machine makes some exchanges slow; Nagle's rule makes each of them wait 40 ms.
        #expect(sorted[times.count / 10] < .milliseconds(20), "44 ms would be Nagle's rule")
        print("raw exchange through pcscd, median of 200: \(median)")
    }

    @Test func `A torn card is an error and a removal, and can come back`() throws {
        let slot = VirtualReaderSlot(port: VirtualReaderSlot.firstPort + 1)
        let reader = try LiveReader()
        #expect(try reader.state(isPresent: false) != nil, "the last test's card is gone")
        slot.insert(FaultyCard(try factoryCard(), plan: try FaultPlan("tear@2")))
        _ = try #require(try reader.state(isPresent: true))
        do {
            let card = try reader.connect()
            #expect(try card.transmit(selectApplication) == [0x90, 0x00])
            #expect(throws: LiveReader.broken) { try card.transmit(getKeyVersion) }
        }
        #expect(slot.wait(for: .left, atMost: Self.limit))
        #expect(try reader.state(isPresent: false) != nil)
        slot.insert(try #require(slot.remove()))
        _ = try #require(try reader.state(isPresent: true))
        let card = try reader.connect()
        #expect(try card.transmit(selectApplication) == [0x90, 0x00])
    }

    @Test func `A card that leaves after its answer has answered`() throws {
        let slot = VirtualReaderSlot(port: VirtualReaderSlot.firstPort + 1)
        let reader = try LiveReader()
        #expect(try reader.state(isPresent: false) != nil, "the last test's card is gone")
        slot.insert(FaultyCard(try factoryCard(), plan: try FaultPlan("gone@2,lost@4")))
        for _ in 0..<2 {
            _ = try #require(try reader.state(isPresent: true))
            let card = try reader.connect()
            #expect(try card.transmit(selectApplication) == [0x90, 0x00])
            if slot.traffic.commands < 3 {
                #expect(try card.transmit(getKeyVersion) == [0x00, 0x91, 0x00])
            }
            // The driver may send before it sees the end; then nothing comes back (Readers takes
            // both for a removal).
            do {
                #expect(try card.transmit(getKeyVersion) == [])
            } catch { #expect(error as? PCSCError == LiveReader.broken) }
            #expect(slot.wait(for: .left, atMost: Self.limit))
            #expect(try reader.state(isPresent: false) != nil)
            slot.insert(try #require(slot.remove()))
        }
    }

    @Test func `A mute card is an error, is never away, and speaks again after a reset`() throws {
        let slot = VirtualReaderSlot(port: VirtualReaderSlot.firstPort + 1)
        let reader = try LiveReader()
        #expect(try reader.state(isPresent: false) != nil, "the last test's card is gone")
        let rounds = 100
        let plan = (0..<rounds).map { "mute@\(2 * $0 + 1)" }.joined(separator: ",")
        slot.insert(FaultyCard(try factoryCard(), plan: try FaultPlan(plan)))
        let laid = try #require(try reader.state(isPresent: true))
        // pcscd looks for the card before each reset, at once: one that were away in that moment
        // would not be found.
        for _ in 0..<rounds {
            let mute = try reader.connect()
            #expect(throws: LiveReader.broken) { try mute.transmit(selectApplication) }
            mute.disconnect(.reset)
            let card = try reader.connect()
            #expect(try card.transmit(selectApplication) == [0x90, 0x00])
            card.disconnect(.leave)
        }
        let state = try #require(try reader.state(isPresent: true))
        #expect(state.event >> 16 == laid.event >> 16, "it never came or went")
        #expect(slot.traffic.commands == 2 * rounds)
    }
}

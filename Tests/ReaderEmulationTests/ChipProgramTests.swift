import CardEmulation
import Foundation
import Linux
import NFC
import Testing

@testable import ReaderEmulation

/// `eco-sim` as a PN532: a link that appears, and the real libnfc at it.
@Suite(.serialized) struct ChipProgramTests {
    /// The chip at a link, once it is there and answers.
    private func open(_ link: String) throws -> Device {
        let end = ContinuousClock.now + DriverPeer.limit
        while true {
            do {
                let device = try Device("pn532_uart:" + link)
                try device.ask()
                return device
            } catch {
                guard ContinuousClock.now < end else { throw error }
                Clock.sleep(.milliseconds(20))
            }
        }
    }

    @Test func `A card is played on a PN532 until a signal, torn as planned`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let link = simulator.path("pn532")
        let child = try simulator.start([
            "card", "--image", simulator.path("one.card"), "--uid", "04112233445566",
            "--pn532", link, "--fault", "tear@2", "--baud", "921600", "--air-rate", "848",
        ])
        let device = try open(link)
        #expect(try device.list().first?.uid == [0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66])
        #expect(simulator.waits(for: "card 04112233445566: powered"))
        #expect(try device.transceive(selectApplication, milliseconds: 5_000) == [0x90, 0x00])
        #expect(throws: NFCError.self) {
            try device.transceive(getKeyVersion, milliseconds: 5_000)
        }
        #expect(simulator.waits(for: "left the reader; it is laid there again"))
        #expect(try device.list().count == 1)
        #expect(try device.transceive(selectApplication, milliseconds: 5_000) == [0x90, 0x00])
        child.signal(SIGTERM)
        #expect(child.wait() == 0)
        #expect(simulator.waits(for: "taken away after 3 APDUs"))
        #expect(!Files.exists(link))
        #expect(throws: NFCError.self) { try device.ask() }
    }

    @Test func `A player that was killed leaves a link that the next one takes over`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let link = simulator.path("pn532")
        let arguments = ["card", "--image", simulator.path("one.card"), "--pn532", link]
        let first = try simulator.start(arguments)
        _ = try open(link)
        first.signal(SIGKILL)
        _ = first.wait()
        let second = try simulator.start(arguments)
        _ = try open(link)
        second.signal(SIGTERM)
        #expect(second.wait() == 0)
    }

    @Test func `A box lays cards on a PN532 and takes them away as asked`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let link = simulator.path("pn532")
        _ = try simulator.run(["new", "--image", simulator.path("anne.card")])
        let desk = ["--directory", simulator.folder]
        let box = try simulator.start(["box", "--pn532", link] + desk)
        #expect(simulator.waits(for: "ready for pn532_uart:"))
        let device = try open(link)
        #expect(try device.list() == [])
        #expect(try simulator.run(["present", "anne"] + desk).code == 0)
        #expect(try device.list().count == 1 && device.isPresent())
        #expect(try simulator.run(["remove"] + desk).code == 0)
        #expect(try !device.isPresent() && device.list() == [])
        let tap = try simulator.start(["tap", "anne", "--for", "0"] + desk, log: "tap")
        let end = ContinuousClock.now + DriverPeer.limit
        while try device.list().isEmpty, ContinuousClock.now < end {}
        #expect(tap.wait() == 0)
        #expect(try !device.isPresent())
        box.signal(SIGINT)
        #expect(box.wait() == 0)
    }
}

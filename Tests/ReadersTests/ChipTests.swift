import CardEmulation
import Cards
import Foundation
import Linux
import NFC
import ReaderEmulation
import TestSupport
import Testing
import Threads

@testable import Readers

/// A link to a serial line in a folder of its own.
final class LinePlace {
    let folder = NSTemporaryDirectory() + "/line-" + UUID().uuidString
    var path: String { folder + "/pn532" }
    var choice: ReaderChoice { .nfc("pn532_uart:" + path) }

    init() throws { try Files.makeDirectory(folder) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
}

/// The service in front of the real libnfc and a PN532 in software: no root, no daemon.
@Suite(.serialized) final class ChipTests {
    private let line: LinePlace
    private var chip: VirtualPN532

    init() throws {
        line = try LinePlace()
        chip = try VirtualPN532(link: line.path)
    }

    deinit { chip.stop() }

    @Test func `A card comes, is processed once, leaves, and comes again`() throws {
        let service = Service(line.choice)
        #expect(service.desk.waits(for: [.reader(true)]))
        chip.insert(try ntag())
        #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
        #expect(service.reaches(.waitingForRemoval))
        #expect(service.stays(.waitingForRemoval, for: .milliseconds(700)))
        let card = try #require(chip.remove())
        #expect(service.desk.waits(for: [.reader(true), .card("ok"), .removed]))
        chip.insert(card)
        #expect(service.desk.waits(for: [.reader(true), .card("ok"), .removed, .card("ok")]))
    }

    @Test func `A card swapped for another between two looks has left`() throws {
        let service = Service(line.choice)
        chip.insert(try ntag(1))
        #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
        #expect(service.reaches(.waitingForRemoval))
        chip.remove()
        chip.insert(try ntag(2))
        #expect(service.desk.waits(for: [.reader(true), .card("ok"), .removed, .card("ok")]))
    }

    @Test func `A card that lies there is processed when it is wanted, and not before`() throws {
        chip.insert(try ntag())
        let spent = Promised.best(within: .milliseconds(800)) {
            let service = Service(line.choice, TestDesk(wants: false))
            #expect(service.desk.waits(for: [.reader(true)]))
            #expect(service.reaches(.waitingForCard))
            #expect(service.stays(.waitingForCard, for: .milliseconds(800)))
            #expect(chip.presence == .offered, "the field is off while nothing is wanted")
            return Promised.time {
                service.desk.wantsCard = true
                #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
            }
        }
        #expect(spent < .milliseconds(800))
    }

    @Test(arguments: ["tear@2", "lost@2", "gone@2"])
    func `A card that leaves in the middle of an APDU is a removed card`(_ plan: String) throws {
        let service = Service(line.choice)
        #expect(service.desk.waits(for: [.reader(true)]))
        chip.insert(try ntag(1, plan))
        #expect(
            service.desk.waits(for: [.reader(true), .card("removed"), .removed]),
            "\(service.desk.events)")
        chip.remove()
        chip.insert(try ntag())
        #expect(
            service.desk.waits(for: [.reader(true), .card("removed"), .removed, .card("ok")]))
    }

    @Test func `A card that falls silent ends the conversation soon, and comes as a new one`()
        throws
    {
        let spent = try Promised.best(within: .milliseconds(1_500)) {
            let service = Service(line.choice)
            #expect(service.desk.waits(for: [.reader(true)]))
            let spent = try Promised.time {
                chip.insert(try ntag(1, "mute@2"))
                #expect(service.desk.waits(for: [.reader(true), .card("removed")]))
            }
            #expect(
                service.desk.waits(for: [.reader(true), .card("removed"), .removed, .card("ok")]),
                "\(service.desk.events)")
            chip.remove()
            return spent
        }
        #expect(spent < .milliseconds(1_500))
    }

    @Test func `Two cards are told once; the one that stays is processed`() throws {
        let service = Service(line.choice, TestDesk(wants: false))
        #expect(service.desk.waits(for: [.reader(true)]))
        chip.insert(try ntag(1))
        chip.second.insert(try ntag(2))
        service.desk.wantsCard = true
        #expect(service.desk.waits(for: [.reader(true), .several]), "\(service.desk.events)")
        #expect(service.stays(.waitingForCard, for: .milliseconds(700)))
        chip.remove()
        #expect(service.desk.waits(for: [.reader(true), .several, .card("ok")]))
    }

    @Test func `A line that is pulled is told, and found again within two seconds`() throws {
        for wants in [true, false] {
            let spent = try Promised.best(within: .seconds(2)) {
                let service = Service(line.choice, TestDesk(wants: wants))
                #expect(service.desk.waits(for: [.reader(true)]))
                let told = Promised.time {
                    chip.stop()
                    #expect(service.desk.waits(for: [.reader(true), .reader(false)]))
                }
                let back: [Event] = [.reader(true), .reader(false), .reader(true)]
                let found = try Promised.time {
                    chip = try VirtualPN532(link: line.path)
                    #expect(service.desk.waits(for: back))
                }
                chip.insert(try ntag())
                service.desk.wantsCard = true
                #expect(service.desk.waits(for: back + [.card("ok")]))
                chip.remove()
                return max(told, found)
            }
            #expect(spent < .seconds(2), "wants: \(wants)")
        }
    }

    @Test func `A line pulled in a conversation is a reader that failed`() throws {
        let chip = chip
        let service = Service(line.choice, TestDesk(TestDesk.interrupted { chip.stop() }))
        #expect(service.desk.waits(for: [.reader(true)]))
        chip.insert(try ntag())
        #expect(
            service.desk.waits(for: [.reader(true), .card("fault"), .removed, .reader(false)]),
            "\(service.desk.events)")
    }

    @Test func `A chip that lost its power is woken again, and nobody hears of it`() throws {
        for wants in [true, false] {
            let service = Service(line.choice, TestDesk(wants: wants))
            #expect(service.desk.waits(for: [.reader(true)]))
            chip.brownOut()
            #expect(service.eventually { service.reader.health.reopenings > 0 })
            chip.insert(try ntag())
            service.desk.wantsCard = true
            #expect(
                service.desk.waits(for: [.reader(true), .card("ok")]), "\(service.desk.events)")
            #expect(service.reader.health.overruns == 0)
            chip.remove()
        }
    }

    @Test func `A card under a chip that was opened anew comes as a new one`() throws {
        let service = Service(line.choice)
        chip.insert(try ntag())
        #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
        chip.brownOut()
        #expect(
            service.desk.waits(for: [.reader(true), .card("ok"), .removed, .card("ok")]),
            "\(service.desk.events)")
    }

    @Test func `A chip that saw no card for long is opened anew`() throws {
        var times = ChipTimes()
        times.idle = .milliseconds(200)
        let service = Service(line.choice, TestDesk(wants: false), times: times)
        #expect(service.eventually { service.reader.health.reopenings > 2 })
        #expect(service.desk.events == [.reader(true)])
        chip.insert(try ntag())
        service.desk.wantsCard = true
        #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
        #expect(service.reaches(.waitingForRemoval))
        let count = service.reader.health.reopenings
        #expect(service.stays(.waitingForRemoval, for: .milliseconds(700)))
        #expect(service.reader.health.reopenings == count, "a card lies there")
    }

    @Test func `A look that is late is counted, seen while it lasts, and ends the session`() throws
    {
        chip.stop()
        // A list of cards takes some 26 bytes, here 108 ms.
        chip = try VirtualPN532(link: line.path, baud: 2_400)
        var times = ChipTimes()
        times.look = .milliseconds(20)
        let service = Service(line.choice, times: times)
        #expect(service.eventually { service.reader.health.isStalled })
        #expect(service.eventually { service.reader.health.overruns > 0 })
        let health = service.reader.health
        #expect(health.reopenings >= health.overruns)
    }

    @Test func `What speaks no sense is no reader, and what stands there after it is`() throws {
        chip.stop()
        let noise = try Noise(line.path)
        #expect(throws: ReaderError.noReader) { try chipName("pn532_uart:" + self.line.path) }
        let service = Service(line.choice)
        #expect(service.eventually { noise.bytes > 10_000 })
        #expect(service.desk.events == [])
        noise.stop()
        chip = try VirtualPN532(link: line.path)
        chip.insert(try ntag())
        #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
    }

    @Test func `A cable that garbles every frame is no reader, until it is mended`() throws {
        let chip = chip
        let service = Service(
            line.choice, TestDesk(TestDesk.interrupted { chip.disturb(true) }))
        #expect(service.desk.waits(for: [.reader(true)]))
        chip.insert(try ntag())
        let broken: [Event] = [.reader(true), .card("fault"), .removed, .reader(false)]
        #expect(service.desk.waits(for: broken), "\(service.desk.events)")
        chip.disturb(false)
        // The card lies there still: the next conversation may have begun, and disturbs again.
        #expect(
            service.desk.begins(with: broken + [.reader(true)]), "\(service.desk.events)")
    }

    @Test func `It stops within a second, whatever it is doing`() throws {
        for millisecond in stride(from: 0, through: 600, by: 60) {
            let spent = try Promised.best(within: .seconds(1)) {
                let service = Service(line.choice)
                if millisecond % 120 == 0 { chip.insert(try ntag()) }
                defer { chip.remove() }
                // Not a wait for anything: the instant of the stop is what varies.
                Clock.sleep(.milliseconds(millisecond))
                return Promised.time { service.reader.stop() }
            }
            #expect(spent < .seconds(1), "after \(millisecond) ms")
        }
    }

    @Test func `Thirty pulled lines and conversations leave no file open`() throws {
        func turn() throws {
            chip.insert(try ntag())
            let service = Service(line.choice)
            #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
            chip.stop()
            chip = try VirtualPN532(link: line.path)
            service.reader.stop()
        }
        try turn()
        let before = try openLines()
        for _ in 0..<30 { try turn() }
        // Suites beside this one have lines too, a few at a time; one end left open by each turn
        // would be thirty.
        #expect(try openLines() < before + 25)
    }

    @Test func `One card for a command line: found, counted, refused in twos`() throws {
        func version(_ choice: ReaderChoice) throws(ReaderError) -> Result<[Int], CardError> {
            try LateChip.withCard(choice: choice, waiting: .milliseconds(100)) {
                (channel) throws(CardError) in
                try NTAG424.selectApplication(&channel)
                return [channel.commands, channel.bytesSent, channel.bytesReceived]
            }
        }
        #expect(throws: ReaderError.noCard) { try version(self.line.choice) }
        chip.insert(try ntag(1))
        #expect(try version(line.choice) == .success([1, 12, 2]))
        chip.second.insert(try ntag(2))
        #expect(throws: ReaderError.severalCards) { try version(self.line.choice) }
        #expect(throws: ReaderError.noReader) { try version(.nfc("pn532_uart:/nowhere")) }
        #expect(throws: ReaderError.self) { try version(.nfc("pcsc:ACS")) }
        let name = LateChip.retried({ $0 == nil }) { try? chipName("pn532_uart:" + line.path) }
        #expect(name?.contains("pn532_uart") == true)
    }

    @Test func `A card that takes no commands is refused as PC/SC readers do`() throws {
        let service = Service(line.choice)
        chip.insert(PlainCard())
        #expect(service.eventually { service.desk.events.count > 1 })
        #expect("\(service.desk.events)".contains("SW=6A81"), "\(service.desk.events)")
        #expect(chip.traffic.commands == 0)
    }
}

/// A card without ISO/IEC 14443-4, as a transport ticket.
private struct PlainCard: SoftwareCard {
    let identity =
        ContactlessIdentity(atqa: [0, 4], sak: 0x08, uid: [1, 2, 3, 4], ats: []) ?? .unnamed
    let atr: [UInt8] = []
    mutating func powerOn() {}
    mutating func powerOff() {}
    mutating func respond(to command: [UInt8]) -> [UInt8] { [] }
}

/// A device that answers to anything with random bytes, some of them in the shape of frames.
private final class Noise: Sendable {
    private let state = Monitor((isStopping: false, bytes: 0))
    private let thread: NamedThread

    init(_ link: String) throws {
        let terminal = try PseudoTerminal()
        try Files.link(terminal.path, at: link)
        let wire = Wire(terminal)
        let state = state
        thread = NamedThread.start("noise") {
            var generator = Seed.dice("a noisy line")
            while !state.read({ $0.isStopping }) {
                guard (try? wire.terminal.read(atMost: 512, timeout: .milliseconds(20))) != nil
                else { continue }
                var bytes: [UInt8] = generator.next(2) == 0 ? [0, 0, 0xFF, 0, 0xFF, 0] : []
                if generator.next(2) == 0 { bytes += [0, 0, 0xFF] + generator.bytes(1) }
                bytes += generator.bytes(600)
                try? wire.terminal.write(bytes, timeout: .milliseconds(20))
                let count = bytes.count
                state.update { $0.bytes += count }
            }
        }
    }

    private final class Wire: Sendable {
        let terminal: PseudoTerminal
        init(_ terminal: consuming PseudoTerminal) { self.terminal = terminal }
    }

    var bytes: Int { state.read { $0.bytes } }

    func stop() {
        state.update { $0.isStopping = true }
        thread.join()
    }
}

extension Service {
    /// Asks until it holds, ten seconds at most.
    func eventually(_ holds: () -> Bool) -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if holds() { return true }
            Clock.sleep(.milliseconds(2))
        }
        return false
    }
}

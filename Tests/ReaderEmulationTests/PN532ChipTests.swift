import CardEmulation
import Foundation
import Linux
import TestSupport
import Testing

@testable import ReaderEmulation

/// A host at the serial line, played by the test byte for byte.
final class Host {
    static let limit = Duration.seconds(60)
    let chip: VirtualPN532
    private let file: FileHandle
    private var scanner = PN532Scanner()
    private var frames: [PN532Frame] = []

    /// Opens the line as a program does, and wakes the chip.
    init(wakes: Bool = true, rate: AirPace.Rate? = nil, baud: Int? = nil) throws {
        chip = try VirtualPN532(baud: baud, rate: rate, recordsContent: true)
        let path = String(chip.connstring.dropFirst("pn532_uart:".count))
        file = try #require(FileHandle(forUpdatingAtPath: path))
        if wakes { send([0x55, 0x55, 0x00, 0x00, 0x00]) }
    }

    deinit {
        try? file.close()
        chip.stop()
    }

    func send(_ bytes: [UInt8]) { file.write(Data(bytes)) }

    /// The next frame of the chip; nil when none comes within `limit`.
    func next(_ limit: Duration = Host.limit) -> PN532Frame? {
        let end = ContinuousClock.now + limit
        while frames.isEmpty {
            let rest = ContinuousClock.now.duration(to: end)
            var watch = pollfd(fd: file.fileDescriptor, events: Int16(POLLIN), revents: 0)
            let milliseconds = Int32(max(0, rest / .milliseconds(1)))
            guard poll(&watch, 1, milliseconds) > 0 else { return nil }
            for byte in file.availableData {
                if let frame = scanner.take(byte) { frames.append(frame) }
            }
        }
        return frames.removeFirst()
    }

    /// One command; the answer's code and data, after the ACK.
    func command(_ bytes: [UInt8]) -> [UInt8]? {
        send(PN532Frame.information([0xD4] + bytes).bytes)
        guard next() == .acknowledge, case .information(let content)? = next(),
            content.first == 0xD5
        else { return nil }
        return Array(content.dropFirst())
    }
}

/// The chip's side of the protocol, as UM0701-02 describes it.
@Suite struct PN532ChipTests {
    private static let status = PN532Frame.syntaxError
    private static let listed: [UInt8] = [
        0x4B, 1, 1, 0x03, 0x44, 0x20, 7, 0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x06, 0x77,
        0x77, 0x71, 0x02, 0x80,
    ]

    /// Finite retries and one card in the field, activated.
    private func hostWithCard(_ plan: String? = nil) throws -> Host {
        let host = try Host()
        let plan = try plan.map { try FaultPlan($0) } ?? FaultPlan()
        host.chip.insert(FaultyCard(try factoryCard(), plan: plan))
        #expect(host.command([0x32, 0x05, 0x00, 0x01, 0x02]) == [0x33])
        #expect(host.command([0x4A, 1, 0]) == Self.listed)
        return host
    }

    @Test func `It sleeps until the line wakes it, and falls asleep when told`() throws {
        let host = try Host(wakes: false)
        let version = PN532Frame.information([0xD4, 0x02])
        host.send(version.bytes)
        #expect(host.next(.milliseconds(60)) == nil)
        host.send([0x55, 0x55, 0x00, 0x00])
        #expect(host.command([0x14, 0x01]) == [0x15])
        #expect(host.command([0x02]) == [0x03, 0x32, 0x01, 0x06, 0x07])
        #expect(host.command([0x16, 0x02]) == [0x17, 0x10], "the line must be able to wake it")
        #expect(host.command([0x16, 0xF0]) == [0x17, 0x00])
        host.send(version.bytes)
        #expect(host.next(.milliseconds(60)) == nil)
    }

    @Test func `Each answer of the chip itself is the manual's`() throws {
        let host = try Host()
        let cases: [([UInt8], [UInt8])] = [
            ([0x00, 0x00, 0x6C, 0x69], [0x01, 0x00, 0x6C, 0x69]), ([0x00, 0x01], [0x01, 0x00]),
            ([0x04], [0x05, 0x00, 0x00, 0x00, 0x80]), ([0x12, 0x14], [0x13]),
            ([0x08, 0x63, 0x02, 0x80, 0x63, 0x3D, 0x07], [0x09]),
            ([0x06, 0x63, 0x02, 0x63, 0x3D, 0x63, 0x03], [0x07, 0x80, 0x07, 0x00]),
            ([0x32, 0x01, 0x01], [0x33]), ([0x04], [0x05, 0x00, 0x01, 0x00, 0x80]),
            ([0x32, 0x02, 0x00, 0x0B, 0x0A], [0x33]), ([0x44, 0x00], [0x45, 0x00]),
            ([0x52, 0x00], [0x53, 0x00]), ([0x40, 0x01, 0x00], [0x41, 0x27]),
            ([0x44, 0x01], [0x45, 0x27]), ([0x54, 0x02], [0x55, 0x27]),
            ([0x00, 0x06], [0x01, 0x27]), ([0x40, 0x03, 0x00], [0x41, 0x27]),
            ([0x42, 0xB2], [0x43, 0x01]), ([0x04], [0x05, 0x01, 0x01, 0x00, 0x80]),
        ]
        for (command, answer) in cases {
            #expect(host.command(command) == answer, "\(command)")
        }
    }

    @Test func `What it does not know, or not so, is a syntax error`() throws {
        let host = try Host()
        let commands: [[UInt8]] = [
            [], [0x60, 1, 1, 0], [0x8C], [0xFF], [0x02, 0x00], [0x04, 0x00], [0x06], [0x06, 0x63],
            [0x08, 0x63, 0x02], [0x10], [0x10, 0x09], [0x12], [0x14], [0x14, 0x05], [0x16],
            [0x32], [0x32, 0x01], [0x32, 0x05, 0x00], [0x32, 0x03, 0x00], [0x4A], [0x4A, 0, 0],
            [0x4A, 3, 0], [0x4A, 1, 5], [0x40], [0x42], [0x44], [0x52], [0x54], [0x00, 0x09],
            [0x00],
        ]
        for command in commands {
            host.send(PN532Frame.information([0xD4] + command).bytes)
            #expect(host.next() == .acknowledge, "\(command)")
            #expect(host.next() == PN532Frame.syntaxError, "\(command)")
        }
        host.send(PN532Frame.information([0xD5, 0x02]).bytes)
        #expect(host.next() == .acknowledge)
        #expect(host.next() == PN532Frame.syntaxError, "only hosts speak D4")
    }

    @Test func `A damaged command has no answer; a refused answer comes again`() throws {
        let host = try Host()
        var damaged = PN532Frame.information([0xD4, 0x02]).bytes
        damaged[6] ^= 1
        host.send(damaged)
        #expect(host.next(.milliseconds(60)) == nil)
        let version = try #require(host.command([0x02]))
        for _ in 0..<3 {
            host.send(PN532Frame.refuse.bytes)
            #expect(host.next() == .information([0xD5] + version))
        }
        #expect(host.chip.lineTraffic.repeats == 3)
    }

    @Test func `A search goes on until a card comes, and ends when the host sends ACK`() throws {
        let host = try Host()
        host.send(PN532Frame.information([0xD4, 0x4A, 1, 0]).bytes)
        #expect(host.next() == .acknowledge)
        #expect(host.next(.milliseconds(50)) == nil)
        host.chip.insert(try factoryCard())
        #expect(host.next() == .information([0xD5] + Self.listed))
        host.send(PN532Frame.information([0xD4, 0x4A, 1, 0]).bytes)
        #expect(host.next() == .acknowledge)
        host.send(PN532Frame.acknowledge.bytes)
        #expect(host.next(.milliseconds(50)) == nil)
        #expect(host.command([0x02])?.count == 5)
        #expect(host.chip.lineTraffic.aborted == 1)
    }

    @Test func `A card talks, is let go, called again and forgotten with the field`() throws {
        let host = try hostWithCard()
        let select = [0x40, 1] + selectApplication
        #expect(host.command(select) == [0x41, 0x00, 0x90, 0x00])
        #expect(host.command([0x40, 1] + getKeyVersion) == [0x41, 0x00, 0x00, 0x91, 0x00])
        #expect(host.command([0x04]) == [0x05, 0x00, 0x01, 1, 1, 0x00, 0x00, 0x10, 0x80])
        #expect(host.command([0x00, 0x06]) == [0x01, 0x00])
        // R(NAK) of the other block number: R(ACK); of the same: the block again; S(DESELECT).
        #expect(host.command([0x42, 0xB2]) == [0x43, 0x00, 0xA3])
        #expect(host.command([0x42, 0xB3]) == [0x43, 0x00, 0x03, 0x00, 0x91, 0x00])
        #expect(host.command([0x4A, 1, 0]) == [0x4B, 0], "an active card hears no REQA")
        #expect(host.command([0x32, 0x01, 0x00]) == [0x33])
        #expect(host.chip.presence == .offered)
        #expect(host.command([0x4A, 1, 0]) == Self.listed)
        #expect(host.command([0x44, 1]) == [0x45, 0x00])
        #expect(host.command([0x42, 0xB2]) == [0x43, 0x01], "halted")
        #expect(host.command([0x4A, 1, 0]) == [0x4B, 0])
        #expect(host.command([0x32, 0x01, 0x00]) == [0x33])
        #expect(host.command([0x4A, 1, 0]) == Self.listed)
        #expect(host.command([0x44, 0]) == [0x45, 0x00])
        #expect(host.command([0x40, 1] + getKeyVersion) == [0x41, 0x00, 0x91, 0x9D], "anew")
        #expect(host.command([0x52, 0]) == [0x53, 0x00])
        #expect(host.command(select) == [0x41, 0x27])
    }

    @Test func `A card is found by its UID alone, of any length, and two cards at once`() throws {
        let host = try Host()
        #expect(host.command([0x32, 0x05, 0x00, 0x01, 0x02]) == [0x33])
        for uid in [[UInt8](1...4), [UInt8](1...7), [UInt8](1...10)] {
            let identity = try #require(
                ContactlessIdentity(atqa: [0x00, 0x04], sak: 0x08, uid: uid, ats: []))
            host.chip.insert(PlainCard(identity: identity))
            let cascade: [UInt8] =
                switch uid.count {
                case 4: uid
                case 7: [0x88] + uid
                default: [0x88] + uid[0...2] + [0x88] + uid[3...]
                }
            let other = cascade.dropLast() + [0x77]
            #expect(host.command([0x4A, 1, 0] + other) == [0x4B, 0])
            let found = [0x4B, 1, 1, 0x00, 0x04, 0x08, UInt8(uid.count)] + uid
            #expect(host.command([0x4A, 1, 0] + cascade) == found)
            #expect(host.command([0x40, 1, 0x30, 0x00]) == [0x41, 0x01], "it knows no APDU")
            host.chip.remove()
        }
        host.chip.insert(try factoryCard())
        host.chip.second.insert(SoftwareNTAG424(try .factory(uid: [4, 1, 2, 3, 4, 5, 6])))
        let both = try #require(host.command([0x4A, 2, 0]))
        #expect(both.starts(with: [0x4B, 2, 1]) && both.count == 2 + 2 * 18)
        #expect(host.command([0x40, 2] + selectApplication) == [0x41, 0x00, 0x90, 0x00])
        #expect(host.command([0x40, 1] + selectApplication) == [0x41, 0x00, 0x90, 0x00])
    }

    @Test func `Without RATS a card takes no commands until it gets it`() throws {
        let host = try Host()
        #expect(host.command([0x12, 0x04]) == [0x13])
        host.chip.insert(try factoryCard())
        #expect(host.command([0x4A, 1, 0]) == Array(Self.listed.dropLast(6)).replacing(1, at: 1))
        #expect(host.command([0x40, 1] + selectApplication) == [0x41, 0x01])
        #expect(
            host.command([0x42, 0xE0, 0x50]) == [0x43, 0x00, 0x06, 0x77, 0x77, 0x71, 0x02, 0x80])
        #expect(host.command([0x40, 1] + selectApplication) == [0x41, 0x00, 0x90, 0x00])
    }

    @Test(arguments: ["tear@2", "lost@2", "mute@2"])
    func `A card that does not answer is status 01 after its waiting time`(plan: String) throws {
        let host = try hostWithCard(plan)
        #expect(host.command([0x40, 1] + selectApplication) == [0x41, 0x00, 0x90, 0x00])
        let start = ContinuousClock.now
        #expect(host.command([0x40, 1] + getKeyVersion) == [0x41, 0x01])
        #expect(start.duration(to: .now) >= .milliseconds(38))
        let isGone = plan != "mute@2"
        #expect(host.chip.presence == (isGone ? .left : .powered))
        #expect(host.command([0x40, 1] + selectApplication) == [0x41, 0x01])
        #expect(host.command([0x32, 0x01, 0x00]) == [0x33])
        #expect(host.command([0x4A, 1, 0]) == (isGone ? [0x4B, 0] : Self.listed))
    }

    @Test func `Long data goes in pieces either way, and never more than the chip holds`() throws {
        let host = try Host()
        host.chip.insert(EchoCard())
        #expect(host.command([0x4A, 1, 0])?.prefix(2) == [0x4B, 1])
        let long = (0..<500).map { UInt8(truncatingIfNeeded: $0) }
        #expect(host.command([0x40, 0x41] + long[..<262]) == [0x41, 0x00])
        let first = try #require(host.command([0x40, 0x01] + long[262...]))
        #expect(first == [0x41, 0x40] + long[..<262])
        #expect(host.command([0x40, 0x01]) == [0x41, 0x00] + long[262...])
        #expect(host.command([0x40, 0x81, 0x00]) == [0x41, 0x10])
        for _ in 0..<15 { #expect(host.command([0x40, 0x41] + long[..<262]) == [0x41, 0x00]) }
        #expect(host.command([0x40, 0x41] + long[..<262]) == [0x41, 0x0E])
        #expect(host.command([0x40, 0x01, 0x11]) == [0x41, 0x13], "an answer of one byte")
    }

    @Test func `Pace is that of line and air`() throws {
        let host = try Host(rate: .kilobits106, baud: 9_600)
        host.chip.insert(try factoryCard())
        let start = ContinuousClock.now
        #expect(host.command([0x4A, 1, 0]) == Self.listed)
        let air = AirPace(.kilobits106, readerFrame: 64)
        // 10 bytes, ACK of 6, 27 bytes back: ten bits each.
        #expect(start.duration(to: .now) >= .microseconds(43 * 1_041) + air.activation)
        #expect(host.command([0x10, 0x04]) == [0x11])
        host.send(PN532Frame.acknowledge.bytes)
        let spent = Promised.best(within: .microseconds(503 * 1_041)) {
            Promised.time {
                let echo = host.command([0x00, 0x00] + [UInt8](repeating: 7, count: 240))
                #expect(echo?.count == 242)
            }
        }
        #expect(spent >= .microseconds(503 * 86) && spent < .microseconds(503 * 1_041))
    }

    @Test func `No bytes of a host bring it down`() throws {
        let host = try Host()
        host.chip.insert(try factoryCard())
        var generator = Seed.dice()
        for round in 0..<3_000 {
            let count = Int.random(in: 0...40, using: &generator)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if round % 3 != 0 {
                // A whole frame with a command it knows, and any parameters.
                let codes: [UInt8] = [
                    0, 2, 4, 6, 8, 0x10, 0x12, 0x14, 0x32, 0x4A, 0x40, 0x42, 0x44, 0x52, 0x54,
                ]
                let code = codes[Int.random(in: 0..<codes.count, using: &generator)]
                bytes = PN532Frame.information([0xD4, code] + bytes).bytes
            }
            host.send(bytes)
            // What it says must be read, or the line is full.
            while host.next(.zero) != nil {}
        }
        host.send([UInt8](repeating: 0x55, count: 300) + PN532Frame.acknowledge.bytes)
        while host.next(.milliseconds(100)) != nil {}
        #expect(host.command([0x02]) == [0x03, 0x32, 0x01, 0x06, 0x07])
    }
}

extension [UInt8] {
    /// One byte exchanged.
    fileprivate func replacing(_ byte: UInt8, at index: Int) -> [UInt8] {
        var copy = self
        copy[index] = byte
        return copy
    }
}

/// A card that shows an identity and takes no commands.
private struct PlainCard: SoftwareCard {
    let identity: ContactlessIdentity
    let atr: [UInt8] = []
    mutating func powerOn() {}
    mutating func powerOff() {}
    mutating func respond(to command: [UInt8]) -> [UInt8] { [0x90, 0x00] }
}

/// A card that answers with its command.
private struct EchoCard: SoftwareCard {
    let atr: [UInt8] = []
    mutating func powerOn() {}
    mutating func powerOff() {}
    mutating func respond(to command: [UInt8]) -> [UInt8] { command }
}

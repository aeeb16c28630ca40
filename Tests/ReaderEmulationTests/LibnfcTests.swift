import CardEmulation
import Foundation
import Linux
import NFC
import ReaderEmulation
import TestSupport
import Testing

/// The real libnfc in front of the chip: one line, one process.
@Suite(.serialized) struct LibnfcTests {
    /// The chip, opened. libnfc gives up after 300 ms: where a busy machine lets the chip in
    /// software wait so long, it is asked again. A line that somebody has is no such case.
    private func open(_ chip: VirtualPN532) throws(NFCError) -> Device {
        for _ in 0..<20 {
            do {
                return try Device(chip.connstring)
            } catch  where error.code != NFCError.busy {
                Clock.sleep(.milliseconds(20))
            }
        }
        return try Device(chip.connstring)
    }

    /// What is asked of a chip. Some calls have no more than 300 ms: where a busy machine lets one
    /// of them end for that, all is done again at another chip.
    private func atChip(_ body: (VirtualPN532) throws -> Void) throws {
        for _ in 0..<4 {
            do { return try atOneChip(body) } catch let error as NFCError
                where error.code == NFCError.timedOut
            {}
        }
        try atOneChip(body)
    }

    private func atOneChip(_ body: (VirtualPN532) throws -> Void) throws {
        let chip = try VirtualPN532()
        defer { chip.stop() }
        try body(chip)
    }

    @Test func `libnfc opens the chip, finds the card and talks with it`() throws {
        try atChip { chip in
            chip.insert(try factoryCard())
            let device = try open(chip)
            #expect(chip.presence == .offered)
            let targets = try device.list()
            #expect(
                targets == [
                    try #require(
                        Target.list(
                            [1, 1, 0x03, 0x44, 0x20, 7, 0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66]
                                + [0x06, 0x77, 0x77, 0x71, 0x02, 0x80])?.first)
                ])
            #expect(targets.first?.isISODEP == true)
            #expect(chip.presence == .powered)
            #expect(try device.transceive(selectApplication, milliseconds: 5_000) == [0x90, 0x00])
            #expect(
                try device.transceive(getKeyVersion, milliseconds: 5_000) == [0x00, 0x91, 0x00])
            #expect(try device.isPresent())
            chip.remove()
            #expect(try !device.isPresent())
            #expect(
                throws: NFCError(
                    call: "nfc_initiator_transceive_bytes", code: NFCError.transmission)
            ) { try device.transceive(selectApplication, milliseconds: 5_000) }
        }
    }
    @Test func `The longest command and answer pass, and no longer one is sent`() throws {
        try atChip { chip in
            chip.insert(MirrorCard())
            let device = try open(chip)
            #expect(try device.list().count == 1)
            for count in [2, 5, 60, 61, 62, 128, 251, 252, 253, 254, 255, 258, 261] {
                let command = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
                #expect(try device.transceive(command, milliseconds: 5_000) == command, "\(count)")
            }
            for count in [0, 262, 1_000] {
                #expect(throws: NFCError.self) {
                    try device.transceive([UInt8](repeating: 0, count: count), milliseconds: 5_000)
                }
            }
            #expect(throws: NFCError.self) { try device.transceive([0, 0], milliseconds: 0) }
        }
    }

    @Test func `A second card is seen, and both are found again once the field was off`() throws {
        try atChip { chip in
            chip.insert(try factoryCard())
            chip.second.insert(SoftwareNTAG424(try .factory(uid: [4, 1, 2, 3, 4, 5, 6])))
            let device = try open(chip)
            let both = try device.list()
            #expect(both.map(\.uid.count) == [7, 7])
            #expect(try device.list() == [])
            try device.setField(false)
            try device.setField(true)
            #expect(try device.list() == both)
            try device.deselect()
            #expect(try !device.isPresent())
            try device.ask()
        }
    }

    @Test func `A line has one owner at a time`() throws {
        try atChip { chip in
            do {
                let device = try open(chip)
                #expect(throws: NFCError(call: "flock", code: NFCError.busy)) {
                    try open(chip).ask()
                }
                try device.ask()
            }
            try open(chip).ask()
        }
    }

    /// As a program has one that is being started beside: it shares what is open until it runs.
    @Test func `A line is free once it is let go, though a copy of its descriptor is open`() throws
    {
        try atChip { chip in
            var copies: [Int32] = []
            defer { for copy in copies { close(copy) } }
            do {
                let device = try open(chip)
                copies = try copiedDescriptors(
                    of: String(chip.connstring.dropFirst("pn532_uart:".count)))
                try device.ask()
            }
            #expect(copies.count > 1)
            try open(chip).ask()
        }
    }

    @Test func `What is no chip is refused by name`() throws {
        let cases: [(String, Int32)] = [
            ("pn532_uart:/nowhere", NFCError.noSuchDevice),
            ("pn532_uart:/dev/null", NFCError.noSuchDevice),
            ("pn532_uart:", NFCError.noSuchDevice), ("pcsc:ACS", NFCError.notSupported),
            ("", NFCError.notSupported), ("acr122_usb", NFCError.notSupported),
            ("pn532_uart:" + String(repeating: "x", count: 1_024), NFCError.notSupported),
        ]
        for (connstring, code) in cases {
            do {
                _ = try Device(connstring)
                Issue.record("\(connstring)")
            } catch { #expect(error.code == code, "\(connstring): \(error)") }
        }
        #expect(
            "\(NFCError(call: "nfc_open", code: -4))"
                == "nfc_open: -4 NFC_ENOTSUCHDEV no such device")
    }

    /// A card's own words are not believed: lengths that point past the answer, or before it.
    @Test func `An activation answer of any shape is read or refused`() {
        let good: [UInt8] = [1, 1, 0x03, 0x44, 0x20, 4, 9, 9, 9, 9, 3, 0x70, 0x80]
        #expect(Target.list(good)?.first?.ats == [0x70, 0x80])
        for length in [0, 4, 255] as [UInt8] {
            var bad = good
            bad[10] = length
            #expect(Target.list(bad)?.first?.ats == [], "ATS of \(length)")
            bad[10] = 3
            bad[5] = length == 4 ? 5 : length
            #expect(Target.list(bad) == nil, "UID of \(length)")
        }
        for count in 0..<good.count {
            let isShort = count < 10 && count != 0
            #expect((Target.list(Array(good.prefix(count))) == nil) == (isShort || count == 0))
        }
        #expect(Target.list([3]) == nil && Target.list([0]) == [])
        var generator = Seed.dice()
        for _ in 0..<10_000 {
            let noise = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                UInt8.random(in: 0...12, using: &generator)
            }
            for target in Target.list(noise) ?? [] {
                #expect([4, 7, 10].contains(target.uid.count) && target.ats.count < 254)
            }
        }
    }

    /// What a program of somebody else prints over the chip.
    private func output(_ program: String, _ chip: VirtualPN532) throws -> String {
        let environment = ["LIBNFC_DEVICE": chip.connstring]
        let result = try LateChip.retried({ $0.error.contains("open") }) {
            try Programs.run(program, [], environment: environment)
        }
        #expect(result.code == 0)
        return result.out + result.error
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/nfc-list")))
    func `nfc-list sees the card`() throws {
        let chip = try VirtualPN532()
        defer { chip.stop() }
        chip.insert(try factoryCard())
        let text = try output("/usr/bin/nfc-list", chip)
        #expect(text.contains("ATQA (SENS_RES): 03  44"), "\(text)")
        #expect(text.contains("UID (NFCID1): 04  11  22  33  44  55  66"))
        #expect(text.contains("SAK (SEL_RES): 20"))
        #expect(text.contains("ATS: 77  77  71  02  80"))
        #expect(text.contains("1 ISO14443A passive target(s) found"))
    }

    /// It lists the target and, as the ATS is no DESFire's, says nothing of it. An empty field
    /// costs it fewer commands: it did find the card.
    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/mifare-desfire-info")))
    func `mifare-desfire-info finds the card and takes it for no DESFire`() throws {
        let chip = try VirtualPN532()
        defer { chip.stop() }
        _ = try output("/usr/bin/mifare-desfire-info", chip)
        let empty = chip.lineTraffic.bytes
        chip.insert(try factoryCard())
        let text = try output("/usr/bin/mifare-desfire-info", chip)
        #expect(!text.contains("==="), "\(text)")
        #expect(chip.lineTraffic.bytes - empty > empty)
    }

    @Test func `An exchange on the line costs what the frames add, and is quick`() throws {
        try atChip { chip in
            chip.insert(try factoryCard())
            let device = try open(chip)
            _ = try device.list()
            let before = chip.lineTraffic
            var times: [Duration] = []
            for _ in 0..<300 {
                let start = ContinuousClock.now
                #expect(
                    try device.transceive(selectApplication, milliseconds: 5_000) == [0x90, 0x00])
                times.append(start.duration(to: .now))
            }
            // Command frame 8 + 2, ACK 6, answer frame 8 + 2 (code 41 and status).
            let bytes = chip.lineTraffic.bytes - before.bytes
            #expect(bytes == 300 * (selectApplication.count + 2 + 26))
            let sorted = times.sorted()
            // Most of them on an idle machine; a busy one has its quick moments.
            #expect(sorted[30] < .milliseconds(20))
            print("exchange over libnfc on a pty: p50 \(sorted[150]), p90 \(sorted[270])")
        }
    }
}

/// A card that answers with its command.
private struct MirrorCard: SoftwareCard {
    let atr: [UInt8] = []
    mutating func powerOn() {}
    mutating func powerOff() {}
    mutating func respond(to command: [UInt8]) -> [UInt8] { command }
}

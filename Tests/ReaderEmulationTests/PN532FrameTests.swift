import TestSupport
import Testing

@testable import ReaderEmulation

/// Frames as UM0701-02 §6.2.1 draws them.
@Suite struct PN532FrameTests {
    private func scan(_ bytes: [UInt8]) -> [PN532Frame] {
        var scanner = PN532Scanner()
        return bytes.compactMap { scanner.take($0) }
    }

    @Test func `Each kind of frame has the bytes of the manual`() {
        #expect(PN532Frame.acknowledge.bytes == [0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00])
        #expect(PN532Frame.refuse.bytes == [0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00])
        #expect(
            PN532Frame.syntaxError.bytes == [0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00])
        #expect(
            PN532Frame.information([0xD4, 0x02]).bytes
                == [0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00])
    }

    @Test(arguments: [1, 2, 127, 254, 255, 256, 257, 264, 265])
    func `A frame of any length is found again, whatever stands around it`(count: Int) {
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let frame = PN532Frame.information(content)
        #expect(frame.bytes.count == count + (count < 256 ? 7 : 10))
        let noise: [UInt8] = [0x55, 0x55, 0x00, 0x00, 0x12, 0xFF]
        #expect(scan(frame.bytes) == [frame])
        #expect(scan(noise + frame.bytes + noise + frame.bytes) == [frame, frame])
        #expect(scan(frame.bytes + PN532Frame.acknowledge.bytes) == [frame, .acknowledge])
        #expect(scan(PN532Frame.refuse.bytes + frame.bytes) == [.refuse, frame])
    }

    @Test func `A frame with any one bit changed is not taken for another command`() {
        let content: [UInt8] = [0xD4, 0x40, 0x01, 0x00, 0xA4, 0x04, 0x0C]
        let bytes = PN532Frame.information(content).bytes
        // The first byte and the last are preamble and postamble: nobody looks at them.
        for index in bytes.indices.dropFirst().dropLast() {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                #expect(scan(changed) == [], "byte \(index) bit \(bit)")
            }
        }
    }

    @Test func `Lengths the chip has no room for are passed over`() {
        #expect(scan([0x00, 0xFF, 0x00, 0x00]) == [])
        #expect(scan([0x00, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00]) == [])
        for length in [266, 512, 65_535] {
            let (high, low) = (UInt8(length >> 8), UInt8(length & 0xFF))
            let head: [UInt8] = [0x00, 0xFF, 0xFF, 0xFF, high, low, 0 &- (high &+ low)]
            let ack = PN532Frame.acknowledge
            #expect(scan(head + ack.bytes) == [ack])
        }
    }

    @Test func `No stream of bytes stops the scanner, and it finds the next frame`() {
        var generator = Seed.dice()
        let frame = PN532Frame.information([0xD4, 0x02])
        var scanner = PN532Scanner()
        for _ in 0..<200_000 {
            // Bytes that matter come often.
            let choices: [UInt8] = [0x00, 0xFF, 0x55, .random(in: 0...255, using: &generator)]
            _ = scanner.take(choices[Int.random(in: 0..<4, using: &generator)])
        }
        // What is open is at most one frame long.
        for _ in 0...PN532Frame.contentMax { _ = scanner.take(0x01) }
        #expect(frame.bytes.compactMap { scanner.take($0) } == [frame])
    }
}

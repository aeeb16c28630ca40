import CardEmulation
import Foundation
import Linux
import NFC
import ReaderEmulation
import Testing

/// The real libnfc in front of the chip: one line, one process.
@Suite(.serialized) struct LibnfcTests {
    @Test func `libnfc opens the chip, finds the card and talks with it`() throws {
        let chip = try VirtualPN532()
        defer { chip.stop() }
        chip.insert(try factoryCard())
        let device = try Device(chip.connstring)
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
        #expect(try device.transceive(selectApplication, milliseconds: 500) == [0x90, 0x00])
        #expect(try device.transceive(getKeyVersion, milliseconds: 500) == [0x00, 0x91, 0x00])
        #expect(try device.isPresent())
        chip.remove()
        #expect(try !device.isPresent())
        #expect(
            throws: NFCError(
                call: "nfc_initiator_transceive_bytes", code: NFCError.transmission)
        ) { try device.transceive(selectApplication, milliseconds: 500) }
    }
}

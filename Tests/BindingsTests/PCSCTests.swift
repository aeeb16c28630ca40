import Linux
import PCSC
import Testing

@Suite struct PCSCTests {
    @Test(arguments: [
        (PCSCError.noService, "0x8010001d Service not available."),
        (PCSCError.removedCard, "0x80100069 Card was removed."),
        (PCSCError.timedOut, "0x8010000a Command timeout."),
        (PCSCError.unknownReader, "0x80100009 Unknown reader specified."),
    ])
    func `a code is told in the library's words`(code: UInt32, text: String) {
        #expect(PCSCError(call: "SCardX", code: code).description == "SCardX: " + text)
    }

    @Test func `an unknown code survives`() {
        let error = PCSCError(call: "SCardX", code: 0xFFFF_FFFF)
        #expect(error.code == 0xFFFF_FFFF)
        #expect(error.description.hasPrefix("SCardX: 0xffffffff "))
    }

    /// Only where no daemon listens: the live tests start one of their own.
    @Test(.enabled(if: !Files.exists("/run/pcscd/pcscd.comm")))
    func `without a daemon there is no context, and the error says so`() {
        let error = #expect(throws: PCSCError.self) { _ = try Context() }
        #expect(error == PCSCError(call: "SCardEstablishContext", code: PCSCError.noService))
    }
}

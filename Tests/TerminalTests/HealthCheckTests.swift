import Terminal
import Testing

@Suite struct HealthCheckTests {
    private func signs(_ part: HealthCheck.Part, _ silence: Duration) -> HealthCheck.Signs {
        HealthCheck.Signs(
            readerSilence: part == .reader ? silence : .zero,
            clerkSilence: part == .clerk ? silence : .zero,
            journalUnreadable: part == .journal ? silence : .zero,
            screenSilence: part == .screen ? silence : .zero,
            pageSilence: part == .page ? silence : .zero)
    }

    @Test(arguments: HealthCheck.Part.allCases)
    func `A part is wedged past its limit, and not at it`(part: HealthCheck.Part) {
        let limit = HealthCheck.limit(of: part)
        #expect(HealthCheck.wedged(signs(part, limit)) == [])
        #expect(HealthCheck.wedged(signs(part, limit + .milliseconds(1))) == [part])
    }

    @Test func `A message id is 32 hexadecimal digits and belongs to one event`() {
        let ids = LogEvent.Kind.allCases.map(\.messageID)
        #expect(Set(ids).count == ids.count)
        for id in ids {
            #expect(id.count == 32 && id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
        }
    }

    @Test func `An event is a line, and journal fields`() {
        let event = LogEvent(.tap, ["operation": "0190", "late-by": "7"], sentence: "Attendez.")
        #expect(event.text == "event=tap operation=0190 late-by=7: Attendez.")
        #expect(event.fields.map(\.journalName) == ["ECO_OP_ID", "ECO_LATE_BY"])
    }
}

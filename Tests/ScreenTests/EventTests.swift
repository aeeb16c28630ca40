import Foundation
import Linux
import Operations
import Screen
import Terminal
import Testing
import WebDriver

/// One page's stream of events over a real connection.
final class Listener {
    private let connection: TCPConnection
    let status: Int

    init(_ service: Service) throws {
        let port = service.screen.port
        let connection = try TCPConnection.connect(
            host: "127.0.0.1", port: port, timeout: .seconds(60))
        let request =
            "GET /events HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nCookie: \(service.cookie)\r\n\r\n"
        try connection.write(Array(request.utf8))
        status = try WireClient.head(connection).status
        self.connection = connection
    }

    /// The next event of that name: its data. Lines of the chunked coding are passed over.
    func next(_ name: String) throws -> [String: Any] {
        for _ in 0..<200 {
            guard try WireClient.line(connection) == "event: \(name)" else { continue }
            let line = try WireClient.line(connection)
            try #require(line.hasPrefix("data: "))
            let object = try JSONSerialization.jsonObject(with: Data(line.dropFirst(6).utf8))
            return try #require(object as? [String: Any])
        }
        throw Missing(name: name)
    }

    struct Missing: Error { let name: String }
}

@Suite struct EventTests {
    @Test func `A page sees the present, each change whole, and a beat`() throws {
        let service = try Service()
        let listener = try Listener(service)
        #expect(listener.status == 200)
        let first = try listener.next("snapshot")
        #expect(first["merchant"] as? String == "Épicerie du Canal")
        for (_, stage) in Samples.stages.dropFirst() {
            service.checkout.show(stage)
            let event = try listener.next("snapshot")
            let shown = try #require(event["stage"] as? [String: Any])
            #expect(shown["name"] as? String == Self.name(stage))
            #expect(
                (event["version"] as? Int).map(UInt64.init) == service.checkout.snapshot.version)
            #expect(event["reader"] as? String == "ready")
        }
        _ = try listener.next("beat")
    }

    static func name(_ stage: Stage) -> String {
        switch stage {
        case .amountEntry: "amountEntry"
        case .outOfService: "outOfService"
        case .presentCard: "presentCard"
        case .reading: "reading"
        case .removedTooSoon: "removedTooSoon"
        case .accepted: "accepted"
        case .completed: "completed"
        case .refused: "refused"
        case .unknownResult: "unknownResult"
        }
    }

    @Test func `A stage carries what its screen shows and nothing else`() throws {
        let service = try Service()
        let listener = try Listener(service)
        _ = try listener.next("snapshot")
        service.checkout.show(
            .refused(
                id: Samples.id, amount: Samples.eco(1250),
                .insufficient(missing: Samples.eco(320))))
        let stage = try #require(try listener.next("snapshot")["stage"] as? [String: Any])
        #expect(Set(stage.keys) == ["name", "refusal"])
        let refusal = try #require(stage["refusal"] as? [String: Any])
        #expect(refusal["message"] as? String == "insufficient")
        #expect(refusal["code"] as? String == "P01")
        #expect(refusal["sentenceCents"] as? Int == 320)
        #expect(refusal["lesserCents"] as? Int == 930)
        #expect(refusal["actions"] as? [String] == ["payPart", "otherCard", "finish"])

        let waiting = Samples.armed()
        service.checkout.show(.presentCard(waiting))
        let next = try #require(try listener.next("snapshot")["stage"] as? [String: Any])
        let armed = try #require(next["armed"] as? [String: Any])
        #expect(armed["id"] as? String == Samples.id.description)
        let remaining = try #require(armed["remainingMilliseconds"] as? Int)
        let left = Int(waiting.deadline) - Int(ScriptedCheckout.now())
        #expect((left...42_000).contains(remaining))
    }

    @Test func `The strip's facts are told: network, queue, reader, clock`() throws {
        let service = try Service()
        let listener = try Listener(service)
        _ = try listener.next("snapshot")
        service.checkout.change { state in
            state.snapshot.network = .offline(since: 1_764_000_000_000)
            state.snapshot.queue = Snapshot.Queue(
                count: 7, total: Samples.eco(8450), oldest: 1_764_000_000_001, rejected: 2)
            state.snapshot.reader = .absent
            state.snapshot.clockTrust = .untrusted
        }
        let event = try listener.next("snapshot")
        let network = try #require(event["network"] as? [String: Any])
        #expect(network["state"] as? String == "offline")
        #expect(network["since"] as? Int == 1_764_000_000_000)
        let queue = try #require(event["queue"] as? [String: Any])
        #expect(queue["count"] as? Int == 7)
        #expect(queue["totalCents"] as? Int == 8450)
        #expect(queue["rejected"] as? Int == 2)
        #expect(event["reader"] as? String == "absent")
        #expect(event["clock"] as? String == "untrusted")
    }

    @Test func `Nine pages are one too many, and a page that leaves gives its place back`() throws {
        let service = try Service()
        func listen(_ count: Int) throws {
            guard count > 0 else {
                let ninth = try Listener(service)
                #expect(ninth.status == 429)
                return
            }
            let listener = try Listener(service)
            #expect(listener.status == 200)
            _ = try listener.next("snapshot")
            try listen(count - 1)
        }
        try listen(8)
        // Each left page is noticed at its next beat.
        let deadline = ContinuousClock.now + .seconds(60)
        var status = 0
        while status != 200, ContinuousClock.now < deadline {
            status = try Listener(service).status
        }
        #expect(status == 200)
    }
}

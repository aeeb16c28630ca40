import Foundation
import Glibc
import TestSupport
import Threads

/// A TCP proxy between terminals and ledgers that does what a plan says. It reads whole requests
/// and answers (HTTP/1.1 with Content-Length) and so knows at which byte of which it acts.
final class FaultProxy: Sendable {
    struct Counts {
        /// Requests that came, and those of them that were batches.
        var requests = 0
        var batches = 0
        /// Faults done, by kind.
        var faults: [String: Int] = [:]
        /// Batches a ledger answered with 200, and those of them whose answer did not get through.
        var receipts = 0
        var receiptsLost = 0
        /// Requests seen of each terminal.
        var seen: [String: Int] = [:]
        /// The newest answers that a terminal got, for those that come late or to another.
        var last: [String: [UInt8]] = [:]
        var lastReceipt: [UInt8] = []
        var isStopping = false
    }

    let plan: FaultPlan
    let counts = Monitor(Counts())
    var port: UInt16 { listener.port }
    /// Places in the plan, by the terminal's id.
    private let places: [String: Int]
    private let ledgers: [UInt16]
    private let listener: WireListener
    private let patience: Duration

    /// `patience`: how long a stall lasts at most; longer than whoever asks waits.
    init(
        _ plan: FaultPlan, terminals: [String], ledgers: [UInt16], patience: Duration
    ) throws {
        self.plan = plan
        self.ledgers = ledgers
        self.patience = patience
        places = Dictionary(
            uniqueKeysWithValues: terminals.enumerated().map { ($0.element, $0.offset) })
        listener = try WireListener()
        NamedThread.start("proxy") { [self] in
            var number = 0
            while let wire = listener.accept() {
                let ledger = ledgers[number % ledgers.count]
                number += 1
                NamedThread.start("proxied") { [self] in serve(wire, ledger) }
            }
        }
    }

    /// May be called again.
    func stop() {
        counts.update { $0.isStopping = true }
        listener.stop()
    }

    private func serve(_ client: Wire, _ ledger: UInt16) {
        let line = Line(ledger)
        while let request = client.message(within: .seconds(60)) {
            let id = Self.terminal(of: request)
            let isBatch = request.text.hasPrefix("POST ") && request.text.contains("/entries HTTP")
            let place = places[id]
            let number = counts.update { counts in
                counts.requests += 1
                if isBatch { counts.batches += 1 }
                defer { counts.seen[id, default: 0] += 1 }
                return counts.seen[id, default: 0]
            }
            let fault = place.flatMap { plan.fault(terminal: $0, request: number) }
            if let fault { counts.update { $0.faults[fault.kind, default: 0] += 1 } }
            let turn = Turn(
                proxy: self, client: client, ledger: line, request: request, id: id,
                isBatch: isBatch, patience: patience)
            guard turn.run(fault) else { return }
        }
    }

    /// The key's id in the signature's parameters.
    private static func terminal(of request: Message) -> String {
        request.text.components(separatedBy: "keyid=\"").dropFirst().first.map {
            String($0.prefix(16))
        } ?? ""
    }
}

/// The way to a ledger that one connection of a terminal has; opened anew when it broke.
private final class Line {
    private let port: UInt16
    private var wire: Wire?

    init(_ port: UInt16) { self.port = port }

    /// Sends so many bytes of a message; the whole of it for nil.
    func send(_ bytes: some Collection<UInt8>) -> Bool {
        if wire?.isIdle != true { wire = Wire.connect(port) }
        return wire?.write(Array(bytes)) ?? false
    }

    func ask(_ request: Message) -> Message? {
        guard send(request.bytes) else { return nil }
        guard let answer = wire?.message(within: .seconds(30)) else {
            wire = nil
            return nil
        }
        return answer
    }

    func cut() { wire = nil }
}

/// One request and what becomes of it.
private struct Turn {
    let proxy: FaultProxy
    let client: Wire
    let ledger: Line
    let request: Message
    let id: String
    let isBatch: Bool
    let patience: Duration

    /// False: the connection is over.
    func run(_ fault: Fault?) -> Bool {
        switch fault {
        case nil, .drip, .doubleReply, .lateReply, .shortReply, .doubleRequest, .cutReply,
            .stallReply, .reset(isBooked: true), .storm(_, _, isBooked: true):
            guard let answer = ask() else { return false }
            return give(answer, fault)
        case .cutRequest(let share):
            _ = ledger.send(request.bytes.prefix(request.bytes.count * share / 1_000))
            ledger.cut()
            return false
        case .stallRequest:
            client.waitForEnd(patience)
            return false
        case .reset(isBooked: false):
            client.reset()
            return false
        case .wrongBody(let which): return client.write(wrong(which))
        case .storm(let status, let isProblem, isBooked: false):
            return client.write(Self.error(status, isProblem))
        }
    }

    private func ask() -> Message? {
        let answer = ledger.ask(request)
        if isBatch, answer?.status == 200 { proxy.counts.update { $0.receipts += 1 } }
        return answer
    }

    private func lose(_ answer: Message) {
        if isBatch, answer.status == 200 { proxy.counts.update { $0.receiptsLost += 1 } }
    }

    private func give(_ answer: Message, _ fault: Fault?) -> Bool {
        let before = proxy.counts.update { counts -> [UInt8]? in
            defer {
                counts.last[id] = answer.bytes
                if isBatch, answer.status == 200 { counts.lastReceipt = answer.bytes }
            }
            return counts.last[id]
        }
        switch fault {
        case .drip(let pieces): return drip(answer.bytes, pieces)
        case .doubleReply: return client.write(answer.bytes + answer.bytes)
        case .lateReply:
            lose(answer)
            return client.write(before ?? answer.bytes)
        case .shortReply(let share):
            lose(answer)
            return client.write(answer.shortened(to: answer.body.count * share / 1_001))
        case .doubleRequest(let gets):
            let second = ledger.ask(request)
            return client.write((gets == 1 ? answer : second ?? answer).bytes)
        case .cutReply(let share):
            lose(answer)
            _ = client.write(Array(answer.bytes.prefix(answer.bytes.count * share / 1_001)))
            return false
        case .stallReply:
            lose(answer)
            client.waitForEnd(patience)
            return false
        case .reset:
            lose(answer)
            client.reset()
            return false
        case .storm(let status, let isProblem, _):
            lose(answer)
            return client.write(Self.error(status, isProblem))
        default: return client.write(answer.bytes)
        }
    }

    private func drip(_ bytes: [UInt8], _ pieces: Int) -> Bool {
        let size = max(bytes.count / pieces, 1)
        for start in stride(from: 0, to: bytes.count, by: size) {
            guard client.write(Array(bytes[start..<min(start + size, bytes.count)])) else {
                return false
            }
            usleep(5_000)
        }
        return true
    }

    private func wrong(_ which: Int) -> [UInt8] {
        let stranger = proxy.counts.read { $0.lastReceipt }
        if which == 0, !stranger.isEmpty { return stranger }
        let bodies: [[UInt8]] = [
            [], Array("<html><body>Bienvenue ! Connectez-vous : 1748779200</body></html>".utf8),
            Array("{}".utf8), Array("{\"ms\":9223372036854775807}".utf8),
            (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ which) },
        ]
        return Message.answer(200, "text/html", bodies[which % bodies.count])
    }

    private static func error(_ status: Int, _ isProblem: Bool) -> [UInt8] {
        isProblem
            ? Message.answer(
                status, "application/problem+json",
                Array("{\"code\":\"busy\",\"retryable\":true,\"status\":\(status)}".utf8))
            : Message.answer(status, "text/html", Array("<h1>\(status)</h1>".utf8))
    }
}

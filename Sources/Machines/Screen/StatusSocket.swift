import HTTPServer
import Linux
import Operations
public import Terminal

/// What a monitor may know of a checkout.
public struct StatusReport: Sendable {
    /// The program's version.
    public var version: String
    /// The last snapshot.
    public var snapshot: Snapshot
    /// Events since the start.
    public var tally: EventTally
    /// Number of the journal's last entry.
    public var entries: UInt64
    /// Number of the last entry that the ledger acknowledged.
    public var acknowledged: UInt64
    /// Room for the journal, bytes; nil when nobody can tell.
    public var freeBytes: UInt64?
    /// Parts that do not move; the main thread under the name "main".
    public var wedged: [String]
    /// Milliseconds since the Unix epoch.
    public var now: UInt64

    /// A report.
    public init(
        version: String, snapshot: Snapshot, tally: EventTally, entries: UInt64,
        acknowledged: UInt64, freeBytes: UInt64?, wedged: [String], now: UInt64
    ) {
        self.version = version
        self.snapshot = snapshot
        self.tally = tally
        self.entries = entries
        self.acknowledged = acknowledged
        self.freeBytes = freeBytes
        self.wedged = wedged
        self.now = now
    }
}

/// `/metrics` (OpenMetrics 1.0), `/healthz` (the process moves), `/readyz` (it can sell) and
/// `/idle` (a restart cuts nothing short) on a socket in the file system that only its owner
/// opens. No label and no answer holds an identity or an amount. Dropping it stops it.
public final class StatusSocket: Sendable {
    private static let connectionsLimit = 8
    private let server: HTTPServer
    private let path: String

    /// Makes the socket at `path`, in place of one that a killed process left, and serves it.
    /// `report` is asked on the server's threads.
    /// - Throws: `LinuxError` when the socket cannot be made, `HTTPServerError`.
    public init(path: String, report: @escaping @Sendable () -> StatusReport) throws {
        // The directory's lock is held: whoever made this socket has ended.
        if Files.exists(path) { try Files.remove(path) }
        let listener = try UnixListener.open(path, mode: 0o600)
        defer { Descriptors.close(listener) }
        server = try HTTPServer(
            listener: listener, bodyLimit: 0, connectionsLimit: Self.connectionsLimit
        ) { request in
            guard request.method == "GET" else { return Problem.methodNotAllowed("GET").response }
            return Self.answer(request.path, report())
        }
        self.path = path
    }

    deinit { stop() }

    /// Ends every connection and removes the socket. May be called again.
    public func stop() {
        server.stop()
        try? Files.remove(path)
    }

    static func answer(_ path: String, _ report: StatusReport) -> HTTPResponse {
        struct Verdict: Encodable {
            let status: String
            let why: [String]
        }
        func verdict(_ why: [String], _ good: String, _ bad: String) -> HTTPResponse {
            HTTPResponse(
                status: why.isEmpty ? 200 : 503, headers: [("Content-Type", "application/json")],
                body: json(Verdict(status: why.isEmpty ? good : bad, why: why)))
        }
        switch path {
        case "/healthz": return verdict(report.wedged, "ok", "wedged")
        case "/readyz": return verdict(report.obstacles, "ready", "not-ready")
        case "/idle": return verdict(report.snapshot.underWay, "idle", "busy")
        case "/metrics":
            return HTTPResponse(
                status: 200,
                headers: [
                    (
                        "Content-Type",
                        "application/openmetrics-text; version=1.0.0; charset=utf-8"
                    )
                ], body: Array(report.openMetrics.utf8))
        default: return Problem.notFound.response
        }
    }
}

extension StatusReport {
    /// Why nothing can be sold now; codes as on the page.
    var obstacles: [String] {
        var why = wedged
        if case .outOfService(let refusal) = snapshot.stage { why.append(refusal.code) }
        if case .absent = snapshot.reader, why.isEmpty { why.append(Refusal.readerAbsent.code) }
        return why
    }

    /// The text of `/metrics`.
    public var openMetrics: String {
        var lines: [String] = []
        func family(_ name: String, _ type: String, _ help: String, _ samples: [String]) {
            lines.append("# TYPE \(name) \(type)")
            lines.append("# HELP \(name) \(help)")
            lines += samples.map { name + $0 }
        }
        family("eco_build", "info", "The program.", ["_info{version=\"\(version)\"} 1"])
        family(
            "eco_taps", "counter", "Conversations with cards, by how they ended.",
            tally.taps.sorted { $0.key < $1.key }.map {
                "_total{outcome=\"\($0.key)\"} \($0.value)"
            })
        lines.append("# UNIT eco_tap_seconds seconds")
        family(
            "eco_tap_seconds", "histogram", "From the card's arrival to the decision.",
            zip(EventTally.bounds, tally.buckets).map { "_bucket{le=\"\($0)\"} \($1)" } + [
                "_bucket{le=\"+Inf\"} \(tally.tapCount)", "_count \(tally.tapCount)",
                "_sum \(Double(tally.microseconds) / 1_000_000)",
            ])
        family(
            "eco_events", "counter", "Events of the log.",
            LogEvent.Kind.allCases.map {
                "_total{event=\"\($0.rawValue)\"} \(tally.events[$0] ?? 0)"
            })
        func gauge(_ name: String, _ help: String, _ value: String) {
            family(name, "gauge", help, [" " + value])
        }
        func yes(_ holds: Bool) -> String { holds ? "1" : "0" }
        let isOnline = if case .offline = snapshot.network { false } else { true }
        let hasReader = if case .ready = snapshot.reader { true } else { false }
        let age = snapshot.queue.oldest.map { now > $0 ? (now - $0) / 1_000 : 0 } ?? 0
        gauge("eco_ready", "Whether it can sell.", yes(obstacles.isEmpty))
        gauge("eco_ledger_up", "Whether the ledger answers.", yes(isOnline))
        gauge("eco_reader_up", "Whether a reader is there.", yes(hasReader))
        gauge(
            "eco_clock_trust", "0 untrusted to 3 synchronised.", "\(snapshot.clockTrust.rawValue)")
        gauge("eco_queue_depth", "Payments not sent.", "\(snapshot.queue.count)")
        gauge("eco_queue_oldest_seconds", "Age of the oldest payment not sent.", "\(age)")
        gauge(
            "eco_queue_rejected", "Entries a person has to look at.", "\(snapshot.queue.rejected)")
        gauge("eco_journal_entries", "The journal's last number.", "\(entries)")
        gauge("eco_journal_acknowledged", "The last number acknowledged.", "\(acknowledged)")
        if let freeBytes { gauge("eco_disk_free_bytes", "Room for the journal.", "\(freeBytes)") }
        return (lines + ["# EOF", ""]).joined(separator: "\n")
    }
}

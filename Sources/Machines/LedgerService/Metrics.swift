import HTTPServer
import LedgerBook
import Threads

/// What is counted while the process runs.
final class Meter: Sendable {
    /// Upper edges of the booking time's buckets, microseconds.
    static let edges: [Int64] = [
        1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    ]

    struct Counts {
        /// By route ("other" for paths there are none of) and status.
        var requests: [String: [Int: UInt64]] = [:]
        /// One more than the edges: the last bucket has none.
        var booking = [UInt64](repeating: 0, count: Meter.edges.count + 1)
        /// Microseconds.
        var bookingSum: Int64 = 0
    }

    private let counts = Monitor(Counts())

    func count(_ route: Route?, _ status: Int) {
        counts.read {
            $0.requests[route?.rawValue ?? "other", default: [:]][status, default: 0] += 1
        }
    }

    /// A batch was verified and booked in this time.
    func booked(in time: Duration) {
        let (seconds, attoseconds) = time.components
        let micros = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        counts.read { counts in
            counts.booking[Self.edges.firstIndex { micros <= $0 } ?? Self.edges.count] += 1
            counts.bookingSum += micros
        }
    }

    var now: Counts { counts.read { $0 } }
}

extension Routes {
    func isPutBack() throws(BookError) -> Bool {
        try putBack.stands { () throws(BookError) in
            try readers.with { (book) throws(BookError) in try book.denyEpoch() }
        }
    }

    /// OpenMetrics 1.0 text. No label holds an identity.
    func metrics() throws(Refusal) -> HTTPResponse {
        let now = clock()
        let text: String
        do throws(BookError) {
            let (outcomes, cards, terminals) = try readers.with { (book) throws(BookError) in
                // Nobody else scrapes meanwhile, so that nothing is counted twice.
                let outcomes = try tally.update { (tally) throws(BookError) in
                    try book.count(into: &tally)
                    return tally.counts
                }
                return (outcomes, try book.cardCount(), try book.fleet())
            }
            var page = MetricsPage()
            page.ledger(outcomes: outcomes, cards: cards)
            page.fleet(terminals, now: now)
            page.putBack(try isPutBack())
            page.requests(meter.now)
            text = page.text
        } catch { throw Refusal(error) }
        return HTTPResponse(
            status: 200,
            headers: [
                (
                    "Content-Type",
                    "application/openmetrics-text; version=1.0.0; charset=utf-8"
                ), ("Cache-Control", "no-store"),
            ], body: Array(text.utf8))
    }
}

/// The lines of a scrape, family after family.
struct MetricsPage {
    private var lines: [String] = []

    var text: String { (lines + ["# EOF", ""]).joined(separator: "\n") }

    private mutating func family(
        _ name: String, _ type: String, unit: String? = nil, _ help: String
    ) {
        lines.append("# TYPE \(name) \(type)")
        if let unit { lines.append("# UNIT \(name) \(unit)") }
        lines.append("# HELP \(name) \(help)")
    }

    mutating func ledger(outcomes: [(outcome: String, count: Int64)], cards: Int64) {
        family("eco_ledger_entries", "counter", "Entries received, by what was decided.")
        for outcome in ["settled", "declined", "held", "duplicate"] {
            let count = outcomes.first { $0.outcome == outcome }?.count ?? 0
            lines.append("eco_ledger_entries_total{outcome=\"\(outcome)\"} \(count)")
        }
        family("eco_ledger_cards", "gauge", "Cards registered.")
        lines.append("eco_ledger_cards \(cards)")
    }

    mutating func fleet(_ terminals: [TerminalStanding], now: UInt64) {
        let paired = terminals.filter { $0.revoked == nil }
        family("eco_ledger_terminals", "gauge", "Terminals, by state.")
        lines.append("eco_ledger_terminals{state=\"paired\"} \(paired.count)")
        lines.append(
            "eco_ledger_terminals{state=\"revoked\"} \(terminals.count - paired.count)")
        let unsent = paired.reduce(UInt64(0)) { $0 &+ $1.unsent }
        family(
            "eco_ledger_unsent_entries", "gauge", "Entries the terminals say they have not sent.")
        lines.append("eco_ledger_unsent_entries \(unsent)")
        let oldest = paired.compactMap { $0.unsent > 0 ? $0.oldest : nil }.min()
        let age = oldest.map { now > $0 ? (now - $0) / 1_000 : 0 } ?? 0
        family(
            "eco_ledger_unsent_age_seconds", "gauge", unit: "seconds",
            "Age of the oldest payment that a terminal says it has not sent.")
        lines.append("eco_ledger_unsent_age_seconds \(age)")
    }

    mutating func putBack(_ isPutBack: Bool) {
        family(
            "eco_ledger_put_back", "gauge",
            "1: terminals know later blocks than this ledger; run eco-ledger restored.")
        lines.append("eco_ledger_put_back \(isPutBack ? 1 : 0)")
    }

    mutating func requests(_ counts: Meter.Counts) {
        family("eco_ledger_requests", "counter", "Requests answered, by route and status.")
        for (route, statuses) in counts.requests.sorted(by: { $0.key < $1.key }) {
            for (status, count) in statuses.sorted(by: { $0.key < $1.key }) {
                lines.append(
                    "eco_ledger_requests_total{route=\"\(route)\",status=\"\(status)\"} \(count)")
            }
        }
        family(
            "eco_ledger_booking_seconds", "histogram", unit: "seconds",
            "Time to verify and book a batch, its fsync included.")
        var total: UInt64 = 0
        for (index, count) in counts.booking.enumerated() {
            total += count
            let edge = index < Meter.edges.count ? Self.seconds(Meter.edges[index]) : "+Inf"
            lines.append("eco_ledger_booking_seconds_bucket{le=\"\(edge)\"} \(total)")
        }
        lines.append("eco_ledger_booking_seconds_count \(total)")
        lines.append("eco_ledger_booking_seconds_sum \(Self.seconds(counts.bookingSum))")
    }

    /// "0.0025" for 2,500 microseconds: no floating point is needed for a decimal.
    static func seconds(_ micros: Int64) -> String {
        let (whole, rest) = micros.quotientAndRemainder(dividingBy: 1_000_000)
        var digits = String(1_000_000 + rest).dropFirst()
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}

import HTTPServer

extension Routes {
    /// OpenMetrics 1.0 text. No label holds an identity.
    func metrics(
        outcomes: [(outcome: String, count: Int64)], cards: Int64, statuses: [Int: UInt64]
    ) -> HTTPResponse {
        var lines = ["# TYPE eco_ledger_entries counter"]
        lines += outcomes.map {
            "eco_ledger_entries_total{outcome=\"\($0.outcome)\"} \($0.count)"
        }
        lines += ["# TYPE eco_ledger_cards gauge", "eco_ledger_cards \(cards)"]
        lines.append("# TYPE eco_ledger_requests counter")
        lines += statuses.sorted { $0.key < $1.key }.map {
            "eco_ledger_requests_total{status=\"\($0.key)\"} \($0.value)"
        }
        lines += ["# EOF", ""]
        return HTTPResponse(
            status: 200,
            headers: [
                (
                    "Content-Type",
                    "application/openmetrics-text; version=1.0.0; charset=utf-8"
                )
            ], body: Array(lines.joined(separator: "\n").utf8))
    }
}

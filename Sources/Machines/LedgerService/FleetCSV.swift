import LedgerBook
import Operations

/// The report's tables as CSV (RFC 4180): a header, commas, CRLF, quotes where they are needed.
/// Names of columns are the same in every language.
public enum FleetTable: String, CaseIterable, Sendable {
    /// What the report has.
    case terminals, entries, days, months, merchants, balance, parcours
}

/// A cell that a spreadsheet cannot take for a formula.
private enum CSVCell {
    case text(String)
    case number(String)

    var written: String {
        switch self {
        case .number(let digits): return digits
        case .text(let text):
            // A spreadsheet runs what begins so, and what follows a line end or tab in a cell.
            let flat = text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }
            var safe = String(String.UnicodeScalarView(flat))
            let first = safe.unicodeScalars.first.map { Character($0) }
            if let first, "=+-@＝＋－＠".contains(first) { safe = "'" + safe }
            let isPlain = !safe.contains { ",\";".contains($0) } && safe.first != " "
            return isPlain ? safe : "\"" + safe.replacing("\"", with: "\"\"") + "\""
        }
    }
}

extension FleetReport {
    /// One table. Amounts are ECO with a point, times RFC 3339 UTC.
    public func csv(_ table: FleetTable) -> String {
        let (header, rows) = content(table)
        return ([header] + rows.map { $0.map(\.written) })
            .map { $0.joined(separator: ",") + "\r\n" }.joined()
    }

    private func content(_ table: FleetTable) -> (header: [String], rows: [[CSVCell]]) {
        switch table {
        case .terminals:
            (
                [
                    "terminal", "merchant", "state", "last_seen", "entries", "unsent",
                    "unsent_eco", "oldest_unsent", "clock_ahead_ms", "version",
                ], terminals.map(row)
            )
        case .entries:
            (
                ["state", "reason", "terminal", "entry", "time", "card", "eco"],
                held.map { row($0, "held") } + cut("held", heldCount, held)
                    + flagged.map { row($0, "flagged") } + cut("flagged", flaggedCount, flagged)
            )
        case .days:
            (["day"] + Self.money, volumes.map { row(CalendarDay(number: $0.day).text, $0) })
        case .months: (["month"] + Self.money, months.map { row($0.month, $0.volume) })
        case .merchants: (["merchant"] + Self.money + ["net_eco"], merchants.map(row))
        case .balance: (["accounts", "eco"], balanceRows)
        case .parcours:
            (["parcours", "action", "unit", "times", "quantity"], parcoursRows)
        }
    }

    private static let money = ["payments", "payments_eco", "returned_eco", "topped_up_eco"]

    private static func eco(_ cents: Int64) -> CSVCell { .number(Decimal.text(cents, digits: 2)) }

    private func row(_ name: String, _ volume: DayVolume) -> [CSVCell] {
        [
            .text(name), .number("\(volume.payments)"), Self.eco(volume.paymentCents),
            Self.eco(volume.returnedCents), Self.eco(volume.toppedUpCents),
        ]
    }

    private func row(_ terminal: TerminalStanding) -> [CSVCell] {
        let said = terminal.said
        return [
            .text(terminal.id), .text(terminal.merchant),
            .text(terminal.revoked == nil ? "paired" : "revoked"),
            .text(terminal.seen.map(Self.instant) ?? ""), .number("\(terminal.entries)"),
            .number("\(terminal.unsent)"),
            terminal.unsent == 0 ? Self.eco(0) : Self.eco(said?.unsentCents ?? 0),
            .text(terminal.oldest.map(Self.instant) ?? ""),
            said.map { .number("\($0.clockAhead)") } ?? .text(""), .text(said?.version ?? ""),
        ]
    }

    private func row(_ entry: NotedEntry, _ state: String) -> [CSVCell] {
        [
            .text(state), .text(entry.reason), .text(entry.terminal),
            .number("\(entry.sequence)"), .text(Self.instant(entry.time)),
            .text(Self.masked(entry.card)), entry.cents.map(Self.eco) ?? .text(""),
        ]
    }

    /// A last line where not all are in the file.
    private func cut(_ state: String, _ count: Int64, _ listed: [NotedEntry]) -> [[CSVCell]] {
        let more = count - Int64(listed.count)
        guard more > 0 else { return [] }
        let sentence = "\(more) more are not in this file: ask for fewer days"
        return [[.text(state), .text(sentence)] + Array(repeating: .text(""), count: 5)]
    }

    private func row(_ merchant: MerchantVolume) -> [CSVCell] {
        row(merchant.merchant, merchant.volume) + [Self.eco(merchant.volume.netCents)]
    }

    private var balanceRows: [[CSVCell]] {
        let sums: [(name: String, cents: Int64)] = [
            ("cards", outstanding.cards), ("overdrawn", outstanding.overdrawn),
            ("merchants", outstanding.merchants), ("means", outstanding.means),
            ("issuance", outstanding.issuance),
        ]
        return sums.map { [.text($0.name), Self.eco($0.cents)] }
    }

    private var parcoursRows: [[CSVCell]] {
        var rows: [[CSVCell]] = actions.map { figure in
            [
                .number("\(figure.volume.parcours.rawValue)"), .text(figure.volume.code),
                .text(figure.unit.map { "\($0)" } ?? ""), .number("\(figure.volume.count)"),
                .number(Decimal.text(figure.volume.thousandths, digits: 3)),
            ]
        }
        for parcours in Parcours.allCases {
            for unit in [ActionUnit.kilogram, .piece] {
                rows.append([
                    .number("\(parcours.rawValue)"), .text("total"), .text("\(unit)"), .text(""),
                    .number(Decimal.text(quantity(parcours, unit), digits: 3)),
                ])
            }
            rows.append([
                .number("\(parcours.rawValue)"), .text("total"), .text("people"), .text(""),
                .number("\(cards(parcours))"),
            ])
        }
        return rows
    }

    /// "2026-11-27T14:05:09Z".
    static func instant(_ milliseconds: UInt64) -> String {
        let day = CalendarDay(number: UTCDay.number(milliseconds))
        let seconds = Int(milliseconds % UTCDay.length) / 1_000
        let parts = [seconds / 3_600, seconds / 60 % 60, seconds % 60].map(CalendarDay.two)
        return "\(day.text)T\(parts.joined(separator: ":"))Z"
    }
}

/// Whole numbers of small units as decimals: no floating point touches money.
enum Decimal {
    /// "-12.05" for -1205 with two digits.
    static func text(_ units: Int64, digits: Int) -> String {
        let scale = (0..<digits).reduce(UInt64(1)) { product, _ in product * 10 }
        let (whole, rest) = units.magnitude.quotientAndRemainder(dividingBy: scale)
        let tail = String(scale + rest).dropFirst()
        return (units < 0 ? "-" : "") + "\(whole)" + (digits == 0 ? "" : ".\(tail)")
    }
}

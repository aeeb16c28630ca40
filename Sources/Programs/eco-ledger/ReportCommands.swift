import CommandLineTool
import Crypto
import LedgerBook
import LedgerService
import Linux
import Operations

/// `report`: the numbers of the association's view, in a terminal or as CSV.
enum ReportCommands {
    private static let here = "-d sqlite:ledger.sqlite"
    private static let tables = FleetTable.allCases.map(\.rawValue).joined(separator: "|")

    static let all = [
        Command(
            ["report"], "what terminals took, volumes, balances, actions; as /fleet shows them",
            options: [
                .database, .value("from", "YYYY-MM-DD", "first day, UTC"),
                .value("to", "YYYY-MM-DD", "last day, UTC"),
                .value("csv", tables, "print this table as CSV (RFC 4180)"),
            ],
            examples: [
                "eco-ledger report \(here)",
                "eco-ledger report \(here) --from 2025-06-01 --to 2025-06-30 --json",
                "eco-ledger report \(here) --csv parcours > parcours.csv",
            ], run: report)
    ]

    private static func report(_ call: Invocation) throws {
        let from = try call.value("from").map { try Day.start($0) } ?? 0
        let to =
            try call.value("to").map { try Day.start($0) } ?? CalendarDay.numberMax * Day.length
        guard from <= to else {
            throw Failure("--from is after --to", hint: "exchange them", code: .usage)
        }
        let table = try call.value("csv").map { name in
            guard let table = FleetTable(rawValue: name) else {
                throw Failure("there is no table '\(name)'", hint: tables, code: .usage)
            }
            return table
        }
        let days = UTCDay.number(from)...UTCDay.number(to)
        let (fleet, totals, others, issued) = try call.withBook(patience: Invocation.wholeBook) {
            book in
            (
                try FleetReport(book, days: days, now: call.now, table: table),
                try book.report(from: from, to: to + Day.length),
                try book.operations(from: from, to: to + Day.length), try book.issued()
            )
        }
        if let table {
            // Lines of a CSV file end as RFC 4180 says, also the last one.
            return Console.out(
                String(String.UnicodeScalarView(fleet.csv(table).unicodeScalars.dropLast())))
        }
        let sum = totals.reduce(Int64(0)) { $0 + $1.cents }
        call.print(
            .record([
                "terminals": .array(
                    totals.map {
                        .record([
                            "terminal": .text($0.terminal), "merchant": .text($0.merchant),
                            "payments": .integer($0.count), "cents": .integer($0.cents),
                        ])
                    }), "operations": .array(others.map(object)), "cents": .integer(sum),
                "issuedCents": .integer(issued), "held": .integer(fleet.heldCount),
                "days": .array(fleet.volumes.map { object($0, CalendarDay(number: $0.day).text) }),
                "months": .array(fleet.months.map { object($0.volume, $0.month) }),
                "merchants": .array(
                    fleet.merchants.map { object($0.volume, $0.merchant, as: "merchant") }),
                "outstandingCents": .integer(fleet.outstanding.cards),
                "overdrawnCents": .integer(fleet.outstanding.overdrawn),
                "owedToMerchantsCents": .integer(fleet.outstanding.merchants),
                "parcours": .array(Parcours.allCases.map { object($0, fleet) }),
            ]),
            totals.map {
                "\($0.terminal)  \($0.count) payments  \(Money.text($0.cents)) ECO  "
                    + $0.merchant
            } + others.map(line) + volumeLines(fleet) + [
                "together \(Money.text(sum)) ECO; issued so far \(Money.text(issued)) ECO; "
                    + "\(fleet.heldCount) entries held"
            ])
    }

    private static func volumeLines(_ fleet: FleetReport) -> [String] {
        let months = fleet.months.filter { $0.volume.payments > 0 }.map {
            "\($0.month)  \($0.volume.payments) payments  \(Money.text($0.volume.paymentCents)) ECO"
        }
        return months + [
            "last 365 days \(Money.text(fleet.year.paymentCents)) ECO; on cards "
                + "\(Money.text(fleet.outstanding.cards)) ECO; overdrawn "
                + "\(Money.text(fleet.outstanding.overdrawn)) ECO; owed to merchants "
                + "\(Money.text(fleet.outstanding.merchants)) ECO"
        ]
            + Parcours.allCases.map { parcours in
                "parcours \(parcours.rawValue)  "
                    + thousandths(fleet.quantity(parcours, .kilogram)) + " kg  "
                    + thousandths(fleet.quantity(parcours, .piece)) + " pieces  "
                    + "\(fleet.cards(parcours)) people"
            }
    }

    private static func object(
        _ volume: DayVolume, _ name: String, as key: String = "period"
    ) -> JSONValue {
        .record([
            key: .text(name), "payments": .integer(volume.payments),
            "paymentCents": .integer(volume.paymentCents),
            "returnedCents": .integer(volume.returnedCents),
            "toppedUpCents": .integer(volume.toppedUpCents),
        ])
    }

    private static func object(_ parcours: Parcours, _ fleet: FleetReport) -> JSONValue {
        .record([
            "parcours": .integer(Int64(parcours.rawValue)),
            "grams": .integer(fleet.quantity(parcours, .kilogram)),
            "thousandthsOfPieces": .integer(fleet.quantity(parcours, .piece)),
            "people": .integer(fleet.cards(parcours)),
        ])
    }

    private static func object(_ total: OperationTotal) -> JSONValue {
        .record([
            "terminal": .text(total.terminal), "merchant": .text(total.merchant),
            "kind": .text("\(total.kind)"), "code": .text(total.code),
            "count": .integer(total.count), "sum": .integer(total.sum),
        ])
    }

    private static func line(_ total: OperationTotal) -> String {
        let sum =
            switch total.kind {
            case .action: thousandths(total.sum)
            case .enrolment: ""
            default: Money.text(total.sum) + " ECO"
            }
        return "\(total.terminal)  \(total.count) \(total.kind) \(total.code)  \(sum)  "
            + total.merchant
    }

    private static func thousandths(_ value: Int64) -> String {
        "\(value / 1_000).\(String(1_000 + value % 1_000).dropFirst())"
    }
}

import LedgerBook
import Operations

// Money, accounts and journeys of the association's page.

extension FleetPage {
    private var moneyColumns: [Column] {
        ["payments", "paid", "returned", "topped"].map { Column(name: words($0), isDigits: true) }
    }

    private func moneyRow(_ volume: DayVolume) -> [HTML] {
        [
            HTML(words.number(volume.payments)), HTML(words.money(volume.paymentCents)),
            HTML(words.money(volume.returnedCents)), HTML(words.money(volume.toppedUpCents)),
        ]
    }

    var volumes: HTML {
        let byDay = Dictionary(
            report.volumes.map { ($0.day, $0.paymentCents) }, uniquingKeysWith: { $1 })
        // A bar a day is drawn for three years at most.
        let span = report.days.suffix(1_096)
        let plot = FleetPlot(
            id: "plot-days", title: words("volumes.plot"), values: span.map { byDay[$0] ?? 0 },
            from: words.day(span.first ?? 0), to: words.day(span.last ?? 0), words: words)
        let rows = report.volumes.reversed().map { volume in
            [HTML(words.day(volume.day))] + moneyRow(volume)
        }
        let content = table(
            [Column(name: words("day"))] + moneyColumns, Array(rows),
            caption: words("volumes.title"))
        return sheet(
            "volumes", .days,
            [
                plot.figure,
                HTML(
                    "details",
                    [
                        HTML("summary", words("volumes.table")),
                        rows.isEmpty ? HTML("p", words("none")) : content,
                    ]),
            ])
    }

    var months: HTML {
        let names = report.months.map { words.month($0.month) }
        let plot = FleetPlot(
            id: "plot-months", title: words("months.plot"),
            values: report.months.map(\.volume.paymentCents), from: names.first ?? "",
            to: names.last ?? "", words: words)
        let rows = report.months.reversed().map { month in
            [HTML(words.month(month.month))] + moneyRow(month.volume)
        }
        return sheet(
            "months", .months,
            [
                HTML(
                    "div", ["class": "beside"],
                    [
                        plot.figure,
                        table(
                            [Column(name: words("month"))] + moneyColumns, Array(rows),
                            caption: words("months.title")),
                    ])
            ])
    }

    var merchants: HTML {
        let rows = report.merchants.map { merchant in
            [HTML(merchant.merchant)] + moneyRow(merchant.volume)
                + [HTML(words.money(merchant.volume.netCents))]
        }
        let columns =
            [Column(name: words("terminals.merchant"))] + moneyColumns
            + [Column(name: words("net"), isDigits: true)]
        return sheet(
            "merchants", .merchants, about: words("merchants.about"),
            [
                rows.isEmpty
                    ? HTML("p", words("none"))
                    : table(columns, rows, caption: words("merchants.title"))
            ])
    }

    var balance: HTML {
        let sums = report.outstanding
        let lines = [
            ("balance.cards", sums.cards), ("balance.overdrawn", sums.overdrawn),
            ("balance.merchants", sums.merchants), ("balance.means", sums.means),
            ("balance.issuance", sums.issuance),
        ]
        return sheet(
            "balance", .balance, about: words("balance.about"),
            [
                table(
                    [
                        Column(name: words("balance.account")),
                        Column(name: words("entry.amount"), isDigits: true),
                    ], lines.map { [HTML(words($0.0)), HTML(words.money($0.1))] },
                    caption: words("balance.title"))
            ])
    }

    var parcours: HTML {
        let parts = Parcours.allCases.flatMap { parcours -> [HTML] in
            func figure(_ key: String, _ value: String) -> HTML {
                HTML(
                    "div", ["class": "wide"],
                    [HTML("dt", words(key)), HTML("dd", ["class": "digits"], value)])
            }
            let rows = report.actions.filter { $0.volume.parcours == parcours }.map(row)
            return [
                HTML("h3", words("parcours.\(parcours.rawValue)")),
                HTML(
                    "dl", ["class": "figures people"],
                    [
                        figure(
                            "parcours.kilograms",
                            words.quantity(report.quantity(parcours, .kilogram))),
                        figure(
                            "parcours.pieces", words.quantity(report.quantity(parcours, .piece))),
                        figure("parcours.people", words.number(report.cards(parcours))),
                    ]),
                rows.isEmpty
                    ? HTML("p", words("none"))
                    : table(
                        [
                            Column(name: words("parcours.action")),
                            Column(name: words("parcours.times"), isDigits: true),
                            Column(name: words("parcours.quantity"), isDigits: true),
                        ], rows, caption: words("parcours.\(parcours.rawValue)")),
            ]
        }
        return sheet("parcours", .parcours, about: words("parcours.about"), parts)
    }

    private func row(_ figure: ActionFigure) -> [HTML] {
        let label =
            figure.labels[words.language.rawValue] ?? figure.labels["fr"] ?? figure.volume.code
        let unit = figure.unit.map { " " + words($0 == .kilogram ? "unit.kilogram" : "unit.piece") }
        return [
            HTML(label), HTML(words.number(figure.volume.count)),
            HTML(words.quantity(figure.volume.thousandths) + (unit ?? "")),
        ]
    }
}

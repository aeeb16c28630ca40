import LedgerBook
import Operations

/// The association's page: the report as HTML, with plots as SVG made here. No script.
struct FleetPage {
    /// A terminal that was not heard for longer is called silent, milliseconds.
    static let silence: UInt64 = 86_400_000
    /// Flagged entries listed at most.
    static let flaggedListed = 20
    /// A clock further off is shown as a fault, milliseconds.
    static let clockTolerance: UInt64 = 60_000

    let report: FleetReport
    let words: FleetWords
    /// The dates asked for could not be read.
    var isPeriodWrong = false

    var text: String {
        let body = HTML(
            "body",
            [
                header,
                HTML(
                    "main", ["id": "main"],
                    [
                        figures, decide, flagged, terminals, volumes, merchants, months, parcours,
                        balance,
                    ]),
                HTML("footer", [HTML("p", words("footer"))]),
            ])
        return "<!doctype html>\n"
            + HTML("html", ["lang": words.language.rawValue], [Self.head(words), body]).text
            + "\n"
    }

    static func head(_ words: FleetWords) -> HTML {
        HTML(
            "head",
            [
                HTML(void: "meta", ["charset": "utf-8"]),
                HTML(
                    void: "meta",
                    ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
                HTML(void: "meta", ["name": "robots", "content": "noindex"]),
                HTML("title", words("title")),
                HTML(void: "link", ["rel": "stylesheet", "href": "/fleet/fleet.css"]),
            ])
    }

    // MARK: head of the page

    var first: String { CalendarDay(number: report.days.lowerBound).text }
    var last: String { CalendarDay(number: report.days.upperBound).text }

    private var header: HTML {
        let other = words.language.other.rawValue
        func date(_ key: String, _ name: String, _ value: String) -> HTML {
            HTML(
                "label",
                [
                    HTML(words(key)),
                    HTML(void: "input", ["type": "date", "name": name, "value": value]),
                ])
        }
        let form = HTML(
            "form", ["method": "get", "action": "/fleet"],
            [
                HTML(
                    void: "input",
                    ["type": "hidden", "name": "lang", "value": words.language.rawValue]),
                date("from", "from", first), date("to", "to", last),
                HTML("button", ["type": "submit"], words("show")),
            ])
        return HTML(
            "header",
            [
                HTML(
                    "div",
                    [
                        HTML("h1", words("title")),
                        HTML(
                            "p", ["class": "as-of"],
                            words("asOf", ["time": words.moment(report.now)])),
                        isPeriodWrong
                            ? HTML("p", ["class": "bad", "role": "alert"], words("period.wrong"))
                            : HTML(),
                    ]), form,
                HTML(
                    "a",
                    [
                        "class": "act", "lang": other, "hreflang": other,
                        "href": "/fleet?lang=\(other)&from=\(first)&to=\(last)",
                    ], words("language")),
            ])
    }

    private var figures: HTML {
        let paired = report.terminals.filter { $0.revoked == nil }
        let silent = paired.filter { isSilent($0) }.count
        let unsent = paired.reduce(UInt64(0)) { $0 &+ $1.unsent }
        func figure(_ key: String, _ value: String, warns: Bool = false, note: String? = nil)
            -> HTML
        {
            HTML(
                "div", ["class": warns ? "warn" : value.hasSuffix("ECO") ? "wide" : nil],
                [HTML("dt", words(key)), HTML("dd", ["class": "digits"], value)]
                    + (note.map { [HTML("dd", ["class": "note"], $0)] } ?? []))
        }
        return HTML(
            "dl", ["class": "figures"],
            [
                figure("cards.balance", words.money(report.outstanding.cards)),
                figure("cards.period", words.money(report.total.paymentCents)),
                figure("cards.year", words.money(report.year.paymentCents)),
                figure(
                    "cards.decide", words.number(report.heldCount),
                    warns: report.heldCount > 0),
                figure("cards.unsent", words.number(Int64(clamping: unsent)), warns: unsent > 0),
                figure(
                    "cards.silent", words.number(Int64(silent)), warns: silent > 0,
                    note: words("cards.silentRule")),
            ])
    }

    func isSilent(_ terminal: TerminalStanding) -> Bool {
        report.now > (terminal.seen ?? terminal.paired)
            && report.now - (terminal.seen ?? terminal.paired) > Self.silence
    }

    // MARK: parts

    /// A sheet with its title, the link to its CSV file, and what stands below.
    func sheet(
        _ key: String, _ table: FleetTable?, about: String? = nil, _ parts: [HTML]
    ) -> HTML {
        let title = words("\(key).title")
        let link = table.map { table in
            // What waits is listed whatever its day: so is its file.
            let days = table == .entries ? "" : "?from=\(first)&to=\(last)"
            return HTML(
                "a",
                [
                    "class": "act", "href": "/fleet/\(table.rawValue).csv\(days)",
                    "aria-label": words("csv.of", ["what": title]), "download": "",
                ], words("csv"))
        }
        let head = HTML(
            "div", ["class": "head"], [HTML("h2", ["id": key], title)] + (link.map { [$0] } ?? []))
        let text = about.map { [HTML("p", ["class": "about"], $0)] } ?? []
        return HTML("section", ["aria-labelledby": key], [head] + text + parts)
    }

    struct Column {
        let name: String
        var isDigits = false
    }

    func table(_ columns: [Column], _ rows: [[HTML]], caption: String) -> HTML {
        func cell(_ column: Column, _ child: HTML) -> HTML {
            HTML(
                "td",
                ["data-label": column.name, "class": column.isDigits ? "digits" : nil], [child])
        }
        let head = HTML(
            "tr",
            columns.map {
                HTML("th", ["scope": "col", "class": $0.isDigits ? "digits" : nil], $0.name)
            })
        return HTML(
            "table",
            [
                HTML("caption", ["class": "unseen"], caption), HTML("thead", [head]),
                HTML(
                    "tbody",
                    rows.map { row in HTML("tr", zip(columns, row).map { cell($0, $1) }) }),
            ])
    }

    private var decide: HTML {
        if report.held.isEmpty {
            return sheet("decide", nil, [HTML("p", words("decide.none"))])
        }
        let listed = Array(report.held.prefix(Int(FleetReport.listedMax)))
        return sheet(
            "decide", .entries, about: words("decide.about"),
            [entries(listed, "decide"), more("decide.more", listed.count, report.heldCount)])
    }

    private var flagged: HTML {
        guard !report.flagged.isEmpty else { return HTML() }
        let listed = Array(report.flagged.prefix(Self.flaggedListed))
        return sheet(
            "flagged", .entries, about: words("flagged.about"),
            [entries(listed, "flagged"), more("flagged.more", listed.count, report.flaggedCount)])
    }

    /// Says that not all are listed.
    private func more(_ key: String, _ listed: Int, _ count: Int64) -> HTML {
        guard count > Int64(listed) else { return HTML() }
        let places: KeyValuePairs = [
            "count": words.number(Int64(listed)), "all": words.number(count),
        ]
        return HTML("p", words(key, places))
    }

    private func entries(_ entries: [NotedEntry], _ key: String) -> HTML {
        let merchants = Dictionary(
            report.terminals.map { ($0.id, $0.merchant) }, uniquingKeysWith: { $1 })
        let columns = [
            Column(name: words("entry.reason")), Column(name: words("entry.do")),
            Column(name: words("entry.where")), Column(name: words("entry.number"), isDigits: true),
            Column(name: words("entry.time")), Column(name: words("entry.card")),
            Column(name: words("entry.amount"), isDigits: true),
        ]
        let rows = entries.map { entry -> [HTML] in
            let advice = words.advice(entry.reason)
            return [
                HTML("span", ["class": "mark"], advice.why), HTML(advice.what),
                HTML(merchants[entry.terminal] ?? entry.terminal),
                HTML("\(entry.sequence)"),
                HTML(words.moment(entry.time)),
                HTML("span", ["class": "digits"], FleetReport.masked(entry.card)),
                HTML(entry.cents.map { words.money($0) } ?? ""),
            ]
        }
        return table(columns, rows, caption: words("\(key).title"))
    }

    private var terminals: HTML {
        let columns = [
            Column(name: words("terminals.merchant")), Column(name: words("terminals.id")),
            Column(name: words("terminals.seen")),
            Column(name: words("terminals.entries"), isDigits: true),
            Column(name: words("terminals.unsent"), isDigits: true),
            Column(name: words("terminals.clock")), Column(name: words("terminals.version")),
        ]
        let content =
            report.terminals.isEmpty
            ? HTML("p", words("none"))
            : table(columns, report.terminals.map(row), caption: words("terminals.title"))
        return sheet("terminals", .terminals, about: words("terminals.about"), [content])
    }

    private func row(_ terminal: TerminalStanding) -> [HTML] {
        let isSilent = terminal.revoked == nil && isSilent(terminal)
        let seen = terminal.seen.map { words.ago($0, now: report.now) } ?? words("never")
        let mark =
            terminal.revoked != nil
            ? [HTML(" "), HTML("span", ["class": "mark"], words("terminals.revoked"))]
            : isSilent
                ? [HTML(" "), HTML("span", ["class": "mark"], words("terminals.silent"))] : []
        return [
            HTML(terminal.merchant), HTML("span", ["class": "id"], terminal.id),
            HTML("span", [HTML(seen)] + mark),
            HTML(words.number(Int64(clamping: terminal.entries))), unsent(terminal),
            clock(terminal), HTML(terminal.said?.version ?? words("unknown")),
        ]
    }

    private func unsent(_ terminal: TerminalStanding) -> HTML {
        guard terminal.said != nil else { return HTML(words("unknown")) }
        let count = words.number(Int64(clamping: terminal.unsent))
        guard terminal.unsent > 0 else { return HTML(count) }
        let money = words.money(terminal.said?.unsentCents ?? 0)
        let since =
            terminal.oldest.map { oldest in
                " "
                    + words(
                        "terminals.late",
                        ["time": words.span(report.now > oldest ? report.now - oldest : 0)])
            } ?? ""
        return HTML("span", ["class": "mark"], "\(count) · \(money)\(since)")
    }

    private func clock(_ terminal: TerminalStanding) -> HTML {
        guard let ahead = terminal.said?.clockAhead else { return HTML(words("unknown")) }
        if ahead.magnitude < 5_000 { return HTML(words("clock.good")) }
        let text = words(
            ahead > 0 ? "clock.ahead" : "clock.behind", ["time": words.span(ahead.magnitude)])
        return ahead.magnitude < Self.clockTolerance
            ? HTML(text) : HTML("span", ["class": "bad"], text)
    }
}

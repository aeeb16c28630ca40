import HTTPServer
public import LedgerBook
import Operations

// The association's view, on a listener of its own.
//
// Why its own, and no password here: the API's address is for terminals and stands behind a proxy
// that anybody can reach. What shows turnover is served elsewhere, on loopback unless it is told
// otherwise, where the deployment's proxy asks who comes (or an SSH tunnel does): no route of that
// proxy can show it by mistake, and this process keeps no passwords, cookies or sessions to lose.
// A page in somebody's browser on the same machine could still point a name of its own at this
// port: so `Host` must be an address, localhost, or a name that was allowed.
//
// GET only; nothing here writes. Each answer is made of its own reading of the book, with a
// connection apart from the bookings'.

/// The running view.
public final class FleetService: Sendable {
    private let server: HTTPServer

    /// Starts to serve on `address`:`port` (0: any port).
    /// - Parameters:
    ///   - hosts: names beside addresses and localhost that `Host` may say.
    ///   - clock: milliseconds since the Unix epoch.
    ///   - trouble: told, in a sentence without secrets, when the database fails.
    /// - Throws: `LedgerServiceError.server`.
    public convenience init(
        database: StoreAddress, address: String, port: UInt16, hosts: [String],
        clock: @escaping @Sendable () -> UInt64,
        trouble: @escaping @Sendable (String) -> Void
    ) throws(LedgerServiceError) {
        let shelf = Shelf(database, trouble: trouble)
        try self.init(
            address: address, port: port, hosts: hosts, clock: clock,
            report: { days, now, table in
                try? shelf.with { (book) throws(BookError) in
                    try FleetReport(book, days: days, now: now, table: table)
                }
            })
    }

    /// The same over reports made elsewhere, of days, for a page or for one table's file; nil: the
    /// ledger does not answer.
    public init(
        address: String, port: UInt16, hosts: [String],
        clock: @escaping @Sendable () -> UInt64,
        report: @escaping @Sendable (ClosedRange<UInt64>, UInt64, FleetTable?) -> FleetReport?
    ) throws(LedgerServiceError) {
        let routes = FleetRoutes(hosts: Set(hosts), clock: clock, report: report)
        do throws(HTTPServerError) {
            server = try HTTPServer(
                address: address, port: port, bodyLimit: 0, connectionsLimit: 16
            ) { routes.answer($0) }
        } catch { throw .server(error) }
    }

    /// The port in use.
    public var port: UInt16 { server.port }

    /// Ends every connection.
    public func stop() { server.stop() }
}

/// From a request to a page.
struct FleetRoutes: Sendable {
    /// Days shown when nobody asks for others.
    static let daysShown: UInt64 = 30

    let hosts: Set<String>
    let clock: @Sendable () -> UInt64
    let report: @Sendable (ClosedRange<UInt64>, UInt64, FleetTable?) -> FleetReport?

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard isOurs(request.header("host")) else {
            return plain(421, "421 the Host of this request is not allowed here\n")
        }
        guard request.method == "GET" else {
            return plain(405, "405 this page is read only\n", [("Allow", "GET")])
        }
        let language = request.query.last { $0.0 == "lang" }?.1
        let words = FleetWords(language.flatMap { FleetLanguage(rawValue: $0) } ?? .french)
        switch request.path {
        case "/": return plain(302, "", [("Location", "/fleet")])
        case "/fleet/fleet.css": return style
        case "/fleet": return page(request, words)
        default: break
        }
        let table = request.path.hasPrefix("/fleet/") && request.path.hasSuffix(".csv")
        guard table, let name = FleetTable(rawValue: String(request.path.dropFirst(7).dropLast(4)))
        else { return notice(404, "missing", words) }
        // What waits is of any day, unless days are asked for.
        let (days, isWrong) = days(request, otherwise: name == .entries ? Self.always : nil)
        guard !isWrong else { return plain(400, "400 from and to are days: 2026-11-27\n") }
        guard let report = report(days, clock(), name) else {
            return notice(503, "problem", words)
        }
        return file(report.csv(name), "carte-eco-\(name.rawValue).csv")
    }

    /// Loopback names and addresses; a name only when it was allowed.
    private func isOurs(_ host: String?) -> Bool {
        guard let host, !host.isEmpty else { return false }
        var name = host[...]
        if let colon = name.lastIndex(of: ":"),
            name[name.index(after: colon)...].allSatisfy(\.isNumber)
        {
            name = name[..<colon]
        }
        let isAddress =
            name.hasPrefix("[") && name.hasSuffix("]")
            || (name.split(separator: ".").count == 4
                && name.allSatisfy { $0 == "." || $0.isNumber })
        return isAddress || name == "localhost" || hosts.contains(String(name))
    }

    private func page(_ request: HTTPRequest, _ words: FleetWords) -> HTTPResponse {
        let (days, isWrong) = days(request)
        guard let report = report(days, clock(), nil) else {
            return notice(503, "problem", words)
        }
        let page = FleetPage(report: report, words: words, isPeriodWrong: isWrong)
        return html(200, page.text)
    }

    /// Every day there is.
    private static let always: ClosedRange<UInt64> = 0...CalendarDay.numberMax

    /// The days asked for; when none are, or when they make no sense, the last thirty or `others`.
    private func days(
        _ request: HTTPRequest, otherwise others: ClosedRange<UInt64>? = nil
    ) -> (days: ClosedRange<UInt64>, isWrong: Bool) {
        let today = min(UTCDay.number(clock()), CalendarDay.numberMax)
        let last = others ?? today - min(today, Self.daysShown - 1)...today
        func asked(_ name: String) -> String? {
            request.query.last { $0.0 == name }.flatMap { $0.1.isEmpty ? nil : $0.1 }
        }
        let (from, to) = (asked("from"), asked("to"))
        if from == nil, to == nil { return (last, false) }
        guard let first = from.map({ CalendarDay($0)?.number }) ?? last.lowerBound,
            let end = to.map({ CalendarDay($0)?.number }) ?? today, first <= end
        else { return (last, true) }
        return (first...end, false)
    }

    // MARK: answers

    private static let safety = [
        ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"), ("Cache-Control", "no-store"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
                + "frame-ancestors 'none'"
        ),
    ]

    private func html(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: [("Content-Type", "text/html; charset=utf-8")] + Self.safety,
            body: Array(text.utf8))
    }

    private func notice(_ status: Int, _ key: String, _ words: FleetWords) -> HTTPResponse {
        let body = HTML(
            "body",
            [
                HTML(
                    "main",
                    [
                        HTML("h1", words("title")), HTML("p", ["role": "alert"], words(key)),
                        HTML("p", [HTML("a", ["class": "act", "href": "/fleet"], words("show"))]),
                    ])
            ])
        let page = HTML(
            "html", ["lang": words.language.rawValue], [FleetPage.head(words), body])
        return html(status, "<!doctype html>\n" + page.text + "\n")
    }

    private func plain(
        _ status: Int, _ text: String, _ headers: [(String, String)] = []
    ) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [("Content-Type", "text/plain; charset=utf-8")] + Self.safety + headers,
            body: Array(text.utf8))
    }

    private func file(_ text: String, _ name: String) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [
                ("Content-Type", "text/csv; charset=utf-8; header=present"),
                ("Content-Disposition", "attachment; filename=\"\(name)\""),
            ] + Self.safety, body: Array(text.utf8))
    }

    private var style: HTTPResponse {
        let asset = LedgerAsset.embedded["/fleet/fleet.css"]
        return HTTPResponse(
            status: 200, headers: [("Content-Type", asset?.type ?? "text/css")] + Self.safety,
            body: asset?.bytes ?? [])
    }
}

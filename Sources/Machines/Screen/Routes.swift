import HTTPServer
import Operations
import Terminal

/// One request in, one answer out: the whole service without a socket.
struct Routes: Sendable {
    /// Bytes of an order's body.
    static let bodyLimit = 4096
    /// Pages that may listen at once.
    static let streamsLimit = 8
    private static let operationsLimit = 500

    let control: any OperationsControl
    let session: Session
    /// Of the customer display.
    let clientSession = Session("eco_client")
    let monotonicMilliseconds: @Sendable () -> UInt64
    let memory = OrderMemory()
    let feed: Feed
    let exportDirectory: String
    let version: String
    private let page: [UInt8]
    private let clientPage: [UInt8]
    private let assets: [String: Asset]
    private let streams = StreamCount()

    init(
        control: any OperationsControl, session: Session, configuration: ScreenConfiguration,
        monotonicMilliseconds: @escaping @Sendable () -> UInt64
    ) {
        self.control = control
        self.session = session
        self.monotonicMilliseconds = monotonicMilliseconds
        feed = Feed(
            control: control, language: configuration.language.rawValue,
            now: monotonicMilliseconds)
        exportDirectory = configuration.exportDirectory
        version = configuration.version
        assets = Asset.embedded()
        page = Self.filled(assets["/"], session, configuration)
        clientPage = Self.filled(assets["/client"], clientSession, configuration)
    }

    private static func filled(
        _ template: Asset?, _ session: Session, _ configuration: ScreenConfiguration
    ) -> [UInt8] {
        let text = template.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
        let filled = text.replacing("{session}", with: session.token)
            .replacing("{reader}", with: configuration.readerPlace.rawValue)
            .replacing("{language}", with: configuration.language.rawValue)
        return Array(filled.utf8)
    }

    /// The answer to `request` on a server that listens on `port`.
    func answer(_ request: HTTPRequest, port: UInt16) -> HTTPResponse {
        var response: HTTPResponse
        do throws(Problem) {
            try session.checkHost(request, port: port)
            response = try route(request, port: port)
        } catch {
            response = error.response
        }
        response.headers += Self.securityHeaders
        return response
    }

    private func route(_ request: HTTPRequest, port: UInt16) throws(Problem) -> HTTPResponse {
        switch request.path {
        case "/events", "/api/operations", "/api/snapshot", "/api/journal", "/api/catalogue",
            "/api/consents", "/qr/enrolment.svg", "/api/receipt",
            "/api/receipt.svg", "/api/closure", "/api/closures", "/api/help":
            guard request.method == "GET" else { throw .methodNotAllowed("GET") }
            try session.checkOrigin(request, port: port)
            try session.checkCookie(request, port: port)
            switch request.path {
            case "/events": return try events()
            case "/api/operations": return try operations(request)
            case "/api/journal": return try journal(request)
            case "/api/catalogue": return Self.document(CatalogueView(control.catalogue))
            case "/api/consents": return Self.document(ConsentsView(control.consentTexts))
            case "/qr/enrolment.svg": return try enrolmentSymbol(request)
            case "/api/snapshot":
                return Self.document(
                    SnapshotView(feed.moment, now: monotonicMilliseconds(), memory: memory))
            default: return try receiptQuestion(request)
            }
        case "/api/arm", "/api/cancel", "/api/extend", "/api/acknowledge", "/api/verify",
            "/api/send", "/api/refund", "/api/reverse", "/api/top-up", "/api/check", "/api/act",
            "/api/report", "/api/pay-part", "/api/pay-rest", "/api/drop-rest", "/api/again",
            "/api/close", "/api/train", "/api/sign-in", "/api/sign-out", "/api/print",
            "/api/export", "/api/enrol-begin", "/api/enrol", "/api/enrol-again",
            "/api/enrol-end":
            guard request.method == "POST" else { throw .methodNotAllowed("POST") }
            try session.checkOrigin(request, port: port)
            try session.checkCookie(request, port: port)
            try session.checkToken(request)
            return try order(request)
        case "/client/events", "/client/view", "/api/language":
            return try clientRoute(request, port: port)
        default:
            guard let asset = assets[request.path] else { throw .notFound }
            guard request.method == "GET" else { throw .methodNotAllowed("GET") }
            switch request.path {
            case "/": return give(asset, page, session, port: port)
            case "/client": return give(asset, clientPage, clientSession, port: port)
            default: return give(asset, asset.bytes, nil, port: port)
            }
        }
    }

    private func give(
        _ asset: Asset, _ body: [UInt8], _ session: Session?, port: UInt16
    ) -> HTTPResponse {
        var headers = [("Content-Type", asset.type), ("Cache-Control", "no-store")]
        if let session { headers.append(("Set-Cookie", session.setCookie(port: port))) }
        return HTTPResponse(status: 200, headers: headers, body: body)
    }

    private func order(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        switch request.path {
        case "/api/arm":
            let amount = try AmountOrder.read(request).amount()
            let armed = try answered(control.arm(amount: amount))
            memory.keep(.payment(amount), of: armed.id)
            return Self.document(ArmedView(armed, now: monotonicMilliseconds()))
        case "/api/extend":
            let armed = try answered(control.extend(OperationOrder.read(request).entryID()))
            return Self.document(ArmedView(armed, now: monotonicMilliseconds()))
        case "/api/cancel":
            try answered(control.cancel(OperationOrder.read(request).entryID()))
        case "/api/verify":
            try answered(control.verify(OperationOrder.read(request).entryID()))
        case "/api/acknowledge":
            _ = try EmptyOrder.read(request)
            try answered(control.acknowledge())
        case "/api/send":
            _ = try EmptyOrder.read(request)
            control.sendNow()
        case "/api/print", "/api/export": return try receiptOrder(request)
        default: return try operationOrder(request)
        }
        return Self.nothing
    }

    /// Done; nothing to say.
    static var nothing: HTTPResponse {
        HTTPResponse(status: 204, headers: [("Cache-Control", "no-store")])
    }

    func answered<R>(_ result: Result<R, ControlRefusal>) throws(Problem) -> R {
        do { return try result.get() } catch { throw Problem(error) }
    }

    private func operations(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        let names = request.query.map(\.0)
        guard names.isEmpty || names == ["limit"] else { throw .limitInvalid }
        let limit = try Self.limit(request.query.first?.1 ?? "100")
        return Self.document(OperationsView(control.operations(limit: limit)))
    }

    /// - Throws: `.limitInvalid` unless 1...500 in its one spelling.
    static func limit(_ text: String) throws(Problem) -> Int {
        guard let limit = Int(text), "\(limit)" == text, (1...operationsLimit).contains(limit)
        else { throw .limitInvalid }
        return limit
    }

    private func events() throws(Problem) -> HTTPResponse {
        let (clock, memory) = (monotonicMilliseconds, memory)
        return try stream { moment in
            json(SnapshotView(moment, now: clock(), memory: memory))
        }
    }

    /// Events of a page, as long as it may listen.
    func stream(
        _ view: @escaping @Sendable (Feed.Moment) -> [UInt8]
    ) throws(Problem) -> HTTPResponse {
        guard let place = StreamCount.Place(streams, limit: Self.streamsLimit) else {
            throw .tooManyScreens
        }
        let stream = EventStream(feed: feed, place: place, view: view)
        return HTTPResponse(
            headers: [
                ("Content-Type", "text/event-stream; charset=utf-8"),
                ("Cache-Control", "no-store"),
            ],
            stream: { stream.next() })
    }

    static func document(_ value: some Encodable) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            body: json(value))
    }

    /// S5, on every answer.
    static let securityHeaders = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                + "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), serial=()"),
    ]
}

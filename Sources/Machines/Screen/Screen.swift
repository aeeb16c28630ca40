// Screen: the merchant's page and the small HTTP service behind it.
//
// Purpose: serve the embedded page, publish the terminal's snapshots to it (server-sent events) and
// turn its buttons into calls of `OperationsControl`. The page holds no state of its own: it draws
// the last snapshot, so a reload shows the same screen.
//
// Promises:
//   S1  Only this machine is served: a client that is not on loopback, or a request whose Host is
//       not 127.0.0.1:PORT or localhost:PORT, is refused (DNS rebinding, RELIABILITY.md E1).
//   S2  State is given, and orders are taken, only with the cookie of this start; an order also
//       needs the token that the page itself carries, application/json, and no foreign Origin.
//   S3  A body is read strictly: known fields alone, in alphabetical order, of their exact type and
//       spelling, 4 KiB at most.
//   S4  Every refusal is problem+json (RFC 9457) with a `code`, but for what the HTTP library
//       refuses by itself (a malformed request, a body far over the limit).
//   S5  Nothing is loaded from elsewhere: the Content-Security-Policy allows this origin alone, no
//       inline script or style, no framing.
//   S6  The customer display has a session of its own: it sees `ClientView` and chooses the
//       language, and its cookie and token open nothing of the merchant's.
//
// Does not promise: protection from another program of the same user on this machine (it can read
// the page like a browser does); TLS; that a browser is there.
//
// Routes: GET / and the assets · GET /events · GET /api/snapshot ·
//   GET /api/operations?limit=N ·
//   POST /api/arm {"amountCents":N} · /api/cancel, /api/extend, /api/verify {"id":"UUID"} ·
//   /api/acknowledge, /api/send {} ·
//   POST /api/language {"language":"ar"}: of the person, until she is done (Person.swift)
// Customer display: GET /client and its assets · GET /client/events · GET /client/view (ClientView)
// Beside selling (each answers what the order came to):
//   GET /api/journal?before=N&card=NNNN&kind=K&limit=N&status=S · /api/catalogue
//   GET /api/receipt?id=UUID&language=fr · /api/receipt.svg (its QR symbol, or a closure's) ·
//   /api/closure?period=day|month|year (what it would say now) · /api/closures · /api/help
//   POST /api/refund, /api/reverse, /api/top-up, /api/check, /api/act, /api/report, /api/pay-part,
//   /api/pay-rest, /api/drop-rest, /api/again, /api/close, /api/train, /api/sign-in, /api/sign-out,
//   /api/print, /api/export: the bodies are in OperationOrders.swift and ReceiptRoutes.swift.
//
// Threads: the server's own, one per connection; they only call `OperationsControl`, which answers
// at once, and wait in `Feed` for events. "screen" takes the terminal's snapshots into it.
// Units: cents; milliseconds.

public import HTTPServer
import Synchronization
public import Terminal

/// Where and how the page is served.
public struct ScreenConfiguration: Equatable, Sendable {
    /// Where the reader physically is, seen from the screen: the page points there (M1).
    public enum ReaderPlace: String, Sendable, CaseIterable {
        case left, right, below
    }

    /// The language of the page until a person chooses another one.
    public enum Language: String, Sendable, CaseIterable {
        case french = "fr"
        case english = "en"
    }

    /// A loopback address to listen on.
    public var address: String
    /// The port; 0 takes any free one.
    public var port: UInt16
    /// Where the reader is.
    public var readerPlace: ReaderPlace
    /// The language at first.
    public var language: Language
    /// Where closures are exported to; made when it is missing.
    public var exportDirectory: String
    /// The program's version, for the help panel.
    public var version: String

    /// The usual configuration: 127.0.0.1:8787, reader on the right, French.
    public init(
        address: String = "127.0.0.1", port: UInt16 = 8787, readerPlace: ReaderPlace = .right,
        language: Language = .french, exportDirectory: String = "export", version: String = ""
    ) {
        self.address = address
        self.port = port
        self.readerPlace = readerPlace
        self.language = language
        self.exportDirectory = exportDirectory
        self.version = version
    }
}

/// The running page service. Dropping it stops it.
public final class Screen: Sendable {
    private static let connectionsLimit = 32

    private let server: HTTPServer
    private let feed: Feed

    /// The port in use.
    public var port: UInt16 { server.port }

    /// How long the thread that the pages are drawn from has not come by.
    public var silence: Duration { feed.silence }

    /// Starts serving `control`.
    ///
    /// `monotonicMilliseconds` is the clock of `Armed.deadline`: the page is told what remains.
    /// `listener` is a listening socket that exists already, instead of the configuration's
    /// address and port; it stays the caller's.
    /// - Throws: `HTTPServerError` when the address cannot be bound.
    public init(
        control: any OperationsControl, configuration: ScreenConfiguration = ScreenConfiguration(),
        listener: Int32? = nil, monotonicMilliseconds: @escaping @Sendable () -> UInt64
    ) throws(HTTPServerError) {
        let routes = Routes(
            control: control, session: Session(), configuration: configuration,
            monotonicMilliseconds: monotonicMilliseconds)
        feed = routes.feed
        let port = Port()
        let answer: @Sendable (HTTPRequest) -> HTTPResponse = { request in
            routes.answer(request, port: port.number.load(ordering: .acquiring))
        }
        if let listener {
            server = try HTTPServer(
                listener: listener, bodyLimit: Routes.bodyLimit * 4,
                connectionsLimit: Self.connectionsLimit, handler: answer)
        } else {
            server = try HTTPServer(
                address: configuration.address, port: configuration.port,
                bodyLimit: Routes.bodyLimit * 4, connectionsLimit: Self.connectionsLimit,
                handler: answer)
        }
        // A request before this line meets port 0, which no Host names: refused, not served.
        port.number.store(server.port, ordering: .releasing)
        feed.start()
    }

    /// Ends every connection; waits at most about a second. May be called again.
    public func stop() {
        server.stop()
        feed.stop()
    }

    /// The port, known only once the server listens.
    private final class Port: Sendable {
        let number = Atomic<UInt16>(0)
    }
}

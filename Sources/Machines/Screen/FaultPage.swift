import Crypto
public import HTTPServer
import Synchronization

/// The page of a checkout that cannot open: whom to call with which code, and one sentence for who
/// comes. It asks again by itself, so that the checkout's own page follows when that is mended. It
/// keeps S1, S4 and S5 of `Screen`, knows no session and takes no orders.
public final class FaultPage: Sendable {
    /// What is read out on the telephone; the merchant's guide has the same list.
    public enum Code: String, CaseIterable, Sendable {
        /// None of the others.
        case other = "S00"
        /// The settings.
        case settings = "S01"
        /// Passphrase, own key or card keys.
        case secrets = "S02"
        /// No ledger.
        case pairing = "S03"
        /// The folder or the page's port is somebody else's.
        case busy = "S04"
        /// The journal.
        case journal = "S05"
    }

    /// What is shown.
    public struct Advice: Sendable, Equatable {
        /// Which code.
        public let code: Code
        /// What the technician does, in French.
        public let sentence: String

        /// An advice.
        public init(code: Code, sentence: String) {
            self.code = code
            self.sentence = sentence
        }
    }

    /// What a merchant reads; the guide quotes it.
    static let title = "La caisse ne peut pas ouvrir."

    private static let connectionsLimit = 16
    private final class Shown: Sendable {
        let advice = Mutex(Advice(code: .other, sentence: ""))
        let port = Atomic<UInt16>(0)
    }

    private let shown: Shown
    private let server: HTTPServer

    /// The port in use.
    public var port: UInt16 { server.port }

    /// Starts to serve, at the checkout's own place.
    /// - Throws: `HTTPServerError` when the address cannot be bound.
    public init(
        _ advice: Advice, address: String, port: UInt16, listener: Int32? = nil
    ) throws(HTTPServerError) {
        let shown = Shown()
        shown.advice.withLock { $0 = advice }
        let session = Session()
        let answer: @Sendable (HTTPRequest) -> HTTPResponse = { request in
            var answer = Self.answer(request, session, shown)
            answer.headers += Routes.securityHeaders + [("Cache-Control", "no-store")]
            return answer
        }
        if let listener {
            server = try HTTPServer(
                listener: listener, bodyLimit: 0, connectionsLimit: Self.connectionsLimit,
                handler: answer)
        } else {
            server = try HTTPServer(
                address: address, port: port, bodyLimit: 0,
                connectionsLimit: Self.connectionsLimit, handler: answer)
        }
        shown.port.store(server.port, ordering: .releasing)
        self.shown = shown
    }

    /// Shows another sentence from now on.
    public func show(_ advice: Advice) { shown.advice.withLock { $0 = advice } }

    /// Ends every connection. May be called again.
    public func stop() { server.stop() }

    private static func answer(
        _ request: HTTPRequest, _ session: Session, _ shown: Shown
    ) -> HTTPResponse {
        do throws(Problem) {
            try session.checkHost(request, port: shown.port.load(ordering: .acquiring))
        } catch { return error.response }
        switch request.path {
        case "/fault.css":
            return HTTPResponse(
                status: 200, headers: [("Content-Type", "text/css")], body: Array(style.utf8))
        case "/", "/client":
            let advice = shown.advice.withLock { $0 }
            return HTTPResponse(
                status: 503, headers: [("Content-Type", "text/html; charset=utf-8")],
                body: Array(page(advice).utf8))
        // A page of before asks with an old session, and loads itself anew when it is told so.
        default: return Problem.sessionMissing.response
        }
    }

    private static func page(_ advice: Advice) -> String {
        """
        <!doctype html>
        <html lang="fr">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="refresh" content="2">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Carte ECO : hors service</title>
        <link rel="stylesheet" href="/fault.css">
        </head>
        <body>
        <main role="alert">
        <h1>\(title)</h1>
        <p class="advice">Appelez le technicien. Code \(advice.code.rawValue).</p>
        <p class="after">Rien n’est perdu. Elle reprend toute seule dès que c’est réparé.</p>
        <p class="detail">Pour le technicien : \(escaped(advice.sentence))</p>
        </main>
        </body>
        </html>

        """
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    private static let style = """
        :root { color-scheme: light; }
        body {
          margin: 0; min-height: 100vh; display: grid; place-items: center;
          background: #faf6ee; color: #1a1a1a;
          font: 22px/1.35 "Noto Sans", "Liberation Sans", Arial, sans-serif;
        }
        main { box-sizing: border-box; max-width: 46rem; padding: 1.5rem; overflow-wrap: anywhere; }
        h1 { margin: 0 0 1rem; font-size: 1.6rem; color: #9b1c1c; }
        .advice { margin: 0 0 1rem; font-size: 1.35rem; font-weight: 600; }
        .after { margin: 0 0 1.5rem; }
        .detail {
          margin: 0; padding-top: 1rem; border-top: 2px solid #857c6c;
          font-size: 18px; color: #4d483f;
        }
        @media (min-width: 1000px) { body { font-size: 28px; } .detail { font-size: 20px; } }

        """
}

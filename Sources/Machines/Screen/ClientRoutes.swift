import HTTPServer
import Terminal

/// The customer display's own: its view, its events, and the one order it gives. The merchant's
/// page gives that order too (an enrolment begins with it).
extension Routes {
    func clientRoute(_ request: HTTPRequest, port: UInt16) throws(Problem) -> HTTPResponse {
        let isOrder = request.path == "/api/language"
        let method = isOrder ? "POST" : "GET"
        guard request.method == method else { throw .methodNotAllowed(method) }
        try session.checkOrigin(request, port: port)
        guard isOrder else {
            try clientSession.checkCookie(request, port: port)
            if request.path == "/client/events" {
                let control = control
                return try stream { json(ClientView($0, catalogue: control.catalogue)) }
            }
            return Self.document(ClientView(feed.moment, catalogue: control.catalogue))
        }
        try checkEither(request, port: port)
        guard feed.choose(try LanguageOrder.read(request).language) else {
            throw .languageUnknown
        }
        return Self.nothing
    }

    /// Cookie and token of one of the two pages; one of each does not do.
    private func checkEither(_ request: HTTPRequest, port: UInt16) throws(Problem) {
        do throws(Problem) {
            try clientSession.checkCookie(request, port: port)
            try clientSession.checkToken(request)
        } catch {
            try session.checkCookie(request, port: port)
            try session.checkToken(request)
        }
    }
}

// HTTPServer: HTTP/1.1 on one address or one socket given, one thread per connection
// (libmicrohttpd).
//
// Purpose: hand whole requests to one closure and send its answers; stream events (SSE).
//
// Promises against hostile clients:
//   - at most `connectionsLimit` connections; further ones wait in the kernel's queue;
//   - at most 32 KiB for a request's line and headers (libmicrohttpd refuses more);
//   - at most `bodyLimit` body bytes: a longer `Content-Length` is answered 413 and the body is
//     not read; a body without a length (chunked) is answered 411;
//   - a repeated or malformed `Content-Length` is answered 400;
//   - a whole request within `patience` of the connection or of the answer before it, and each
//     answer (each part of a stream) taken within `patience`, or the connection is cut: drops of
//     one byte at a time do not prolong it;
//   - those refusals are empty, or what `refused` makes of their status;
//   - both of two headers with one name are kept, and `header(_:)` refuses to pick one;
//   - an answer whose status or headers are not HTTP becomes an empty 500.
//
// Does not promise: TLS; a limit on the time the handler takes; that `isLoopback` means a person
// at this machine when a proxy stands before it.
//
// Threads: `handler` and a stream's closure run on the connection's own thread and may block;
// a stream's closure at most about one second at a time, giving [] when there is nothing, so that
// `stop()` and a client that left are noticed. `stop()` must not be called from them.

/// One whole request.
public struct HTTPRequest: Sendable {
    /// The method as sent, e.g. "GET".
    public let method: String
    /// The path, percent-decoded, without the query, e.g. "/events".
    public let path: String
    /// The query's names and values, percent-decoded, in order; a name alone has "".
    public let query: [(String, String)]
    /// The headers in order, names in lower case; two with one name are two elements.
    public let headers: [(name: String, value: String)]
    /// 0…bodyLimit bytes.
    public let body: [UInt8]
    /// Whether the client's address is 127.0.0.0/8 or ::1.
    public let isLoopback: Bool
    /// The client's address as it is written, "203.0.113.7" or "2001:db8::1"; "" when it has none.
    public let client: String

    /// A request as the server makes it; for callers that test their handler without a socket.
    public init(
        method: String, path: String, query: [(String, String)] = [],
        headers: [(name: String, value: String)] = [], body: [UInt8] = [], isLoopback: Bool = true,
        client: String = "127.0.0.1"
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.isLoopback = isLoopback
        self.client = client
    }

    /// The header of this lower-case name; nil when it is absent, and also when it came twice:
    /// two values of which one might be checked and the other used are none.
    public func header(_ lowerCaseName: String) -> String? {
        let values = headers.filter { $0.name == lowerCaseName }
        return values.count == 1 ? values[0].value : nil
    }
}

/// One answer.
public struct HTTPResponse: Sendable {
    /// The bytes after the headers.
    public enum Body: Sendable {
        /// All of them, sent with their length.
        case bytes([UInt8])
        /// Parts, pulled on the connection's thread: [] for nothing yet, nil at the end.
        case stream(@Sendable () -> [UInt8]?)
    }

    /// 200…599.
    public var status: Int
    /// Names and values in order. `Content-Length`, `Date` and `Connection` are the server's.
    public var headers: [(String, String)]
    /// The bytes or the stream.
    public var body: Body

    /// An answer with all its bytes.
    public init(status: Int, headers: [(String, String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = .bytes(body)
    }

    /// An answer of parts. `stream` blocks at most about a second: [] says nothing yet, nil ends.
    public init(
        status: Int = 200, headers: [(String, String)] = [],
        stream: @escaping @Sendable () -> [UInt8]?
    ) {
        self.status = status
        self.headers = headers
        self.body = .stream(stream)
    }
}

/// The server could not start.
public struct HTTPServerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The C call, e.g. "MHD_start_daemon".
    public let call: String
    /// A sentence, e.g. "127.0.0.1:80 Permission denied".
    public let detail: String

    /// An error of `call`.
    public init(call: String, detail: String) {
        self.call = call
        self.detail = detail
    }

    /// "MHD_start_daemon: 127.0.0.1:80 Permission denied".
    public var description: String { "\(call): \(detail)" }
}

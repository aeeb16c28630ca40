// HTTPClient: blocking HTTP/1.1 requests over libcurl.
//
// Purpose: one request at a time over one kept connection.
// Promises: http and https only, no redirect followed, no proxy of the environment used, an answer
// over the limit is refused while it arrives, every wait is bounded, and a method, an address or a
// header that would forge a line of the request is refused before anything is sent.
// The first client makes the process ignore SIGPIPE, which OpenSSL would raise on a broken link.
// Does not promise: anything about meaning; statuses are the caller's.
// Threads: any; a lock inside lets one request run at a time.
// Units: bytes; durations as named.

import CCurl
import Glibc

/// What libcurl refused.
public struct HTTPClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C call.
    public let call: String
    /// libcurl's CURLcode.
    public let code: Int32
    /// libcurl's words.
    public let message: String

    /// True when the time was over.
    public var isTimeout: Bool { code == Int32(CURLE_OPERATION_TIMEDOUT.rawValue) }
    /// True when the answer was over the limit.
    public var isTooLarge: Bool {
        code == Int32(CURLE_WRITE_ERROR.rawValue) || code == Int32(CURLE_FILESIZE_EXCEEDED.rawValue)
    }

    public var description: String { "\(call): \(code) \(message)" }
}

/// A whole answer.
public struct HTTPExchange: Sendable {
    /// The status code.
    public let status: Int
    /// Header fields of the last answer, names in lower case.
    public let headers: [(name: String, value: String)]
    /// The body.
    public let body: [UInt8]

    /// An answer that came by another way.
    public init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// One libcurl handle with its kept connection.
public final class HTTPClient: @unchecked Sendable {  // because `lock` guards `handle`
    private let handle: UnsafeMutableRawPointer
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let timeout: Duration
    private let connectTimeout: Duration
    private let answerLimit: Int
    private let socket: String?

    /// libcurl's own set-up, once a process. Calls `signal` and `curl_global_init`.
    private static let isReady: Bool = {
        signal(SIGPIPE, SIG_IGN)
        return curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
    }()

    /// A client. `timeout` bounds a whole request, `answerLimit` a body in bytes. With `socket`
    /// every request goes to that socket in the file system, whatever host it names.
    /// Calls `curl_easy_init`.
    public init(
        timeout: Duration, connectTimeout: Duration, answerLimit: Int, socket: String? = nil
    ) {
        precondition(Self.isReady, "HTTPClient: curl_global_init failed")
        guard let handle = curl_easy_init() else {
            preconditionFailure("HTTPClient: curl_easy_init failed")
        }
        self.handle = handle
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.answerLimit = answerLimit
        self.socket = socket
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
    }

    deinit {
        curl_easy_cleanup(handle)
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Sends a request and waits for the whole answer. A body is sent when it is not nil.
    /// Calls `curl_easy_perform`.
    public func send(
        method: String, url: String, headers: [(String, String)], body: [UInt8]?,
        timeout: Duration? = nil
    ) throws(HTTPClientError) -> HTTPExchange {
        guard Self.isClean(method: method, url: url, headers) else {
            throw HTTPClientError(
                call: "curl_easy_setopt", code: Int32(CURLE_BAD_FUNCTION_ARGUMENT.rawValue),
                message: "a control character or an empty name in the request")
        }
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        curl_easy_reset(handle)
        let bytes = body ?? []
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        // An empty Expect keeps libcurl from waiting for "100 Continue".
        for (name, value) in headers + [("Expect", "")] {
            list = curl_slist_append(list, "\(name): \(value)")
        }
        let answer = Answer(limit: answerLimit)
        let reference = Unmanaged.passUnretained(answer).toOpaque()
        let code = bytes.withUnsafeBufferPointer { buffer -> CURLcode in
            var code = option(method: method, url: url, list: list, timeout ?? self.timeout)
            if body != nil {
                note(&code, eco_curl_long(handle, CURLOPT_POSTFIELDSIZE, buffer.count))
                note(&code, eco_curl_bytes(handle, CURLOPT_POSTFIELDS, buffer.baseAddress))
                // POSTFIELDS makes it a POST; the method may be another one.
                note(
                    &code,
                    method.withCString {
                        eco_curl_text(handle, CURLOPT_CUSTOMREQUEST, $0)
                    })
            }
            note(&code, eco_curl_receive(handle, receiveBody, receiveHeader, reference))
            return code == CURLE_OK ? curl_easy_perform(handle) : code
        }
        withExtendedLifetime(answer) {}
        guard code == CURLE_OK else {
            throw HTTPClientError(
                call: "curl_easy_perform", code: Int32(code.rawValue),
                message: String(cString: curl_easy_strerror(code)))
        }
        return HTTPExchange(
            status: eco_curl_status(handle), headers: answer.headers, body: answer.body)
    }

    private func option(
        method: String, url: String, list: UnsafeMutablePointer<curl_slist>?, _ timeout: Duration
    ) -> CURLcode {
        var code = url.withCString { eco_curl_text(handle, CURLOPT_URL, $0) }
        note(&code, method.withCString { eco_curl_text(handle, CURLOPT_CUSTOMREQUEST, $0) })
        // Without it libcurl would wait for the body that a HEAD's length announces.
        if method == "HEAD" { note(&code, eco_curl_long(handle, CURLOPT_NOBODY, 1)) }
        note(&code, eco_curl_long(handle, CURLOPT_NOSIGNAL, 1))
        note(&code, eco_curl_long(handle, CURLOPT_FOLLOWLOCATION, 0))
        note(&code, eco_curl_long(handle, CURLOPT_TIMEOUT_MS, milliseconds(timeout)))
        note(
            &code, eco_curl_long(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connectTimeout)))
        note(&code, eco_curl_long(handle, CURLOPT_MAXFILESIZE, answerLimit))
        note(&code, eco_curl_text(handle, CURLOPT_PROTOCOLS_STR, "http,https"))
        note(&code, eco_curl_text(handle, CURLOPT_PROXY, ""))
        note(&code, eco_curl_list(handle, CURLOPT_HTTPHEADER, list))
        if let socket {
            note(
                &code,
                socket.withCString { eco_curl_text(handle, CURLOPT_UNIX_SOCKET_PATH, $0) })
        }
        return code
    }

    /// No character that ends a line or a word where it must not.
    private static func isClean(method: String, url: String, _ headers: [(String, String)]) -> Bool
    {
        let isWord = { (text: String) in
            !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 58 }
        }
        return isWord(method) && url.utf8.allSatisfy { $0 > 32 && $0 != 127 }
            && headers.allSatisfy { name, value in
                isWord(name) && value.utf8.allSatisfy { ($0 >= 32 && $0 != 127) || $0 == 9 }
            }
    }

    private func note(_ code: inout CURLcode, _ next: CURLcode) {
        if code == CURLE_OK { code = next }
    }

    private func milliseconds(_ duration: Duration) -> Int {
        // A day at most, so that the product below cannot overflow.
        let (seconds, attoseconds) = min(duration, .seconds(86_400)).components
        if seconds < 0 { return 1 }
        return max(1, Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}

/// What arrives, filled by libcurl's callbacks on the calling thread.
private final class Answer {
    let limit: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    private static let headersMax = 100

    init(limit: Int) { self.limit = limit }

    /// False when the body grows over the limit.
    func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard body.count + bytes.count <= limit else { return false }
        body.append(contentsOf: bytes)
        return true
    }

    /// One header line with its line end; a status line starts anew (100 Continue).
    func takeHeader(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            headers = []
            return true
        }
        guard headers.count < Self.headersMax else { return false }
        guard let colon = line.firstIndex(of: ":") else { return true }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        headers.append(
            (line[..<colon].lowercased(), String(value.prefix { $0 != "\r\n" && $0 != "\n" })))
        return true
    }
}

private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ reference: UnsafeMutableRawPointer?
) -> Int {
    receive(bytes, size * count, reference) { $0.take($1) }
}

private func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ reference: UnsafeMutableRawPointer?
) -> Int {
    receive(bytes, size * count, reference) { $0.takeHeader($1) }
}

/// libcurl stops with CURLE_WRITE_ERROR when a callback takes another number of bytes.
private func receive(
    _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ reference: UnsafeMutableRawPointer?,
    _ take: (Answer, UnsafeBufferPointer<UInt8>) -> Bool
) -> Int {
    guard let bytes, let reference, count > 0 else { return count }
    let answer = Unmanaged<Answer>.fromOpaque(reference).takeUnretainedValue()
    return bytes.withMemoryRebound(to: UInt8.self, capacity: count) { start in
        take(answer, UnsafeBufferPointer(start: start, count: count)) ? count : 0
    }
}

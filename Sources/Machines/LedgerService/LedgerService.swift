// LedgerService: the ledger's HTTP API (FORMATS §5) over a book.
//
// Purpose: check who asks (RFC 9421 signatures of paired terminals), call the book, answer in CBOR,
// COSE, or problem+json (RFC 9457); the page a phone opens when it taps a card; health and metrics.
//
//     POST /v1/terminals                     pairing code + key -> id, ledger key   (rate-limited)
//     POST /v1/terminals/{id}/entries        CBOR sequence -> signed receipt        (signed)
//     GET  /v1/terminals/{id}/entries/head   -> {1: seq, 2: hash}                   (signed)
//     GET  /v1/terminals/{id}/policy         ETag -> signed policy or 304           (signed)
//     PUT  /v1/terminals/{id}/status         newest entry, version, clock -> 204    (signed)
//     POST /v1/authorizations                request -> answer                      (signed)
//     GET  /v1/deny-list?since=N             -> signed delta                        (signed)
//     GET  /v1/cards/{number}/balance        -> {1: number, 2: cents, 3: available} (signed)
//     GET  /v1/time /healthz /readyz /metrics /c?d=…&e=…&c=…                        (open)
//     GET  /openapi.json /carte-eco.cddl     what all of these take and give        (open)
//
// Promises: `openapi.json` names every path, method, status and code there is, and a test keeps it
// so; nothing is booked but through the book's own checks; every refusal of the API is
// problem+json with a `code` and `retryable`; a request is taken once (nonce) and within 300 s of
// the ledger's clock; after a disk failure the file is opened anew before the next call.
// Does not promise: TLS (the deployment's proxy ends it); a memory of nonces across a restart: a
// request replayed then meets calls that are idempotent anyway.
// Threads: one a connection (HTTPServer); the book is under one lock, signatures are verified
// before it is taken. Units: milliseconds from the clock given; cents.

public import HTTPServer
public import LedgerBook
import Threads

/// Why the service does not start.
public enum LedgerServiceError: Error, Sendable {
    /// The file cannot be used.
    case book(BookError)
    /// The address cannot be used.
    case server(HTTPServerError)
}

/// The running API.
public final class LedgerService: Sendable {
    /// Largest body, bytes: a full batch.
    private static let bodyLimit = 4 << 20

    private let server: HTTPServer

    /// Opens the book at `path` and starts to serve on `address`:`port` (0: any port).
    /// - Parameters:
    ///   - clock: milliseconds since the Unix epoch.
    ///   - trouble: told, in a sentence without secrets, when the disk or the file fails.
    /// - Throws: `LedgerServiceError`.
    public init(
        path: String, authority: Authority, address: String, port: UInt16,
        clock: @escaping @Sendable () -> UInt64,
        trouble: @escaping @Sendable (String) -> Void
    ) throws(LedgerServiceError) {
        let shelf = Shelf(path: path, trouble: trouble)
        do throws(BookError) {
            _ = try shelf.with { (book) throws(BookError) in try book.settings() }
        } catch { throw .book(error) }
        let routes = Routes(
            shelf: shelf, readers: Shelf(path: path, trouble: trouble), authority: authority,
            clock: clock)
        do throws(HTTPServerError) {
            server = try HTTPServer(
                address: address, port: port, bodyLimit: Self.bodyLimit,
                refused: { routes.refused($0) }, handler: { routes.answer($0) })
        } catch { throw .server(error) }
    }

    /// The port in use.
    public var port: UInt16 { server.port }

    /// Ends every connection; batches under way are finished.
    public func stop() { server.stop() }
}

/// The book under its lock; opened anew after the disk failed.
final class Shelf: Sendable {
    private let path: String
    private let trouble: @Sendable (String) -> Void
    private let slot = Monitor<Book?>(nil)

    init(path: String, trouble: @escaping @Sendable (String) -> Void) {
        self.path = path
        self.trouble = trouble
    }

    func with<R>(_ body: (Book) throws(BookError) -> R) throws(BookError) -> R {
        try slot.read { (slot) throws(BookError) -> R in
            do throws(BookError) {
                let book = if let slot { slot } else { try Book(path: path) }
                slot = book
                return try body(book)
            } catch {
                if error.isDiskFailure { slot = nil }
                if case .storage(let cause) = error { trouble("database: \(cause)") }
                if case .unusable(let sentence) = error { trouble("database: \(sentence)") }
                throw error
            }
        }
    }
}

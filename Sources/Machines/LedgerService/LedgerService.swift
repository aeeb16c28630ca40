// LedgerService: the ledger's HTTP API (FORMATS §5) over a book.
//
// Purpose: check who asks (RFC 9421 signatures of paired terminals), call the book, answer in CBOR,
// COSE, or problem+json (RFC 9457); the page a phone opens when it taps a card; health and metrics.
//
//     POST /v1/terminals                     pairing code + key -> id, ledger key   (rate-limited)
//     POST /v1/terminals/{id}/entries        CBOR sequence -> signed receipt        (signed)
//     GET  /v1/terminals/{id}/entries/head   -> {1: seq, 2: hash}                   (signed)
//     GET  /v1/terminals/{id}/policy         ETag -> signed policy or 304           (signed)
//     GET  /v1/terminals/{id}/verdicts       ETag -> signed list or 304             (signed)
//     PUT  /v1/terminals/{id}/status         newest entry, version, clock -> 204    (signed)
//     POST /v1/authorizations                request -> answer                      (signed)
//     GET  /v1/deny-list?since=N             -> signed delta                        (signed)
//     GET  /v1/cards/{number}/balance        -> {1: number, 2: cents, 3: available} (signed)
//     GET  /v1/time /healthz /readyz /metrics /c?d=…&e=…&c=…                        (open)
//     GET  /openapi.json /carte-eco.cddl     what all of these take and give        (open)
//
// Promises: `openapi.json` names every path, method, status and code there is, and a test keeps it
// so; nothing is booked but through the book's own checks; every refusal of ours is problem+json
// with a `code` and `retryable`; a request is taken once (nonce) and within 300 s of the ledger's
// clock; after a disk failure, or when the server is gone, the book is opened anew before the next
// call. Several instances may serve one database: what is kept between requests (nonces, wrong
// pairing codes, counts for /metrics, when /readyz last wrote) no booking is judged by.
// Does not promise: TLS (the deployment's proxy ends it, and says in X-Forwarded-For for whom); a
// document where libmicrohttpd refuses by itself (no HTTP, over 32 KiB of headers); a memory of
// nonces across a restart or in another instance: a request replayed there changes nothing a second
// time (ReplayTests), but that a refused authorisation, after a top-up, reserves what was asked for
// 15 minutes.
// Threads: one a connection (HTTPServer). A book serves one of them at a time: one book with
// SQLite, at most `StoreAddress.connectionsMax` with PostgreSQL; signatures are verified before
// one is taken. Units: milliseconds from the clock given; cents.

public import HTTPServer
public import LedgerBook
import Threads

/// Why the service does not start.
public enum LedgerServiceError: Error, Sendable {
    /// The database cannot be used.
    case book(BookError)
    /// The address cannot be used.
    case server(HTTPServerError)
}

/// The running API.
public final class LedgerService: Sendable {
    /// Largest body, bytes: a full batch.
    private static let bodyLimit = 4 << 20

    private let server: HTTPServer
    private let routes: Routes

    /// Opens the book at `database` and starts to serve on `address`:`port` (0: any port).
    /// - Parameters:
    ///   - clock: milliseconds since the Unix epoch.
    ///   - trouble: told, in a sentence without secrets, when the database fails, and when it was
    ///     put back from a backup and nobody said so.
    /// - Throws: `LedgerServiceError`.
    public init(
        database: StoreAddress, authority: Authority, address: String, port: UInt16,
        clock: @escaping @Sendable () -> UInt64,
        trouble: @escaping @Sendable (String) -> Void
    ) throws(LedgerServiceError) {
        let shelf = Shelf(database, trouble: trouble)
        do throws(BookError) {
            _ = try shelf.with { (book) throws(BookError) in try book.settings() }
        } catch { throw .book(error) }
        let routes = Routes(
            shelf: shelf, readers: Shelf(database, trouble: trouble), authority: authority,
            clock: clock, trouble: trouble)
        self.routes = routes
        do throws(HTTPServerError) {
            server = try HTTPServer(
                address: address, port: port, bodyLimit: Self.bodyLimit,
                refused: { routes.refused($0) }, handler: { routes.answer($0) })
        } catch { throw .server(error) }
    }

    /// The port in use.
    public var port: UInt16 { server.port }

    /// True: terminals have shown that an older database was put back, and nobody has said so by
    /// `eco-ledger restored` (`Book.noteRestored`).
    public var isPutBack: Bool { (try? routes.isPutBack()) ?? false }

    /// Ends every connection; batches under way are finished.
    public func stop() { server.stop() }
}

/// The open books, each with one caller at a time; opened anew after the store failed.
final class Shelf: Sendable {
    /// How long a caller waits for a book.
    static let patience = Duration.seconds(10)

    private struct State {
        var free: [Book] = []
        /// Books open or being opened.
        var count = 0

        mutating func forgetFree() {
            count -= free.count
            free = []
        }
    }

    private let address: StoreAddress
    private let trouble: @Sendable (String) -> Void
    private let state = Monitor(State())

    init(_ address: StoreAddress, trouble: @escaping @Sendable (String) -> Void) {
        self.address = address
        self.trouble = trouble
    }

    func with<R>(_ body: (Book) throws(BookError) -> R) throws(BookError) -> R {
        var book: Book?
        do throws(BookError) {
            let taken = try take()
            book = taken
            let result = try body(taken)
            put(taken)
            return result
        } catch {
            if case .storage(let cause) = error { trouble("database: \(cause)") }
            if case .unusable(let sentence) = error { trouble("database: \(sentence)") }
            if let book { put(error.isStoreLost ? nil : book) }
            // What this one found out, the others would find out one by one.
            if error.isStoreLost { state.update { $0.forgetFree() } }
            throw error
        }
    }

    private func take() throws(BookError) -> Book {
        let limit = address.connectionsMax
        let place = state.wait(atMost: Self.patience) { (state) -> Book?? in
            if let book = state.free.popLast() { return .some(book) }
            guard state.count < limit else { return nil }
            state.count += 1
            return .some(nil)
        }
        guard let place else {
            throw .storage(StorageError(.busy, "every connection is in use"))
        }
        if let place { return place }
        do throws(BookError) { return try Book(address) } catch {
            put(nil)
            throw error
        }
    }

    /// Nil: the book is of no use any more.
    private func put(_ book: Book?) {
        state.update { state in
            if let book { state.free.append(book) } else { state.count -= 1 }
        }
    }
}

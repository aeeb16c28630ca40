import CPostgreSQL

/// A session with a server.
public final class Session: @unchecked Sendable {  // because the owner serialises the calls
    private static let statementsLimit = 500
    private var raw: OpaquePointer?
    /// Names of prepared statements, by their SQL.
    private var statements: [String: String] = [:]
    private let limit: Duration

    /// Connects as `text` says (a URI, or keywords); what it leaves out comes from libpq's
    /// environment. `settings` are libpq keywords used where `text` has none.
    /// Calls `PQconnectdbParams` and `PQenterPipelineMode`.
    /// - Parameter limit: the longest wait for the answers of one exchange.
    public init(
        _ text: String, settings: [(String, String)] = [], limit: Duration = .seconds(30)
    ) throws(PostgreSQLError) {
        guard ConnectionText.holdsPassword(text) != nil else {
            throw PostgreSQLError(
                call: "PQconninfoParse", state: "08001", message: "not a connection text")
        }
        // Later keywords win over earlier ones; dbname is taken apart where it stands.
        let pairs = settings + [("dbname", text)]
        self.limit = limit
        let opened = withCStrings(pairs.map(\.0)) { keywords in
            withCStrings(pairs.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let opened, PQstatus(opened) == CONNECTION_OK else {
            let message = opened.map { String(cString: PQerrorMessage($0)) } ?? "no memory"
            PQfinish(opened)
            throw PostgreSQLError(
                call: "PQconnectdbParams", state: "08001",
                message: message.split(separator: "\n").joined(separator: " "))
        }
        raw = opened
        PQsetNoticeProcessor(opened, { _, _ in }, nil)
        guard PQsetnonblocking(opened, 1) == 0, PQenterPipelineMode(opened) == 1 else {
            throw lose("PQenterPipelineMode", "not to be had")
        }
    }

    deinit { close() }

    /// Ends the session; a later call throws 08003. Calls `PQfinish`.
    public func close() {
        PQfinish(raw)
        raw = nil
        statements = [:]
    }

    /// True until the line breaks or `close`.
    public var isOpen: Bool { raw != nil }

    /// True between a BEGIN and its end, also after a failure. Calls `PQtransactionStatus`.
    public var isInTransaction: Bool {
        raw.map { [PQTRANS_INTRANS, PQTRANS_INERROR].contains(PQtransactionStatus($0)) } ?? false
    }

    /// What another thread may hold to stop a command under way. Calls `PQgetCancel`.
    public var canceller: Canceller? { raw.flatMap { PQgetCancel($0) }.map { Canceller($0) } }

    /// Runs several statements without values, e.g. a schema. Waits without G3's limit.
    /// Calls `PQexec`.
    public func script(_ sql: String) throws(PostgreSQLError) {
        let raw = try opened()
        PQexitPipelineMode(raw)
        PQsetnonblocking(raw, 0)
        let result = PQexec(raw, sql)
        defer { PQclear(result) }
        PQsetnonblocking(raw, 1)
        guard PQstatus(raw) == CONNECTION_OK, PQenterPipelineMode(raw) == 1 else {
            throw lose("PQexec", "the line broke")
        }
        if ![PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) {
            throw refusal(result, "PQexec")
        }
    }

    /// Sends every command, then reads every answer (G1).
    /// Calls `PQsendPrepare`, `PQsendQueryPrepared`, `PQpipelineSync` and `PQgetResult`.
    public func exchange(
        _ commands: [PostgreSQLCommand]
    ) throws(PostgreSQLError) -> [PostgreSQLAnswer] {
        if commands.isEmpty { return [] }
        if statements.count > Self.statementsLimit {
            try script("DEALLOCATE ALL")
            statements = [:]
        }
        let raw = try opened()
        var expected: [Expected] = []
        var fresh: [String: String] = [:]
        for command in commands {
            let name: String
            if let known = statements[command.text] ?? fresh[command.text] {
                name = known
            } else {
                name = "s\(statements.count + fresh.count)"
                fresh[command.text] = name
                let types = command.values.map(\.type)
                if PQsendPrepare(raw, name, command.text, Int32(types.count), types) != 1 {
                    throw lose("PQsendPrepare")
                }
                expected.append(.prepared(command.text, name))
            }
            if send(command.values, name, raw) != 1 { throw lose("PQsendQueryPrepared") }
            expected.append(.answer)
        }
        if PQpipelineSync(raw) != 1 { throw lose("PQpipelineSync") }
        return try answers(expected, raw)
    }

    /// What a result is of.
    private enum Expected {
        case prepared(String, String)
        case answer
    }

    private func answers(
        _ expected: [Expected], _ raw: OpaquePointer
    ) throws(PostgreSQLError) -> [PostgreSQLAnswer] {
        let deadline = ContinuousClock.now + limit
        var answers: [PostgreSQLAnswer] = []
        var (place, failure) = (0, PostgreSQLError?.none)
        while true {
            try wait(raw, until: deadline)
            guard let result = PQgetResult(raw) else {
                // The end of one command's results.
                place += 1
                guard PQstatus(raw) == CONNECTION_OK, place <= expected.count else {
                    throw lose("PQgetResult", failure?.message)
                }
                continue
            }
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            if status == PGRES_PIPELINE_SYNC { break }
            if status == PGRES_PIPELINE_ABORTED || failure != nil { continue }
            guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
                failure = refusal(result, "PQgetResult")
                continue
            }
            guard place < expected.count else { throw lose("PQgetResult", "an answer too many") }
            switch expected[place] {
            case .prepared(let sql, let name): statements[sql] = name
            case .answer: answers.append(try answer(result))
            }
        }
        if let failure {
            if failure.isConnectionLost { close() }
            throw failure
        }
        return answers
    }

    private func answer(_ result: OpaquePointer) throws(PostgreSQLError) -> PostgreSQLAnswer {
        do throws(PostgreSQLError) { return try PostgreSQLAnswer(result) } catch {
            // Answers are left on the line: it cannot be used any more.
            close()
            throw error
        }
    }

    /// Until a result can be had without waiting. Calls `PQflush`, `PQconsumeInput`, `poll`.
    private func wait(
        _ raw: OpaquePointer, until deadline: ContinuousClock.Instant
    ) throws(PostgreSQLError) {
        var unsent = PQflush(raw)
        while PQisBusy(raw) == 1 {
            if unsent < 0 { throw lose("PQflush") }
            switch ready(PQsocket(raw), writing: unsent == 1, until: deadline) {
            case .failed: throw lose("poll", "the line broke")
            case .late: throw lose("poll", "no answer within \(limit)")
            case .ready: break
            }
            if PQconsumeInput(raw) != 1 { throw lose("PQconsumeInput") }
            unsent = PQflush(raw)
        }
    }

    private func opened() throws(PostgreSQLError) -> OpaquePointer {
        if let raw { return raw }
        throw PostgreSQLError(call: "libpq", state: "08003", message: "there is no session")
    }

    /// Gives the session up (G3).
    private func lose(_ call: String, _ message: String? = nil) -> PostgreSQLError {
        let told = raw.map { String(cString: PQerrorMessage($0)) } ?? ""
        close()
        let sentence = message ?? told.split(separator: "\n").joined(separator: " ")
        return PostgreSQLError(call: call, state: "08006", message: sentence)
    }
}

/// Stops a command under way, from any thread.
public final class Canceller: @unchecked Sendable {  // because `PQcancel` may be called anywhere
    private let raw: OpaquePointer

    init(_ raw: OpaquePointer) { self.raw = raw }

    deinit { PQfreeCancel(raw) }

    /// Asks the server to stop what the session does now; it throws 57014 then, if it was not
    /// done already. Calls `PQcancel`.
    public func cancel() {
        var complaint = [CChar](repeating: 0, count: 256)
        PQcancel(raw, &complaint, 256)
    }
}

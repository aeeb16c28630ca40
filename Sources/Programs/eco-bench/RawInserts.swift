import CommandLineTool
import Crypto
import LedgerBook
import Linux
import PostgreSQL

/// The field's own anchor for a PostgreSQL server: `pgbench` inserting one row of an entry's size
/// a transaction, from as many clients, into a table with nothing but a primary key.
struct RawInserts {
    private static let secondsEach = 2
    private let program: String
    private let address: String
    private let clients: Int
    private let folder: String

    /// Makes the table at `address`; nil for a file, and where there is no pgbench.
    init?(_ address: StoreAddress, clients: Int) throws {
        guard case .postgreSQL(let text) = address, let program = Self.find() else { return nil }
        try Session(text).script(
            "CREATE TABLE raw_rows(id BIGINT PRIMARY KEY, cose BYTEA NOT NULL)")
        self.program = program
        self.address = text
        self.clients = clients
        folder = "/tmp/eco-bench-" + Hexadecimal.text(randomBytes(8))
        try Files.makeDirectory(folder)
        let row = Hexadecimal.text(randomBytes(330))
        let script = """
            \\set id random(1, 9000000000000000000)
            INSERT INTO raw_rows VALUES(:id, '\\x\(row)');

            """
        try Files.append(Array(script.utf8), to: folder + "/insert.sql")
    }

    private static func find() -> String? {
        let versions = (9...40).reversed().map { "/usr/lib/postgresql/\($0)/bin/pgbench" }
        return (versions + ["/usr/bin/pgbench"]).first { Files.exists($0) }
    }

    /// Rows a second.
    func measure() throws -> Double {
        let answer = folder + "/" + Hexadecimal.text(randomBytes(8))
        let run = try ChildProcess.start(
            program,
            [
                "--no-vacuum", "--protocol=prepared", "--client=\(clients)", "--jobs=2",
                "--time=\(Self.secondsEach)", "--file=\(folder)/insert.sql", address,
            ], output: answer, errors: answer)
        let code = run.wait()
        defer { try? Files.remove(answer) }
        let text = String(decoding: try Files.read(answer, atMost: 65_536), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("tps = ") }
        let figure = line?.dropFirst(6).split(separator: " ").first.flatMap { Double($0) }
        guard code == 0, let figure else {
            throw Failure(
                "pgbench ended with \(code)", hint: String(text.split(separator: "\n").last ?? ""))
        }
        return figure
    }

    /// Removes what it wrote outside the server.
    func clear() { removeFolder(folder) }
}

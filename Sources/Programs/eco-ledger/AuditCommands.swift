import CommandLineTool
import Crypto
import LedgerBook
import Linux
import Proofs

/// `audit`: of the ledger's own book, or of a terminal's archive beside the ledger's receipts.
enum AuditCommands {
    static let all = [
        Command(
            ["audit"], "prove that nothing is missing, doubled or forked; exit 11 when broken",
            options: [
                .database,
                .values("archive", "FILE", "a terminal's journal archive; needs no database"),
                .values("receipts", "FILE", "receipts beside those in the archive"),
                .values(
                    "set-aside", "FILE", "archive of a terminal's old journal: is all of it here?"),
                .value("ledger-key", "HEX", "the ledger's public key: proves its receipts"),
                .flag("open-end", "the newest entries may still wait for their receipt"),
                .value("upto", "archive", "a closed year: the ledger may have entries after it"),
            ],
            examples: [
                "eco-ledger audit -d sqlite:ledger.sqlite",
                "eco-ledger audit -d sqlite:ledger.sqlite --ledger-key $KEY --json",
                "eco-ledger audit -d sqlite:ledger.sqlite --set-aside old.eco-archive",
                "eco-ledger audit --archive 2026.eco-archive --ledger-key $KEY",
                "eco-ledger audit --archive 2026.eco-archive --receipts more.receipts "
                    + "--ledger-key $KEY -d sqlite:ledger.sqlite",
                "eco-ledger audit --archive 2026.eco-archive --upto archive --ledger-key $KEY "
                    + "-d sqlite:ledger.sqlite   # in 2027, beside the ledger at work",
            ], run: audit),
        Command(
            ["terminal", "receipts"], words: "ID FILE",
            "write the receipts a terminal was given to FILE, for an audit elsewhere",
            options: [.database],
            examples: [
                "eco-ledger terminal receipts -d sqlite:ledger.sqlite 0f1e2d3c4b5a6978 x.receipts",
                "eco-ledger audit --archive 2026.eco-archive --receipts x.receipts "
                    + "--ledger-key $KEY",
            ], run: receipts),
    ]

    /// Bytes of an archive or of a file of receipts at most.
    private static let fileMax = 1 << 30

    /// A fault as it is printed.
    private struct Line {
        let code: String
        let terminal: String?
        let first: UInt64
        let last: UInt64
        let sentence: String

        var text: String {
            let place =
                first == 0
                ? "" : first == last ? "  entry \(first)" : "  entries \(first) to \(last)"
            return "fault: \(code)\(place)  \(sentence)"
        }

        var object: JSONValue {
            .record([
                "code": .text(code), "terminal": terminal.map { .text($0) } ?? .null,
                "seq": first == 0 ? .null : .integer(Int64(clamping: first)),
                "to": first == 0 ? .null : .integer(Int64(clamping: last)),
                "sentence": .text(sentence),
            ])
        }
    }

    private static func audit(_ call: Invocation) throws {
        let archives = call.values("archive")
        guard archives.isEmpty else {
            guard call.values("set-aside").isEmpty else {
                throw Failure(
                    "--set-aside does not go with --archive", hint: "ask for one after the other",
                    code: .usage)
            }
            return try prove(archives, call)
        }
        guard call.values("receipts").isEmpty, !call.flag("open-end"), call.value("upto") == nil
        else {
            throw Failure(
                "--receipts, --open-end and --upto go with --archive",
                hint: "name the terminal's archive too", code: .usage)
        }
        let key = try call.value("ledger-key").map { try publicKey($0) }
        let old = try call.values("set-aside").map { SetAsideProof(archive: try read($0)) }
        let (findings, proofs) = try call.withBook(patience: Invocation.wholeBook) { book in
            (try book.audit(ledger: key), try old.map { try proven($0, book) })
        }
        let signatures =
            key == nil
            ? ["the receipts' signatures were not checked: that takes --ledger-key"] : []
        try tell(
            call, proof: nil, findings, bookLines(findings) + proofs.flatMap(\.lines),
            [words(findings)] + signatures + proofs.map(\.words))
    }

    private static func words(_ book: AuditFindings) -> String {
        "\(book.entries) entries, \(book.transactions) transactions, \(book.receipts) receipts"
    }

    private static func publicKey(_ text: String) throws -> Ed25519PublicKey {
        guard let key = Hexadecimal.bytes(text).flatMap({ try? Ed25519PublicKey($0) }) else {
            throw Failure(
                "--ledger-key is no public key",
                hint: "64 hexadecimal digits, as eco-ledger key show prints them", code: .usage)
        }
        return key
    }

    /// An old journal's archive beside the book.
    private static func proven(
        _ archive: SetAsideProof, _ book: Book
    ) throws -> (lines: [Line], words: String) {
        var proof = archive
        if let terminal = archive.terminal {
            try book.copies(of: terminal.kid) { sequence, bytes, _ in
                proof.compare(copy: bytes, sequence: sequence)
            }
            proof.end()
        }
        let id = proof.terminal.map { Hexadecimal.text($0.kid) }
        return (
            lines(proof.findings, id),
            "set aside of \(id ?? "nobody"): \(proof.entered) operations after entry "
                + "\(proof.common) are in the book"
        )
    }

    private static func lines(_ findings: [Finding], _ terminal: String?) -> [Line] {
        findings.map { finding in
            let rest = finding.detail.isEmpty ? "" : " (\(finding.detail))"
            return Line(
                code: finding.code.rawValue, terminal: terminal, first: finding.sequence,
                last: finding.last, sentence: finding.code.sentence + rest)
        }
    }

    private static func bookLines(_ findings: AuditFindings) -> [Line] {
        findings.coded.map {
            Line(code: $0.code, terminal: nil, first: 0, last: 0, sentence: $0.sentence)
        }
    }

    private static func prove(_ archives: [String], _ call: Invocation) throws {
        let key = try publicKey(call.required("ledger-key"))
        let upTo = call.value("upto")
        guard upTo == nil || upTo == "archive" else {
            throw Failure(
                "--upto is 'archive' or left out", hint: "--upto archive", code: .usage)
        }
        var proof = TerminalProof(
            archives: try archives.map(read), receipts: try call.values("receipts").map(read),
            ledger: key, isOpen: call.flag("open-end"), isUpToArchive: upTo != nil)
        var book: AuditFindings?
        if call.value("database") != nil {
            book = try call.withBook(patience: Invocation.wholeBook) { book in
                if let terminal = proof.terminal { try compare(terminal, &proof, book) }
                return try book.audit(ledger: key)
            }
        }
        let id = proof.terminal.map { Hexadecimal.text($0.kid) }
        let lines = lines(proof.findings, id)
        var words = [
            "terminal \(id ?? "unknown"): entries \(proof.from) to \(proof.to), "
                + "\(proof.entries) of them, \(proof.receipts) receipts"
        ]
        if proof.from > 1 {
            words.append("entries 1 to \(proof.from - 1) are in no archive given here")
        }
        if let last = proof.beyond {
            words.append(
                "entries \(proof.to + 1) to \(last) came after it, and are not proven here")
        }
        if let book { words.append("the ledger's book: \(self.words(book))") }
        try tell(call, proof: proof, book, lines + (book.map(bookLines) ?? []), words)
    }

    private static func compare(
        _ terminal: Ed25519PublicKey, _ proof: inout TerminalProof, _ book: Book
    ) throws {
        var copy = proof
        try book.copies(of: terminal.kid) { sequence, bytes, outcome in
            copy.compare(copy: bytes, sequence: sequence, outcome: outcome)
        }
        copy.endCopies()
        proof = copy
    }

    private static func tell(
        _ call: Invocation, proof: TerminalProof?, _ book: AuditFindings?, _ faults: [Line],
        _ words: [String]
    ) throws {
        let terminal = proof?.terminal.map { Hexadecimal.text($0.kid) }
        call.print(
            .record([
                "schema": .text("eco.audit.1"),
                "terminal": terminal.map { .text($0) } ?? .null,
                "from": proof.map { .integer(Int64(clamping: $0.from)) } ?? .null,
                "to": proof.map { .integer(Int64(clamping: $0.to)) } ?? .null,
                "entries": .integer(Int64(proof?.entries ?? book?.entries ?? 0)),
                "beyond": proof?.beyond.map { .integer(Int64(clamping: $0)) } ?? .null,
                "receipts": .integer(Int64(proof?.receipts ?? book?.receipts ?? 0)),
                "transactions": book.map { .integer(Int64($0.transactions)) } ?? .null,
                "faults": .array(faults.map(\.object)),
                "flagged": .array((book?.flagged ?? []).map(HeldCommands.object)),
            ]),
            words + faults.map(\.text) + (book?.flagged ?? []).map(HeldCommands.line)
                + [faults.isEmpty ? "sound: nothing is missing, doubled or forked" : "BROKEN"])
        guard faults.isEmpty else {
            throw Failure(
                "\(faults.count) faults were found",
                hint: "keep the files as they are, and compare with a copy", code: .integrity,
                isTold: true)
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        do { return try Files.read(path, atMost: fileMax) } catch {
            throw Failure("\(path) cannot be read: \(error)", hint: "check the path")
        }
    }

    private static func receipts(_ call: Invocation) throws {
        let (id, path) = (call.words[0], call.words[1])
        let kid = try terminalKid(id)
        let file = try NewFile(path)
        let receipts = try call.withBook { try $0.receipts(of: kid) }
        try file.write(receipts.flatMap { $0 })
        call.print(
            .record(["terminal": .text(id), "receipts": .integer(Int64(receipts.count))]),
            ["\(receipts.count) receipts of \(id)"])
    }
}

import Linux
public import Tokens

/// One row of a manifest: a card to be made.
public struct ManifestRow: Equatable, Sendable {
    /// 1 and more; the row's name.
    public let sequence: Int
    /// What the holder's list calls the card: a pseudonym.
    public let alias: String
    /// Opaque; may be empty.
    public let accountReference: String
    /// What stands on the label beside the number; may be empty.
    public let printLabel: String
    /// The number, when the manifest gives one.
    public let number: CardNumber?
    /// The class, when the manifest gives one.
    public let cardClass: CardClass?

    /// What must not change once the row is planned.
    var fixed: String {
        CommaSeparated.line([
            String(sequence), alias, accountReference, printLabel, number?.digits ?? "",
            cardClass.map { String($0.rawValue) } ?? "",
        ])
    }
}

/// A manifest: `seq,alias,card_type,account_ref,print_label`, and at will `number` and `class`, in
/// any order, named by the first line.
public struct Manifest: Equatable, Sendable {
    /// Rows in the order of the file.
    public let rows: [ManifestRow]

    /// Most bytes and most rows of a manifest.
    public static let sizeMax = 4 << 20
    /// Most rows.
    public static let rowsMax = 10_000
    private static let required = ["seq", "alias", "card_type", "account_ref", "print_label"]
    private static let known = required + ["number", "class"]
    private static let classes: [String: CardClass] = [
        "anonymous": .anonymous, "member": .member, "professional": .professional,
        "training": .training,
    ]

    /// Reads a file. - Throws: `BatchError.file`, `.line`.
    public init(path: String) throws(BatchError) {
        let bytes: [UInt8]
        do { bytes = try Files.read(path, atMost: Self.sizeMax) } catch {
            throw .file("\(path): \(error)")
        }
        try self.init(bytes)
    }

    /// Reads the bytes of a file. - Throws: `BatchError.line`.
    public init(_ bytes: [UInt8]) throws(BatchError) {
        let records = try CommaSeparated.records(bytes, atMost: Self.rowsMax + 1)
        guard let head = records.first else { throw .line(1, "no first line") }
        let columns = try Self.columns(head)
        var rows: [ManifestRow] = []
        var seen = Seen()
        for record in records.dropFirst() {
            guard record.fields.count == head.fields.count else {
                throw .line(
                    record.line, "\(record.fields.count) fields where \(head.fields.count) belong")
            }
            let row = try Self.row(record, columns)
            try seen.add(row, record.line)
            rows.append(row)
        }
        guard !rows.isEmpty else { throw .line(head.line + 1, "no card") }
        self.rows = rows
    }

    private static func columns(
        _ head: CommaSeparated.Record
    ) throws(BatchError) -> [String: Int] {
        var columns: [String: Int] = [:]
        for (index, name) in head.fields.enumerated() {
            guard known.contains(name) else { throw .line(head.line, "unknown column '\(name)'") }
            guard columns[name] == nil else { throw .line(head.line, "column '\(name)' twice") }
            columns[name] = index
        }
        for name in required where columns[name] == nil {
            throw .line(head.line, "no column '\(name)'")
        }
        return columns
    }

    private static func row(
        _ record: CommaSeparated.Record, _ columns: [String: Int]
    ) throws(BatchError) -> ManifestRow {
        let field = { (name: String) in columns[name].map { record.fields[$0] } ?? "" }
        let line = record.line
        guard let sequence = Int(field("seq")), (1...999_999).contains(sequence) else {
            throw .line(line, "seq is a number from 1 to 999999")
        }
        guard isName(field("alias"), atMost: 40), !field("alias").isEmpty else {
            throw .line(line, "alias: 1 to 40 letters, digits, spaces, . _ - or /")
        }
        guard field("card_type") == "ntag424" else {
            throw .line(line, "card_type is ntag424")
        }
        guard isName(field("account_ref"), atMost: 64) else {
            throw .line(line, "account_ref: at most 64 letters, digits, spaces, . _ - or /")
        }
        let label = field("print_label")
        guard label.count <= 40, label.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
            throw .line(line, "print_label: at most 40 characters, one line")
        }
        let number = CardNumber(field("number"))
        guard field("number").isEmpty || number != nil else {
            throw .line(line, "number: 12 digits, the last one Luhn's check digit")
        }
        let cardClass = classes[field("class")]
        guard field("class").isEmpty || cardClass != nil else {
            throw .line(line, "class is anonymous, member, professional or training")
        }
        return ManifestRow(
            sequence: sequence, alias: field("alias"), accountReference: field("account_ref"),
            printLabel: label, number: number, cardClass: cardClass)
    }

    /// Letters, digits and a few marks; it begins with neither a mark nor a space, so that no
    /// spreadsheet takes it for a formula.
    private static func isName(_ text: String, atMost limit: Int) -> Bool {
        guard text.count <= limit else { return false }
        guard let first = text.first else { return true }
        return (first.isLetter || first.isNumber)
            && text.allSatisfy { $0.isLetter || $0.isNumber || " ._-/".contains($0) }
    }

    /// What no two rows may share (B1).
    private struct Seen {
        var sequences: Set<Int> = []
        var aliases: Set<String> = []
        var numbers: Set<CardNumber> = []

        mutating func add(_ row: ManifestRow, _ line: Int) throws(BatchError) {
            guard sequences.insert(row.sequence).inserted else {
                throw .line(line, "seq \(row.sequence) stands twice")
            }
            guard aliases.insert(row.alias).inserted else {
                throw .line(line, "alias '\(row.alias)' stands twice")
            }
            if let number = row.number, !numbers.insert(number).inserted {
                throw .line(line, "number \(number) stands twice")
            }
        }
    }
}

/// Comma-separated values (RFC 4180): UTF-8, CRLF or LF, fields quoted at need.
enum CommaSeparated {
    /// One record and the line (from 1) it begins on.
    struct Record: Equatable {
        let line: Int
        let fields: [String]
    }

    /// Most fields of a record and most bytes of a field.
    static let fieldsMax = 32
    static let fieldSizeMax = 200

    /// Reads all records; blank lines are left out. A byte order mark is passed over. The first
    /// line decides whether fields end with commas or with semicolons, as some spreadsheets write.
    static func records(
        _ bytes: [UInt8], atMost limit: Int
    ) throws(BatchError) -> [Record] {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var reader = Reader(bytes: bytes, next: bytes.starts(with: mark) ? 3 : 0)
        let head = bytes.prefix { $0 != 0x0A }
        if head.contains(UInt8(ascii: ";")), !head.contains(UInt8(ascii: ",")) {
            reader.separator = UInt8(ascii: ";")
        }
        var records: [Record] = []
        while let record = try reader.record() {
            guard record.fields != [""] else { continue }
            guard records.count < limit else {
                throw .line(record.line, "more than \(limit) records")
            }
            records.append(record)
        }
        return records
    }

    /// A record with its CRLF; fields are quoted when they must be.
    static func line(_ fields: [String]) -> String {
        fields.map { field in
            let isPlain = field.utf8.allSatisfy { ![0x2C, 0x22, 0x0D, 0x0A].contains($0) }
            if isPlain { return field }
            return "\""
                + field.split(separator: "\"", omittingEmptySubsequences: false)
                .joined(separator: "\"\"") + "\""
        }.joined(separator: ",") + "\r\n"
    }

    private struct Reader {
        let bytes: [UInt8]
        var next: Int
        var line = 1
        var separator = UInt8(ascii: ",")

        /// The next record; nil at the end.
        mutating func record() throws(BatchError) -> Record? {
            guard next < bytes.count else { return nil }
            let start = line
            var fields: [String] = []
            while true {
                guard fields.count < fieldsMax else {
                    throw .line(line, "more than \(fieldsMax) fields")
                }
                fields.append(try field())
                guard next < bytes.count else { break }
                let end = bytes[next]
                next += 1
                if end == separator { continue }
                if end == 0x0D, next < bytes.count, bytes[next] == 0x0A { next += 1 }
                line += 1
                break
            }
            return Record(line: start, fields: fields)
        }

        /// One field, up to its separator or line end.
        private mutating func field() throws(BatchError) -> String {
            let isQuoted = next < bytes.count && bytes[next] == 0x22
            let content = isQuoted ? try quoted() : try plain()
            guard content.count <= fieldSizeMax else {
                throw .line(line, "a field of more than \(fieldSizeMax) bytes")
            }
            guard let text = String(validating: content, as: UTF8.self) else {
                throw .line(line, "not UTF-8")
            }
            return text
        }

        private mutating func plain() throws(BatchError) -> [UInt8] {
            let start = next
            while next < bytes.count, bytes[next] != separator, bytes[next] != 0x0D,
                bytes[next] != 0x0A
            {
                guard bytes[next] != 0x22 else { throw .line(line, "a quote inside a field") }
                next += 1
            }
            return Array(bytes[start..<next])
        }

        private mutating func quoted() throws(BatchError) -> [UInt8] {
            let start = line
            next += 1
            var content: [UInt8] = []
            while next < bytes.count {
                let byte = bytes[next]
                next += 1
                if byte == 0x0A { line += 1 }
                if byte != 0x22 {
                    content.append(byte)
                    guard content.count <= fieldSizeMax else {
                        throw .line(start, "a field of more than \(fieldSizeMax) bytes")
                    }
                    continue
                }
                if next < bytes.count, bytes[next] == 0x22 {
                    content.append(0x22)
                    next += 1
                    continue
                }
                let isEnd =
                    next == bytes.count || bytes[next] == separator || bytes[next] == 0x0D
                    || bytes[next] == 0x0A
                guard isEnd else { throw .line(line, "text after a closing quote") }
                return content
            }
            throw .line(start, "a quote that does not close")
        }
    }
}

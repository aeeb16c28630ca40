import TestSupport
import Testing
import Tokens

@testable import Batches

/// RFC 4180, and what a row may say.
@Suite struct ManifestTests {
    private static let head = Box.head
    private static let long = String(repeating: "a", count: 201)
    private static let wrong: [(String, Int)] = [
        ("", 1), ("seq,alias\n", 1), ("\(head)", 2), ("seq,seq,alias\n", 1),
        ("\(head)1,a,ntag424,\n", 2), ("\(head)1,a,ntag424,,,\n", 2),
        ("\(head)0,a,ntag424,,\n", 2), ("\(head)x,a,ntag424,,\n", 2),
        ("\(head)1,,ntag424,,\n", 2), ("\(head)1,=cmd,ntag424,,\n", 2),
        ("\(head)1,a,desfire,,\n", 2), ("\(head)1,a,ntag424,-x,\n", 2),
        ("\(head)1,a,ntag424,,\"b\u{7}\"\n", 2),
        ("\(head)1,a,ntag424,,\"two\nlines\"\n", 2),
        ("\(head)1,a,ntag424,,\n2,a,ntag424,,\n", 3),
        ("\(head)1,a,ntag424,,\n1,b,ntag424,,\n", 3),
        ("\(head)1,a\"b,ntag424,,\n", 2), ("\(head)1,\"a\"b,ntag424,,\n", 2),
        ("\(head)1,a,ntag424,,\n\n2,\"b,ntag424,,\n", 4),
        ("\(head)1,\(long),ntag424,,\n", 2),
        ("number,\(head)100000000009,1,a,ntag424,,\n", 2),
        (
            "number,\(head)100000000008,1,a,ntag424,,\n100000000008,2,b,ntag424,,\n", 3
        ),
        ("class,\(head)king,1,a,ntag424,,\n", 2),
    ]

    private func read(_ text: String) throws(BatchError) -> Manifest {
        try Manifest(Array(text.utf8))
    }

    @Test func `Rows are read whatever the line ends, quotes, columns and marks`() throws {
        let plain = try read(Box.text(2))
        #expect(plain.rows.map(\.sequence) == [1, 2])
        #expect(plain.rows[1].printLabel == "Étiquette 2" && plain.rows[1].number == nil)
        let windows = Box.text(2).split(separator: "\n").joined(separator: "\r\n")
        #expect(try read(windows).rows == plain.rows)
        #expect(try read("\u{FEFF}" + Box.text(2)).rows == plain.rows)
        let semicolons = String(Box.text(2).map { $0 == "," ? ";" : $0 })
        #expect(try read(semicolons).rows == plain.rows)
        let other = """
            class,number,print_label,account_ref,card_type,alias,seq
            professional,100000000008,"Le ""Grand"" marché, Saint-Denis",,ntag424,b,7

            ,,,,ntag424,"c",8
            """
        let rows = try read(other).rows
        #expect(rows.count == 2)
        #expect(rows[0].printLabel == "Le \"Grand\" marché, Saint-Denis")
        #expect(rows[0].number?.digits == "100000000008" && rows[0].cardClass == .professional)
        #expect(rows[1].alias == "c" && rows[1].cardClass == nil && rows[1].number == nil)
    }

    @Test func `A field written is the field read`() throws {
        for field in ["", "a", "a,b", "\"", "\"\"x\"", "é\r\n", "=1+1", ";"] {
            let line = CommaSeparated.line(["x", field, "y"])
            let read = try CommaSeparated.records(Array(line.utf8), atMost: 9)
            #expect(read.map(\.fields) == [["x", field, "y"]])
        }
    }

    @Test(arguments: wrong)
    func `A wrong manifest is refused with its line`(_ text: String, _ line: Int) {
        do throws(BatchError) {
            _ = try read(text)
            Issue.record("\(text) was read")
        } catch {
            guard case .line(line, _) = error else {
                Issue.record("\(text): \(error)")
                return
            }
        }
    }

    @Test func `Neither size nor noise is a way in`() {
        var many = Box.head
        for row in 1...(Manifest.rowsMax + 1) { many += "\(row),a\(row),ntag424,,\n" }
        #expect(throws: BatchError.self) { try Manifest(Array(many.utf8)) }
        #expect(throws: BatchError.line(1, "not UTF-8")) { try Manifest([0xFF, 0x2C, 0x0A]) }
        var random = Seed.dice()
        let marks = Array(",;\"\r\n1a".utf8)
        for _ in 0..<2_000 {
            let noise = (0..<60).compactMap { _ in marks.randomElement(using: &random) }
            _ = try? Manifest(Array(Box.head.utf8) + noise)
            _ = try? Manifest(noise)
        }
    }
}

import Foundation
import Linux
import TestSupport
import Testing
import Tokens

@testable import Labels

extension Alone {
    /// Labels as they are printed, read again by another program.
    @Suite struct LabelTests {
        private static let tools = ["/usr/bin/rsvg-convert", "/usr/bin/zbarimg"]

        private func labels(_ count: Int) -> [Label] {
            (0..<count).compactMap { index in
                CardNumber(serial: 10_000_000_000 + Int64(index)).map {
                    Label(number: $0, text: "Épicerie <\(index)> & \"Cie\"")
                }
            }
        }

        @Test func `A sheet of 21 is in millimetres, in groups of four, escaped`() throws {
            let pages = try LabelSheet(paper: .a4, address: "https://carte.eco.example/n/")
                .pages(labels(24))
            #expect(pages.count == 2)
            #expect(pages[0].contains("width=\"210.000mm\" height=\"297.000mm\""))
            #expect(pages[0].contains(">1000 0000 0008<"))
            #expect(pages[0].contains("Épicerie &lt;0&gt; &amp; &quot;Cie&quot;"))
            #expect(pages.map { $0.components(separatedBy: "<path").count - 1 } == [21, 3])
            let used = try LabelSheet(paper: .a4, address: "https://e.example/n/", skipped: 20)
                .pages(labels(2))
            #expect(used.map { $0.components(separatedBy: "<path").count - 1 } == [1, 1])
            let roll = try LabelSheet(paper: .roll, address: "https://e.example/n/", skipped: 5)
                .pages(labels(3))
            #expect(roll.count == 1 && roll[0].contains("width=\"62.000mm\" height=\"87.000mm\""))
            #expect(throws: LabelError.addressTooLong) {
                try LabelSheet(
                    paper: .a4, address: "https://" + String(repeating: "a", count: 200)
                ).pages(labels(1))
            }
            // ISO/IEC 18004 wants a quiet zone of 4 modules; people want 15 mm.
            #expect(LabelSheet.symbolSize >= 15 && LabelSheet.quietModules >= 4)
        }

        @Test(.enabled(if: tools.allSatisfy(Files.exists), "librsvg2-bin and zbar-tools"))
        func `Every QR code of a printed sheet and of a roll is read again`() throws {
            let folder = NSTemporaryDirectory() + "/labels-" + UUID().uuidString
            try Files.makeDirectory(folder)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            for (paper, count) in [(LabelPaper.a4, 21), (.roll, 5)] {
                let labels = labels(count)
                let page = try #require(
                    try LabelSheet(paper: paper, address: "https://carte.eco.example/n/")
                        .pages(labels).first)
                try Files.writeAtomically(Array(page.utf8), to: folder + "/sheet.svg")
                _ = try run(
                    Self.tools[0],
                    [
                        "--dpi-x", "300", "--dpi-y", "300", "-o", folder + "/sheet.png",
                        folder + "/sheet.svg",
                    ])
                let read = try run(Self.tools[1], ["--quiet", "--raw", folder + "/sheet.png"])
                let expected = labels.map { "https://carte.eco.example/n/\($0.number.digits)" }
                #expect(Set(read.split(separator: "\n").map(String.init)) == Set(expected))
            }
        }

        private func run(_ program: String, _ words: [String]) throws -> String {
            let result = try Programs.run(program, words)
            #expect(result.code == 0)
            return result.out
        }
    }
}

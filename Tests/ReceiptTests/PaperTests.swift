import Foundation
import Journal
import Linux
import Operations
import Receipts
import Testing
import TextImage
import Tokens

/// What stands on a receipt, read back from the dots a printer gets.
@Suite(.enabled(if: Reading.isPossible, "zbar-tools and tesseract-ocr")) struct PaperTests {
    /// Through ESC/POS and back.
    private func printed(_ paper: Paper, _ width: PaperWidth) throws -> InkImage {
        let image = try paper.image(width)
        let papers = try RasterReader.papers(ESCPOS.job(image))
        #expect(papers == [image])
        return try #require(papers.first)
    }

    private static var receipts: [(name: String, receipt: Receipt?, french: [String])] {
        [
            (
                "payment", Sample.receipt(Sample.payment()),
                ["Épicerie du Canal", "Paiement", "12,50", "2026", "1042", "envoyé"]
            ),
            (
                "offline", Sample.receipt(Sample.payment(123_450), outcome: nil),
                ["Paiement", "234,50", "sera envoyé"]
            ),
            (
                "training", Sample.receipt(Sample.payment(), outcome: nil, isTraining: true),
                ["FORMATION", "Exercice", "rien"]
            ),
            (
                "refund",
                Sample.receipt(
                    .refund(
                        Refund(amount: Sample.eco(450), proof: Sample.proof, payment: Sample.id)),
                    referred: Sample.entry(Sample.payment(), 1_038)),
                ["Remboursement", "4,50", "Du paiement", "1038"]
            ),
            (
                "action",
                Sample.receipt(
                    .action(
                        EcoAction(
                            code: "legumes-sauves", quantity: 2_500, proof: Sample.proof,
                            parcours: .cuisinesContributives))),
                ["Légumes sauvés", "2,500", "kg", "devient un repas"]
            ),
            (
                "reversal",
                Sample.receipt(
                    .reversal(Reversal(entry: Sample.id, reason: .doubled)),
                    referred: Sample.entry(Sample.payment(), 1_038)),
                ["Annulation", "12,50", "De l’opération", "1038"]
            ),
            (
                "recovered", Sample.receipt(Sample.payment(), setAside: Sample.place),
                ["Paiement", "12,50", "24 nov", "Repris le", "27 nov"]
            ),
            (
                "rejected",
                Sample.receipt(
                    Sample.payment(), outcome: StoredOutcome(isBooked: false, code: "counter")),
                ["rejeté", "counter"]
            ),
        ]
    }

    @Test(arguments: PaperWidth.allCases, ReceiptLanguage.allCases)
    func `Every receipt is read again: words by OCR, the code by zbar`(
        _ width: PaperWidth, _ language: ReceiptLanguage
    ) throws {
        for (name, made, french) in Self.receipts {
            let receipt = try #require(made)
            let image = try printed(receipt.paper(language, copy: 0), width)
            #expect(image.width == width.rawValue)
            let path = try Reading.keep(image, "\(name)-\(language.rawValue)-\(width.rawValue)")
            let code = try Reading.code(path)
            #expect(code == receipt.text(language) + "\n", "\(name)")
            if language == .english, width == .wide { continue }  // OCR takes its time
            let words = Self.simple(try Reading.words(path))
            #expect(words.contains(Sample.card.lastFour), "\(name): \(words)")
            #expect(!words.contains("DUPLICATA"))
            guard language == .french else { continue }
            for word in french {
                #expect(words.contains(Self.simple(word)), "\(name): \(word) in \(words)")
            }
        }
    }

    /// OCR mixes up spaces, quotes and accents on capitals; letters and digits it does not.
    private static func simple(_ text: String) -> String {
        text.replacing("’", with: "'").split(whereSeparator: \.isWhitespace).joined()
            .folding(options: .diacriticInsensitive, locale: nil)
    }

    @Test(arguments: PaperWidth.allCases) func `A copy says DUPLICATA and which one`(
        _ width: PaperWidth
    ) throws {
        let receipt = try #require(Sample.receipt(Sample.payment()))
        let image = try printed(receipt.paper(.french, copy: 2), width)
        let words = try Reading.words(try Reading.keep(image, "duplicata-\(width.rawValue)"))
        #expect(words.contains("DUPLICATA") && words.contains("2"), "\(words)")
    }

    @Test(arguments: PaperWidth.allCases, [ClosurePeriod.day, .year])
    func `A closure has its totals, its number, its hash and a code of them`(
        _ width: PaperWidth, _ period: ClosurePeriod
    ) throws {
        let slip = ClosureSlip(
            merchant: Sample.merchant, closure: Sample.closure(period),
            time: LocalTime(milliseconds: Sample.time), id: Sample.id,
            lastHash: (0..<32).map { UInt8($0 * 7 % 256) }, catalogue: [Sample.action])
        let image = try printed(slip.paper(.french, copy: 0), width)
        let path = try Reading.keep(image, "closure-\(period)-\(width.rawValue)")
        let words = Self.simple(try Reading.words(path))
        for word in ["Clôture", "41", "(128)", "345,67", "98", "765,43", "900", "SHA-256"] {
            #expect(words.contains(Self.simple(word)), "\(word) in \(words)")
        }
        let code = try Reading.code(path)
        #expect(code == slip.text(.french) + "\n")
        #expect(code.contains("Paiements 128 = 12 345,67 ECO") && code.contains("900-1042"))
        let table = String(decoding: slip.table, as: UTF8.self)
        #expect(table.contains("payments,128,1234567\r\n"))
        #expect(table.contains("perpetual,,9876543\r\n"))
        #expect(table.contains("legumes-sauves,12,30500\r\n"))
    }

    @Test func `Nothing of a receipt names a person or a whole card`() throws {
        for (name, made, _) in Self.receipts {
            let receipt = try #require(made)
            for language in ReceiptLanguage.allCases {
                let text =
                    receipt.text(language)
                    + "\(receipt.paper(language, copy: 1).blocks)"
                    + receipt.rows(language).map { $0.label + $0.value }.joined()
                #expect(!text.contains(Sample.card.digits), "\(name)")
                #expect(!text.contains(String(Sample.card.digits.prefix(8))), "\(name)")
                #expect(receipt.text(language).utf8.count <= 230, "\(name)")
            }
        }
    }

    @Test func `Any script is drawn, and every space`() throws {
        let names = [
            "مقهى القناة", "கால்வாய் கடை", "Băcănia Canalului ș ț", "1\u{202F}234,50\u{A0}ECO",
        ]
        for name in names {
            let drawn = try TextImage.draw(name, width: 384, style: TextStyle(size: 30))
            #expect(drawn.unknownCount == 0, "\(name)")
            #expect(drawn.image.inkCount > 200, "\(name)")
        }
        let receipt = try #require(
            Sample.receipt(Sample.payment(), merchant: "مقهى القناة · கால்வாய் கடை"))
        _ = try Reading.keep(printed(receipt.paper(.french, copy: 0), .narrow), "scripts-384")
    }

    @Test func `A name that is far too long fits, and the code can still be read`() throws {
        let name = String(repeating: "Coopérative du réemploi de l’Ourcq ", count: 20)
        let receipt = try #require(Sample.receipt(Sample.payment(), merchant: name))
        for width in PaperWidth.allCases {
            let image = try printed(receipt.paper(.french, copy: 0), width)
            let path = try Reading.keep(image, "long-\(width.rawValue)")
            #expect(try Reading.code(path) == receipt.text(.french) + "\n")
        }
    }

    @Test func `What cannot be drawn is refused, not drawn wrong`() {
        #expect(throws: TextImageError.tooLarge) {
            try TextImage.draw(
                String(repeating: "é", count: 3_000), width: 384, style: TextStyle(size: 30))
        }
        #expect(throws: TextImageError.tooLarge) {
            try TextImage.draw("é", width: 0, style: TextStyle(size: 30))
        }
    }
}

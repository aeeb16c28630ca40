import Operations
import Testing

@Suite struct AmountTests {
    @Test(
        arguments: [
            ("0", 0), ("1", 100), ("12", 1_200), ("12,5", 1_250), ("12.5", 1_250), ("12,50", 1_250),
            ("0,01", 1), ("0.10", 10), ("007", 700), ("999999,99", 99_999_999), ("00,00", 0),
        ] as [(String, Int64)])
    func `An amount is read to the cent`(text: String, cents: Int64) {
        #expect(Amount(text: text)?.cents == cents)
    }

    @Test(arguments: [
        "", ",", ".", ",5", "5,", "5.", "1,234", "1,2,3", "1.2.3", "1 000", " 1", "1 ", "-1", "+1",
        "1e3", "0x10", "1000000", "9999999", "1,-5", "１２", "٣", "12€", "\u{0}1", "1,5 ", "NaN",
    ])
    func `What is no amount is not guessed`(text: String) {
        #expect(Amount(text: text) == nil)
    }

    @Test func `An amount stays within its range and sums are checked`() throws {
        let largest = try #require(Amount(cents: Amount.centsMax))
        let one = try #require(Amount(cents: 1))
        #expect(Amount(cents: -1) == nil)
        #expect(Amount(cents: Amount.centsMax + 1) == nil)
        #expect(Amount(cents: .min) == nil && Amount(cents: .max) == nil)
        #expect(throws: OperationError.amountOutOfRange) { try largest.adding(one) }
        #expect(throws: OperationError.amountOutOfRange) { try Amount.zero.subtracting(one) }
        #expect(try largest.subtracting(one).adding(one) == largest)
        #expect(Amount.zero < one && one < largest)
    }

    @Test func `An amount's text is read back as itself`() throws {
        for cents in [0, 1, 9, 10, 99, 100, 101, 1_250, 99_999_999] as [Int64] {
            let amount = try #require(Amount(cents: cents))
            #expect(Amount(text: amount.text) == amount)
        }
        #expect(Amount(cents: 1_205)?.text == "12,05")
    }
}

import CardEmulation
import Cards
import Operations
import Terminal
import TestSupport
import Testing
import Tokens

/// R11 in small: every bit of every answer of a tap changed on its way.
@Suite struct FlipTests {
    /// Bytes of an answer that no key of a terminal covers: they may change and the tap may still
    /// be accepted, because nothing is concluded from them.
    private func isUncovered(_ number: Int, _ index: Int, _ body: NDEFImage.Body) -> Bool {
        switch number {
        case 2:
            // The URL's host, and the mirrors of the operation before.
            let start = body.digestOffset - NDEFImage.bodyOffset
            let host = 0..<(start - 5)
            let mirrors = start..<(start + NDEFImage.evidenceSize)
            return host.contains(index) || mirrors.contains(index) || index >= size(body)
        case 9: return index < NDEFImage.evidenceSize
        default: return false
        }
    }

    /// Bytes of the second answer that are looked at: up to the token's end.
    private func size(_ body: NDEFImage.Body) -> Int {
        body.digestOffset - NDEFImage.bodyOffset + NDEFImage.evidenceSize
            + 3 + "carte.eco:t".utf8.count + body.token.count
    }

    @Test(arguments: 1...9)
    func `A changed bit in an answer is refused, or changes nothing the terminal relies on`(
        number: Int
    ) throws {
        let bench = try Bench()
        bench.world.set { script in
            script.policy?.limits.cardCount = 255
            script.policy?.limits.terminalCount = 1_000_000
        }
        let fresh = try bench.card()
        var sample = fresh
        let good = bench.tap(&sample, bench.arm(1))
        let body = try NDEFImage.body(Array(good.answers[1].dropLast(2)))
        let length = good.answers[number - 1].count
        for index in 0..<length {
            for bit in [0, 5, 7] as [UInt8] {
                var card = fresh
                let before = bench.entries
                let operation = bench.arm(1)
                let result = bench.tap(&card, operation) { at, answer in
                    guard at == number, answer.indices.contains(index) else { return answer }
                    var changed = answer
                    changed[index] ^= 1 << bit
                    return changed
                }
                let place = "answer \(number) byte \(index) bit \(bit): \(result.outcome)"
                #expect(bench.entries == before + (result.isAccepted ? 1 : 0), "\(place)")
                guard result.isAccepted else { continue }
                let isLastStatus = index >= length - 2
                #expect(!isLastStatus && isUncovered(number, index, body), "\(place)")
                let payment = try #require(try bench.payment(operation.id))
                guard case .sdm(_, _, let stated) = payment.evidence else { continue }
                #expect(stated == bench.digest(operation, payment.card), "\(place)")
            }
        }
    }

    @Test(arguments: 1...9)
    func `An answer cut, emptied or prolonged neither traps nor is accepted`(number: Int) throws {
        let bench = try Bench()
        let fresh = try bench.card()
        let lengths = [0, 1, 2, 3, 9, 16, 17, 34, 88, 89, 255, 256, 258, 259, 1_000]
        var sample = fresh
        let answers = bench.tap(&sample, bench.arm(1)).answers
        let good = answers[number - 1]
        let read = size(try NDEFImage.body(Array(answers[1].dropLast(2))))
        for length in lengths where length != good.count {
            for fill in [0x00, 0xff] as [UInt8] {
                var card = fresh
                let body = Array(good.dropLast(2))
                let wanted = max(0, length - 2)
                let padded =
                    Array(body.prefix(wanted))
                    + [UInt8](repeating: fill, count: max(0, wanted - body.count))
                let changed = Array((padded + good.suffix(2)).prefix(length))
                let result = bench.tap(&card, bench.arm(1)) { at, answer in
                    at == number ? changed : answer
                }
                // What lies behind the NDEF message of the file is not read.
                let isTail = number == 2 && length <= 258 && length >= read + 2
                #expect(!result.isAccepted || isTail, "answer \(number) of \(length)")
            }
        }
    }

    @Test func `Random answers at every place neither trap nor are accepted`() throws {
        let bench = try Bench()
        let fresh = try bench.card()
        var generator = Seed.dice()
        for round in 0..<600 {
            var card = fresh
            let place = round % 9 + 1
            let count = Int.random(in: 0...258, using: &generator)
            var noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // Half of them end as a success would.
            if round % 2 == 0, count >= 2 {
                let status: [UInt8] =
                    place == 3
                    ? [0x91, 0xaf] : [1, 2, 8, 9].contains(place) ? [0x90, 0] : [0x91, 0]
                noise.replaceSubrange((count - 2)..., with: status)
            }
            let result = bench.tap(&card, bench.arm(1)) { at, answer in
                at == place ? noise : answer
            }
            // Two bytes of success are all that an honest card answers at these places.
            let isHonest = count == 2 && [1, 7, 8].contains(place)
            #expect(!result.isAccepted || isHonest, "\(place) \(noise)")
        }
    }
}

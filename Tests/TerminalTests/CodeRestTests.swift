import Testing

@testable import Terminal

/// Memory of code that a checkout at rest gives back.
@Suite struct CodeRestTests {
    private func rounds(_ rest: inout CodeRest, _ count: Int, isIdle: Bool) -> [Int] {
        (0..<count).filter { _ in rest.isDue(isIdle: isIdle) }
    }

    @Test func `A start is followed by one rest, long work by another`() {
        var rest = CodeRest()
        let start = rounds(&rest, 1_000, isIdle: true)
        let work = rounds(&rest, 50, isIdle: false)
        let later = rounds(&rest, 1_000, isIdle: true)
        #expect(start == [CodeRest.afterStart - 1] && work.isEmpty)
        #expect(later == [CodeRest.afterWork - 1])
    }

    @Test func `Work in between begins the wait anew`() {
        var rest = CodeRest()
        var early: [Int] = []
        for _ in 0..<10 {
            early += rounds(&rest, CodeRest.afterStart - 1, isIdle: true)
            early += rounds(&rest, 1, isIdle: false)
        }
        let due = rounds(&rest, CodeRest.afterStart, isIdle: true)
        #expect(early.isEmpty && due == [CodeRest.afterStart - 1])
    }
}

import Foundation
import TestSupport
import Testing

/// kill -9 of `journal claim` at every call that changes the disk.
extension RestoredTerminalTests {
    private static let calls = ["pwrite64", "fdatasync", "fsync", "ftruncate", "write", "unlink"]

    @Test func `A claim that is killed is finished by the same command, each entry once`() throws {
        guard CallKill.isPossible else { return }
        let old = try RestoredBench()
        let bench = old.bench
        _ = try old.sellPastAnImage()
        try old.sellAlone(400, 30)
        let done = try old.recover([try old.copies(), "--set-aside"])
        let aside = try #require(done.json["set-aside"] as? String, "\(done.error)")
        try old.copy(from: old.folder, to: bench.folder + "/before")
        let words = ["journal", "claim", aside + "/old.eco-archive"] + bench.configuration
        var cut: Set<Int> = []
        var killed = 0
        for call in Self.calls {
            for number in 1..<500 {
                try old.putBack("before")
                let dead = try CallKill.run("eco-terminal", words, at: call, number)
                guard let dead else { break }
                #expect(dead.code == SIGKILL, "\(call) \(number): \(dead.error)")
                killed += 1
                cut.insert(try finish(old, aside))
            }
        }
        FileHandle.standardError.write(
            Data("claim: kill -9 at \(killed) calls, entries there \(cut.sorted())\n".utf8))
        // Nothing was there, one of the two, and both.
        #expect(cut == [0, 1, 2])
    }

    /// The same command again; gives how many of the two operations were there before it.
    private func finish(_ old: RestoredBench, _ aside: String) throws -> Int {
        let again = try old.claim(aside + "/old.eco-archive")
        #expect(again.code == 0, "\(again.error)")
        let known = try #require(again.json["known"] as? Int, "\(again.out)")
        #expect(again.json["claimed"] as? Int == 2 - known)
        let list = try old.bench.must(
            "eco-terminal", ["journal", "list"] + old.bench.configuration)
        for amount in ["payment  4,00 ECO", "payment  0,30 ECO"] {
            #expect(list.components(separatedBy: amount).count == 2, "\(list)")
        }
        try old.bench.must("eco-terminal", ["journal", "verify"] + old.bench.configuration)
        return known
    }
}

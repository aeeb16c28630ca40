import Foundation
import Linux
import TestSupport
import Testing

/// kill -9 of `journal recover` at every call that changes the disk.
extension RestoredTerminalTests {
    private static let calls = [
        "rename", "mkdir", "fdatasync", "fsync", "ftruncate", "write", "unlink", "pwrite64",
    ]

    @Test func `A recovery that is killed is finished by the same command, and nothing is lost`()
        throws
    {
        guard CallKill.isPossible else { return }
        let old = try RestoredBench()
        let bench = old.bench
        _ = try old.sellPastAnImage()
        try old.sellAlone(400)
        try old.copy(from: old.folder, to: bench.folder + "/before")
        let copies = try old.copies()
        let words = ["journal", "recover", "--set-aside", copies] + bench.configuration
        var (killed, strays): (Int, Set<Int>) = (0, [])
        for call in Self.calls {
            // Most writes differ in nothing but the page.
            for number in stride(from: 1, to: 500, by: call == "pwrite64" ? 16 : 1) {
                for name in try Files.list(old.folder) where name.hasPrefix("set-aside-") {
                    try FileManager.default.removeItem(atPath: "\(old.folder)/\(name)")
                }
                try old.putBack("before")
                guard let dead = try CallKill.run("eco-terminal", words, at: call, number) else {
                    break
                }
                #expect(dead.code == SIGKILL, "\(call) \(number): \(dead.error)")
                killed += 1
                strays.insert(try finish(old, copies, "\(call) \(number)"))
            }
        }
        FileHandle.standardError.write(
            Data("recover: kill -9 at \(killed) calls, strays left \(strays.sorted())\n".utf8))
        // Before the old journal was set aside, and after.
        #expect(killed > 20 && strays == [0, 1])
    }

    /// The same command again, and what a person does then; gives how many operations of the old
    /// journal the second one still found.
    private func finish(_ old: RestoredBench, _ copies: String, _ place: String) throws -> Int {
        let again = try old.recover([copies, "--set-aside"])
        #expect(again.code == 0, "\(place): \(again.error)")
        let archives = try Files.list(old.folder).filter { $0.hasPrefix("set-aside-") }
            .map { "\(old.folder)/\($0)/old.eco-archive" }.filter(Files.exists)
        #expect(!archives.isEmpty, "\(place)")
        var claimed = 0
        for archive in archives {
            let told = try old.claim(archive)
            #expect(told.code == 0, "\(place): \(told.error)")
            claimed += try #require(told.json["claimed"] as? Int, "\(place): \(told.out)")
        }
        #expect(claimed == 1, "\(place)")
        let list = try old.bench.must(
            "eco-terminal", ["journal", "list"] + old.bench.configuration)
        for amount in ["1,00", "2,00", "4,00"] {
            #expect(
                list.components(separatedBy: "payment  \(amount) ECO").count == 2,
                "\(place): \(list)")
        }
        try old.bench.must("eco-terminal", ["journal", "verify"] + old.bench.configuration)
        return again.json["operations"] as? Int ?? 0
    }
}

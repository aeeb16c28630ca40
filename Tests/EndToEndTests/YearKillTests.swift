import Crypto
import Foundation
import Journal
import KeyStore
import Linux
import Operations
import TestSupport
import Testing

/// kill -9 of a terminal that closes days, months and years and begins files all the time:
/// `eco-bench closures` prints a line after each payment and each closure.
@Suite(.serialized) struct YearKillTests {
    /// Calls that change what is on disk, or tell that it is done.
    private static let calls = [
        "pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "write",
    ]
    private let root =
        FileManager.default.temporaryDirectory.path + "/eco-year-kill-" + UUID().uuidString

    @Test func `Killed at random instants, every closure stands once or not at all`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        #expect(try Programs.run("eco-bench", ["closures", root, "1"]).code == 0)
        var said: [String] = []
        let kills = KillTests.kills / 3
        var dice = Seed.dice()
        for _ in 0..<kills { said += try runAndKill(&dice) }
        let files = try check(root, said, Keys(root))
        let closures = said.filter { $0.hasPrefix("closed") }
        FileHandle.standardError.write(
            Data("kill -9: \(kills) kills, \(closures.count) closures, \(files) files\n".utf8))
        // A run says twelve lines on the average, of which every third or so is of a closure.
        #expect(closures.count >= kills && files > kills / 20)
    }

    /// Starts anywhere in the year and is killed after a number of lines, whatever they take on
    /// this machine, and a moment; gives the lines that were whole.
    private func runAndKill(_ dice: inout SplitMix64) throws -> [String] {
        let pipe = Pipe()
        let process = try Programs.start(
            "eco-bench", ["closures", root, "1000000", "--start", "\(dice.next(12))"],
            output: pipe, errors: FileHandle.nullDevice)
        let handle = pipe.fileHandleForReading
        var text = Data()
        for _ in 0...dice.next(24) { text += handle.line() }
        Thread.sleep(forTimeInterval: .random(in: 0...0.02, using: &dice))
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal, "it ended by itself")
        text += handle.readDataToEndOfFile()
        return String(decoding: text, as: UTF8.self).components(separatedBy: "\n").dropLast()
    }

    @Test(arguments: [11, 12])
    func `Killed at every call that changes the disk, it goes on where it was`(index: Int) throws {
        guard CallKill.isPossible else { return }
        // 11: the payment after which day, month and year are closed; 12: the next file begins.
        defer { try? FileManager.default.removeItem(atPath: root) }
        let before = try Programs.run("eco-bench", ["closures", root + "/base", "\(index)"])
        #expect(before.code == 0)
        let lines = before.out.split(separator: "\n").map(String.init)
        let keys = try Keys(root + "/base")
        var killed = 0
        for call in Self.calls {
            var number = 1
            // Most writes differ in nothing but the page: some will do where time is short.
            let step = call == "pwrite64" && KillTests.kills <= 300 ? 4 : 1
            while let said = try play(killedAt: call, number, index) {
                (killed, number) = (killed + 1, number + step)
                let folder = root + "/work"
                try check(folder, lines + said, keys)
                try goOn(folder, keys)
                #expect(try check(folder, lines + said, keys) >= 2)
                try #require(number < 500, "it never ends")
            }
        }
        FileHandle.standardError.write(Data("kill -9 at \(killed) calls\n".utf8))
        #expect(killed > 20)
    }

    /// What one payment of a copy of the base said before it died at its n-th `call`; nil when it
    /// has no such call.
    private func play(killedAt call: String, _ number: Int, _ index: Int) throws -> [String]? {
        try? FileManager.default.removeItem(atPath: root + "/work")
        try FileManager.default.copyItem(atPath: root + "/base", toPath: root + "/work")
        return try CallKill.run(
            "eco-bench", ["closures", root + "/work", "1", "--start", "\(index)"], at: call, number
        )?.out.components(separatedBy: "\n").dropLast()
    }

    /// What a terminal does that starts again: it says so, and closes what is open.
    private func goOn(_ folder: String, _ keys: Keys) throws {
        let journal = try Journal(path: folder + "/journal.sqlite", signer: keys.terminal)
        for round in 0..<2 {
            let moment = Moment(
                milliseconds: journal.lastTime + UInt64(round), trust: .untrusted)
            _ = try journal.append(
                .technicalEvent(TechnicalEvent(code: "start")),
                id: EntryID(milliseconds: moment.milliseconds),
                at: moment)
            for period in ClosurePeriod.allCases {
                _ = try? journal.close(
                    period, id: EntryID(milliseconds: moment.milliseconds), at: moment)
            }
        }
    }

    /// The keys that the first run made.
    private struct Keys {
        let terminal: SigningKey
        let ledger: Ed25519PublicKey

        init(_ folder: String) throws {
            func open(_ name: String) throws -> SigningKey {
                try SigningKey.open(
                    path: "\(folder)/\(name).key",
                    passphrase: SecretBytes(Array("bench keys, not secret".utf8)))
            }
            (terminal, ledger) = (try open("terminal"), try open("ledger").publicKey)
        }
    }

    /// Everything that was said stands there once, and the whole is sound; the number of files.
    @discardableResult
    private func check(_ folder: String, _ said: [String], _ keys: Keys) throws -> Int {
        let path = folder + "/journal.sqlite"
        var seen: [String: Int] = [:]
        let found = try JournalVerifier(
            path: path, terminal: keys.terminal.publicKey, ledger: keys.ledger
        ).run { entry, _ in
            if case .closure(let closure) = entry.body {
                seen["closed \(closure.period) \(closure.number)", default: 0] += 1
            } else {
                seen["accepted \(entry.id)", default: 0] += 1
            }
        }
        #expect(found.faults.isEmpty, "\(found.faults)")
        for line in said where !line.hasPrefix("not closed") {
            #expect(seen[line] == 1, "\(line): \(seen[line] ?? 0) times")
        }
        #expect(seen.values.allSatisfy { $0 == 1 })
        for period in ClosurePeriod.allCases {
            let count = seen.keys.filter { $0.hasPrefix("closed \(period) ") }.count
            let last = (1...max(1, count)).filter { seen["closed \(period) \($0)"] == nil }
            #expect(count == 0 || last.isEmpty, "numbers of \(period) have a gap")
        }
        return try JournalYear.list(path).count
    }
}

import Crypto
import Foundation
import Journal
import KeyStore
import Linux
import Operations
import TestSupport
import Testing

/// kill -9 of a terminal that takes payments as fast as it can: `eco-bench load` runs the
/// terminal's own world, tap and journal and prints a line for each payment after it was accepted.
@Suite(.serialized) struct KillTests {
    /// Instants; `ECO_KILLS` sets another number.
    static let kills = Int(ProcessInfo.processInfo.environment["ECO_KILLS"] ?? "") ?? 300

    @Test func `Every accepted payment stands exactly once after kill -9 at random instants`()
        throws
    {
        let folder = FileManager.default.temporaryDirectory.path + "/eco-kill-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // The first run makes the keys.
        #expect(try Programs.run("eco-bench", ["load", folder, "1"]).code == 0)
        var accepted: [String] = []
        var dice = Seed.dice()
        var killedInTime = 0
        for _ in 0..<Self.kills {
            let (lines, inTime) = try runAndKill(folder, after: .random(in: 0...60, using: &dice))
            accepted += lines
            killedInTime += inTime ? 1 : 0
        }
        try check(folder, accepted)
        FileHandle.standardError.write(
            Data("kill -9: \(killedInTime) kills, \(accepted.count) payments accepted\n".utf8))
        #expect(killedInTime == Self.kills)
        // Each was killed after its first payment; a slow disk may not take more.
        #expect(accepted.count >= Self.kills)
    }

    /// Runs a load until it has accepted something, then kills it `milliseconds` later. Gives the
    /// ids whose lines were whole.
    private func runAndKill(
        _ folder: String, after milliseconds: Double
    ) throws -> (accepted: [String], inTime: Bool) {
        let pipe = Pipe()
        let process = try Programs.start(
            "eco-bench", ["load", folder, "1000000"], output: pipe,
            errors: FileHandle.nullDevice)
        let handle = pipe.fileHandleForReading
        var text = handle.line()
        Thread.sleep(forTimeInterval: milliseconds / 1_000)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let inTime = process.terminationReason == .uncaughtSignal
        text += handle.readDataToEndOfFile()
        let lines = String(decoding: text, as: UTF8.self).components(separatedBy: "\n").dropLast()
        return (lines.compactMap { $0.components(separatedBy: "accepted ").last }, inTime)
    }

    private func check(_ folder: String, _ accepted: [String]) throws {
        let phrase = SecretBytes(Array("bench keys, not secret".utf8))
        let key = try SigningKey.open(path: folder + "/terminal.key", passphrase: phrase)
        let verifier = try JournalVerifier(
            path: folder + "/journal.sqlite", terminal: key.publicKey, ledger: nil)
        var seen: [String: Int] = [:]
        let found = try verifier.run { entry, _ in seen["\(entry.id)", default: 0] += 1 }
        #expect(found.faults.isEmpty, "\(found.faults)")
        let lost = accepted.filter { seen[$0] == nil }
        let doubled = seen.filter { $0.value > 1 }
        #expect(lost.isEmpty, "lost: \(lost)")
        #expect(doubled.isEmpty, "doubled: \(doubled)")
    }
}

extension FileHandle {
    /// What comes until a line is whole, or to the end.
    func line() -> Data {
        var text = Data()
        while !text.contains(0x0A) {
            let more = availableData
            if more.isEmpty { break }
            text += more
        }
        return text
    }
}

import Foundation
import Glibc
import Journal
import KeyStore
import Linux
import Operations
import SQLite
import Testing

/// What the file system sees of an append, and what the journal does when the disk is full.
@Suite struct DurabilityTests {
    private static let countVariable = "ECO_JOURNAL_APPENDS"
    private static let strace = "/usr/bin/strace"

    /// The work of the child that is traced: so many appends and nothing else.
    @Test(.enabled(if: ProcessInfo.processInfo.environment[countVariable] != nil))
    func `A traced child appends as many entries as it is told`() throws {
        let count = ProcessInfo.processInfo.environment[Self.countVariable].flatMap { Int($0) }
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<(count ?? 0) { try bench.append(journal) }
        #expect(journal.position.sequence == UInt64(count ?? -1))
        try bench.year(journal)
        try bench.append(journal)
    }

    /// Runs this test program under strace with the child's test alone: what it syncs and renames.
    private func trace(appending count: Int) throws -> [String] {
        let trace = NSTemporaryDirectory() + "/trace-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: trace) }
        let child = Process()
        child.executableURL = URL(filePath: Self.strace)
        child.arguments = [
            "-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", trace,
            CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter",
            "A traced child appends",
        ]
        var environment = ProcessInfo.processInfo.environment
        environment[Self.countVariable] = String(count)
        child.environment = environment
        child.standardOutput = FileHandle.nullDevice
        child.standardError = FileHandle.nullDevice
        try child.run()
        child.waitUntilExit()
        try #require(child.terminationStatus == 0)
        let text = try String(contentsOfFile: trace, encoding: .utf8)
        return text.split(separator: "\n").map(String.init)
    }

    private func syncs(appending count: Int) throws -> Int {
        try trace(appending: count).count { line in
            line.contains("sync(") && line.contains("journal.sqlite")
        }
    }

    @Test func `The next year's file is on disk before it has its name, and the name after it`()
        throws
    {
        guard FileManager.default.isExecutableFile(atPath: Self.strace) else {
            print("skipped: no \(Self.strace) to see syncs with")
            return
        }
        let calls = try trace(appending: 0)
        let named = try #require(
            calls.firstIndex { $0.contains("rename") && $0.contains("journal-6.sqlite.new") })
        let before = calls[..<named].filter { $0.contains("sync(") }
        #expect(before.contains { $0.contains("journal-6.sqlite.new>") })
        let after = calls[(named + 1)...].first { $0.contains("sync(") }
        #expect(after?.contains("/journal-") == true && after?.contains(".sqlite") == false)
    }

    @Test func `An append costs exactly one sync`() throws {
        guard FileManager.default.isExecutableFile(atPath: Self.strace) else {
            print("skipped: no \(Self.strace) to count syncs with")
            return
        }
        let opening = try syncs(appending: 0)
        let appending = try syncs(appending: 20)
        #expect(opening > 0)
        #expect(appending - opening == 20)
    }

    /// A small file system of its own, or nil where this process may not mount one.
    private func smallDisk(at path: String) throws -> Bool {
        try Files.makeDirectory(path)
        return mount("tmpfs", path, "tmpfs", 0, "size=600k") == 0
    }

    @Test func `On a full disk nothing is lost, and with room again it goes on`() throws {
        let path = NSTemporaryDirectory() + "/full-" + UUID().uuidString
        guard try smallDisk(at: path) else {
            print("skipped: this user may not mount a tmpfs")
            return
        }
        defer { umount2(path, Int32(MNT_DETACH)) }
        let bench = try JournalBench(folder: path)
        let ballast = path + "/ballast"
        try Files.writeAtomically([UInt8](repeating: 0, count: 200 << 10), to: ballast)
        let journal = try bench.open()
        var stored: [EntryID] = []
        var failed: EntryID?
        while failed == nil, stored.count < 10_000 {
            let id = EntryID(milliseconds: UInt64(stored.count))
            do {
                try bench.append(journal, id: id)
                stored.append(id)
            } catch {
                guard case .suspended = error else { throw error }
                failed = id
            }
        }
        let refused = try #require(failed, "the disk never filled")
        #expect(stored.count > 10)
        #expect(!journal.isOpen)
        // Still full: it opens again or not, but it never takes what it cannot keep.
        if (try? journal.reopen()) != nil {
            #expect(throws: JournalError.self) { try bench.append(journal, id: refused) }
        }
        try Files.remove(ballast)
        try journal.reopen()
        #expect(journal.position.sequence == UInt64(stored.count))
        for id in stored { #expect(try journal.entry(id) != nil) }
        #expect(try journal.entry(refused) == nil)
        #expect(try bench.append(journal, id: refused).sequence == UInt64(stored.count + 1))
        let result = try bench.verify()
        #expect(result.faults == [] && result.entries == UInt64(stored.count + 1))
    }

    @Test func `A journal whose log was cut at any place stays whole`() throws {
        let bench = try JournalBench()
        var journal: Journal? = try bench.open()
        for _ in 0..<5 { try bench.append(try #require(journal)) }
        // The files as a power cut would leave them: the log is there, whole or cut.
        let main = try Files.read(bench.path, atMost: 1 << 20)
        let log = try Files.read(bench.path + "-wal", atMost: 1 << 20)
        journal = nil
        var last = 0
        for size in stride(from: 0, through: log.count, by: 509) {
            let cut = bench.folder + "/cut-\(size)"
            try Files.makeDirectory(cut)
            try Files.writeAtomically(main, to: cut + "/journal.sqlite")
            try Files.writeAtomically(Array(log.prefix(size)), to: cut + "/journal.sqlite-wal")
            let recovered = try Journal(path: cut + "/journal.sqlite", signer: bench.terminal)
            let entries = Int(recovered.position.sequence)
            #expect(entries >= last, "more of the log holds more entries")
            last = entries
            let result = try JournalVerifier(
                path: cut + "/journal.sqlite", terminal: bench.terminal.publicKey, ledger: nil
            ).run()
            #expect(result.faults == [] && Int(result.entries) == entries)
        }
        #expect(last >= 4)
    }
}

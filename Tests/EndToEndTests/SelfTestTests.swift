import COSE
import CardEmulation
import Crypto
import Foundation
import Journal
import KeyStore
import Linux
import Operations
import ReaderEmulation
import SQLite
import TestSupport
import Testing
import Tokens

/// `eco-terminal selftest` at a real terminal: all well, then each fault planted once.
@Suite(.serialized) struct SelfTestTests {
    /// The one check that found a fault, its words, and that all others did not.
    private func expect(
        _ result: TerminalBench.SelfTest, _ check: String, says text: String, code: Int32,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let faults = result.checks.filter { $0.value.result == "fault" }
        #expect(faults.map(\.key) == [check], "\(result.printed)", sourceLocation: sourceLocation)
        #expect(
            result.checks[check]?.text.contains(text) == true, "\(result.printed)",
            sourceLocation: sourceLocation)
        #expect(result.checks[check]?.hint.isEmpty == false, sourceLocation: sourceLocation)
        #expect(result.code == code, sourceLocation: sourceLocation)
    }

    private func isClean(_ printed: String, _ bench: TerminalBench) throws -> Bool {
        let text = printed.lowercased()
        let storage = try Files.read(bench.folder + "/pass", atMost: 100)
        return !text.contains(Hexadecimal.text(TerminalBench.uid))
            && !text.contains(String(decoding: storage.dropLast(), as: UTF8.self))
    }

    @Test func `A terminal that has all it needs is well, and a card proves its key`() throws {
        let bench = try TerminalBench()
        try bench.lay()
        var storage = ImageStorage(path: bench.folder + "/card.image")
        let before = try storage.load()
        let result = try bench.selfTest(["--card"])
        #expect(result.code == 0, "\(result.printed)")
        let names = [
            "card", "card keys", "clock", "configuration", "deny-list", "disk", "journal",
            "ledger", "own key", "pairing", "policy", "process", "reader",
        ]
        #expect(result.checks.keys.sorted() == names)
        for (name, check) in result.checks where name != "clock" {
            #expect(check.result == "good", "\(name): \(check.text)")
        }
        #expect(result.checks["card"]?.text.contains("1000 0000 0024, member") == true)
        #expect(result.checks["policy"]?.text.contains("Café des Halles") == true)
        #expect(try isClean(result.printed, bench))
        // Nothing was written: neither on the card (its counters apart) nor at the terminal.
        let after = try storage.load()
        #expect(before.files == after.files && before.keys == after.keys)
        #expect(!Files.exists(bench.folder + "/terminal/journal.sqlite"))
        #expect(try Files.list(bench.folder + "/terminal") == ["ledger.conf", "terminal.key"])
        let words = try LateChip.run {
            try Programs.run("eco-terminal", ["selftest"] + bench.configuration)
        }
        #expect(words.code == 0 && words.out.contains("✓ policy: version"))
        #expect(words.out.hasSuffix("All that this terminal needs is well (12 checks).\n"))
    }

    @Test func `While serve runs, all but the chip is looked at, and nothing disturbed`() throws {
        let bench = try TerminalBench()
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        let settled = try Programs.wait {
            try bench.selfTest().checks["journal"]?.text.hasSuffix("unsent: 0") == true
        }
        #expect(settled)
        let result = try bench.selfTest(["--card"])
        #expect(result.code == 75, "\(result.printed)")
        #expect(result.checks["process"]?.text.contains("serve runs") == true)
        #expect(result.checks["journal"]?.text.hasPrefix("1 entry, the chain is whole") == true)
        #expect(result.checks["reader"]?.result == "open")
        #expect(result.checks["card"]?.hint.contains("stop it") == true)
        bench.stopTerminal()
        #expect(try bench.selfTest().code == 0)
    }

    @Test func `serve says on stderr that the chip does not answer, and that it was reopened`()
        throws
    {
        let bench = try TerminalBench()
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        bench.chip.stop()
        #expect(bench.serveSays("event=reader-reopened times=1"))
    }

    @Test func `A key that is missing or does not open is told`() throws {
        let bench = try TerminalBench()
        try Files.writeAtomically(Array("another phrase\n".utf8), to: bench.folder + "/other")
        try bench.write(reader: "nfc:" + bench.chip.connstring, passphrase: "other")
        expect(
            try bench.selfTest(), "own key", says: "the passphrase does not open it", code: 10)
        try bench.write(reader: "nfc:" + bench.chip.connstring)
        let bundle = bench.folder + "/keys/terminal.keys"
        var bytes = try Files.read(bundle, atMost: 4_096)
        bytes[bytes.count - 1] ^= 1
        try Files.writeAtomically(bytes, to: bundle)
        expect(try bench.selfTest(), "card keys", says: "does not open it", code: 10)
        try Files.remove(bundle)
        expect(try bench.selfTest(), "card keys", says: "there is no file", code: 10)
        try Files.remove(bench.folder + "/terminal/terminal.key")
        let result = try bench.selfTest()
        expect(result, "own key", says: "there is no file", code: 10)
        #expect(result.checks["rest"]?.result == "open")
        #expect(try isClean(result.printed, bench))
    }

    @Test func `Secrets and an address that were written elsewhere have other line ends`() throws {
        let bench = try TerminalBench()
        for name in ["/pass", "/terminal/ledger.conf"] {
            let path = bench.folder + name
            let text = String(decoding: try Files.read(path, atMost: 4_096), as: UTF8.self)
            let other = text.replacing("\n", with: "\r\n")
            #expect(other != text)
            try Files.writeAtomically(Array(other.utf8), to: path)
        }
        let result = try bench.selfTest()
        #expect(result.code == 0, "\(result.printed)")
        #expect(result.checks["pairing"]?.text.hasPrefix("paired with http://127.0.0.1:") == true)
    }

    @Test func `No reader, no ledger, a revoked terminal: each is told with its code`() throws {
        let bench = try TerminalBench()
        try bench.write(reader: "nfc:pn532_uart:" + bench.folder + "/nothing")
        let result = try bench.selfTest(["--card"])
        expect(result, "reader", says: "not there", code: 3)
        #expect(result.checks["card"]?.result == "open")
        try bench.write(reader: "nfc:" + bench.chip.connstring)
        let list = try bench.must("eco-ledger", ["terminal", "list"] + bench.database)
        _ = try bench.must(
            "eco-ledger", ["terminal", "revoke", String(list.prefix(16))] + bench.database)
        let revoked = try bench.selfTest()
        #expect(revoked.checks["ledger"]?.text.contains("refuses this terminal") == true)
        #expect(revoked.code == 9)
        bench.stopLedger()
        let alone = try bench.selfTest()
        #expect(alone.checks["ledger"]?.text.contains("does not answer") == true)
        #expect(alone.checks["policy"]?.text == "no policy is stored")
        #expect(alone.code == 8)
    }

    @Test func `An altered byte of the journal, and an old copy of it, are told`() throws {
        let bench = try TerminalBench()
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        let settled = try Programs.wait {
            try bench.selfTest().checks["journal"]?.text.hasSuffix("unsent: 0") == true
        }
        #expect(settled)
        bench.stopTerminal()
        let path = bench.folder + "/terminal/journal.sqlite"
        let database = try Database(path: path, access: .readWrite)
        let row = try #require(try database.rows("SELECT cose FROM entries WHERE seq = 1").first)
        var bytes = try #require(row[0].blob)
        bytes[bytes.count / 2] ^= 0x10
        try database.script("DROP TRIGGER entries_no_update")
        try database.run("UPDATE entries SET cose = ? WHERE seq = 1", [.blob(bytes)])
        expect(try bench.selfTest(), "journal", says: "is not sound: entry 1", code: 11)
        for name in ["", "-wal", "-shm"] where Files.exists(path + name) {
            try Files.remove(path + name)
        }
        expect(try bench.selfTest(), "journal", says: "this journal does not hold", code: 11)
    }

    @Test func `A policy that has ended, without a ledger to give a new one, is told`() throws {
        let bench = try TerminalBench()
        bench.stopLedger()
        let phrase = try passphrase(file: bench.folder + "/pass")
        let ledger = try SigningKey.open(
            path: bench.folder + "/ledger.sqlite.key", passphrase: phrase)
        let own = try SigningKey.open(
            path: bench.folder + "/terminal/terminal.key", passphrase: phrase)
        let now = Clock.realtimeMilliseconds() / 1_000
        for (expires, result) in [(now - 60, "fault"), (now + 86_400, "doubtful")] {
            let policy = Policy(
                version: 1, issued: now - 900_000, expires: expires,
                terminal: own.publicKey.kid, merchant: "Café des Halles", limits: .standard,
                classes: [.member], issuers: [], revokedKids: [], epochs: [1], languages: ["fr"])
            try Files.writeAtomically(
                ledger.sign(payload: policy.item.encoded).bytes,
                to: bench.folder + "/terminal/policy.cose")
            let check = try bench.selfTest().checks["policy"]
            #expect(check?.result == result, "\(check?.text ?? "")")
            #expect(check?.hint.contains("network") == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root for a mount of its own"))
    func `A directory that is read-only is told, and the journal in it is proved all the same`()
        throws
    {
        let bench = try TerminalBench()
        let directory = bench.folder + "/terminal"
        let program = Programs.folder.appending(path: "eco-terminal").path
        let script =
            "mount --bind '\(directory)' '\(directory)' && "
            + "mount -o remount,bind,ro '\(directory)' && "
            + "exec '\(program)' selftest --config '\(bench.folder)/terminal.conf'"
        let result = try LateChip.retried({ $0.out.contains("✗ reader") }) {
            try Programs.run("/usr/bin/unshare", ["-m", "sh", "-c", script])
        }
        #expect(result.code == 1)
        let text = result.out + result.error
        #expect(text.contains("✗ disk:") && text.contains("EROFS"), "\(text)")
        #expect(text.contains("✓ journal:") && text.contains("✓ ledger:"), "\(text)")
        #expect(text.components(separatedBy: "✗").count == 2, "\(text)")
    }

    @Test func `A blank card, a copied one and a blocked one are refused in words`() throws {
        let bench = try TerminalBench()
        bench.chip.insert(
            SoftwareNTAG424(try CardMemory.factory(uid: [0x04, 9, 9, 9, 9, 9, 9])))
        expect(
            try bench.selfTest(["--card"]), "card", says: "this is no Carte ECO", code: 5)
        bench.chip.remove()
        var storage = ImageStorage(path: bench.folder + "/card.image")
        var copy = try CardMemory.factory(uid: [0x04, 8, 8, 8, 8, 8, 8])
        for file in 1...2 {
            copy.setContent(try storage.load().files[file - 1].content, file: file)
        }
        bench.chip.insert(SoftwareNTAG424(copy))
        expect(try bench.selfTest(["--card"]), "card", says: "a copy, or another", code: 5)
        bench.chip.remove()
        _ = try bench.must("eco-ledger", ["card", "block", "100000000024"] + bench.database)
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        let isBlocked = try Programs.wait {
            try bench.selfTest().checks["deny-list"]?.text == "blocked cards: 1"
        }
        #expect(isBlocked)
        bench.stopTerminal()
        try bench.lay()
        expect(try bench.selfTest(["--card"]), "card", says: "the card is blocked", code: 5)
    }
}

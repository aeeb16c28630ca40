import Foundation
import Linux
import Terminal
import Testing

/// PINs: rate limit and lock-out, also over a restart.
@Suite struct PINTests {
    private let folder = NSTemporaryDirectory() + "/pins-" + UUID().uuidString

    init() throws { try Files.makeDirectory(folder) }

    private func attempt(_ pin: String, at now: UInt64, _ role: Role = .manager) -> PINBook.Refusal?
    {
        // A fresh book each time: nothing is remembered but what is on disk.
        var digits = Array(pin.utf8)
        do throws(PINBook.Refusal) {
            try PINBook(directory: folder).check(&digits, for: role, now: now)
            return nil
        } catch { return error }
    }

    private func set(_ pin: String, _ role: Role = .manager) throws {
        var digits = Array(pin.utf8)
        try PINBook(directory: folder).set(&digits, for: role)
        #expect(digits.allSatisfy { $0 == 0 }, "the digits are overwritten")
    }

    @Test func `Wrong PINs cost waits that a restart does not shorten, then the role is locked`()
        throws
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try set("2468")
        try set("13579", .cashier)
        var now: UInt64 = 1_000_000
        #expect(attempt("2468", at: now) == nil)
        for left in [9, 8, 7] {
            #expect(attempt("1111", at: now) == .wrong(triesLeft: left))
        }
        #expect(attempt("2468", at: now + 29_999) == .locked(milliseconds: 1))
        #expect(attempt("2468", at: now - 1) == .locked(milliseconds: 30_000), "a clock set back")
        #expect(attempt("13579", at: now, .cashier) == nil, "another role is not locked")
        now += 30_000
        #expect(attempt("1111", at: now) == .wrong(triesLeft: 6))
        #expect(attempt("2468", at: now + 59_999) == .locked(milliseconds: 1))
        now += 60_000
        #expect(attempt("2468", at: now) == nil)
        #expect(attempt("1111", at: now) == .wrong(triesLeft: 9), "a right one begins anew")
        for _ in 0..<9 {
            now += 3_600_000
            _ = attempt("1111", at: now)
        }
        #expect(attempt("2468", at: now + 86_400_000) == .locked(milliseconds: nil))
        try set("2468")
        #expect(attempt("2468", at: now) == nil)
    }

    @Test func `A PIN is four to eight digits, and a damaged file opens nothing`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for wrong in ["123", "123456789", "12a4", "", "１２３４"] {
            #expect(throws: PINBook.Refusal.malformed) { try set(wrong) }
        }
        #expect(attempt("1234", at: 1) == .missing)
        try set("12345678")
        #expect(try Files.mode(folder + "/roles.pin") == 0o600)
        let file = try Files.read(folder + "/roles.pin", atMost: 4_096)
        #expect(!String(decoding: file, as: UTF8.self).contains("12345678"))
        try Files.writeAtomically([0xFF], to: folder + "/roles.tries")
        guard case .storage = attempt("12345678", at: 1) else {
            Issue.record("a damaged count of tries must not count as none")
            return
        }
    }

    @Test func `The try is on disk before the PIN is looked at`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try set("2468")
        // Where the count cannot be written, not even the right PIN is looked at.
        try Files.remove(folder + "/roles.tries")
        try Files.makeDirectory(folder + "/roles.tries")
        guard case .storage = attempt("2468", at: 1) else {
            Issue.record("a PIN was tried without its try being counted")
            return
        }
    }
}

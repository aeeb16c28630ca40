import COSE
import Crypto
import Linux
import Threads

/// The PINs of a terminal's roles and the tries against them, in two files of its directory.
///
/// `roles.pin`: salt and scrypt hash of each PIN (4 to 8 digits). `roles.tries`: wrong tries in a
/// row and when the last one was. A try is on disk before its PIN is looked at, so that cutting the
/// power gains nobody another one. From the third wrong one on each costs a wait, 30 s doubled up
/// to an hour; after ten in a row the role is locked until its PIN is set anew.
///
/// Threads: any; one try at a time.
public final class PINBook: Sendable {
    /// Wrong tries in a row after which only a new PIN helps.
    public static let triesMax = 10
    private static let freeTries = 3
    private static let firstWait: UInt64 = 30_000
    private static let longestWait: UInt64 = 3_600_000
    private static let logN: UInt8 = 15

    /// Why a PIN is not taken.
    public enum Refusal: Error, Equatable, Sendable {
        /// Not 4 to 8 digits.
        case malformed
        /// The role has none.
        case missing
        /// Not this one.
        case wrong(triesLeft: Int)
        /// Too many wrong ones: milliseconds to wait; nil when only a new PIN helps.
        case locked(milliseconds: UInt64?)
        /// A file cannot be read or written: nothing is tried.
        case storage(String)
    }

    private struct Tries {
        var count: Int
        var last: UInt64
    }

    private struct Record {
        let role: Role
        let salt: [UInt8]
        let hash: [UInt8]
    }

    private let directory: String
    private let turn = Monitor(())

    /// The book of a terminal's directory; nothing is read yet.
    public init(directory: String) { self.directory = directory }

    private var pinPath: String { directory + "/roles.pin" }
    private var triesPath: String { directory + "/roles.tries" }

    /// The roles that have a PIN. - Throws: `.storage`.
    public func roles() throws(Refusal) -> [Role] { try records().map(\.role) }

    /// Wrong tries in a row of a role. - Throws: `.storage`.
    public func failures(of role: Role) throws(Refusal) -> Int {
        try turn.read { (_) throws(Refusal) in try tries()[role]?.count ?? 0 }
    }

    /// Sets or changes a PIN and forgets wrong tries. The digits are overwritten.
    /// - Throws: `.malformed`, `.storage`.
    public func set(_ pin: inout [UInt8], for role: Role) throws(Refusal) {
        defer { wipe(&pin) }
        guard Self.isPIN(pin) else { throw .malformed }
        let salt = randomBytes(16)
        let record = Record(role: role, salt: salt, hash: try Self.hash(pin, salt))
        try turn.read { (_) throws(Refusal) in
            let others = try records().filter { $0.role != role }
            var tries = (try? tries()) ?? [:]
            tries[role] = nil
            try write(Self.encoded(others + [record]), to: pinPath)
            try write(Self.encoded(tries), to: triesPath)
        }
    }

    /// Compares a PIN at `now` (milliseconds since the Unix epoch). The digits are overwritten.
    /// - Throws: `Refusal`.
    public func check(_ pin: inout [UInt8], for role: Role, now: UInt64) throws(Refusal) {
        defer { wipe(&pin) }
        let typed = pin
        try turn.read { (_) throws(Refusal) in
            guard let record = try records().first(where: { $0.role == role }) else {
                throw .missing
            }
            var tries = try tries()
            let before = tries[role] ?? Tries(count: 0, last: 0)
            if let wait = Self.wait(before, now: now) { throw .locked(milliseconds: wait) }
            guard before.count < Self.triesMax else { throw .locked(milliseconds: nil) }
            guard Self.isPIN(typed) else { throw .malformed }
            tries[role] = Tries(count: before.count + 1, last: now)
            try write(Self.encoded(tries), to: triesPath)
            guard equalInConstantTime(try Self.hash(typed, record.salt), record.hash) else {
                throw .wrong(triesLeft: Self.triesMax - before.count - 1)
            }
            tries[role] = nil
            try write(Self.encoded(tries), to: triesPath)
        }
    }

    /// Milliseconds to wait; nil when a try is free. A clock that went back waits anew.
    private static func wait(_ tries: Tries, now: UInt64) -> UInt64? {
        guard (freeTries..<triesMax).contains(tries.count) else { return nil }
        let wait = min(longestWait, firstWait << UInt64(tries.count - freeTries))
        let passed = now > tries.last ? now - tries.last : 0
        return passed < wait ? wait - passed : nil
    }

    private static func isPIN(_ pin: [UInt8]) -> Bool {
        (4...8).contains(pin.count) && pin.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func hash(_ pin: [UInt8], _ salt: [UInt8]) throws(Refusal) -> [UInt8] {
        do {
            return try Sealing.scrypt(passphrase: SecretBytes(pin), salt: salt, logN: logN)
                .withBytes { $0 }
        } catch { throw .storage("scrypt: \(error)") }
    }

    // MARK: files

    private func write(_ item: CBOR, to path: String) throws(Refusal) {
        do { try Files.writeAtomically(item.encoded, to: path) } catch {
            throw .storage("\(path): \(error)")
        }
    }

    /// The map of a file by role; an absent file is empty, any other trouble is an error: a damaged
    /// file never counts as "no tries yet".
    private func pairs(_ path: String) throws(Refusal) -> [(role: Role, parts: [CBOR])] {
        guard Files.exists(path) else { return [] }
        guard let bytes = try? Files.read(path, atMost: 4_096),
            let map = try? CBOR.decode(bytes, limit: 4_096).map
        else { throw .storage("\(path) is damaged") }
        var found: [(role: Role, parts: [CBOR])] = []
        for pair in map {
            guard let role = pair.key.unsigned.flatMap({ UInt8(exactly: $0) }).flatMap(Role.init),
                let parts = pair.value.array, parts.count == 2
            else { throw .storage("\(path) is damaged") }
            found.append((role, parts))
        }
        return found
    }

    private func records() throws(Refusal) -> [Record] {
        var records: [Record] = []
        for (role, parts) in try pairs(pinPath) {
            guard let salt = parts[0].bytes, let hash = parts[1].bytes, hash.count == 32 else {
                throw .storage("\(pinPath) is damaged")
            }
            records.append(Record(role: role, salt: salt, hash: hash))
        }
        return records
    }

    private func tries() throws(Refusal) -> [Role: Tries] {
        var tries: [Role: Tries] = [:]
        for (role, parts) in try pairs(triesPath) {
            guard let count = parts[0].unsigned.flatMap({ Int(exactly: $0) }),
                let last = parts[1].unsigned
            else { throw .storage("\(triesPath) is damaged") }
            tries[role] = Tries(count: count, last: last)
        }
        return tries
    }

    private static func encoded(_ records: [Record]) -> CBOR {
        .map(
            records.map {
                CBOR.Pair(
                    .unsigned(UInt64($0.role.rawValue)), .array([.bytes($0.salt), .bytes($0.hash)]))
            })
    }

    private static func encoded(_ tries: [Role: Tries]) -> CBOR {
        .map(
            tries.map { role, tries in
                CBOR.Pair(
                    .unsigned(UInt64(role.rawValue)),
                    .array([.unsigned(UInt64(tries.count)), .unsigned(tries.last)]))
            })
    }
}

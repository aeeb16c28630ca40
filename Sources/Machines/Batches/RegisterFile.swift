import Crypto
import Linux
public import Tokens

/// Why a register cannot take a card.
public enum RegisterError: Error, Equatable, Sendable {
    /// Reading or writing failed: call and code.
    case file(String)
    /// Another process writes there.
    case busy
    /// The number or the UID stands there with another partner.
    case conflict(CardNumber)

    /// A sentence without a full stop.
    public var words: String {
        switch self {
        case .file(let what): what
        case .busy: "another process writes there"
        case .conflict(let number): "card \(number) stands there with another UID, or its UID does"
        }
    }
}

/// The file finished cards are handed to the ledger in: one JSON object a line, {"number", "uid",
/// "epoch", "class"} (`eco-ledger card add` reads it). It holds UIDs and is its owner's alone.
///
/// Appending is idempotent (B5), and a last line torn by a crash is dropped. The lock lasts as long
/// as the value.
public final class RegisterFile: @unchecked Sendable {  // because its owner serialises the calls
    /// Most bytes of a register.
    public static let sizeMax = 64 << 20
    private let path: String
    private let lock: FileLock
    private var lines: Set<String> = []
    private var numbers: [Substring: Substring] = [:]
    private var uids: Set<Substring> = []

    /// Opens or makes the file. - Throws: `RegisterError.busy`, `.file`.
    public init(_ path: String) throws(RegisterError) {
        self.path = path
        do { lock = try FileLock(path + ".lock") } catch {
            throw error.call == "flock" ? .busy : .file("\(path): \(error)")
        }
        guard Files.exists(path) else { return }
        do {
            let bytes = try Files.read(path, atMost: Self.sizeMax)
            let end = bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
            if end < bytes.count { try Files.writeAtomically(Array(bytes[..<end]), to: path) }
            for line in Files.lines(bytes[..<end]) where !line.isEmpty { note(line) }
        } catch { throw .file("\(path): \(error)") }
    }

    /// Adds a card unless it stands there. True when a line was written.
    /// - Throws: `RegisterError.conflict`, `.file`.
    @discardableResult
    public func add(_ claims: CardToken) throws(RegisterError) -> Bool {
        try add(
            number: claims.number, uid: claims.uid, epoch: claims.epoch,
            cardClass: claims.cardClass)
    }

    /// Adds a card by what the ledger needs of it (UID of 7 bytes).
    /// - Throws: `RegisterError.conflict`, `.file`.
    @discardableResult
    public func add(
        number: CardNumber, uid: [UInt8], epoch: UInt8, cardClass: CardClass
    ) throws(RegisterError) -> Bool {
        let text = Hexadecimal.text(uid)
        let line =
            "{\"number\":\"\(number.digits)\",\"uid\":\"\(text)\",\"epoch\":\(epoch),"
            + "\"class\":\(cardClass.rawValue)}"
        if lines.contains(line) { return false }
        // Another epoch of the same card is a new line; another partner is a mistake.
        let partner = numbers[number.digits[...]]
        guard partner == nil ? !uids.contains(text[...]) : partner == text[...] else {
            throw .conflict(number)
        }
        do { try Files.append(Array((line + "\n").utf8), to: path) } catch {
            throw .file("\(path): \(error)")
        }
        note(line)
        return true
    }

    private func note(_ line: String) {
        lines.insert(line)
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        guard let number = Self.value("number", parts), let uid = Self.value("uid", parts) else {
            return
        }
        numbers[number] = uid
        uids.insert(uid)
    }

    /// What stands in quotes after a name: `"name":"value"`.
    private static func value(_ name: Substring, _ parts: [Substring]) -> Substring? {
        guard let at = parts.firstIndex(of: name), at + 2 < parts.count, parts[at + 1] == ":"
        else { return nil }
        return parts[at + 2]
    }
}

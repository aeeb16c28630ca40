public import Crypto

/// A paired terminal.
public struct TerminalRecord: Equatable, Sendable {
    let row: Int64
    /// Its public key.
    public let key: Ed25519PublicKey
    /// The merchant it stands at; also who is paid.
    public let merchant: String
    /// When it was paired, milliseconds.
    public let paired: UInt64
    /// When it was revoked, milliseconds; nil while it is trusted.
    public let revoked: UInt64?

    /// Its id on the wire: the kid in lower case hexadecimal, 16 characters.
    public var id: String { Hexadecimal.text(key.kid) }
}

extension Book {
    /// Minutes a pairing code lives.
    public static let pairingMinutes: UInt64 = 10
    private static let alphabet = Array("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")

    /// Random characters that nobody mistakes for others (no 0, O, 1 and I): 5 bits each.
    static func spokenCode(_ count: Int) -> String {
        String(randomBytes(count).map { alphabet[Int($0 & 31)] })
    }

    /// A fresh one-time pairing code, 8 characters without 0, O, 1 and I (40 bits). Only its hash
    /// is kept.
    /// - Parameter kid: the terminal that it moves from its merchant to this one, with all that it
    ///   ever took; such a code serves that key alone.
    /// - Throws: `BookError.merchantUnknown`, `.terminalUnknown`, `.terminalRevoked`, `.storage`.
    public func pairingCode(
        merchant: String, moving kid: [UInt8]? = nil, now: UInt64
    ) throws(BookError) -> String {
        guard try merchants().contains(merchant) else { throw .merchantUnknown(merchant) }
        var key: Ed25519PublicKey?
        if let kid {
            guard let terminal = try terminal(kid: kid) else { throw .terminalUnknown }
            guard terminal.revoked == nil else { throw .terminalRevoked }
            key = terminal.key
        }
        let code = Self.spokenCode(8)
        try run(
            "INSERT INTO pairing_codes(hash, merchant, expires) VALUES($1, $2, $3)",
            [
                Self.hash(code, moving: key), .text(merchant),
                .clamped(now + Self.pairingMinutes * 60_000),
            ])
        return code
    }

    /// A code that moves a terminal is found by that terminal's key alone.
    private static func hash(_ code: String, moving key: Ed25519PublicKey?) -> Cell {
        .blob(sha256(Array(code.utf8) + (key?.bytes ?? [])))
    }

    /// Makes a terminal known by a pairing code. The same code with the same key is answered
    /// again (the first answer may have been lost); with another key it is used up.
    /// - Throws: `BookError.pairingCode`, `.terminalRevoked`, `.storage`, `.otherMerchant`: what a
    ///   terminal took counts for its merchant of today, so a known one moves by a code for that
    ///   alone.
    public func pair(
        code: String, key: Ed25519PublicKey, now: UInt64
    ) throws(BookError) -> TerminalRecord {
        try transaction { () throws(BookError) in
            let move = Self.hash(code, moving: key)
            let known = try rows(
                """
                SELECT merchant, expires, terminal, hash FROM pairing_codes
                WHERE hash IN ($1, $2)\(store.rowLock)
                """, [Self.hash(code, moving: nil), move])
            guard let row = known.first, let merchant = row[0].text,
                let expires = row[1].integer
            else { throw .pairingCode }
            if let user = row[2].integer {
                guard let terminal = try terminal(kid: key.kid), terminal.row == user,
                    terminal.revoked == nil
                else { throw .pairingCode }
                return terminal
            }
            guard Int64(clamping: now) < expires else { throw .pairingCode }
            let terminal = try admit(key, at: merchant, isMoving: row[3] == move, now: now)
            try run(
                "UPDATE pairing_codes SET terminal = $1 WHERE hash = $2",
                [.integer(terminal.row), row[3]])
            return terminal
        }
    }

    /// The terminal of a key, new or known, within a transaction that has its code.
    private func admit(
        _ key: Ed25519PublicKey, at merchant: String, isMoving: Bool, now: UInt64
    ) throws(BookError) -> TerminalRecord {
        if let terminal = try lockedTerminal(kid: key.kid) {
            if terminal.revoked != nil { throw .terminalRevoked }
            guard isMoving || terminal.merchant == merchant else { throw .otherMerchant }
            try run(
                "UPDATE terminals SET merchant = $1 WHERE id = $2",
                [.text(merchant), .integer(terminal.row)])
        } else {
            try run(
                """
                INSERT INTO terminals(id, kid, key, merchant, paired)
                VALUES($1, $2, $3, $4, $5)
                """,
                [
                    .integer(try next("terminals")), .blob(key.kid), .blob(key.bytes),
                    .text(merchant), .clamped(now),
                ])
        }
        guard let terminal = try terminal(kid: key.kid) else {
            throw .unusable("a terminal just written is not there")
        }
        return terminal
    }

    /// The terminal of a kid (8 bytes); nil when it was never paired.
    /// - Throws: `BookError.storage`.
    public func terminal(kid: [UInt8]) throws(BookError) -> TerminalRecord? {
        try terminals("WHERE kid = $1", [.blob(kid)]).first
    }

    /// The same, whose chain is this transaction's until it ends.
    func lockedTerminal(kid: [UInt8]) throws(BookError) -> TerminalRecord? {
        try terminals("WHERE kid = $1\(store.rowLock)", [.blob(kid)]).first
    }

    /// Every terminal, in order of pairing.
    /// - Throws: `BookError.storage`.
    public func terminals() throws(BookError) -> [TerminalRecord] {
        try terminals("ORDER BY id", [])
    }

    private func terminals(
        _ tail: String, _ values: [Cell]
    ) throws(BookError) -> [TerminalRecord] {
        let asked = Self.askingTerminals(tail, values)
        return Self.terminals(try rows(asked.sql, asked.values))
    }

    static func askingTerminals(_ tail: String, _ values: [Cell]) -> Statement {
        Statement("SELECT id, key, merchant, paired, revoked FROM terminals \(tail)", values)
    }

    static func terminals(_ rows: [[Cell]]) -> [TerminalRecord] {
        rows.compactMap { row in
            guard let id = row[0].integer, let bytes = row[1].blob,
                let key = try? Ed25519PublicKey(bytes), let merchant = row[2].text
            else { return nil }
            return TerminalRecord(
                row: id, key: key, merchant: merchant,
                paired: UInt64(clamping: row[3].integer ?? 0),
                revoked: row[4].integer.map { UInt64(clamping: $0) })
        }
    }

    /// Revokes a terminal: nothing it sends is taken any more. Again changes nothing.
    /// - Throws: `BookError.terminalUnknown`, `.storage`.
    public func revoke(kid: [UInt8], now: UInt64) throws(BookError) {
        guard try terminal(kid: kid) != nil else { throw .terminalUnknown }
        try run(
            "UPDATE terminals SET revoked = $1 WHERE kid = $2 AND revoked IS NULL",
            [.clamped(now), .blob(kid)])
    }

    /// The last entry of a terminal's chain: sequence number and hash (32 bytes); 0 and zeros
    /// before the first.
    /// - Throws: `BookError.storage`.
    public func head(
        of terminal: TerminalRecord
    ) throws(BookError) -> (sequence: UInt64, hash: [UInt8], time: UInt64) {
        // Read from the chain itself: a second copy in a column could disagree with it.
        Self.head(try answers([Self.askingHead(of: terminal)]).first?.first)
    }

    static func askingHead(of terminal: TerminalRecord) -> Statement {
        Statement(
            """
            SELECT seq, hash, time FROM entries WHERE terminal = $1 ORDER BY seq DESC LIMIT 1
            """, [.integer(terminal.row)])
    }

    static func head(_ row: [Cell]?) -> (sequence: UInt64, hash: [UInt8], time: UInt64) {
        guard let row, let sequence = row[0].integer, let hash = row[1].blob,
            let time = row[2].integer
        else { return (0, [UInt8](repeating: 0, count: 32), 0) }
        return (UInt64(clamping: sequence), hash, UInt64(clamping: time))
    }
}

public import Crypto

/// How a command or answer is protected (CARD-COMMANDS §4).
public enum CommMode: UInt8, Sendable {
    case plain = 0
    case mac = 1
    case full = 3
}

/// One EV2 secure session, the reader's side (CARD-COMMANDS §3.3, §4).
///
/// The counter moves once per command, protected or plain. After any error the session is dead:
/// `isAlive` is false and every call throws `CardError.noSession`.
public struct EV2Session: ~Copyable {
    /// The key the session was opened with.
    public let keyNumber: UInt8
    /// Transaction identifier, 4 bytes.
    public let transaction: [UInt8]
    /// Commands so far.
    public private(set) var counter: UInt16
    /// False after any error.
    public private(set) var isAlive = true
    private var encryption: AES128Key
    private var authentication: AES128Key

    /// A session with keys already derived; for `EV2Authentication` and for vectors.
    public init(
        keyNumber: UInt8, encryption: consuming AES128Key, authentication: consuming AES128Key,
        transaction: [UInt8], counter: UInt16
    ) {
        self.keyNumber = keyNumber
        self.encryption = encryption
        self.authentication = authentication
        self.transaction = transaction
        self.counter = counter
    }

    /// Ends the session: nothing more is sent with it.
    public mutating func end() { isAlive = false }

    /// The APDU of a command. `header` stays plain, `data` is encrypted in `.full`.
    /// - Throws: `CardError.noSession`.
    public func command(
        _ ins: UInt8, header: [UInt8], data: [UInt8] = [], mode: CommMode
    ) throws(CardError) -> [UInt8] {
        guard isAlive, counter < .max else { throw .noSession }
        let body = mode == .full ? try encrypted(data) : data
        guard mode != .plain else { return APDU.native(ins, header + body) }
        let input = [ins] + bytes(of: counter) + transaction + header + body
        return APDU.native(ins, header + body + truncated(authentication.cmac(input)))
    }

    /// The data of an answer, checked. Moves the counter; any failure kills the session.
    /// - Throws: `CardError.refused`, `.notAuthentic`, `.malformed`.
    public mutating func open(
        _ answer: CardAnswer, expecting expected: StatusWord = .nativeSuccess, mode: CommMode,
        during step: String
    ) throws(CardError) -> [UInt8] {
        guard isAlive, counter < .max else { throw .noSession }
        isAlive = false
        guard answer.status == expected else { throw .refused(answer.status, during: step) }
        counter += 1
        var data = answer.data
        if mode != .plain {
            guard data.count >= 8 else { throw .notAuthentic("\(step): no MAC") }
            let mac = Array(data.suffix(8))
            data.removeLast(8)
            let input = [expected.code] + bytes(of: counter) + transaction + data
            guard equalInConstantTime(mac, truncated(authentication.cmac(input))) else {
                throw .notAuthentic("\(step): wrong MAC")
            }
        }
        if mode == .full { data = try decrypted(data, step) }
        isAlive = true
        return data
    }

    private func encrypted(_ data: [UInt8]) throws(CardError) -> [UInt8] {
        if data.isEmpty { return [] }
        do {
            return try encryption.encryptCBC(padded(data), iv: try iv([0xA5, 0x5A]))
        } catch { throw .malformed("command data") }
    }

    private func decrypted(_ data: [UInt8], _ step: String) throws(CardError) -> [UInt8] {
        if data.isEmpty { return [] }
        do {
            let plain = try encryption.decryptCBC(data, iv: try iv([0x5A, 0xA5]))
            guard let end = plain.lastIndex(where: { $0 != 0 }), plain[end] == 0x80,
                plain.count - end <= 16
            else { throw CardError.notAuthentic("\(step): wrong padding") }
            return Array(plain[..<end])
        } catch let error as CardError { throw error } catch {
            throw .notAuthentic("\(step): wrong length")
        }
    }

    /// The initialisation vector of this command (A5 5A) or answer (5A A5), 16 bytes.
    public func iv(_ label: [UInt8]) throws(CryptoError) -> [UInt8] {
        try encryption.encryptBlock(
            label + transaction + bytes(of: counter) + [UInt8](repeating: 0, count: 8))
    }

    private func bytes(of value: UInt16) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)]
    }
}

/// `80`, then zeros to a multiple of 16; always at least one byte (CARD-COMMANDS §2).
func padded(_ data: [UInt8]) -> [UInt8] {
    data + [0x80] + [UInt8](repeating: 0, count: 15 - data.count % 16)
}

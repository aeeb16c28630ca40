import COSE
public import Crypto

/// A terminal asks to be known: `POST /v1/terminals`.
public struct PairingRequest: Equatable, Sendable {
    /// The one-time code the ledger's operator reads out, 8 characters.
    public let code: String
    /// The terminal's public key.
    public let publicKey: Ed25519PublicKey

    /// A request.
    public init(code: String, publicKey: Ed25519PublicKey) {
        self.code = code
        self.publicKey = publicKey
    }

    /// 1 code, 2 public key.
    public var encoded: [UInt8] {
        CBOR.record([1: .text(code), 2: .bytes(publicKey.bytes)]).encoded
    }

    /// Reads a request. - Throws: `MessageError.malformed`.
    public init(_ bytes: [UInt8]) throws(MessageError) {
        guard let item = try? CBOR.decode(bytes, limit: 256), item.map?.count == 2,
            let code = item[1]?.text, (1...32).contains(code.utf8.count),
            let key = item[2]?.bytes.flatMap({ try? Ed25519PublicKey($0) })
        else { throw .malformed("pairing request") }
        self.init(code: code, publicKey: key)
    }
}

/// The ledger's answer: who the terminal is and whose signatures it believes.
public struct PairingAnswer: Equatable, Sendable {
    /// The terminal's id: its kid in lower case hexadecimal, 16 characters.
    public let terminal: String
    /// The ledger's public key.
    public let ledgerKey: Ed25519PublicKey

    /// An answer.
    public init(terminal: String, ledgerKey: Ed25519PublicKey) {
        self.terminal = terminal
        self.ledgerKey = ledgerKey
    }

    /// 1 terminal id, 2 ledger public key.
    public var encoded: [UInt8] {
        CBOR.record([1: .text(terminal), 2: .bytes(ledgerKey.bytes)]).encoded
    }

    /// Reads an answer. - Throws: `MessageError.malformed`.
    public init(_ bytes: [UInt8]) throws(MessageError) {
        guard let item = try? CBOR.decode(bytes, limit: 1_024), let terminal = item[1]?.text,
            terminal.utf8.count == 16,
            let key = item[2]?.bytes.flatMap({ try? Ed25519PublicKey($0) })
        else { throw .malformed("pairing answer") }
        self.init(terminal: terminal, ledgerKey: key)
    }
}

public import Crypto
import Linux

/// A sealed file: "ECOK" || version 1 (1) || kind (1) || log2 N (1) || salt (16) || nonce (12), all
/// of it associated data, then AES-256-GCM of the records and its tag. The key is scrypt of the
/// passphrase (RFC 7914, r = 8, p = 1).
enum SealedFile {
    static let magic = Array("ECOK".utf8)
    private static let version: [UInt8] = [1]
    private static let headerSize = 5 + 2 + 16 + 12
    static let sizeMax = 65_536
    /// 2^15: 32 MiB and about 0.1 s on a Pi-class core.
    private static let logN: UInt8 = 15
    /// What a file may ask for: at most 128 MiB.
    private static let logNs: ClosedRange<UInt8> = 14...17

    /// Writes the file, or replaces it whole.
    static func write(
        _ records: KeyRecords, _ kind: KeyFileKind, to path: String,
        passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) {
        let salt = randomBytes(16)
        let nonce = randomBytes(Sealing.nonceSize)
        let header = magic + version + [kind.number, logN] + salt + nonce
        let sealed: [UInt8]
        do {
            let key = try Sealing.scrypt(passphrase: passphrase, salt: salt, logN: logN)
            sealed = try Sealing.seal(
                records.encoded(), key: key, nonce: nonce, associated: header)
        } catch { throw .io("sealing: \(error)") }
        do { try Files.writeAtomically(header + sealed, to: path, mode: 0o600) } catch {
            throw .io("\(error)")
        }
    }

    static func read(
        _ kind: KeyFileKind, from path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) -> KeyRecords {
        guard Files.exists(path) else { throw .missing(path) }
        let bytes: [UInt8]
        do { bytes = try Files.read(path, atMost: sizeMax) } catch { throw .io("\(error)") }
        guard bytes.count > headerSize + Sealing.tagSize, Array(bytes[0..<5]) == magic + version
        else { throw .damaged("not a key file") }
        guard bytes[5] == kind.number else { throw .damaged("a key file of another kind") }
        guard logNs.contains(bytes[6]) else { throw .damaged("header") }
        let header = Array(bytes[0..<headerSize])
        let plain: SecretBytes
        do {
            let key = try Sealing.scrypt(
                passphrase: passphrase, salt: Array(header[7..<23]), logN: header[6])
            plain = try Sealing.open(
                Array(bytes[headerSize...]), key: key, nonce: Array(header[23..<35]),
                associated: header)
        } catch CryptoError.notAuthentic { throw .wrongPassphrase } catch {
            throw .damaged("header")
        }
        return try KeyRecords(plain)
    }
}

/// Reads a passphrase from a file only its owner can read, or from a credential of the service
/// manager; one line end at the end is dropped, a carriage return before it too.
/// - Throws: `.passphraseExposed`, `.missing`, `.io`, `.damaged` when it is empty.
public func passphrase(file path: String) throws(KeyStoreError) -> SecretBytes {
    guard Files.exists(path) else { throw .missing(path) }
    do {
        let others: UInt32 = Credentials.contain(path) ? 0o037 : 0o077
        guard try Files.mode(path) & others == 0 else {
            throw KeyStoreError.passphraseExposed(path)
        }
        var bytes = try Files.read(path, atMost: 4_096)
        if bytes.last == 0x0a {
            bytes.removeLast()
            if bytes.last == 0x0d { bytes.removeLast() }
        }
        guard !bytes.isEmpty else { throw KeyStoreError.damaged("empty passphrase") }
        return SecretBytes(consuming: &bytes)
    } catch let error as KeyStoreError { throw error } catch { throw .io("\(error)") }
}

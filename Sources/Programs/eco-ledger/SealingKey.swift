import CommandLineTool
import Crypto
import KeyStore
import LedgerBook
import Linux

/// The key personal data is sealed to. Its certificate goes into every policy; the private half
/// rests beside the signing key, sealed by the passphrase: "ECOS" || salt (16) || nonce (12) ||
/// certificate size (2) || certificate || AES-256-GCM of the PKCS #8 key and its tag.
enum SealingKey {
    private static let magic = Array("ECOS".utf8)
    private static let logN: UInt8 = 15

    private static func path(_ ownKeys: String) -> String { ownKeys + ".sealing" }

    /// The certificate, of a fresh key when there is none yet.
    static func certificate(
        of ownKeys: String, passphrase: borrowing SecretBytes, seconds: UInt64
    ) throws -> [UInt8] {
        if Files.exists(path(ownKeys)) { return try read(ownKeys).certificate }
        let made = try EnvelopeRecipient(seconds: seconds)
        let certificate = made.certificate
        let (salt, nonce) = (randomBytes(16), randomBytes(Sealing.nonceSize))
        let size = [UInt8(certificate.count >> 8), UInt8(certificate.count & 0xff)]
        let header = magic + salt + nonce + size + certificate
        let key = try Sealing.scrypt(passphrase: passphrase, salt: salt, logN: logN)
        let sealed = try Sealing.seal(made.key, key: key, nonce: nonce, associated: header)
        do { try Files.writeAtomically(header + sealed, to: path(ownKeys)) } catch {
            throw Failure("the sealing key cannot be written: \(error)", hint: "check rights")
        }
        return certificate
    }

    /// Opens one CMS message.
    static func open(
        _ message: [UInt8], of ownKeys: String, passphrase: borrowing SecretBytes
    ) throws -> SecretBytes {
        let file = try read(ownKeys)
        do {
            let key = try Sealing.scrypt(passphrase: passphrase, salt: file.salt, logN: logN)
            let opened = try Sealing.open(
                file.sealed, key: key, nonce: file.nonce, associated: file.header)
            return try Envelope.open(message, certificate: file.certificate, key: opened)
        } catch {
            throw Failure(
                "the sealing key does not open it: \(error)", hint: "check --passphrase-file",
                code: .keys)
        }
    }

    private struct File {
        let header: [UInt8]
        let salt: [UInt8]
        let nonce: [UInt8]
        let certificate: [UInt8]
        let sealed: [UInt8]
    }

    private static func read(_ ownKeys: String) throws -> File {
        let bytes = (try? Files.read(path(ownKeys), atMost: 65_536)) ?? []
        guard bytes.count > 34, Array(bytes[0..<4]) == magic else {
            throw Failure(
                "the sealing key is missing or damaged", hint: "run eco-ledger init", code: .keys)
        }
        let end = 34 + (Int(bytes[32]) << 8) + Int(bytes[33])
        guard bytes.count > end + Sealing.tagSize else {
            throw Failure("the sealing key is damaged", hint: "use a copy", code: .keys)
        }
        return File(
            header: Array(bytes[..<end]), salt: Array(bytes[4..<20]), nonce: Array(bytes[20..<32]),
            certificate: Array(bytes[34..<end]), sealed: Array(bytes[end...]))
    }
}

/// `enrolment open`: what people told at the stands, in the clear, for the association alone.
enum EnrolmentCommands {
    static let all = [
        Command(
            ["enrolment", "open"], "print the personal data of enrolments, one JSON object a line",
            options: [.database, .ownKeys, .passphrase],
            examples: [
                "eco-ledger enrolment open -d sqlite:ledger.sqlite --passphrase-file pass",
                "eco-ledger enrolment open -d sqlite:ledger.sqlite --passphrase-file pass --json",
            ], run: open)
    ]

    private static func open(_ call: Invocation) throws {
        let ownKeys = try call.ownKeys
        let phrase = try call.passphrase()
        for line in try call.withBook({ try $0.sealedEnrolments() }) {
            let told = try SealingKey.open(line.sealed, of: ownKeys, passphrase: phrase)
            let text = told.withBytes { String(decoding: $0, as: UTF8.self) }
            Console.out(
                JSONValue.record([
                    "id": .text(line.id), "card": .text(line.card), "personal": .text(text),
                ]).text)
        }
    }
}

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

    /// The certificate that terminals shall seal to. A fresh key is made where none was ever named:
    /// whatever was sealed to another one is opened by that one alone, so none is replaced unless
    /// somebody says so.
    /// - Parameters:
    ///   - named: the certificate that terminals seal to now; nil before the first.
    ///   - mayReplace: another than that may be named, or made.
    static func certificate(
        of ownKeys: String, passphrase: borrowing SecretBytes, seconds: UInt64,
        named: [UInt8]?, mayReplace: Bool
    ) throws -> [UInt8] {
        let hint =
            "put back the right file from a copy; if it is lost for good, --new-sealing-key goes "
            + "on with another: what people told so far then stays closed"
        if Files.exists(path(ownKeys)) {
            let certificate = try read(ownKeys).certificate
            guard named == nil || named == certificate || mayReplace else {
                throw Failure(
                    "\(path(ownKeys)) is not the key that terminals seal to", hint: hint,
                    code: .keys)
            }
            return certificate
        }
        guard named == nil || mayReplace else {
            throw Failure("\(path(ownKeys)) is not there", hint: hint, code: .keys)
        }
        return try make(ownKeys, passphrase, seconds)
    }

    private static func make(
        _ ownKeys: String, _ passphrase: borrowing SecretBytes, _ seconds: UInt64
    ) throws -> [UInt8] {
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

    /// The opened key: opens message after message.
    struct Opened: ~Copyable {
        private let certificate: [UInt8]
        private let key: SecretBytes

        init(_ ownKeys: String, passphrase: borrowing SecretBytes) throws {
            let file = try SealingKey.read(ownKeys)
            let opened = try SealingKey.key(file, passphrase)
            certificate = file.certificate
            key = opened
        }

        /// One CMS message; nil: it was sealed to another key.
        func open(_ message: [UInt8]) -> SecretBytes? {
            try? Envelope.open(message, certificate: certificate, key: key)
        }
    }

    private static func key(
        _ file: File, _ passphrase: borrowing SecretBytes
    ) throws -> SecretBytes {
        do {
            let own = try Sealing.scrypt(passphrase: passphrase, salt: file.salt, logN: logN)
            return try Sealing.open(
                file.sealed, key: own, nonce: file.nonce, associated: file.header)
        } catch {
            throw Failure(
                "the sealing key cannot be opened: \(error)", hint: "check --passphrase-file",
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
                "the sealing key is missing or damaged", hint: "use a copy", code: .keys)
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
        let lines = try call.withBook { try $0.sealedEnrolments() }
        guard !lines.isEmpty else { return }
        let key = try SealingKey.Opened(ownKeys, passphrase: phrase)
        var closed = 0
        for line in lines {
            guard let told = key.open(line.sealed) else {
                Console.error("eco-ledger: \(line.id) was sealed to another key")
                closed += 1
                continue
            }
            let text = told.withBytes { String(decoding: $0, as: UTF8.self) }
            Console.out(
                JSONValue.record([
                    "id": .text(line.id), "card": .text(line.card), "personal": .text(text),
                ]).text)
        }
        guard closed == 0 else {
            throw Failure(
                "\(closed) enrolments stay closed",
                hint: "they open with the .sealing file of then beside --own-keys", code: .partial,
                isTold: true)
        }
    }
}

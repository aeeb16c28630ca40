import Crypto
import Foundation
import Linux
import PKCS11
import Testing

@testable import KeyStore

/// A SoftHSM token of its own in a folder of its own.
///
/// SoftHSM reads its configuration when it is initialised, from the environment: suites that use
/// tokens in this process are serialised.
final class SoftToken {
    static let module = "/usr/lib/softhsm/libsofthsm2.so"
    static let pin = "4711"
    let folder = NSTemporaryDirectory() + "/token-" + UUID().uuidString
    let uri = "pkcs11:token=eco?module-path=" + module

    init() throws {
        try Files.makeDirectory(folder + "/tokens")
        let lines = [
            "directories.tokendir = \(folder)/tokens", "objectstore.backend = file",
            "log.level = ERROR", "slots.removable = false", "",
        ]
        try Files.writeAtomically(
            Array(lines.joined(separator: "\n").utf8), to: folder + "/softhsm2.conf")
        try Files.writeAtomically(Array(Self.pin.utf8), to: folder + "/pin")
        setenv("SOFTHSM2_CONF", folder + "/softhsm2.conf", 1)
        let made = try ChildProcess.start(
            "softhsm2-util",
            [
                "--init-token", "--free", "--label", "eco", "--pin", Self.pin, "--so-pin", "5678",
            ], output: folder + "/log", errors: folder + "/log")
        try #require(made.wait() == 0)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    static func secret(_ text: String = pin) -> SecretBytes { SecretBytes(Array(text.utf8)) }

    func session() throws -> TokenSession {
        let session = try TokenSession(try TokenURI(uri))
        try session.login(pin: Array(Self.pin.utf8))
        return session
    }

    func create(epoch: UInt8 = 1) throws -> IssuerKeys {
        try IssuerKeys.create(epoch: epoch, token: uri, pin: Self.secret())
    }

    func open() throws -> IssuerKeys { try IssuerKeys.open(token: uri, pin: Self.secret()) }

    /// Puts masters of known bytes in the place of those of `epoch`; the rest of a token of ours
    /// is made on it.
    func plant(_ masters: [[UInt8]], epoch: UInt8) throws {
        _ = try create(epoch: epoch)
        let session = try session()
        for (number, master) in masters.enumerated() {
            let attributes = TokenCustody.attributes(UInt8(number), epoch)
            let identifier = Array("ECO1".utf8) + [epoch, UInt8(number)]
            for object in try session.objects([.secretKey, .identifier(identifier)]) {
                try session.destroy(object)
            }
            _ = try session.create(attributes + [.value(master)])
        }
    }
}

/// Suites that load SoftHSM into this process run one test at a time.
@Suite(.serialized) struct SoftTokenSuites {}

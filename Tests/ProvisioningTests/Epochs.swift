import Crypto
import Foundation
import Linux

@testable import KeyStore

/// Issuer's keys of several epochs with one signing key, as a rotation leaves them.
enum Epochs {
    static func keys(_ epochs: UInt8...) throws -> IssuerKeys {
        let folder = NSTemporaryDirectory() + "/epochs-" + UUID().uuidString
        try Files.makeDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var phrase = Array("two epochs".utf8)
        let passphrase = SecretBytes(consuming: &phrase)
        let first = try IssuerKeys.create(epoch: epochs[0])
        try first.seal(to: folder + "/first", passphrase: passphrase)
        var records = try SealedFile.read(
            .issuer, from: folder + "/first", passphrase: passphrase)
        for epoch in epochs.dropFirst() {
            for number in IssuerKeys.keyNumbers {
                records.add(.aes, epoch: epoch, number: number, SecretBytes(randomCount: 16))
            }
        }
        try SealedFile.write(
            records, .issuer, to: folder + "/all", passphrase: passphrase)
        return try IssuerKeys.open(path: folder + "/all", passphrase: passphrase)
    }
}

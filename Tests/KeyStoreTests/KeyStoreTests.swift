import COSE
import Cards
import Crypto
import Linux
import Testing
import Tokens

@testable import KeyStore

private func phrase(_ text: String = "correct horse") -> SecretBytes {
    SecretBytes(Array(text.utf8))
}

private func bytes(_ key: borrowing AES128Key) -> [UInt8] { key.withBytes { $0 } }

private let uid: [UInt8] = [0x04, 1, 2, 3, 4, 5, 6]

/// Who holds which key.
@Suite struct BundleTests {
    @Test func `Sealed keys come back the same`() throws {
        let folder = try TemporaryFolder()
        let keys = try IssuerKeys.create(epoch: 7)
        try keys.seal(to: folder("issuer.keys"), passphrase: phrase())
        let opened = try IssuerKeys.open(path: folder("issuer.keys"), passphrase: phrase())
        #expect(opened.epochs == [7])
        #expect(opened.issuerKey == keys.issuerKey)
        for number in IssuerKeys.keyNumbers {
            let before = bytes(try keys.cardKey(number, uid: uid, epoch: 7))
            #expect(bytes(try opened.cardKey(number, uid: uid, epoch: 7)) == before)
        }
        #expect(try Files.mode(folder("issuer.keys")) == 0o600)
        let other = try IssuerKeys.create(epoch: 7)
        #expect(other.issuerKey != keys.issuerKey)
        let key = bytes(try keys.cardKey(0, uid: uid, epoch: 7))
        #expect(bytes(try other.cardKey(0, uid: uid, epoch: 7)) != key)
    }

    @Test func `A bundle derives what its role needs`() throws {
        let folder = try TemporaryFolder()
        let keys = try IssuerKeys.create(epoch: 2)
        try keys.terminalBundle().seal(to: folder("terminal"), passphrase: phrase())
        try keys.ledgerBundle().seal(to: folder("ledger"), passphrase: phrase())
        let terminal = try TerminalKeys.open(path: folder("terminal"), passphrase: phrase())
        let ledger = try LedgerKeys.open(path: folder("ledger"), passphrase: phrase())
        let k3 = bytes(try keys.cardKey(3, uid: uid, epoch: 2))
        #expect(bytes(try terminal.terminalKey(uid: uid, epoch: 2)) == k3)
        let k1 = bytes(try keys.cardKey(1, uid: uid, epoch: 2))
        #expect(bytes(try ledger.metaReadKey(epoch: 2)) == k1)
        let k2 = bytes(try keys.cardKey(2, uid: uid, epoch: 2))
        #expect(bytes(try ledger.fileReadKey(uid: uid, epoch: 2)) == k2)
        #expect(ledger.issuerKeys == [keys.issuerKey])
        #expect(throws: KeyStoreError.unknownEpoch(3)) {
            _ = try terminal.terminalKey(uid: uid, epoch: 3)
        }
    }

    @Test func `Every card and every key number has a key of its own, whatever the UID's length`()
        throws
    {
        let keys = try IssuerKeys.create(epoch: 1)
        var seen: Set<[UInt8]> = []
        for length in [4, 7, 10] {
            for number: UInt8 in [0, 2, 3, 4] {
                let uid = (0..<length).map { UInt8($0) }
                seen.insert(bytes(try keys.cardKey(number, uid: uid, epoch: 1)))
            }
        }
        #expect(seen.count == 12)
        let one = bytes(try keys.cardKey(1, uid: [1, 2, 3, 4], epoch: 1))
        #expect(bytes(try keys.cardKey(1, uid: uid, epoch: 1)) == one)
    }

    @Test(arguments: [4, 7, 10])
    func `A token binds a UID of each length`(_ length: Int) throws {
        let keys = try IssuerKeys.create(epoch: 1)
        let number = try #require(CardNumber(serial: 42))
        let token = try #require(
            CardToken(
                number: number, issued: 1, expires: 2, uid: [UInt8](repeating: 9, count: length),
                epoch: 1, cardClass: .member))
        let message = try keys.sign(token: token)
        #expect(message.bytes.count <= CardToken.sizeMax)
        let carried = try CarriedToken(message.bytes)
        #expect(carried.claims == token)
        #expect(throws: Never.self) { try carried.message.verified(by: keys.issuerKey) }
    }

    @Test func `A signing key signs the same after opening`() throws {
        let folder = try TemporaryFolder()
        let key = try SigningKey.create()
        try key.seal(to: folder("key"), passphrase: phrase())
        let opened = try SigningKey.open(path: folder("key"), passphrase: phrase())
        #expect(opened.publicKey == key.publicKey)
        #expect(opened.sign(payload: [1]).bytes == key.sign(payload: [1]).bytes)
    }

    @Test func `Epoch 0 is the factory's`() {
        #expect(throws: KeyStoreError.unknownEpoch(0)) { try IssuerKeys.create(epoch: 0) }
    }

    @Test func `Keys are never printed`() throws {
        let keys = try IssuerKeys.create(epoch: 1)
        let master = bytes(try keys.cardKey(1, uid: [], epoch: 1))
        var text = "\(keys)" + String(reflecting: keys)
        dump(keys, to: &text)
        #expect(!text.contains(Hexadecimal.text(master)))
        #expect(!text.contains(master.map(String.init).joined(separator: ", ")))
        let lines = master.map { "- \($0)\n" }
        #expect(!lines.allSatisfy(text.contains))
    }
}

/// Files that are not what they should be.
@Suite struct SealedFileTests {
    private func sealed(_ folder: borrowing TemporaryFolder) throws -> [UInt8] {
        let keys = try IssuerKeys.create(epoch: 1)
        try keys.terminalBundle().seal(to: folder("good"), passphrase: phrase())
        return try Files.read(folder("good"), atMost: 65_536)
    }

    private func refusal(_ bytes: [UInt8], _ folder: borrowing TemporaryFolder) -> KeyStoreError? {
        do {
            try Files.writeAtomically(bytes, to: folder("bad"))
            _ = try TerminalKeys.open(path: folder("bad"), passphrase: phrase())
            return nil
        } catch { return error as? KeyStoreError }
    }

    @Test func `A wrong passphrase opens nothing`() throws {
        let folder = try TemporaryFolder()
        _ = try sealed(folder)
        for text in ["", "correct hors", "correct horse ", "Correct horse"] {
            #expect(throws: KeyStoreError.wrongPassphrase) {
                _ = try TerminalKeys.open(path: folder("good"), passphrase: phrase(text))
            }
        }
    }

    @Test func `Every changed byte is seen`() throws {
        let folder = try TemporaryFolder()
        let good = try sealed(folder)
        #expect(refusal(good, folder) == nil)
        for index in good.indices {
            var bad = good
            bad[index] ^= 1
            let refused = refusal(bad, folder)
            let isNamed: Bool =
                switch refused {
                case .wrongPassphrase: index >= 6
                case .damaged: index <= 6
                default: false
                }
            #expect(isNamed, "byte \(index): \(String(describing: refused))")
        }
    }

    @Test func `Every cut is seen`() throws {
        let folder = try TemporaryFolder()
        let good = try sealed(folder)
        for count in good.indices {
            let refused = refusal(Array(good[..<count]), folder)
            let isNamed: Bool =
                switch refused {
                case .damaged, .wrongPassphrase: true
                default: false
                }
            #expect(isNamed, "\(count) bytes: \(String(describing: refused))")
        }
        #expect(refusal(good + [0], folder) == .wrongPassphrase)
    }

    @Test func `A file may not ask for much work or memory`() throws {
        let folder = try TemporaryFolder()
        var bad = try sealed(folder)
        for logN: UInt8 in [0, 10, 13, 18, 20, 31, 63, 255] {
            bad[6] = logN
            #expect(refusal(bad, folder) == .damaged("header"))
        }
    }

    @Test func `An oversized file is refused unread`() throws {
        let folder = try TemporaryFolder()
        let refused = refusal(try sealed(folder) + [UInt8](repeating: 0, count: 70_000), folder)
        guard case .io = refused else {
            Issue.record("\(String(describing: refused))")
            return
        }
    }

    @Test func `A file opens as its own kind only, and none is overwritten`() throws {
        let folder = try TemporaryFolder()
        _ = try sealed(folder)
        let path = folder("good")
        #expect(throws: KeyStoreError.damaged("a key file of another kind")) {
            _ = try IssuerKeys.open(path: path, passphrase: phrase())
        }
        #expect(throws: KeyStoreError.alreadyThere(path)) {
            try SigningKey.create().seal(to: path, passphrase: phrase())
        }
        #expect(throws: KeyStoreError.missing(folder("none"))) {
            _ = try SigningKey.open(path: folder("none"), passphrase: phrase())
        }
    }

    @Test func `A terminal's file with another key than K3 is refused`() throws {
        let folder = try TemporaryFolder()
        for number: UInt8 in [0, 1, 2, 4] {
            var records = KeyRecords()
            records.add(.aes, epoch: 1, number: 3, SecretBytes(randomCount: 16))
            records.add(.aes, epoch: 1, number: number, SecretBytes(randomCount: 16))
            let path = folder("with-\(number)")
            try SealedFile.write(records, .terminal, to: path, passphrase: phrase())
            #expect(throws: KeyStoreError.damaged("a terminal bundle holds K3 only")) {
                _ = try TerminalKeys.open(path: path, passphrase: phrase())
            }
        }
    }

    @Test func `An issuer's file without its signing key or with a master missing is refused`()
        throws
    {
        let folder = try TemporaryFolder()
        var records = KeyRecords()
        for number: UInt8 in 0...4 {
            records.add(.aes, epoch: 1, number: number, SecretBytes(randomCount: 16))
        }
        try SealedFile.write(records, .issuer, to: folder("unsigned"), passphrase: phrase())
        #expect(throws: KeyStoreError.damaged("no signing key")) {
            _ = try IssuerKeys.open(path: folder("unsigned"), passphrase: phrase())
        }
        records = records.only { $0.number != 2 }
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        try SealedFile.write(records, .issuer, to: folder("short"), passphrase: phrase())
        #expect(throws: KeyStoreError.unknownEpoch(1)) {
            _ = try IssuerKeys.open(path: folder("short"), passphrase: phrase())
        }
    }
}

/// The records inside a sealed file.
@Suite struct KeyRecordsTests {
    @Test func `Cut or unknown records are refused`() throws {
        var records = KeyRecords()
        records.add(.aes, epoch: 1, number: 0, SecretBytes(randomCount: 16))
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        let encoded = records.encoded().withBytes { $0 }
        #expect(try KeyRecords(SecretBytes(encoded)).epochs == [1])
        for count in 1..<encoded.count where count != 19 {
            #expect(throws: KeyStoreError.damaged("records")) {
                _ = try KeyRecords(SecretBytes(Array(encoded[..<count])))
            }
        }
        #expect(throws: KeyStoreError.damaged("records")) {
            _ = try KeyRecords(SecretBytes([9] + encoded.dropFirst()))
        }
    }

    @Test func `Too many records are refused`() {
        let one: [UInt8] = [1, 1, 3] + [UInt8](repeating: 7, count: 16)
        let many = (0...KeyRecords.countMax).flatMap { _ in one }
        #expect(throws: KeyStoreError.damaged("records")) { _ = try KeyRecords(SecretBytes(many)) }
    }
}

/// Where a passphrase comes from.
@Suite struct PassphraseTests {
    private func read(_ content: String, mode: UInt32 = 0o600) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        try Files.writeAtomically(Array(content.utf8), to: folder("p"), mode: mode)
        return try passphrase(file: folder("p")).withBytes { $0 }
    }

    @Test func `One line end is dropped, nothing else`() throws {
        #expect(try read("secret\n") == Array("secret".utf8))
        #expect(try read("secret") == Array("secret".utf8))
        #expect(try read(" a b \n\n") == Array(" a b \n".utf8))
        #expect(try read("secret\r\n") == Array("secret".utf8))
        #expect(try read("secret\r") == Array("secret\r".utf8))
    }

    @Test(arguments: [UInt32(0o640), 0o604, 0o620, 0o601, 0o644])
    func `A file that others can touch is refused`(_ mode: UInt32) throws {
        let folder = try TemporaryFolder()
        try Files.writeAtomically([65], to: folder("p"), mode: mode)
        #expect(throws: KeyStoreError.passphraseExposed(folder("p"))) {
            _ = try passphrase(file: folder("p"))
        }
    }

    @Test func `An empty, missing or huge file is refused`() throws {
        #expect(throws: KeyStoreError.damaged("empty passphrase")) { try read("") }
        #expect(throws: KeyStoreError.damaged("empty passphrase")) { try read("\n") }
        #expect(throws: KeyStoreError.damaged("empty passphrase")) { try read("\r\n") }
        #expect(throws: KeyStoreError.self) { try read(String(repeating: "a", count: 5_000)) }
        #expect(throws: KeyStoreError.missing("/nowhere/p")) {
            _ = try passphrase(file: "/nowhere/p")
        }
    }
}

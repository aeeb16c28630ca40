import COSE
import Cards
import Crypto
import Foundation
import Linux
import TestSupport
import Testing
import Tokens

@testable import KeyStore

private let uid: [UInt8] = [0x04, 1, 2, 3, 4, 5, 6]

private func bytes(_ key: borrowing AES128Key) -> [UInt8] { key.withBytes { $0 } }

private func phrase(_ text: String) -> SecretBytes { SecretBytes(Array(text.utf8)) }

/// Epochs come and go.
@Suite struct RotationTests {
    @Test func `A file gains an epoch and loses one, and what it was stays beside it`() throws {
        let folder = try TemporaryFolder()
        let path = folder("issuer.keys")
        let first = try IssuerKeys.create(epoch: 1)
        try first.seal(to: path, passphrase: phrase("p"))
        let both = try first.addingEpoch()
        try both.replace(at: path, passphrase: phrase("p"))
        let opened = try IssuerKeys.open(path: path, passphrase: phrase("p"))
        #expect(opened.epochs == [1, 2])
        #expect(opened.issuerKey == first.issuerKey)
        let old = bytes(try first.cardKey(0, uid: uid, epoch: 1))
        #expect(bytes(try opened.cardKey(0, uid: uid, epoch: 1)) == old)
        let before = try IssuerKeys.open(path: path + ".previous", passphrase: phrase("p"))
        #expect(before.epochs == [1])
        #expect(try opened.terminalBundle(epochs: [2]).epochs == [2])
        #expect(try opened.ledgerBundle().epochs == [1, 2])
        #expect(throws: KeyStoreError.unknownEpoch(3)) {
            _ = try opened.terminalBundle(epochs: [3])
        }
        let after = try opened.retiring(epoch: 1)
        #expect(after.epochs == [2])
        #expect(throws: KeyStoreError.unknownEpoch(1)) {
            _ = try after.cardKey(0, uid: uid, epoch: 1)
        }
        #expect(throws: KeyStoreError.self) { _ = try after.retiring(epoch: 2) }
        #expect(throws: KeyStoreError.self) {
            _ = try IssuerKeys.create(epoch: 255).addingEpoch()
        }
    }

    @Test func `A file of an older version, whose K1 is its own master, keeps its K1`() throws {
        var records = KeyRecords()
        let masters = (0..<5).map { _ in randomBytes(16) }
        for (number, master) in masters.enumerated() {
            records.add(.aes, epoch: 1, number: UInt8(number), SecretBytes(master))
        }
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        let keys = try IssuerKeys(records)
        #expect(bytes(try keys.cardKey(1, uid: uid, epoch: 1)) == masters[1])
        let rotated = try keys.addingEpoch()
        let ledger = try rotated.ledgerBundle()
        #expect(bytes(try ledger.metaReadKey(epoch: 1)) == masters[1])
        #expect(
            bytes(try ledger.metaReadKey(epoch: 2))
                == bytes(try rotated.cardKey(1, uid: uid, epoch: 2)))
    }

    @Test func `No bundle holds the master K1 is derived from`() throws {
        let masters = (0..<5).map { _ in randomBytes(16) }
        let keys = try fileKeys(masters, epoch: 1)
        let plain = try keys.ledgerBundle().content().encoded().withBytes { $0 }
        #expect(MemorySearch.search(masters, plain, plain.count) == [2])
        let terminal = try keys.terminalBundle().content().encoded().withBytes { $0 }
        #expect(MemorySearch.search(masters, terminal, terminal.count) == [3])
    }
}

/// Bundles for a public key.
@Suite struct SealedBundleTests {
    @Test func `Only the recipient opens a bundle, and only the issuer makes one`() throws {
        let keys = try IssuerKeys.create(epoch: 1)
        let (terminal, other) = (try SigningKey.create(), try SigningKey.create())
        let recipient = try #require(terminal.sealingKey)
        let bundle = try keys.terminalBundle().sealed(to: recipient, by: keys)
        let opened = try TerminalKeys.open(bundle, for: terminal, issuer: keys.issuerKey)
        #expect(
            bytes(try opened.terminalKey(uid: uid, epoch: 1))
                == bytes(try keys.cardKey(3, uid: uid, epoch: 1)))
        #expect(throws: KeyStoreError.otherRecipient) {
            _ = try TerminalKeys.open(bundle, for: other, issuer: keys.issuerKey)
        }
        let stranger = try IssuerKeys.create(epoch: 1)
        let forged = try stranger.terminalBundle().sealed(to: recipient, by: stranger)
        #expect(throws: KeyStoreError.notFromIssuer) {
            _ = try TerminalKeys.open(forged, for: terminal, issuer: keys.issuerKey)
        }
        #expect(throws: KeyStoreError.damaged("a bundle of another kind")) {
            _ = try LedgerKeys.open(bundle, for: terminal, issuer: keys.issuerKey)
        }
        let zero = try X25519PublicKey([UInt8](repeating: 0, count: 32))
        #expect(throws: KeyStoreError.self) {
            _ = try keys.terminalBundle().sealed(to: zero, by: keys)
        }
    }

    @Test func `Every changed byte and every cut of a bundle is seen`() throws {
        let keys = try IssuerKeys.create(epoch: 1)
        let terminal = try SigningKey.create()
        let good = try keys.terminalBundle().sealed(
            to: try #require(terminal.sealingKey), by: keys)
        for index in good.indices {
            var bad = good
            bad[index] ^= 1
            #expect(throws: KeyStoreError.self, "byte \(index)") {
                _ = try TerminalKeys.open(bad, for: terminal, issuer: keys.issuerKey)
            }
            #expect(throws: KeyStoreError.self, "\(index) bytes") {
                _ = try TerminalKeys.open(
                    Array(good[..<index]), for: terminal, issuer: keys.issuerKey)
            }
        }
    }

    @Test func `An older key file gets its sealing key when it is opened, and keeps it`() throws {
        let folder = try TemporaryFolder()
        let path = folder("terminal.key")
        var records = KeyRecords()
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        let old = try SigningKey(records)
        #expect(old.sealingKey == nil)
        try old.seal(to: path, passphrase: phrase("p"))
        let opened = try SigningKey.openComplete(path: path, passphrase: phrase("p"))
        #expect(opened.publicKey == old.publicKey)
        let key = try #require(opened.sealingKey)
        #expect(
            try SigningKey.openComplete(path: path, passphrase: phrase("p")).sealingKey == key)
        #expect(try SigningKey.open(path: path, passphrase: phrase("p")).sealingKey == key)
    }
}

/// Keys that several custodians open together.
@Suite struct ShareTests {
    @Test(arguments: [2, 3, 16])
    func `All shares make the key, in any order, and one less does not`(_ count: Int) throws {
        let shares = try KeyShare.create(count: count)
        #expect(shares.map(\.number) == Array(1...count))
        let key = try KeyShare.key(shares).withBytes { $0 }
        #expect(key.count == 16)
        #expect(try KeyShare.key(shares.reversed()).withBytes { $0 } == key)
        #expect(throws: KeyStoreError.shares("share \(count) of \(count) is missing")) {
            _ = try KeyShare.key(shares.dropLast())
        }
        #expect(throws: KeyStoreError.shares("there is no share")) { _ = try KeyShare.key([]) }
        let check = try AES128Key(key).encryptBlock([UInt8](repeating: 0, count: 16)).prefix(3)
        #expect(Hexadecimal.text(Array(check)).uppercased() == shares[0].keyCheckValue)
        #expect(Set(try shares.map { try $0.checkValue() }).count == count)
    }

    @Test func `Shares of two ceremonies, or one twice, are refused with a sentence`() throws {
        let (one, other) = (try KeyShare.create(count: 2), try KeyShare.create(count: 2))
        #expect(throws: KeyStoreError.shares("shares 1 and 2 are of two keys")) {
            _ = try KeyShare.key([one[0], other[1]])
        }
        #expect(throws: KeyStoreError.shares("share 1 is there twice")) {
            _ = try KeyShare.key([one[0], one[0], one[1]])
        }
        for count in [-1, 0, 1, 17] {
            #expect(throws: KeyStoreError.self) { _ = try KeyShare.create(count: count) }
        }
    }

    @Test func `A share rests under its custodian's passphrase alone`() throws {
        let folder = try TemporaryFolder()
        let shares = try KeyShare.create(count: 2)
        try shares[0].seal(to: folder("1"), passphrase: phrase("first"))
        try shares[1].seal(to: folder("2"), passphrase: phrase("second"))
        #expect(throws: KeyStoreError.wrongPassphrase) {
            _ = try KeyShare.open(path: folder("1"), passphrase: phrase("second"))
        }
        let opened = [
            try KeyShare.open(path: folder("2"), passphrase: phrase("second")),
            try KeyShare.open(path: folder("1"), passphrase: phrase("first")),
        ]
        let key = try KeyShare.key(shares).withBytes { $0 }
        #expect(try KeyShare.key(opened).withBytes { $0 } == key)
        #expect(try opened[1].checkValue() == shares[0].checkValue())
    }

    @Test func `A share whose content was changed makes no key`() throws {
        let shares = try KeyShare.create(count: 2)
        var encoded = try shares[0].content().encoded().withBytes { $0 }
        encoded[3] ^= 1
        let changed = try KeyShare(try KeyRecords(SecretBytes(encoded)))
        #expect(
            throws: KeyStoreError.shares("the shares do not make the key of their check value")
        ) { _ = try KeyShare.key([changed, shares[1]]) }
        for (index, value) in [(1, 1), (1, 17), (2, 0), (2, 3)] {
            var bad = try shares[0].content().encoded().withBytes { $0 }
            bad[index] = UInt8(value)
            #expect(throws: KeyStoreError.damaged("not a share")) {
                _ = try KeyShare(try KeyRecords(SecretBytes(bad)))
            }
        }
    }
}

/// The process that answers for keys.
@Suite struct AgentTests {
    /// Serves on a thread of its own until the value goes.
    private final class Served {
        let path: String
        private let stop: Stop

        private final class Stop: @unchecked Sendable {  // because guarded by its lock
            private let lock = NSLock()
            private var isSet = false
            var value: Bool { lock.withLock { isSet } }
            func set() { lock.withLock { isSet = true } }
        }

        init(_ keys: IssuerKeys, _ path: String) throws {
            self.path = path
            let stop = Stop()
            self.stop = stop
            let ready = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                guard let agent = try? KeyAgent(keys, at: path) else { return }
                ready.signal()
                while !stop.value { try? agent.serve(for: .milliseconds(50)) }
            }
            try #require(ready.wait(timeout: .now() + 60) == .success)
        }

        deinit { stop.set() }
    }

    @Test func `An agent gives card keys and tokens, and nothing else`() throws {
        let folder = try TemporaryFolder()
        let keys = try IssuerKeys.create(epoch: 4)
        let served = try Served(keys, folder("agent"))
        let remote = try IssuerKeys.open(agent: served.path)
        #expect(remote.epochs == [4])
        #expect(remote.issuerKey == keys.issuerKey)
        for number in IssuerKeys.keyNumbers {
            #expect(
                bytes(try remote.cardKey(number, uid: uid, epoch: 4))
                    == bytes(try keys.cardKey(number, uid: uid, epoch: 4)))
        }
        #expect(throws: KeyStoreError.unknownEpoch(5)) {
            _ = try remote.cardKey(3, uid: uid, epoch: 5)
        }
        #expect(throws: KeyStoreError.self) { _ = try remote.cardKey(3, uid: [1, 2], epoch: 4) }
        let number = try #require(CardNumber(serial: 42))
        let token = try #require(
            CardToken(
                number: number, issued: 1, expires: 2, uid: uid,
                epoch: 4, cardClass: .training))
        #expect(try remote.sign(token: token) == keys.sign(token: token))
        #expect(throws: KeyStoreError.self) { _ = try remote.terminalBundle() }
        #expect(throws: KeyStoreError.self) { _ = try remote.ledgerBundle() }
        #expect(throws: KeyStoreError.self) { _ = try remote.addingEpoch() }
        #expect(throws: KeyStoreError.self) { _ = try remote.content() }
        #expect(try Files.mode(served.path) == 0o600)
        #expect(throws: KeyStoreError.alreadyThere(served.path)) {
            _ = try KeyAgent(keys, at: served.path)
        }
        #expect(throws: KeyStoreError.missing(folder("none"))) {
            _ = try IssuerKeys.open(agent: folder("none"))
        }
    }

    /// Says it is one issuer and signs as another.
    private struct Liar: Custody {
        let shown: FileCustody
        let used: FileCustody
        var epochs: [UInt8] { shown.epochs }
        var issuerKey: Ed25519PublicKey { shown.issuerKey }
        func cardKey(
            _ number: UInt8, uid: [UInt8], epoch: UInt8
        ) throws(KeyStoreError) -> AES128Key {
            try used.cardKey(number, uid: uid, epoch: epoch)
        }
        func sign(token: CardToken) -> Sign1 { used.sign(token: token) }
        func sign(bundle: [UInt8]) -> Sign1 { used.sign(bundle: bundle) }
        func terminalRecords(_ epochs: [UInt8]) -> KeyRecords { used.terminalRecords(epochs) }
        func ledgerRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords {
            try used.ledgerRecords(epochs)
        }
        func adding(epoch: UInt8) throws(KeyStoreError) -> any Custody { self }
        func retiring(epoch: UInt8) throws(KeyStoreError) -> any Custody { self }
        func content() -> KeyRecords { used.content() }
    }

    @Test func `An agent that signs as another issuer is not believed`() throws {
        let folder = try TemporaryFolder()
        let liar = Liar(
            shown: try FileCustody.create(epoch: 1), used: try FileCustody.create(epoch: 1))
        let served = try Served(IssuerKeys(custody: liar), folder("agent"))
        let number = try #require(CardNumber(serial: 42))
        let token = try #require(
            CardToken(
                number: number, issued: 1, expires: 2, uid: uid, epoch: 1, cardClass: .member))
        #expect(throws: KeyStoreError.io("the agent signed something else")) {
            _ = try IssuerKeys.open(agent: served.path).sign(token: token)
        }
    }

    @Test func `Nonsense on the socket is dropped or refused, and the next one is served`()
        throws
    {
        let folder = try TemporaryFolder()
        let keys = try IssuerKeys.create(epoch: 1)
        let served = try Served(keys, folder("agent"))
        var nonsense: [[UInt8]] = [
            [], [0], [0, 0], [0xFF, 0xFF, 1], [0, 1, 9], [0, 1, 2], [0, 1, 3],
        ]
        nonsense += [[0, 3, 2, 3, 1], [0, 40, 3] + [UInt8](repeating: 0xFF, count: 39)]
        for bytes in nonsense {
            let connection = try UnixConnection(served.path)
            try connection.write(bytes)
        }
        #expect(try IssuerKeys.open(agent: served.path).issuerKey == keys.issuerKey)
    }
}

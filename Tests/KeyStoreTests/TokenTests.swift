import COSE
import Cards
import Crypto
import Foundation
import Linux
import PKCS11
import Testing
import Tokens

@testable import KeyStore

private let uid: [UInt8] = [0x04, 1, 2, 3, 4, 5, 6]

private func bytes(_ key: borrowing AES128Key) -> [UInt8] { key.withBytes { $0 } }

private func token() throws -> CardToken {
    let number = try #require(CardNumber(serial: 42))
    return try #require(
        CardToken(
            number: number, issued: 1, expires: 2, uid: uid,
            epoch: 1, cardClass: .member))
}

private let known: [[UInt8]] = (0...4).map { number in
    (0..<16).map { UInt8(16 * number + $0) ^ 0xA5 }
}

/// The same masters in a sealed file's records.
func fileKeys(_ masters: [[UInt8]], epoch: UInt8) throws -> IssuerKeys {
    var records = KeyRecords()
    for (number, master) in masters.enumerated() {
        records.add(
            number == 1 ? .meta : .aes, epoch: epoch, number: UInt8(number), SecretBytes(master))
    }
    records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
    return try IssuerKeys(records)
}

extension SoftTokenSuites {
    /// Issuer's keys on a real SoftHSM.
    @Suite struct TokenTests {
        @Test func `Both back ends derive the same card keys from the same masters`() throws {
            let soft = try SoftToken()
            try soft.plant(known, epoch: 9)
            let onToken = try soft.open()
            let inFile = try fileKeys(known, epoch: 9)
            for length in [7, 10] {
                let uid = (0..<length).map { UInt8($0) }
                for number in IssuerKeys.keyNumbers {
                    #expect(
                        bytes(try onToken.cardKey(number, uid: uid, epoch: 9))
                            == bytes(try inFile.cardKey(number, uid: uid, epoch: 9)), "K\(number)")
                }
            }
            #expect(throws: KeyStoreError.self) {
                _ = try onToken.cardKey(3, uid: [1, 2, 3, 4], epoch: 9)
            }
            #expect(throws: KeyStoreError.unknownEpoch(8)) {
                _ = try onToken.cardKey(3, uid: uid, epoch: 8)
            }
        }

        @Test func `CMAC on the token is AN10922 and gives its published example`() throws {
            let soft = try SoftToken()
            let session = try soft.session()
            let master = try #require(Hexadecimal.bytes("00112233445566778899AABBCCDDEEFF"))
            let object = try session.create(TokenCustody.attributes(0, 1) + [.value(master)])
            let input = try #require(Hexadecimal.bytes("04782E21801D803042F54E585020416275"))
            let derived = try session.sign([0x01] + input, .aesCMAC, key: object)
            #expect(Hexadecimal.text(derived).uppercased() == "A8DD63A3B89D54B37CA802473FDA9175")
            #expect(derived == bytes(try an10922(master: try AES128Key(master), input)))
            let short = Array(input.prefix(14))
            #expect(
                try session.sign([0x01] + short, .aesCMAC, key: object)
                    != bytes(try an10922(master: try AES128Key(master), short)))
        }

        @Test func `Masters made on the token are sensitive and cannot be read`() throws {
            let soft = try SoftToken()
            let made = try soft.create(epoch: 3)
            let session = try soft.session()
            let masters = try session.objects([.secretKey, .aes])
            #expect(masters.count == 5)
            for object in masters {
                #expect(try session.flag(.sensitive, of: object))
                let number = try session.value(.identifier, of: object)[5]
                let isOpen = try session.flag(.extractable, of: object)
                #expect(isOpen == (2...3).contains(number))
            }
            #expect(made.epochs == [3])
            #expect(try soft.open().issuerKey == made.issuerKey)
            #expect(throws: KeyStoreError.self) { _ = try made.content() }
        }

        @Test func `A token signs what a card carries`() throws {
            let soft = try SoftToken()
            let keys = try soft.create()
            let message = try keys.sign(token: try token())
            let carried = try CarriedToken(message.bytes)
            #expect(carried.claims == (try token()))
            #expect(carried.isSigned(by: keys.issuerKey))
        }

        @Test func `A wrong PIN, an unknown token and a missing module are told apart`() throws {
            let soft = try SoftToken()
            _ = try soft.create()
            #expect(throws: KeyStoreError.wrongPIN(.few)) {
                _ = try IssuerKeys.open(token: soft.uri, pin: SoftToken.secret("9999"))
            }
            #expect(throws: Never.self) { _ = try soft.open() }
            let others = [
                ("pkcs11:token=none?module-path=" + SoftToken.module, KeyStoreError.noToken),
                ("pkcs11:token=eco?module-path=/nowhere.so", nil), ("token=eco", nil),
                (soft.uri + "&pin-value=4711", nil),
            ]
            for (uri, expected) in others {
                do {
                    _ = try IssuerKeys.open(token: uri, pin: SoftToken.secret())
                    Issue.record("\(uri) opened")
                } catch {
                    if let expected { #expect(error == expected) }
                    switch error {
                    case .module, .noToken, .address: break
                    default: Issue.record("\(uri): \(error)")
                    }
                }
            }
        }

        @Test func `A token with keys of ours is not made anew, and a strange one is refused`()
            throws
        {
            let soft = try SoftToken()
            #expect(throws: KeyStoreError.self) { _ = try soft.open() }
            let keys = try soft.create()
            #expect(throws: KeyStoreError.alreadyThere("eco")) { _ = try soft.create(epoch: 2) }
            #expect(try soft.open().epochs == [1])
            #expect(try soft.open().issuerKey == keys.issuerKey)
            let session = try soft.session()
            let place = Array("ECO1".utf8) + [1, 4]
            let object = try #require(try session.objects([.identifier(place)]).first)
            try session.destroy(object)
            #expect(throws: KeyStoreError.token("carte-eco K4 epoch 1 is missing")) {
                _ = try soft.open()
            }
            _ = try session.create([
                .secretKey, .aes, .identifier(place), .permanent(true), .hidden(true),
                .sensitive(true), .extractable(true), .signs(true), .value(known[4]),
            ])
            #expect(throws: KeyStoreError.token("carte-eco K4 epoch 1 can leave the token")) {
                _ = try soft.open()
            }
        }

        @Test func `Rotation adds an epoch and keeps the old one until it is retired`() throws {
            let soft = try SoftToken()
            let before = try soft.create()
            let old = bytes(try before.cardKey(3, uid: uid, epoch: 1))
            let both = try before.addingEpoch()
            #expect(both.epochs == [1, 2])
            #expect(bytes(try both.cardKey(3, uid: uid, epoch: 1)) == old)
            #expect(bytes(try both.cardKey(3, uid: uid, epoch: 2)) != old)
            #expect(throws: KeyStoreError.self) { _ = try both.retiring(epoch: 2) }
            #expect(throws: KeyStoreError.unknownEpoch(7)) { _ = try both.retiring(epoch: 7) }
            let after = try both.retiring(epoch: 1)
            #expect(after.epochs == [2])
            #expect(try soft.open().epochs == [2])
            #expect(after.issuerKey == before.issuerKey)
        }

        @Test func `A ceremony that fails half-way leaves nothing on the token`() throws {
            let soft = try SoftToken()
            let session = try soft.session()
            #expect(throws: KeyStoreError.tokenFull) {
                _ = try TokenCustody.making(session) { (made) throws(PKCS11Error) in
                    try TokenCustody.makeMasters(session, 5, &made)
                    throw PKCS11Error(call: "C_GenerateKeyPair", code: 0x31)
                }
            }
            #expect(try session.objects([.secretKey]).isEmpty)
            #expect(throws: KeyStoreError.unknownEpoch(0)) { _ = try soft.create(epoch: 0) }
            #expect(try soft.create(epoch: 5).epochs == [5])
        }

        @Test func `An epoch cut short is never used and can be retired`() throws {
            let soft = try SoftToken()
            let keys = try soft.create()
            let session = try soft.session()
            var made: [TokenObject] = []
            try TokenCustody.makeMasters(session, 2, &made)
            try session.destroy(made[2])
            #expect(try soft.open().epochs == [1])
            #expect(throws: KeyStoreError.unknownEpoch(2)) {
                _ = try soft.open().cardKey(3, uid: uid, epoch: 2)
            }
            #expect(try soft.open().addingEpoch().epochs == [1, 3])
            #expect(try session.objects([.secretKey]).count == 14)
            #expect(try soft.open().retiring(epoch: 2).issuerKey == keys.issuerKey)
            #expect(try session.objects([.secretKey]).count == 10)
            let place = Array("ECO1".utf8) + [1, 0]
            let object = try #require(try session.objects([.identifier(place)]).first)
            try session.destroy(object)
            #expect(try soft.open().epochs == [3])
            #expect(try soft.open().retiring(epoch: 1).epochs == [3])
            #expect(try session.objects([.secretKey]).count == 5)
        }

        @Test func `Bundles of a token are wrapped on it and open at their recipients`() throws {
            let soft = try SoftToken()
            try soft.plant(known, epoch: 1)
            let keys = try soft.open()
            let terminal = try SigningKey.create()
            let recipient = try #require(terminal.sealingKey)
            let sealed = try keys.terminalBundle().sealed(to: recipient, by: keys)
            let opened = try TerminalKeys.open(sealed, for: terminal, issuer: keys.issuerKey)
            #expect(
                bytes(try opened.terminalKey(uid: uid, epoch: 1))
                    == bytes(try keys.cardKey(3, uid: uid, epoch: 1)))
            let ledger = try keys.ledgerBundle()
            #expect(
                bytes(try ledger.fileReadKey(uid: uid, epoch: 1))
                    == bytes(try keys.cardKey(2, uid: uid, epoch: 1)))
            #expect(
                bytes(try ledger.metaReadKey(epoch: 1))
                    == bytes(try keys.cardKey(1, uid: uid, epoch: 1)))
            let plain = try keys.terminalBundle().content().encoded().withBytes { $0 }
            #expect(!contains(plain, known[3]))
            #expect(
                try !contains(keys.ledgerBundle().content().encoded().withBytes { $0 }, known[1]))
        }

        private func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
            Data(text).range(of: Data(part)) != nil
        }

        @Test func `The custodians' key becomes the token's PIN`() throws {
            let soft = try SoftToken()
            // A process that is logged in is not asked again: no session may stay open.
            let issuer = try soft.create().issuerKey
            let shared = try KeyShare.key(try KeyShare.create(count: 2))
            let new = pin(of: shared)
            try IssuerKeys.changePIN(token: soft.uri, from: SoftToken.secret(), to: new)
            #expect(throws: KeyStoreError.self) { _ = try soft.open() }
            #expect(try IssuerKeys.open(token: soft.uri, pin: new).issuerKey == issuer)
        }
    }
}

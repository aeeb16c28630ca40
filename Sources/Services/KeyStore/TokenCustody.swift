import COSE
import Cards
import Crypto
import PKCS11
import Tokens

/// Keys on a PKCS#11 token: they are used there and never leave it in the clear (K4, K5).
final class TokenCustody: Custody {
    /// One master's place.
    private struct Place: Hashable {
        let epoch: UInt8
        let number: UInt8
    }

    private let session: TokenSession
    private let masters: [Place: TokenObject]
    private let signing: TokenObject
    let issuerKey: Ed25519PublicKey
    /// Those whose five masters are there.
    let epochs: [UInt8]
    /// Those with any master: what was cut short while it was made or dropped is never used.
    let present: [UInt8]

    private static let mark = Array("ECO1".utf8)
    private static let signingPlace = mark + [0x00, 0xED]
    private static let signingLabel = "carte-eco issuer"
    /// "edwards25519" as a curve name, and its OID: tokens know one of them (PKCS #11 3.0 §2.3.5).
    private static let curves: [[UInt8]] = [
        [0x13, 0x0C] + Array("edwards25519".utf8), [0x06, 0x03, 0x2B, 0x65, 0x70],
    ]

    // MARK: Opening

    private static func login(
        _ uri: String, _ pin: borrowing SecretBytes
    ) throws(KeyStoreError) -> TokenSession {
        let session: TokenSession
        do { session = try TokenSession(try TokenURI(uri)) } catch let error as PKCS11Error {
            throw KeyStoreError(error)
        } catch TokenURI.Refusal.carriesPIN {
            throw .address("a PIN does not belong into the URI")
        } catch { throw .address("\(error)") }
        switch session.pinState {
        case .locked: throw .pinLocked
        case .missing: throw .token("it has no user PIN yet")
        case .normal, .low, .finalTry: break
        }
        do {
            try pin.withBytes { (bytes) throws(PKCS11Error) in try session.login(pin: bytes) }
        } catch { throw KeyStoreError(error, session) }
        return session
    }

    static func open(
        _ uri: String, pin: borrowing SecretBytes
    ) throws(KeyStoreError) -> TokenCustody {
        try TokenCustody(try login(uri, pin))
    }

    static func changePIN(
        _ uri: String, from old: borrowing SecretBytes, to new: borrowing SecretBytes
    ) throws(KeyStoreError) {
        let session = try login(uri, old)
        do {
            try old.withBytes { (before) throws(PKCS11Error) in
                try new.withBytes { (after) throws(PKCS11Error) in
                    try session.changePIN(from: before, to: after)
                }
            }
        } catch { throw KeyStoreError(error, session) }
    }

    /// What is on the token, each master checked (K4).
    private init(_ session: TokenSession) throws(KeyStoreError) {
        self.session = session
        do {
            masters = try Self.masters(session)
            let keys = try session.objects([.privateKey, .identifier(Self.signingPlace)])
            guard let key = keys.first, keys.count == 1 else {
                throw KeyStoreError.token("it holds no issuer's key of ours")
            }
            guard try session.flag(.sensitive, of: key), try !session.flag(.extractable, of: key)
            else { throw KeyStoreError.token("\(Self.signingLabel) can leave the token") }
            signing = key
            issuerKey = try Self.publicKey(session)
        } catch let error as PKCS11Error { throw KeyStoreError(error, session) } catch {
            throw error as? KeyStoreError ?? .token("\(error)")
        }
        let found = masters
        present = Set(found.keys.map(\.epoch)).sorted()
        let missing = { (epoch: UInt8) in
            IssuerKeys.keyNumbers.first { found[Place(epoch: epoch, number: $0)] == nil }
        }
        epochs = present.filter { missing($0) == nil }
        if epochs.isEmpty {
            let epoch = present.last ?? 1
            throw .token("\(Self.label(missing(epoch) ?? 0, epoch)) is missing")
        }
    }

    private static func masters(_ session: TokenSession) throws -> [Place: TokenObject] {
        var found: [Place: TokenObject] = [:]
        for object in try session.objects([.secretKey, .aes, .permanent(true)]) {
            let identifier = try session.value(.identifier, of: object)
            guard identifier.count == 6, identifier.starts(with: mark), identifier[4] > 0,
                IssuerKeys.keyNumbers.contains(identifier[5])
            else { continue }
            let place = Place(epoch: identifier[4], number: identifier[5])
            let name = label(place.number, place.epoch)
            guard found[place] == nil else { throw KeyStoreError.token("\(name) is there twice") }
            let isOpen = try session.flag(.extractable, of: object)
            guard try session.flag(.sensitive, of: object), !isOpen || isBundled(place.number)
            else { throw KeyStoreError.token("\(name) can leave the token") }
            found[place] = object
        }
        return found
    }

    private static func publicKey(_ session: TokenSession) throws -> Ed25519PublicKey {
        guard let object = try session.objects([.publicKey, .identifier(signingPlace)]).first
        else { throw KeyStoreError.token("the public half of \(signingLabel) is missing") }
        var point = try session.value(.point, of: object)
        // Raw, or in a DER octet string, as PKCS #11 2.40 had it.
        if point.count == 34, point.starts(with: [0x04, 0x20]) { point.removeFirst(2) }
        return try Ed25519PublicKey(point)
    }

    /// K2 and K3 leave the token wrapped, for bundles.
    private static func isBundled(_ number: UInt8) -> Bool { (2...3).contains(number) }

    private static func label(_ number: UInt8, _ epoch: UInt8) -> String {
        "carte-eco K\(number) epoch \(epoch)"
    }

    // MARK: Ceremony

    static func create(
        epoch: UInt8, _ uri: String, pin: borrowing SecretBytes
    ) throws(KeyStoreError) -> TokenCustody {
        guard epoch > 0 else { throw .unknownEpoch(0) }
        let session = try login(uri, pin)
        do {
            guard try masters(session).isEmpty,
                try session.objects([.identifier(signingPlace)]).isEmpty
            else { throw KeyStoreError.alreadyThere(session.label) }
        } catch let error as PKCS11Error { throw KeyStoreError(error, session) } catch {
            throw error as? KeyStoreError ?? .token("\(error)")
        }
        return try making(session) { (made) throws(PKCS11Error) in
            try makeMasters(session, epoch, &made)
            try makeSigningKey(session, &made)
        }
    }

    /// K7: what was made is taken away again when the rest fails.
    static func making(
        _ session: TokenSession,
        _ work: (inout [TokenObject]) throws(PKCS11Error) -> Void
    ) throws(KeyStoreError) -> TokenCustody {
        var made: [TokenObject] = []
        do throws(PKCS11Error) {
            try work(&made)
        } catch {
            for object in made { try? session.destroy(object) }
            throw KeyStoreError(error, session)
        }
        return try TokenCustody(session)
    }

    static func makeMasters(
        _ session: TokenSession, _ epoch: UInt8, _ made: inout [TokenObject]
    ) throws(PKCS11Error) {
        for number in IssuerKeys.keyNumbers {
            made.append(
                try session.generate(
                    .aesKeyGeneration, [.size(16)] + attributes(number, epoch)))
        }
    }

    /// What a master of ours is on a token.
    static func attributes(_ number: UInt8, _ epoch: UInt8) -> [TokenAttribute] {
        [
            .secretKey, .aes, .label(label(number, epoch)),
            .identifier(mark + [epoch, number]), .permanent(true), .hidden(true),
            .sensitive(true), .extractable(isBundled(number)), .signs(true), .verifies(false),
            .encrypts(false), .decrypts(false), .wraps(false), .unwraps(false), .derives(false),
            .modifiable(false),
        ]
    }

    private static func makeSigningKey(
        _ session: TokenSession, _ made: inout [TokenObject]
    ) throws(PKCS11Error) {
        let common: [TokenAttribute] = [
            .label(signingLabel), .identifier(signingPlace), .permanent(true), .edwards,
            .modifiable(false),
        ]
        var refusal: PKCS11Error?
        for curve in curves {
            do {
                let pair = try session.generatePair(
                    .edwardsKeyPairGeneration,
                    publicHalf: common + [
                        .publicKey, .curve(curve), .hidden(false), .verifies(true),
                        .encrypts(false), .wraps(false),
                    ],
                    privateHalf: common + [
                        .privateKey, .hidden(true), .sensitive(true), .extractable(false),
                        .signs(true), .decrypts(false), .unwraps(false), .derives(false),
                    ])
                made += [pair.publicKey, pair.privateKey]
                return
            } catch { refusal = error }
        }
        if let refusal { throw refusal }
    }

    func adding(epoch: UInt8) throws(KeyStoreError) -> any Custody {
        try Self.making(session) { (made) throws(PKCS11Error) in
            try Self.makeMasters(session, epoch, &made)
        }
    }

    func retiring(epoch: UInt8) throws(KeyStoreError) -> any Custody {
        do throws(PKCS11Error) {
            for (place, object) in masters where place.epoch == epoch {
                try session.destroy(object)
            }
        } catch { throw KeyStoreError(error, session) }
        return try TokenCustody(session)
    }

    // MARK: Use

    private func master(_ number: UInt8, _ epoch: UInt8) throws(KeyStoreError) -> TokenObject {
        // K7: of an epoch cut short nothing is used.
        guard epochs.contains(epoch), let object = masters[Place(epoch: epoch, number: number)]
        else { throw .unknownEpoch(epoch) }
        return object
    }

    func cardKey(
        _ number: UInt8, uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        let object = try master(number, epoch)
        let input: [UInt8]
        if number == 1 {
            input = metaReadInput(epoch: epoch)
        } else {
            guard
                let bytes = try? diversificationInput(uid: uid, keyNumber: number, epoch: epoch)
            else { throw .damaged("key or UID of wrong length") }
            // K5: below 16 bytes CMAC is not AN10922.
            guard bytes.count >= 16 else {
                throw .unsupported("keys on a token are for cards with a UID of 7 or 10 bytes")
            }
            input = bytes
        }
        do {
            var key = try session.sign([0x01] + input, .aesCMAC, key: object)
            defer { wipe(&key) }
            return try AES128Key(key)
        } catch let error as PKCS11Error { throw KeyStoreError(error, session) } catch {
            throw .token("C_Sign gave no key of 16 bytes")
        }
    }

    func sign(token: CardToken) throws(KeyStoreError) -> Sign1 {
        try token.signed(for: issuerKey) { (message) throws(KeyStoreError) in try sign(message) }
    }

    func sign(bundle: [UInt8]) throws(KeyStoreError) -> Sign1 {
        try Sign1(signing: bundle, kid: issuerKey.kid) { (message) throws(KeyStoreError) in
            try sign(message)
        }
    }

    /// Never hands out a signature that would not verify.
    private func sign(_ message: [UInt8]) throws(KeyStoreError) -> [UInt8] {
        do throws(PKCS11Error) {
            let signature = try session.sign(message, .eddsa, key: signing)
            guard issuerKey.verifies(signature, over: message) else {
                throw PKCS11Error(call: "C_Sign", code: 0x30)
            }
            return signature
        } catch { throw KeyStoreError(error, session) }
    }

    func terminalRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords {
        try wrapped(3, epochs)
    }

    func ledgerRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords {
        var records = try wrapped(2, epochs)
        for epoch in epochs {
            let key = try cardKey(1, uid: [], epoch: epoch)
            records.add(.aes, epoch: epoch, number: 1, key.withBytes { SecretBytes($0) })
        }
        return records
    }

    /// Masters wrapped on the token under a transport key made for these records alone.
    private func wrapped(
        _ number: UInt8, _ epochs: [UInt8]
    ) throws(KeyStoreError) -> KeyRecords {
        var records = KeyRecords()
        let transport = SecretBytes(randomCount: 32)
        do throws(PKCS11Error) {
            let wrapping = try transport.withBytes { (bytes) throws(PKCS11Error) in
                try session.create([
                    .secretKey, .aes, .value(bytes), .permanent(false), .hidden(true),
                    .sensitive(true), .extractable(false), .wraps(true), .encrypts(false),
                ])
            }
            defer { try? session.destroy(wrapping) }
            for epoch in epochs {
                guard let object = masters[Place(epoch: epoch, number: number)] else { continue }
                records.add(
                    .wrapped, epoch: epoch, number: number,
                    SecretBytes(try session.wrap(object, .aesKeyWrap, under: wrapping)))
            }
        } catch { throw KeyStoreError(error, session) }
        records.add(
            .transport, epoch: 0, number: 0, transport.withBytes { SecretBytes($0) })
        return records
    }

    func content() throws(KeyStoreError) -> KeyRecords {
        throw .unsupported("keys on a token are not written to a file")
    }
}

extension KeyStoreError {
    /// A token's refusal in our words; the session knows what the token tells of its PIN.
    init(_ error: PKCS11Error, _ session: TokenSession? = nil) {
        self =
            if error.isModuleMissing {
                .module("\(error)")
            } else if error.isTokenGone {
                .noToken
            } else if error.isTokenFull {
                .tokenFull
            } else if error.isPINLocked {
                .pinLocked
            } else if error.isWrongPIN {
                switch session?.pinState {
                case .locked: .pinLocked
                case .finalTry: .wrongPIN(.one)
                case .low: .wrongPIN(.few)
                case .normal, .missing, nil: .wrongPIN(.unknown)
                }
            } else {
                .token("\(error)")
            }
    }
}

import COSE
public import Cards
import Crypto
public import KeyStore
public import Tokens

/// What a new card shall be.
public struct CardOrder: Sendable {
    /// Its number.
    public let number: CardNumber
    /// Its class.
    public let cardClass: CardClass
    /// The deployment's host name, at most 24 characters.
    public let host: String
    /// Seconds since the Unix epoch.
    public let issued: UInt64
    /// Seconds since the Unix epoch.
    public let expires: UInt64

    /// An order.
    public init(
        number: CardNumber, cardClass: CardClass, host: String, issued: UInt64, expires: UInt64
    ) {
        self.number = number
        self.cardClass = cardClass
        self.host = host
        self.issued = issued
        self.expires = expires
    }
}

/// Turns one factory card into a Carte ECO (V1 to V4).
public struct Personalisation: Sendable {
    let keys: IssuerKeys
    let epoch: UInt8
    let progress: @Sendable (ProvisioningStep) -> Void

    /// An engine for one epoch. `progress` is called before each step.
    public init(
        keys: IssuerKeys, epoch: UInt8,
        progress: @escaping @Sendable (ProvisioningStep) -> Void = { _ in }
    ) {
        self.keys = keys
        self.epoch = epoch
        self.progress = progress
    }

    /// Provisions the card, or finishes a torn one (V3).
    public func run(
        _ channel: inout some CardChannel & ~Copyable, _ order: CardOrder
    ) throws(ProvisioningError) -> ProvisionedCard {
        progress(.inspect)
        let found = try Inspection.read(&channel)
        if try isFinished(found, order) {
            progress(.verify)
            return ProvisionedCard(
                claims: try Verification(keys: keys).run(&channel),
                isOriginal: found.isOriginal, stepsFound: ProvisioningStep.allCases.count - 2)
        }
        let token = try token(found, order)
        let image = try layout(order.host, token)
        var done = 0
        done += try writeState(&channel, found)
        done += try configure(&channel, found, image)
        progress(.verify)
        let claims = try Verification(keys: keys).run(&channel)
        return ProvisionedCard(
            claims: claims, isOriginal: found.isOriginal, stepsFound: done)
    }

    /// True when only the fresh read is missing (V3). V1: nothing is tried on a card whose key
    /// versions are not the factory's or ours, or whose token another issuer signed.
    private func isFinished(
        _ found: Inspection, _ order: CardOrder
    ) throws(ProvisioningError) -> Bool {
        try checkKeys(found)
        switch found.kind {
        case .ours(let token, _):
            guard token.claims.number == order.number else {
                throw .alreadyOurs(token.claims.number)
            }
            return true
        case .foreign: throw .foreign("content that is not ours")
        case .blank, .halfway: return false
        }
    }

    /// V1: ours are the keys only under a token of ours, which goes on first and off last.
    func checkKeys(_ found: Inspection) throws(ProvisioningError) {
        guard found.keyVersions.allSatisfy({ $0 == 0 || $0 == epoch }) else {
            throw .foreign("key versions \(found.keyVersions)")
        }
        guard
            found.keyVersions.allSatisfy({ $0 == 0 }) || found.isSigned(by: keys.issuerKey)
        else { throw .foreign("no token of this issuer") }
    }

    /// A torn card keeps the token it has when that names the same number.
    private func token(
        _ found: Inspection, _ order: CardOrder
    ) throws(ProvisioningError) -> [UInt8] {
        if let token = found.token, token.claims.number == order.number,
            token.claims.uid == found.uid, token.claims.epoch == epoch,
            found.isSigned(by: keys.issuerKey)
        {
            return token.message.bytes
        }
        guard
            let token = CardToken(
                number: order.number, issued: order.issued, expires: order.expires,
                uid: found.uid, epoch: epoch, cardClass: order.cardClass)
        else { throw .layout("UID or dates") }
        do { return try keys.sign(token: token).bytes } catch { throw .keys(error) }
    }

    private func layout(_ host: String, _ token: [UInt8]) throws(ProvisioningError) -> NDEFImage {
        do { return try NDEFImage(host: host, token: token) } catch {
            throw .layout("host '\(host)' and token do not fit 256 bytes")
        }
    }

    /// The key that stands on the card now (V1).
    func standing(_ number: UInt8, _ found: Inspection) throws(ProvisioningError) -> AES128Key {
        found.keyVersions[Int(number)] == 0 ? .zero() : try ours(number, found.uid)
    }

    func ours(_ number: UInt8, _ uid: [UInt8]) throws(ProvisioningError) -> AES128Key {
        do { return try keys.cardKey(number, uid: uid, epoch: epoch) } catch {
            throw .keys(error)
        }
    }

    /// The first record of file 03, with K3 as it stands. Gives the number of steps found done.
    private func writeState(
        _ channel: inout some CardChannel & ~Copyable, _ found: Inspection
    ) throws(ProvisioningError) -> Int {
        progress(.cardState)
        let key = try standing(3, found)
        do throws(CardError) {
            try NTAG424.selectApplication(&channel)
            var session = try NTAG424.authenticate(
                &channel, key: key, keyNumber: 3, delayedTries: 100)
            let uid = try NTAG424.cardUID(&channel, &session)
            guard uid == found.uid else { throw .notAuthentic("UID") }
            let file = try NTAG424.readData(
                &channel, &session, file: NTAG424.proprietaryFile, offset: 0,
                count: CardStateRecord.fileSize, mode: .full)
            if try CardState(file).current != nil { return 1 }
            try NTAG424.writeData(
                &channel, &session, file: NTAG424.proprietaryFile, offset: 0,
                CardStateRecord.fresh.bytes, mode: .full)
            return 0
        } catch { throw .card(error) }
    }

    /// Everything K0 does, K0 itself last (V2).
    private func configure(
        _ channel: inout some CardChannel & ~Copyable, _ found: Inspection, _ image: NDEFImage
    ) throws(ProvisioningError) -> Int {
        let master = try standing(0, found)
        var done = 0
        do {
            try NTAG424.selectApplication(&channel)
            var session = try NTAG424.authenticate(
                &channel, key: master, keyNumber: 0, delayedTries: 100)
            progress(.container)
            done += try write(
                &channel, &session, NTAG424.containerFile, CardLayout.container)
            progress(.image)
            let padded =
                image.bytes
                + [UInt8](repeating: 0, count: CardLayout.imageSize - image.bytes.count)
            done += try write(&channel, &session, NTAG424.ndefFile, padded)
            progress(.stateSettings)
            done += try set(
                &channel, &session, NTAG424.proprietaryFile, CardLayout.stateSettings,
                found.stateSettings)
            progress(.imageSettings)
            done += try set(
                &channel, &session, NTAG424.ndefFile, CardLayout.imageSettings(image),
                found.imageSettings)
            for number: UInt8 in [1, 2, 3, 4, 0] {
                progress(Self.step(number))
                if found.keyVersions[Int(number)] == epoch {
                    done += 1
                    continue
                }
                try NTAG424.changeKey(
                    &channel, &session, keyNumber: number, old: .zero(),
                    new: try ours(number, found.uid), version: epoch)
            }
            return done
        } catch let error as CardError { throw .card(error) } catch let error as ProvisioningError {
            throw error
        } catch { throw .layout("\(error)") }
    }

    static func step(_ number: UInt8) -> ProvisioningStep {
        switch number {
        case 1: .key1
        case 2: .key2
        case 3: .key3
        case 4: .key4
        default: .key0
        }
    }
}

/// Writes a plain file in a session with K0 in pieces the card writes atomically; 1 when it stood
/// there already. Reads in a session are not mirrored.
func write(
    _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session, _ file: UInt8,
    _ content: [UInt8]
) throws(CardError) -> Int {
    let piece = 128
    var found: [UInt8] = []
    for start in stride(from: 0, to: content.count, by: piece) {
        found += try NTAG424.readData(
            &channel, &session, file: file, offset: start,
            count: min(piece, content.count - start), mode: .plain)
    }
    if found == content { return 1 }
    // The first piece, which holds the length, goes last: torn before it, nothing is announced.
    for start in stride(from: 0, to: content.count, by: piece).reversed() {
        let end = min(start + piece, content.count)
        try NTAG424.writeData(
            &channel, &session, file: file, offset: start, Array(content[start..<end]),
            mode: .plain)
    }
    return 0
}

/// Sets a file's settings; 1 when they stood there already.
func set(
    _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session, _ file: UInt8,
    _ wanted: FileSettings, _ found: FileSettings
) throws(CardError) -> Int {
    if wanted == found { return 1 }
    try NTAG424.changeFileSettings(&channel, &session, file: file, wanted)
    return 0
}

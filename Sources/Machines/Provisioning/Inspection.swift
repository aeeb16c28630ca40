import COSE
public import Cards
import Crypto
import KeyStore
public import Tokens

/// What a card says of itself without any of our keys.
public struct Inspection: Equatable, Sendable {
    /// 7 bytes. For the register and the token; masked wherever people see it.
    public let uid: [UInt8]
    /// Version bytes of keys 0...4: 0 is the factory's, ours is the epoch. Told, not signed (V8).
    public let keyVersions: [UInt8]
    /// Settings of files 02 and 03.
    let imageSettings: FileSettings
    let stateSettings: FileSettings
    /// File 01 as read, 32 bytes.
    let container: [UInt8]
    /// The NDEF file as read, 256 bytes.
    let file: [UInt8]
    /// The originality signature, 56 bytes.
    let signature: [UInt8]
    /// Our NDEF image, when one is there.
    let image: NDEFImage?

    init(
        uid: [UInt8], keyVersions: [UInt8], imageSettings: FileSettings,
        stateSettings: FileSettings, container: [UInt8], file: [UInt8], signature: [UInt8]
    ) {
        self.uid = uid
        self.keyVersions = keyVersions
        self.imageSettings = imageSettings
        self.stateSettings = stateSettings
        self.container = container
        self.file = file
        self.signature = signature
        image = try? NDEFImage(parsing: file)
    }

    /// NXP's public key for NTAG 424 DNA (CARD-COMMANDS §12).
    static let originalityKey =
        Hexadecimal.bytes(
            "048A9B380AF2EE1B98DC417FECC263F8449C7625CECE82D9B916C992DA209D68422B81EC20B65A66B5"
                + "102A61596AF3379200599316A00A1410") ?? []

    /// True when NXP signed this UID.
    public var isOriginal: Bool {
        OriginalitySignature.verifies(signature, uid: uid, publicKey: Self.originalityKey)
    }

    /// The token on the card, not yet believed.
    public var token: CarriedToken? { image.flatMap { try? CarriedToken($0.token) } }

    /// The address a phone opens, mirrors as read; nil when the image is not ours.
    public var address: String? {
        image.map {
            let end = $0.digestOffset + NDEFImage.evidenceSize
            return "https://" + String(decoding: $0.bytes[7..<end], as: UTF8.self)
        }
    }

    /// True when the token on the card was signed by this issuer, for this very UID.
    func isSigned(by issuer: Ed25519PublicKey) -> Bool {
        guard let token, token.claims.uid == uid else { return false }
        return token.isSigned(by: issuer)
    }

    /// Reads a card: 14 APDUs, none of them an authentication (V1).
    public static func read(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) -> Inspection {
        let uid = try identify(&channel)
        do {
            var versions: [UInt8] = []
            for number in IssuerKeys.keyNumbers {
                versions.append(try NTAG424.keyVersion(&channel, keyNumber: number))
            }
            let signature = try NTAG424.signature(&channel)
            let imageSettings = try NTAG424.fileSettings(&channel, file: NTAG424.ndefFile)
            let stateSettings = try NTAG424.fileSettings(&channel, file: NTAG424.proprietaryFile)
            let container = try NTAG424.readBinary(
                &channel, shortID: 3, offset: 0, count: CardLayout.container.count)
            let file = try NTAG424.readBinary(
                &channel, shortID: 4, offset: 0, count: NDEFImage.sizeMax)
            return Inspection(
                uid: uid, keyVersions: versions, imageSettings: imageSettings,
                stateSettings: stateSettings, container: container, file: file,
                signature: signature)
        } catch {
            switch error {
            // A blank card and every card of ours answer all of this.
            case .refused, .malformed: throw .foreign("\(error)")
            default: throw .card(error)
            }
        }
    }

    /// The UID of an NTAG 424 DNA; any other card refuses SELECT or answers another version.
    private static func identify(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) -> [UInt8] {
        let version: NTAG424.Version
        do {
            try NTAG424.selectApplication(&channel)
            version = try NTAG424.version(&channel)
        } catch {
            switch error {
            case .refused, .malformed: throw .notNTAG424
            default: throw .card(error)
            }
        }
        guard version.isNTAG424 else { throw .notNTAG424 }
        guard version.uid.contains(where: { $0 != 0 }) else { throw .hidesUID }
        return version.uid
    }

    /// What the card is, in one word and its details.
    public enum Kind: Equatable, Sendable {
        /// As delivered.
        case blank
        /// A Carte ECO whose five keys carry one epoch.
        case ours(CarriedToken, epoch: UInt8)
        /// Begun and not finished: key versions say how far.
        case halfway(keysChanged: Int)
        /// A Carte ECO of which some keys carry another epoch than others.
        case betweenEpochs(CarriedToken)
        /// Somebody else's.
        case foreign
    }

    /// True for an image of ours of which pieces may be missing: the last piece goes first, so a
    /// torn first image still has no length.
    private var isOursInPart: Bool {
        guard file.count == NDEFImage.sizeMax else { return false }
        if file[0] == 0, file[1] == 0 { return true }
        let mark = Array("/c?d=".utf8)
        let hasMark = (7..<60).contains { Array(file[$0..<($0 + mark.count)]) == mark }
        return Array(file[2..<4]) == [0x91, 0x01] && Array(file[5..<7]) == [0x55, 0x04] && hasMark
    }

    /// Judges by key versions and content as told. Says nothing of authenticity: `verify` does.
    public var kind: Kind {
        let epochs = Set(keyVersions).subtracting([0])
        guard !epochs.isEmpty else {
            let isEmpty = file.allSatisfy { $0 == 0 }
            if isEmpty, imageSettings.sdm == nil, container != CardLayout.container {
                return .blank
            }
            return isEmpty || isOursInPart ? .halfway(keysChanged: 0) : .foreign
        }
        guard let token, token.claims.uid == uid else { return .foreign }
        let changed = keyVersions.count { $0 != 0 }
        if changed < keyVersions.count { return .halfway(keysChanged: changed) }
        if epochs.count > 1 { return .betweenEpochs(token) }
        guard epochs == [token.claims.epoch] else { return .foreign }
        return .ours(token, epoch: token.claims.epoch)
    }
}

import COSE
public import Cards
import Crypto
public import KeyStore
import Operations
public import Tokens

/// The fresh read that decides whether a card is a Carte ECO (V4).
public struct Verification: Sendable {
    private let keys: IssuerKeys

    /// A verification with the issuer's keys.
    public init(keys: IssuerKeys) { self.keys = keys }

    /// Reads the card as a terminal and the ledger would: token, SUN, K3, state.
    public func run(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) -> CardToken {
        do {
            let reported = try Inspection.read(&channel)
            guard case .ours(let token, let epoch) = reported.kind else {
                throw ProvisioningError.verification("key versions or token are not ours")
            }
            do { _ = try token.message.verified(by: keys.issuerKey) } catch {
                throw ProvisioningError.verification("the token's signature")
            }
            try checkMirrors(&channel, token.claims, epoch)
            let key = try keys.cardKey(3, uid: token.claims.uid, epoch: epoch)
            try NTAG424.selectApplication(&channel)
            var session = try NTAG424.authenticate(&channel, key: key, keyNumber: 3)
            let file = try NTAG424.readData(
                &channel, &session, file: NTAG424.proprietaryFile, offset: 0,
                count: CardStateRecord.fileSize, mode: .full)
            guard try CardState(file).current != nil else {
                throw ProvisioningError.verification("the card state")
            }
            return token.claims
        } catch let error as ProvisioningError {
            throw error
        } catch CardError.notAuthentic(let what) {
            throw .verification(what)
        } catch CardError.refused(.authenticationError, _) {
            throw .verification("key 3")
        } catch let error as CardError {
            throw .card(error)
        } catch let error as KeyStoreError {
            throw .keys(error)
        } catch {
            throw .verification("\(error)")
        }
    }

    /// PICCENCData opens with K1 and names this card; the MAC verifies with its K2.
    private func checkMirrors(
        _ channel: inout some CardChannel & ~Copyable, _ claims: CardToken, _ epoch: UInt8
    ) throws {
        try NTAG424.selectApplication(&channel)
        let file = try NTAG424.readBinary(
            &channel, shortID: 4, offset: 0, count: NDEFImage.sizeMax)
        let image = try NDEFImage(parsing: file)
        let end = image.digestOffset + NDEFImage.evidenceSize
        let mirrors = try NDEFImage.mirrors(image.bytes[image.digestOffset..<end])
        let meta = try keys.cardKey(1, uid: claims.uid, epoch: epoch)
        guard let data = SDM.decrypt(piccData: mirrors.piccData, metaReadKey: meta),
            data.uid == claims.uid, let counter = data.readCounter
        else { throw ProvisioningError.verification("PICCData does not name this card") }
        let mac = try SDM.mac(
            fileReadKey: try keys.cardKey(2, uid: claims.uid, epoch: epoch), uid: data.uid,
            readCounter: counter,
            input: SDM.evidenceInput(digest: mirrors.digest, piccData: mirrors.piccData))
        guard equalInConstantTime(mac, mirrors.mac) else {
            throw ProvisioningError.verification("the SDM MAC")
        }
    }
}

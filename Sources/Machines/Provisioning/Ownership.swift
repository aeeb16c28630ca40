import Cards
import Crypto
import KeyStore
import Operations
import Tokens

/// A key as it stands on a card: its number, and the epoch its version names (0: the factory's).
struct StandingKey: Equatable, Sendable {
    let number: UInt8
    let epoch: UInt8
}

extension IssuerKeys {
    /// The key a standing key is (V1).
    func key(
        _ standing: StandingKey, uid: [UInt8]
    ) throws(ProvisioningError) -> AES128Key {
        if standing.epoch == 0 { return .zero() }
        do { return try cardKey(standing.number, uid: uid, epoch: standing.epoch) } catch {
            throw .keys(error)
        }
    }
}

/// Whose a card is, found out without trying a key on it (V1).
struct Ownership {
    let keys: IssuerKeys

    /// Nothing of ours may be done to a card with keys that are not the factory's unless the token
    /// is ours and the read it stood in verifies under the keys the versions name. A lie about K1
    /// and K2 ends here; about the others see `SignedInspection`.
    func check(_ found: Inspection) throws(ProvisioningError) {
        guard found.keyVersions.contains(where: { $0 != 0 }) else {
            // Said to have factory keys alone: then its mirrors, where they are on, are theirs.
            guard found.image != nil, found.imageSettings.sdm != nil else { return }
            if let fault = try fault(found) { throw .foreign(fault) }
            return
        }
        guard found.keyVersions.allSatisfy({ $0 == 0 || keys.epochs.contains($0) }) else {
            throw .foreign("key versions \(found.keyVersions)")
        }
        guard found.isSigned(by: keys.issuerKey) else {
            throw .foreign("no token of this issuer")
        }
        if let fault = try fault(found) { throw .foreign(fault) }
    }

    /// What is wrong with the mirrors of this read; nil when PICCENCData opens with the standing K1
    /// and names this card, and the MAC verifies with its standing K2.
    func fault(_ found: Inspection) throws(ProvisioningError) -> String? {
        guard let image = found.image else { return "the address" }
        let end = image.digestOffset + NDEFImage.evidenceSize
        let mirrors: NDEFImage.Mirrors
        do { mirrors = try NDEFImage.mirrors(image.bytes[image.digestOffset..<end]) } catch {
            return "the mirrors"
        }
        let meta = try keys.key(
            StandingKey(number: 1, epoch: found.keyVersions[1]), uid: found.uid)
        guard let data = SDM.decrypt(piccData: mirrors.piccData, metaReadKey: meta),
            data.uid == found.uid, let counter = data.readCounter
        else { return "PICCData does not name this card" }
        let file = try keys.key(
            StandingKey(number: 2, epoch: found.keyVersions[2]), uid: found.uid)
        let input = SDM.evidenceInput(digest: mirrors.digest, piccData: mirrors.piccData)
        guard
            let mac = try? SDM.mac(
                fileReadKey: file, uid: data.uid, readCounter: counter, input: input),
            equalInConstantTime(mac, mirrors.mac)
        else { return "the SDM MAC" }
        return nil
    }
}

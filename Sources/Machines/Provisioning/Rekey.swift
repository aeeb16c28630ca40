public import Cards
import KeyStore
import Tokens

extension Personalisation {
    /// Brings one of our finished cards to this engine's epoch, or finishes one that was torn on
    /// the way, whatever epochs its keys stand in: each version says which key opens or is
    /// replaced (V1). Number, class and dates stay; only the token's epoch and signature change.
    /// - Throws: `ProvisioningError`; `.unfinished` for a card that is no whole Carte ECO.
    public func rekey(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) -> ProvisionedCard {
        progress(.inspect)
        let found = try Inspection.read(&channel)
        try Ownership(keys: keys).check(found)
        guard keys.epochs.contains(epoch) else { throw .keys(.unknownEpoch(epoch)) }
        let carried: CarriedToken
        switch found.kind {
        case .ours(let token, _), .betweenEpochs(let token): carried = token
        case .halfway: throw .unfinished("card provision")
        case .blank: throw .foreign("a blank card")
        case .foreign: throw .foreign("content that is not ours")
        }
        let plan = CardPlan.rekeying(found, to: epoch, token: try tail(found, carried))
        let done = try execution(found).run(&channel, plan)
        return ProvisionedCard(
            claims: try verified(&channel), isOriginal: found.isOriginal, stepsFound: done)
    }

    /// What differs between the token on the card and that of the new epoch: from the epoch byte
    /// to the end, 73 bytes, so that one frame and one write hold it (V7).
    private func tail(
        _ found: Inspection, _ carried: CarriedToken
    ) throws(ProvisioningError) -> (offset: Int, bytes: [UInt8])? {
        let claims = carried.claims
        if claims.epoch == epoch { return nil }
        guard let image = found.image,
            let next = CardToken(
                number: claims.number, issued: claims.issued, expires: claims.expires,
                uid: claims.uid, epoch: epoch, cardClass: claims.cardClass)
        else { throw .layout("the token on the card") }
        return try Self.tail(of: image, next: try signed(next))
    }

    static func tail(
        of image: NDEFImage, next: [UInt8]
    ) throws(ProvisioningError) -> (offset: Int, bytes: [UInt8]) {
        let old = image.token
        let same = zip(old, next).prefix { $0 == $1 }.count
        guard old.count == next.count, same < next.count,
            next.count - same <= Execution.pieceSize
        else { throw .layout("a token that cannot be replaced in one write") }
        return (image.bytes.count - old.count + same, Array(next[same...]))
    }
}

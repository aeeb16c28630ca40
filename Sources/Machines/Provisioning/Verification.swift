import COSE
public import Cards
public import KeyStore
public import Tokens

/// The fresh read that decides whether a card is a Carte ECO (V4).
public struct Verification: Sendable {
    private let keys: IssuerKeys

    /// A verification with the issuer's keys.
    public init(keys: IssuerKeys) { self.keys = keys }

    /// Reads the card as a terminal and the ledger would: token, SUN, K3, state; and has it sign
    /// the versions of all five keys and the rights of its files (V8). 26 APDUs.
    public func run(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) -> CardToken {
        let reported = try Inspection.read(&channel)
        let notOurs = ProvisioningError.verification("key versions or token are not ours")
        guard let token = reported.token, reported.kind != .foreign,
            reported.keyVersions.contains(where: { $0 != 0 })
        else { throw notOurs }
        for epoch in reported.keyVersions where epoch != 0 && !keys.epochs.contains(epoch) {
            throw .keys(.unknownEpoch(epoch))
        }
        guard token.isSigned(by: keys.issuerKey) else {
            throw .verification("the token's signature")
        }
        if let fault = try Ownership(keys: keys).fault(reported) { throw .verification(fault) }
        // Before they are judged: a lie is called one, also where the card would not be whole.
        _ = try SignedInspection(keys: keys, found: reported).run(&channel)
        guard case .ours(_, let epoch) = reported.kind else { throw notOurs }
        try checkLayout(reported)
        try checkState(&channel, reported.uid, epoch)
        return token.claims
    }

    private func checkLayout(_ reported: Inspection) throws(ProvisioningError) {
        guard let image = reported.image,
            reported.imageSettings == CardLayout.imageSettings(image),
            reported.stateSettings == CardLayout.stateSettings
        else { throw .verification("the rights of the files") }
        guard reported.container == CardLayout.container else {
            throw .verification("the capability container")
        }
    }

    /// K3 as a terminal uses it: UID and card state.
    private func checkState(
        _ channel: inout some CardChannel & ~Copyable, _ uid: [UInt8], _ epoch: UInt8
    ) throws(ProvisioningError) {
        let key = try keys.key(StandingKey(number: 3, epoch: epoch), uid: uid)
        do {
            var session = try NTAG424.authenticate(&channel, key: key, keyNumber: 3)
            let file = try NTAG424.readData(
                &channel, &session, file: NTAG424.proprietaryFile, offset: 0,
                count: CardStateRecord.fileSize, mode: .full)
            guard try CardState(file).current != nil else {
                throw ProvisioningError.verification("the card state")
            }
        } catch let error as ProvisioningError { throw error } catch CardError.notAuthentic(
            let what)
        {
            throw .verification(what)
        } catch CardError.refused(.authenticationError, _) {
            throw .verification("key 3")
        } catch CardError.refused(.authenticationDelay, _) {
            throw .lockedOut(key: 3, isFinal: false)
        } catch let error as CardError { throw .card(error) } catch {
            throw .verification("\(error)")
        }
    }
}

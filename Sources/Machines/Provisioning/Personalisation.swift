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

/// Turns one factory card into a Carte ECO (V1 to V7); brings one of ours to another epoch
/// (`rekey`) or back to the factory state (`reset`).
public struct Personalisation: Sendable {
    let keys: IssuerKeys
    let epoch: UInt8
    let requiresOriginal: Bool
    let recorder: (any PersonalisationRecorder)?
    let progress: @Sendable (ProvisioningStep) -> Void

    /// An engine for one epoch: the one a card ends with.
    /// - Parameters:
    ///   - requiresOriginal: a card whose UID NXP did not sign is refused before any write.
    ///   - recorder: told before and after each step that writes (V6).
    ///   - progress: called before each step, done or not.
    public init(
        keys: IssuerKeys, epoch: UInt8, requiresOriginal: Bool = false,
        recorder: (any PersonalisationRecorder)? = nil,
        progress: @escaping @Sendable (ProvisioningStep) -> Void = { _ in }
    ) {
        self.keys = keys
        self.epoch = epoch
        self.requiresOriginal = requiresOriginal
        self.recorder = recorder
        self.progress = progress
    }

    /// Provisions the card, or finishes a torn one (V3).
    public func run(
        _ channel: inout some CardChannel & ~Copyable, _ order: CardOrder
    ) throws(ProvisioningError) -> ProvisionedCard {
        progress(.inspect)
        return try run(&channel, order, found: try Inspection.read(&channel))
    }

    /// Provisions a card that was inspected in this very conversation.
    public func run(
        _ channel: inout some CardChannel & ~Copyable, _ order: CardOrder, found: Inspection
    ) throws(ProvisioningError) -> ProvisionedCard {
        guard keys.epochs.contains(epoch) else { throw .keys(.unknownEpoch(epoch)) }
        if requiresOriginal, !found.isOriginal { throw .notOriginal }
        var done = ProvisioningStep.provisioning.count - 2
        if try !isFinished(found, order) {
            let plan = CardPlan.provisioning(found, try image(found, order), epoch: epoch)
            done = try execution(found).run(&channel, plan)
        }
        return ProvisionedCard(
            claims: try verified(&channel), isOriginal: found.isOriginal, stepsFound: done)
    }

    func execution(_ found: Inspection) -> Execution {
        Execution(keys: keys, found: found, recorder: recorder, progress: progress)
    }

    func verified(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) -> CardToken {
        progress(.verify)
        return try Verification(keys: keys).run(&channel)
    }

    /// True when only the fresh read is missing (V3).
    private func isFinished(
        _ found: Inspection, _ order: CardOrder
    ) throws(ProvisioningError) -> Bool {
        try Ownership(keys: keys).check(found)
        switch found.kind {
        case .ours(let token, let standing):
            guard token.claims.number == order.number else {
                throw .alreadyOurs(token.claims.number)
            }
            guard standing == epoch else { throw .unfinished("card rekey --epoch \(epoch)") }
            return true
        case .foreign: throw .foreign("content that is not ours")
        case .betweenEpochs: throw .unfinished("card rekey")
        case .halfway, .blank:
            guard found.keyVersions.allSatisfy({ $0 == 0 || $0 == epoch }) else {
                throw .unfinished("card reset")
            }
            return false
        }
    }

    /// A card with a key of ours keeps the image it has (V7); a torn one without keeps the token it
    /// has when that is for the same order.
    private func image(
        _ found: Inspection, _ order: CardOrder
    ) throws(ProvisioningError) -> NDEFImage {
        if found.keyVersions.contains(where: { $0 != 0 }), let token = found.token,
            let image = found.image
        {
            guard token.claims.number == order.number else {
                throw .alreadyOurs(token.claims.number)
            }
            guard token.claims.epoch == epoch else { throw .unfinished("card reset") }
            return image
        }
        return try layout(order.host, try token(found, order))
    }

    private func token(
        _ found: Inspection, _ order: CardOrder
    ) throws(ProvisioningError) -> [UInt8] {
        if let token = found.token, token.claims.number == order.number,
            token.claims.epoch == epoch, token.claims.cardClass == order.cardClass,
            found.isSigned(by: keys.issuerKey)
        {
            return token.message.bytes
        }
        guard
            let token = CardToken(
                number: order.number, issued: order.issued, expires: order.expires,
                uid: found.uid, epoch: epoch, cardClass: order.cardClass)
        else { throw .layout("UID or dates") }
        return try signed(token)
    }

    func signed(_ token: CardToken) throws(ProvisioningError) -> [UInt8] {
        do { return try keys.sign(token: token).bytes } catch { throw .keys(error) }
    }

    private func layout(_ host: String, _ token: [UInt8]) throws(ProvisioningError) -> NDEFImage {
        do { return try NDEFImage(host: host, token: token) } catch {
            throw .layout("host '\(host)' and token do not fit 256 bytes")
        }
    }
}

extension Personalisation {
    /// Refuses a card that is not new: finished, begun under a number of ours, or somebody else's.
    /// - Throws: `.alreadyOurs`, `.unfinished`, `.foreign`, `.notOriginal`.
    public func checkNew(_ found: Inspection) throws(ProvisioningError) {
        try Ownership(keys: keys).check(found)
        if found.isSigned(by: keys.issuerKey), let token = found.token {
            throw .alreadyOurs(token.claims.number)
        }
        switch found.kind {
        case .blank: break
        case .halfway(let changed) where changed == 0: break
        case .halfway, .ours, .betweenEpochs: throw .unfinished("card info")
        case .foreign: throw .foreign("content that is not ours")
        }
        if requiresOriginal, !found.isOriginal { throw .notOriginal }
    }
}

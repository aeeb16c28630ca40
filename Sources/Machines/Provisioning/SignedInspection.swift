import Cards
import KeyStore

/// Has a card sign the key versions and the rights of files that an inspection was only told (V8).
///
/// The told versions still say which keys to try; so the keys are tried in an order in which a lie
/// costs an honest card nothing that matters.
struct SignedInspection {
    let keys: IssuerKeys
    let found: Inspection

    /// Of key 2 the MAC of the first read has shown that it is the one its version names: no lie
    /// costs it a try. Key 4 opens nothing that anybody misses. A blocked key 0 is final
    /// (CARD-COMMANDS §3.4). Key 1, which all cards share, proves least.
    private static let order: [UInt8] = [2, 4, 3, 0, 1]

    /// The keys of ours that are said to stand, the first to be tried first. None when all are said
    /// to be the factory's: what those sign proves nothing, for everybody knows them.
    static func signers(_ found: Inspection) -> [StandingKey] {
        order.map { StandingKey(number: $0, epoch: found.keyVersions[Int($0)]) }
            .filter { $0.epoch != 0 }
    }

    /// Opens a session with the first signer that is not locked out, or with `otherwise` when
    /// there is none, and asks in it for all versions and both files' rights: 9 APDUs. Nil: no key
    /// to open.
    /// - Throws: `.keyVersion` and `.fileRights` for what differs; `.verification` when the signer
    ///   is not the key its version names, or an answer is not signed by it; `.lockedOut` when all
    ///   are.
    func run(
        _ channel: inout some CardChannel & ~Copyable, otherwise: StandingKey? = nil
    ) throws(ProvisioningError) -> OpenSession? {
        var signers = Self.signers(found)
        if signers.isEmpty, let otherwise { signers = [otherwise] }
        var refusal: ProvisioningError?
        for signer in signers {
            do throws(ProvisioningError) {
                var open = try opened(&channel, signer)
                try compareVersions(&channel, &open)
                try compareRights(&channel, &open)
                return open
            } catch {
                guard case .lockedOut = error else { throw error }
                refusal = refusal ?? error
            }
        }
        if let refusal { throw refusal }
        return nil
    }

    private func opened(
        _ channel: inout some CardChannel & ~Copyable, _ signer: StandingKey
    ) throws(ProvisioningError) -> OpenSession {
        do { return try OpenSession(&channel, signer, keys, uid: found.uid) } catch {
            switch error {
            case .card(.refused(.authenticationError, _)) where signer.epoch != 0,
                .card(.notAuthentic) where signer.epoch != 0:
                throw .verification("key \(signer.number)")
            default: throw error
            }
        }
    }

    private func compareVersions(
        _ channel: inout some CardChannel & ~Copyable, _ open: inout OpenSession
    ) throws(ProvisioningError) {
        for (number, told) in zip(IssuerKeys.keyNumbers, found.keyVersions) {
            let signed: UInt8
            do {
                signed = try NTAG424.keyVersion(&channel, &open.session, keyNumber: number)
            } catch { throw Self.refusal(error) }
            guard signed == told else {
                throw .keyVersion(key: number, told: told, signed: signed)
            }
        }
    }

    private func compareRights(
        _ channel: inout some CardChannel & ~Copyable, _ open: inout OpenSession
    ) throws(ProvisioningError) {
        for (file, told) in [
            (NTAG424.ndefFile, found.imageSettings), (NTAG424.proprietaryFile, found.stateSettings),
        ] {
            let signed: FileSettings
            do {
                signed = try NTAG424.fileSettings(&channel, &open.session, file: file)
            } catch { throw Self.refusal(error) }
            guard signed == told else { throw .fileRights(file: file) }
        }
    }

    private static func refusal(_ error: CardError) -> ProvisioningError {
        if case .notAuthentic(let what) = error { return .verification(what) }
        return .card(error)
    }
}

/// A session and the key that opened it.
struct OpenSession: ~Copyable {
    let opener: StandingKey
    var session: EV2Session

    /// Answers 91AD that are waited out in one run: each takes about 25 ms (CARD-COMMANDS §3.4).
    private static let delayedTries = 100

    /// Authenticates with a key that stands: 2 APDUs.
    init(
        _ channel: inout some CardChannel & ~Copyable, _ opener: StandingKey, _ keys: IssuerKeys,
        uid: [UInt8]
    ) throws(ProvisioningError) {
        let key = try keys.key(opener, uid: uid)
        do {
            session = try NTAG424.authenticate(
                &channel, key: key, keyNumber: opener.number, delayedTries: Self.delayedTries)
        } catch { throw ProvisioningError(error, openingWith: opener.number) }
        self.opener = opener
    }
}

public import Cards
import Crypto
public import KeyStore
public import Tokens

/// What a card is, in words, with what to do about it.
public struct Diagnosis: Equatable, Sendable {
    /// The sorts of cards a technician meets.
    public enum Kind: Equatable, Sendable {
        /// As the factory delivers it.
        case blank
        /// A Carte ECO, every key of one epoch.
        case ours(CardToken)
        /// Begun or half reset: what stands is this step, and so many keys are changed.
        case halfway(next: ProvisioningStep, keysChanged: Int, CardToken?)
        /// On its way to another key epoch: this step comes next.
        case betweenEpochs(next: ProvisioningStep, from: UInt8, to: UInt8, CardToken)
        /// An NTAG 424 DNA of another network; says what was seen.
        case foreign(String)
        /// It shows another UID each time.
        case hidesUID
        /// Not an NTAG 424 DNA; says what it is as far as it tells.
        case other(String)
    }

    /// What a key answers that was authenticated with; only with the issuer's keys at hand.
    public enum Door: Equatable, Sendable {
        /// K3 opens.
        case open
        /// After many failures each try is answered with a delay (91AD).
        case delayed
        /// Too many failures: the key opens no more (919D).
        case closed
        /// Another key than ours stands there.
        case wrongKey
        /// Not tried.
        case untried
    }

    /// What the card is.
    public let kind: Kind
    /// 7 bytes; nil when it tells none.
    public let uid: [UInt8]?
    /// True when NXP signed the UID.
    public let isOriginal: Bool
    /// Whether its K3 opens, or the factory's on a blank card.
    public let door: Door
    /// True when the card signed its key versions and the rights of its files with a key of ours
    /// (V8); else they are as told, and so is what `kind` makes of them.
    public let versionsAreSigned: Bool

    /// Reads a card that may be anything: 14 APDUs, a few more when it is no NTAG 424 DNA. With
    /// `keys`, a card that is ours by its versions, token and cryptogram signs versions and rights
    /// (V8), and K3 is tried, once, under the key that stands (V1): 11 APDUs more.
    /// - Throws: `.card` when the card left or the reader failed; `.keyVersion`, `.fileRights` and
    ///   `.verification` when it does not sign what it told.
    public static func read(
        _ channel: inout some CardChannel & ~Copyable, keys: IssuerKeys? = nil
    ) throws(ProvisioningError) -> Diagnosis {
        let found: Inspection
        do { found = try Inspection.read(&channel) } catch {
            switch error {
            case .notNTAG424: return Diagnosis(.other(try OtherCard.words(&channel)))
            case .hidesUID: return Diagnosis(.hidesUID)
            case .foreign(let what): return Diagnosis(.foreign(what))
            default: throw error
            }
        }
        var door = Door.untried
        var isSigned = false
        if let keys, found.kind != .foreign {
            do throws(ProvisioningError) {
                try Ownership(keys: keys).check(found)
                isSigned = try sign(&channel, found, keys)
                door = try knock(&channel, found, keys)
            } catch {
                guard case .foreign(let what) = error else { throw error }
                return Diagnosis(
                    .foreign(what), uid: found.uid, isOriginal: found.isOriginal)
            }
        }
        return Diagnosis(
            kind(found), uid: found.uid, isOriginal: found.isOriginal, door: door,
            versionsAreSigned: isSigned)
    }

    private init(
        _ kind: Kind, uid: [UInt8]? = nil, isOriginal: Bool = false, door: Door = .untried,
        versionsAreSigned: Bool = false
    ) {
        self.kind = kind
        self.uid = uid
        self.isOriginal = isOriginal
        self.door = door
        self.versionsAreSigned = versionsAreSigned
    }

    /// True when the versions are signed. A card without a key of ours cannot, one whose keys are
    /// locked out will not. Nothing is written by what is said here, and what writes asks again.
    private static func sign(
        _ channel: inout some CardChannel & ~Copyable, _ found: Inspection, _ keys: IssuerKeys
    ) throws(ProvisioningError) -> Bool {
        do throws(ProvisioningError) {
            return try SignedInspection(keys: keys, found: found).run(&channel) != nil
        } catch {
            guard case .lockedOut = error else { throw error }
            return false
        }
    }

    private static func knock(
        _ channel: inout some CardChannel & ~Copyable, _ found: Inspection, _ keys: IssuerKeys
    ) throws(ProvisioningError) -> Door {
        let standing = StandingKey(number: 3, epoch: found.keyVersions[3])
        let key = try keys.key(standing, uid: found.uid)
        do {
            _ = try NTAG424.authenticate(&channel, key: key, keyNumber: 3)
            return .open
        } catch {
            switch ProvisioningError(error, openingWith: 3) {
            case .lockedOut(_, let isFinal): return isFinal ? .closed : .delayed
            case .card(.refused(.authenticationError, _)), .card(.notAuthentic): return .wrongKey
            case let other: throw other
            }
        }
    }

    private static func kind(_ found: Inspection) -> Kind {
        switch found.kind {
        case .blank: return .blank
        case .ours(let token, _): return .ours(token.claims)
        case .halfway(let changed):
            return .halfway(
                next: next(found), keysChanged: changed, found.token?.claims)
        case .betweenEpochs(let token):
            // K0 goes last: its epoch is the old one; the new one is that of the keys that differ.
            let old = found.keyVersions[0]
            let new = found.keyVersions.first { $0 != old } ?? old
            let isNew = token.claims.epoch == new
            let plan = CardPlan.rekeying(found, to: new, token: isNew ? nil : (0, []))
            let step = plan.steps.first { !$0.isDone }?.step ?? .verify
            return .betweenEpochs(next: step, from: old, to: new, token.claims)
        case .foreign: return .foreign("keys or content that are not ours")
        }
    }

    /// The first step of provisioning that is not done, as far as it shows without a key.
    private static func next(_ found: Inspection) -> ProvisioningStep {
        guard let image = found.image, let epoch = found.token?.claims.epoch else {
            return found.container == CardLayout.container ? .image : .container
        }
        let plan = CardPlan.provisioning(found, image, epoch: epoch)
        let hidden = ProvisioningStep.cardState
        return plan.steps.first { !$0.isDone && $0.step != hidden }?.step ?? .verify
    }

    /// One word for programs: blank, ours, halfway, between-epochs, foreign, hides-uid or other.
    public var word: String {
        switch kind {
        case .blank: "blank"
        case .ours: "ours"
        case .halfway: "halfway"
        case .betweenEpochs: "between-epochs"
        case .foreign: "foreign"
        case .hidesUID: "hides-uid"
        case .other: "other"
        }
    }

    /// One sentence, with its full stop.
    public var sentence: String {
        switch kind {
        case .blank: "A blank NTAG 424 DNA as the factory delivers it."
        case .ours(let claims): "A Carte ECO: \(claims.number), key epoch \(claims.epoch)."
        case .halfway(let next, let changed, let claims):
            "A half-written Carte ECO\(claims.map { " (\($0.number))" } ?? ""): \(changed) of 5 "
                + "keys are changed, next is: \(next.words)."
        case .betweenEpochs(let next, let from, let to, let claims):
            "A Carte ECO (\(claims.number)) between key epochs \(from) and \(to), next is: "
                + "\(next.words)."
        case .foreign(let what): "An NTAG 424 DNA of another network: \(what)."
        case .hidesUID: "An NTAG 424 DNA that hides its UID."
        case .other(let what): "Not an NTAG 424 DNA: \(what)."
        }
    }

    /// What to do, sentences with their full stops; empty when there is nothing.
    public var advice: [String] {
        var lines: [String] = []
        switch kind {
        case .blank, .ours: break
        case .halfway(_, 0, _):
            lines.append(
                "eco-card card provision with its number finishes it, card reset clears it.")
        case .halfway:
            lines.append(
                "eco-card card provision with the same number finishes it; after a torn reset, "
                    + "card reset does.")
        case .betweenEpochs(_, _, let to, _):
            lines.append("eco-card card rekey --epoch \(to) finishes it.")
        case .foreign: lines.append("Nothing was tried on it: take another card.")
        case .hidesUID: lines.append("No key can be made for it: take another card.")
        case .other: lines.append("Take another card.")
        }
        switch door {
        case .open, .untried: break
        case .delayed:
            lines.append(
                "Locked out for now (91AD): after many failures key 3 answers with a delay. Leave "
                    + "it on the reader and run card verify until it opens.")
        case .closed:
            lines.append(
                "Locked out (919D): key 3 has failed too often, or the card was switched to "
                    + "another protocol. Only key 0 can free it: card rekey or card reset.")
        case .wrongKey: lines.append("Key 3 is not the one its version names: do not hand it out.")
        }
        return lines
    }
}

/// What a card is that is no NTAG 424 DNA.
enum OtherCard {
    /// Asks GetVersion, then for applications other cards are known by. Nothing is written.
    static func words(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) -> String {
        if let hardware = try data(&channel, APDU.native(0x60), expecting: .more),
            hardware.count >= 4
        {
            return family(hardware)
        }
        let payment = Array("2PAY.SYS.DDF01".utf8)
        if try isThere(&channel, payment) { return "a bank card" }
        if try isThere(&channel, [0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01]) {
            return "a passport or identity card"
        }
        if try isThere(&channel, NTAG424.application) { return "an NFC Forum type 4 tag" }
        return "it tells neither its type nor an application we know"
    }

    /// By vendor, type and major version (CARD-COMMANDS §6.3, §9.1).
    static func family(_ hardware: [UInt8]) -> String {
        guard hardware[0] == 0x04 else { return "a chip of another maker than NXP" }
        switch (hardware[1] & 0x0F, hardware[3]) {
        case (0x01, 0x00), (0x01, 0x01): return "a MIFARE DESFire EV1"
        case (0x01, 0x12), (0x01, 0x22): return "a MIFARE DESFire EV2"
        case (0x01, 0x33): return "a MIFARE DESFire EV3"
        case (0x01, _): return "a MIFARE DESFire"
        case (0x02, _): return "a MIFARE Plus"
        case (0x03, _): return "a MIFARE Ultralight"
        case (0x04, 0x10): return "an NTAG 413 DNA"
        case (0x04, _): return "another NTAG"
        case (0x08, _): return "a MIFARE DESFire Light"
        default: return "an NXP chip of type \(hardware[1])"
        }
    }

    private static func isThere(
        _ channel: inout some CardChannel & ~Copyable, _ name: [UInt8]
    ) throws(ProvisioningError) -> Bool {
        try data(
            &channel, APDU.iso(ins: 0xA4, p1: 4, p2: 0, data: name, le: 0), expecting: .success)
            != nil
    }

    /// The data of a good answer, nil for any other; only a card that left ends the look.
    private static func data(
        _ channel: inout some CardChannel & ~Copyable, _ command: [UInt8],
        expecting status: StatusWord
    ) throws(ProvisioningError) -> [UInt8]? {
        do {
            let answer = try channel.exchange(command)
            return answer.status == status ? answer.data : nil
        } catch {
            if case .malformed = error { return nil }
            throw .card(error)
        }
    }
}

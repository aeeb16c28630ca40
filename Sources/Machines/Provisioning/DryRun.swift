import COSE
public import Cards
import Crypto
public import Tokens

/// One command of a plan, as a dry run shows it: no key and no content.
public struct PlannedCommand: Equatable, Sendable {
    /// The step it belongs to.
    public let step: ProvisioningStep
    /// The command's name, and what it is about.
    public let name: String
    /// Its second byte, INS.
    public let instruction: UInt8
    /// Bytes of the whole command APDU.
    public let length: Int
    /// How it travels.
    public let mode: CommMode
    /// The key that opens the session, or that is changed; nil when none is needed.
    public let key: UInt8?
    /// The epoch of that key (0: the factory's).
    public let epoch: UInt8?
}

/// What a way would send, worked out from the same list of steps the engine runs.
public enum DryRun {
    /// A factory card on its way to a Carte ECO.
    /// - Throws: `.layout` when host and a token of this size do not fit.
    public static func provisioning(
        host: String, number: CardNumber, cardClass: CardClass, epoch: UInt8
    ) throws(ProvisioningError) -> [PlannedCommand] {
        let image = try sample(host, number, cardClass, epoch, SampleKey())
        return ways(.factory, .provisioning(.factory, image, epoch: epoch)) + verification(epoch)
    }

    /// A finished card on its way to another epoch.
    /// - Throws: `.layout` when host and a token of this size do not fit.
    public static func rekeying(
        host: String, number: CardNumber, from old: UInt8, to new: UInt8
    ) throws(ProvisioningError) -> [PlannedCommand] {
        let key = SampleKey()
        let image = try sample(host, number, .member, old, key)
        let next = try sample(host, number, .member, new, key)
        let tail = try Personalisation.tail(of: image, next: next.token)
        let found = Inspection.finished(image, epoch: old)
        return ways(found, .rekeying(found, to: new, token: tail)) + verification(new)
    }

    /// A finished card on its way back to the factory state.
    /// - Throws: `.layout` when host and a token of this size do not fit.
    public static func resetting(
        host: String, number: CardNumber, epoch: UInt8
    ) throws(ProvisioningError) -> [PlannedCommand] {
        let image = try sample(host, number, .member, epoch, SampleKey())
        let found = Inspection.finished(image, epoch: epoch)
        return ways(found, .resetting(found)) + reads(.verify)
    }

    /// A key nobody keeps, for tokens of the right size.
    private final class SampleKey {
        private let key = try? Ed25519PrivateKey(seed: SecretBytes(randomCount: 32))

        func sign(_ token: CardToken) -> [UInt8]? {
            switch key {
            case .some(let key): token.signed(by: key).bytes
            case .none: nil
            }
        }
    }

    private static func sample(
        _ host: String, _ number: CardNumber, _ cardClass: CardClass, _ epoch: UInt8,
        _ sampleKey: SampleKey
    ) throws(ProvisioningError) -> NDEFImage {
        let time: UInt64 = 1_800_000_000
        guard
            let token = CardToken(
                number: number, issued: time, expires: time, uid: Inspection.noUID, epoch: epoch,
                cardClass: cardClass),
            let signed = sampleKey.sign(token),
            let image = try? NDEFImage(host: host, token: signed)
        else { throw .layout("host '\(host)' and token do not fit 256 bytes") }
        return image
    }

    /// The first read (V1), what it told signed (V8), the steps.
    private static func ways(_ found: Inspection, _ plan: CardPlan) -> [PlannedCommand] {
        let first = plan.steps.first { !$0.isDone }
        let signer = SignedInspection.signers(found).first ?? first?.opener
        return reads(.inspect) + (signer.map { signing(.inspect, $0) } ?? [])
            + commands(plan, open: signer)
    }

    /// A session in which the card signs the versions of its keys and the rights of its files.
    private static func signing(
        _ step: ProvisioningStep, _ key: StandingKey
    ) -> [PlannedCommand] {
        authentication(step, key)
            + (0...4).map {
                command(step, "GetKeyVersion \($0)", 0x64, header: 1, mode: .mac, key)
            }
            + [NTAG424.ndefFile, NTAG424.proprietaryFile].map {
                command(step, "GetFileSettings \($0)", 0xF5, header: 1, mode: .mac, key)
            }
    }

    private static func reads(_ step: ProvisioningStep) -> [PlannedCommand] {
        let plain = { (name: String, instruction: UInt8, length: Int) in
            PlannedCommand(
                step: step, name: name, instruction: instruction, length: length, mode: .plain,
                key: nil, epoch: nil)
        }
        return [plain("SELECT application", 0xA4, 12), plain("GetVersion", 0x60, 5)]
            + [plain("GetVersion part 2", 0xAF, 5), plain("GetVersion part 3", 0xAF, 5)]
            + (0...4).map { plain("GetKeyVersion \($0)", 0x64, 7) }
            + [
                plain("Read_Sig", 0x3C, 7), plain("GetFileSettings 2", 0xF5, 7),
                plain("GetFileSettings 3", 0xF5, 7), plain("ISOReadBinary E103", 0xB0, 5),
                plain("ISOReadBinary E104", 0xB0, 5),
            ]
    }

    /// The last read (V4).
    private static func verification(_ epoch: UInt8) -> [PlannedCommand] {
        let key = StandingKey(number: 3, epoch: epoch)
        return reads(.verify) + signing(.verify, StandingKey(number: 2, epoch: epoch))
            + authentication(.verify, key)
            + [command(.verify, "ReadData 3", 0xAD, header: 7, mode: .mac, key)]
    }

    private static func authentication(
        _ step: ProvisioningStep, _ key: StandingKey
    ) -> [PlannedCommand] {
        [
            command(step, "AuthenticateEV2First", 0x71, header: 2, mode: .plain, key),
            command(step, "AuthenticateEV2First part 2", 0xAF, header: 32, mode: .plain, key),
        ]
    }

    /// `header` stays plain; `data` is encrypted in `.full` (CARD-COMMANDS §4).
    private static func command(
        _ step: ProvisioningStep, _ name: String, _ instruction: UInt8, header: Int, data: Int = 0,
        mode: CommMode, _ key: StandingKey
    ) -> PlannedCommand {
        let body = mode == .full && data > 0 ? (data / 16 + 1) * 16 : data
        let content = header + body + (mode == .plain ? 0 : 8)
        return PlannedCommand(
            step: step, name: name, instruction: instruction,
            length: content == 0 ? 5 : 6 + content, mode: mode, key: key.number, epoch: key.epoch)
    }

    private static func commands(_ plan: CardPlan, open: StandingKey?) -> [PlannedCommand] {
        var list: [PlannedCommand] = []
        var open = open
        for planned in plan.steps where !planned.isDone {
            if open != planned.opener { list += authentication(planned.step, planned.opener) }
            open = planned.opener
            list += commands(planned)
            // The key that opened the session is gone, and the session with it.
            if case .key(let number, _, _) = planned.work, number == planned.opener.number {
                open = nil
            }
        }
        return list
    }

    private static func commands(_ planned: PlannedStep) -> [PlannedCommand] {
        let (step, key) = (planned.step, planned.opener)
        switch planned.work {
        case .state(let work):
            return [
                command(step, "GetCardUID", 0x51, header: 0, mode: .mac, key),
                command(step, "ReadData 3", 0xAD, header: 7, mode: .mac, key),
                command(
                    step, "WriteData 3", 0x8D, header: 7, data: work.content.count, mode: .full,
                    key),
            ]
        case .content(let file, _, let bytes):
            return Execution.pieces(bytes).map {
                command(
                    step, "WriteData \(file)", 0x8D, header: 7, data: $0.count, mode: .plain, key)
            }
        case .settings(let file, let settings):
            return [
                command(
                    step, "ChangeFileSettings \(file)", 0x5F, header: 1,
                    data: settings.changeBytes.count, mode: .full, key)
            ]
        case .key(let number, _, let new):
            let isOwn = number == key.number
            return [
                command(
                    step, "ChangeKey \(number)", 0xC4, header: 1, data: isOwn ? 17 : 21,
                    mode: .full, StandingKey(number: number, epoch: new))
            ]
        }
    }
}

extension Inspection {
    static let noUID = [UInt8](repeating: 0, count: 7)

    /// What a card as delivered says.
    static let factory = Inspection(
        uid: noUID, keyVersions: [0, 0, 0, 0, 0], imageSettings: CardLayout.factoryImageSettings,
        stateSettings: CardLayout.factoryStateSettings, container: CardLayout.factoryContainer,
        file: CardLayout.padded([]), signature: [])

    /// What a finished card with this image says.
    static func finished(_ image: NDEFImage, epoch: UInt8) -> Inspection {
        Inspection(
            uid: noUID, keyVersions: [UInt8](repeating: epoch, count: 5),
            imageSettings: CardLayout.imageSettings(image), stateSettings: CardLayout.stateSettings,
            container: CardLayout.container, file: CardLayout.padded(image.bytes), signature: [])
    }
}

import Cards
import Tokens

/// What one step does to the card.
enum Work: Equatable, Sendable {
    /// File 03 gets this content unless it holds what `isDone` looks for. Session with K3.
    case state(StateWork)
    /// A plain file gets these bytes from `offset` on. Session with K0.
    case content(file: UInt8, offset: Int, [UInt8])
    /// A file gets these settings. Session with K0.
    case settings(file: UInt8, FileSettings)
    /// A key goes from one epoch to another; 0 is the factory's. Session with K0.
    case key(UInt8, from: UInt8, to: UInt8)

    /// Whether file 03 becomes a fresh card state or empty.
    enum StateWork: Equatable, Sendable {
        case fresh, empty

        /// Bytes looked at.
        var lookSize: Int { self == .fresh ? CardStateRecord.fileSize : CardLayout.stateSize }

        /// Bytes written.
        var content: [UInt8] {
            self == .fresh
                ? CardStateRecord.fresh.bytes : [UInt8](repeating: 0, count: CardLayout.stateSize)
        }

        /// Whether these `lookSize` bytes need no write.
        func isDone(_ file: [UInt8]) -> Bool {
            switch self {
            case .fresh: (try? CardState(file).current) != nil
            case .empty: file.allSatisfy { $0 == 0 }
            }
        }
    }
}

/// One step: what it does, the key that opens the session it needs, and whether the inspection
/// showed it done.
struct PlannedStep: Equatable, Sendable {
    let step: ProvisioningStep
    let work: Work
    let opener: StandingKey
    let isDone: Bool
}

/// The steps of one way, worked out from what a card says of itself. Pure: no key, no I/O.
struct CardPlan: Equatable, Sendable {
    /// The steps that write, in order.
    private(set) var steps: [PlannedStep] = []

    private mutating func add(
        _ step: ProvisioningStep, _ work: Work, _ opener: StandingKey, isDone: Bool
    ) {
        steps.append(PlannedStep(step: step, work: work, opener: opener, isDone: isDone))
    }

    /// From factory to Carte ECO (V2, V7).
    static func provisioning(_ found: Inspection, _ image: NDEFImage, epoch: UInt8) -> CardPlan {
        var plan = CardPlan()
        let master = StandingKey(number: 0, epoch: found.keyVersions[0])
        plan.add(
            .cardState, .state(.fresh), StandingKey(number: 3, epoch: found.keyVersions[3]),
            isDone: false)
        plan.add(
            .container, .content(file: NTAG424.containerFile, offset: 0, CardLayout.container),
            master, isDone: found.container == CardLayout.container)
        let padded = CardLayout.padded(image.bytes)
        plan.add(
            .image, .content(file: NTAG424.ndefFile, offset: 0, padded), master,
            isDone: found.holds(padded, image))
        plan.add(
            .stateSettings,
            .settings(file: NTAG424.proprietaryFile, CardLayout.stateSettings), master,
            isDone: found.stateSettings == CardLayout.stateSettings)
        let settings = CardLayout.imageSettings(image)
        plan.add(
            .imageSettings, .settings(file: NTAG424.ndefFile, settings), master,
            isDone: found.imageSettings == settings)
        plan.addKeys([1, 2, 3, 4, 0], found, to: epoch, master)
        return plan
    }

    /// To another epoch. K0 of the old epoch opens every step; the token goes on beside K3, which
    /// it names; K0 goes last. `token` is the new token's tail and where it goes in file 02, nil
    /// when it stands there.
    static func rekeying(
        _ found: Inspection, to epoch: UInt8, token: (offset: Int, bytes: [UInt8])?
    ) -> CardPlan {
        var plan = CardPlan()
        let master = StandingKey(number: 0, epoch: found.keyVersions[0])
        plan.addKeys([1, 2, 4, 3], found, to: epoch, master)
        plan.add(
            .token,
            .content(
                file: NTAG424.ndefFile, offset: token?.offset ?? 0, token?.bytes ?? []),
            master, isDone: token == nil)
        plan.addKeys([0], found, to: epoch, master)
        return plan
    }

    /// Back to the factory state. The keys go first, K0 last of them, and the content only after
    /// them, so that whatever is torn, the token tells whose keys stand (V1).
    static func resetting(_ found: Inspection) -> CardPlan {
        var plan = CardPlan()
        let master = StandingKey(number: 0, epoch: found.keyVersions[0])
        plan.addKeys([1, 2, 3, 4, 0], found, to: 0, master)
        let factory = StandingKey(number: 0, epoch: 0)
        plan.add(.cardState, .state(.empty), StandingKey(number: 3, epoch: 0), isDone: false)
        plan.add(
            .stateSettings,
            .settings(file: NTAG424.proprietaryFile, CardLayout.factoryStateSettings), factory,
            isDone: found.stateSettings == CardLayout.factoryStateSettings)
        plan.add(
            .container,
            .content(file: NTAG424.containerFile, offset: 0, CardLayout.factoryContainer), factory,
            isDone: found.container == CardLayout.factoryContainer)
        plan.add(
            .imageSettings, .settings(file: NTAG424.ndefFile, CardLayout.factoryImageSettings),
            factory, isDone: found.imageSettings == CardLayout.factoryImageSettings)
        let empty = CardLayout.padded([])
        plan.add(
            .image, .content(file: NTAG424.ndefFile, offset: 0, empty), factory,
            isDone: found.imageSettings.sdm == nil && found.file == empty)
        return plan
    }

    private mutating func addKeys(
        _ numbers: [UInt8], _ found: Inspection, to epoch: UInt8, _ master: StandingKey
    ) {
        for number in numbers {
            let standing = found.keyVersions[Int(number)]
            add(
                .key(number), .key(number, from: standing, to: epoch), master,
                isDone: standing == epoch)
        }
    }
}

extension Inspection {
    /// Keys, settings and content of files 01 and 02 are what the factory delivers.
    var isFactory: Bool {
        keyVersions.allSatisfy { $0 == 0 } && imageSettings == CardLayout.factoryImageSettings
            && stateSettings == CardLayout.factoryStateSettings
            && container == CardLayout.factoryContainer && file == CardLayout.padded([])
    }

    /// Whether file 02 holds these 256 bytes. With mirrors on, what stands below the two
    /// cryptograms cannot be seen and does not matter.
    func holds(_ content: [UInt8], _ image: NDEFImage) -> Bool {
        guard file.count == content.count else { return false }
        guard imageSettings.sdm != nil else { return file == content }
        let mirrored = [
            image.piccDataOffset..<(image.piccDataOffset + 32),
            image.macOffset..<(image.macOffset + 16),
        ]
        return file.indices.allSatisfy { index in
            file[index] == content[index] || mirrored.contains { $0.contains(index) }
        }
    }
}

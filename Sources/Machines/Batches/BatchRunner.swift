public import Cards
public import KeyStore
public import Provisioning

/// What became of a card that was laid down.
public enum BatchOutcome: Equatable, Sendable {
    /// A whole card. `isResumed`: it was begun before. `fault`: why the register has not got it.
    case finished(BatchCard, isResumed: Bool, fault: RegisterError?)
    /// It was whole before: nothing was done.
    case already(BatchCard)
    /// It took no row: nothing was written to it. The UID (7 bytes) when it told one.
    case refused(uid: [UInt8]?, ProvisioningError)
    /// Its row was given up before.
    case spoiled(BatchCard)
    /// No row is left for a new card.
    case full
    /// It has its row and is not whole yet: lay it down again.
    case failed(BatchCard, ProvisioningError)
    /// The state file failed: stop.
    case broken(BatchError)
}

/// Prepares whatever card comes, one conversation a card.
public struct BatchRunner: Sendable {
    private let store: BatchStore
    private let keys: IssuerKeys
    private let register: RegisterFile?
    private let now: @Sendable () -> UInt64

    /// A runner.
    /// - Parameters:
    ///   - register: where finished cards are handed over at once; nil: later.
    ///   - now: milliseconds since the Unix epoch.
    public init(
        store: BatchStore, keys: IssuerKeys, register: RegisterFile?,
        now: @escaping @Sendable () -> UInt64
    ) {
        self.store = store
        self.keys = keys
        self.register = register
        self.now = now
    }

    /// The whole conversation with one card.
    public func card(
        _ channel: inout some CardChannel & ~Copyable,
        progress: @escaping @Sendable (ProvisioningStep) -> Void = { _ in }
    ) -> BatchOutcome {
        let found: Inspection
        do { found = try Inspection.read(&channel) } catch {
            return .refused(uid: nil, error)
        }
        do throws(BatchError) {
            let known = try store.card(uid: found.uid)
            if let known {
                if known.state.isDone { return .already(known) }
                if known.state == .spoiled { return .spoiled(known) }
                return try prepare(&channel, found, known, isResumed: true, progress)
            }
            // B3: whatever was begun elsewhere takes no row. Its versions are only told yet: by a
            // lie a card is refused, or has a row that waits for it, as its first session shows.
            do throws(ProvisioningError) { try engine().checkNew(found) } catch {
                return .refused(uid: found.uid, error)
            }
            guard let row = try store.claim(uid: found.uid, at: now()) else { return .full }
            return try prepare(&channel, found, row, isResumed: false, progress)
        } catch { return .broken(error) }
    }

    private func engine(
        _ recorder: BatchRecorder? = nil,
        _ progress: @escaping @Sendable (ProvisioningStep) -> Void = { _ in }
    ) -> Personalisation {
        Personalisation(
            keys: keys, epoch: store.settings.epoch,
            requiresOriginal: store.settings.requiresOriginal, recorder: recorder,
            progress: progress)
    }

    private func prepare(
        _ channel: inout some CardChannel & ~Copyable, _ found: Inspection, _ row: BatchCard,
        isResumed: Bool, _ progress: @escaping @Sendable (ProvisioningStep) -> Void
    ) throws(BatchError) -> BatchOutcome {
        let seconds = now() / 1_000
        let order = CardOrder(
            number: row.number, cardClass: row.cardClass, host: store.settings.host,
            issued: seconds, expires: seconds + store.settings.validity)
        let recorder = BatchRecorder(store: store, sequence: row.sequence, now: now)
        let card: ProvisionedCard
        do throws(ProvisioningError) {
            card = try engine(recorder, progress).run(&channel, order, found: found)
        } catch {
            try store.fail(sequence: row.sequence)
            return .failed(try current(row), error)
        }
        try store.finish(sequence: row.sequence, isOriginal: card.isOriginal, at: now())
        var fault: RegisterError?
        if let register {
            do throws(RegisterError) {
                try store.register(try finished(row), in: register)
            } catch { fault = error }
        }
        return .finished(try current(row), isResumed: isResumed, fault: fault)
    }

    private func current(_ row: BatchCard) throws(BatchError) -> BatchCard {
        try store.card(sequence: row.sequence) ?? row
    }

    private func finished(_ row: BatchCard) throws(RegisterError) -> BatchCard {
        do { return try current(row) } catch { throw .file("\(error)") }
    }
}

/// Writes a card's steps to the state file (B2).
struct BatchRecorder: PersonalisationRecorder {
    let store: BatchStore
    let sequence: Int
    let now: @Sendable () -> UInt64

    func willRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {
        try note(step, "will")
    }

    func didRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {
        try note(step, "did")
    }

    func didFind(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {
        try note(step, "found")
    }

    private func note(_ step: ProvisioningStep, _ phase: String) throws(ProvisioningError) {
        do {
            try store.note(step, phase, sequence: sequence, at: now())
        } catch { throw .notRecorded("\(error)") }
    }
}

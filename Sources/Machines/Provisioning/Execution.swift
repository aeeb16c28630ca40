import Cards
import KeyStore

/// Runs the steps of a plan on one card, one session for neighbours with the same key.
struct Execution {
    let keys: IssuerKeys
    /// What the plan was worked out from.
    let found: Inspection
    let recorder: (any PersonalisationRecorder)?
    let progress: @Sendable (ProvisioningStep) -> Void

    /// Bytes of one write the card does whole or not at all.
    static let pieceSize = 128

    private var uid: [UInt8] { found.uid }

    /// Gives the number of steps found done. Before the first of them the card signs what
    /// the plan rests on (V8).
    func run(
        _ channel: inout some CardChannel & ~Copyable, _ plan: CardPlan
    ) throws(ProvisioningError) -> Int {
        guard let first = plan.steps.first(where: { !$0.isDone }) else { return plan.steps.count }
        var open = try SignedInspection(keys: keys, found: found).run(
            &channel, otherwise: first.opener)
        var stood = 0
        for planned in plan.steps {
            if planned.isDone {
                try recorder?.didFind(planned.step, uid: uid)
                stood += 1
                continue
            }
            progress(planned.step)
            var current = try opened(&channel, planned, open.take())
            if case .state(let work) = planned.work, try isDone(&channel, &current, work) {
                try recorder?.didFind(planned.step, uid: uid)
                stood += 1
            } else {
                try recorder?.willRun(planned.step, uid: uid)
                try perform(&channel, &current, planned.work)
                try recorder?.didRun(planned.step, uid: uid)
            }
            if current.session.isAlive { open = consume current }
        }
        return stood
    }

    private func opened(
        _ channel: inout some CardChannel & ~Copyable, _ planned: PlannedStep,
        _ open: consuming OpenSession?
    ) throws(ProvisioningError) -> OpenSession {
        if let open, open.opener == planned.opener { return open }
        return try OpenSession(&channel, planned.opener, keys, uid: uid)
    }

    /// Looks at file 03, and whether the card that authenticated is the one that was inspected.
    private func isDone(
        _ channel: inout some CardChannel & ~Copyable, _ open: inout OpenSession,
        _ work: Work.StateWork
    ) throws(ProvisioningError) -> Bool {
        do {
            let authentic = try NTAG424.cardUID(&channel, &open.session)
            guard authentic == uid else { throw CardError.notAuthentic("UID") }
            let file = try NTAG424.readData(
                &channel, &open.session, file: NTAG424.proprietaryFile, offset: 0,
                count: work.lookSize, mode: .full)
            return work.isDone(file)
        } catch let error as CardError { throw .card(error) } catch {
            throw .card(.malformed("\(error)"))
        }
    }

    private func perform(
        _ channel: inout some CardChannel & ~Copyable, _ open: inout OpenSession, _ work: Work
    ) throws(ProvisioningError) {
        do {
            switch work {
            case .state(let state):
                try NTAG424.writeData(
                    &channel, &open.session, file: NTAG424.proprietaryFile, offset: 0,
                    state.content, mode: .full)
            case .content(let file, let offset, let bytes):
                for piece in Self.pieces(bytes) {
                    try NTAG424.writeData(
                        &channel, &open.session, file: file, offset: offset + piece.lowerBound,
                        Array(bytes[piece]), mode: .plain)
                }
            case .settings(let file, let settings):
                try NTAG424.changeFileSettings(&channel, &open.session, file: file, settings)
            case .key(let number, let old, let new):
                try change(&channel, &open, number, from: old, to: new)
            }
        } catch let error as CardError { throw .card(error) } catch let error as ProvisioningError {
            throw error
        } catch { throw .layout("\(error)") }
    }

    private func change(
        _ channel: inout some CardChannel & ~Copyable, _ open: inout OpenSession, _ number: UInt8,
        from old: UInt8, to new: UInt8
    ) throws {
        let standing = try keys.key(StandingKey(number: number, epoch: old), uid: uid)
        let wanted = try keys.key(StandingKey(number: number, epoch: new), uid: uid)
        try NTAG424.changeKey(
            &channel, &open.session, keyNumber: number, old: standing, new: wanted, version: new)
    }

    /// The first piece, which holds the length, goes last: torn before it, nothing is announced.
    static func pieces(_ bytes: [UInt8]) -> [Range<Int>] {
        stride(from: 0, to: bytes.count, by: pieceSize).map {
            $0..<min($0 + pieceSize, bytes.count)
        }.reversed()
    }
}

extension ProvisioningError {
    /// What an authentication with a key that stands ended with.
    init(_ error: CardError, openingWith number: UInt8) {
        switch error {
        case .refused(.authenticationDelay, _): self = .lockedOut(key: number, isFinal: false)
        case .refused(StatusWord(0x919D), _): self = .lockedOut(key: number, isFinal: true)
        default: self = .card(error)
        }
    }
}

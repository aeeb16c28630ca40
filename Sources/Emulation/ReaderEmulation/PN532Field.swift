import CardEmulation
import Threads

/// The chip's antenna: the cards that lie there, and how far each has come (ISO/IEC 14443-3).
///
///     idle ─found─▶ active ─deselected─▶ halted ─field off─▶ idle
struct PN532Field {
    /// How far the chip has come with a card.
    enum Stage: Equatable {
        /// Answers to REQA.
        case idle
        /// Selected; takes blocks once it got RATS.
        case active(isISODEP: Bool)
        /// Silent until it is called by UID, or the field went.
        case halted
    }

    /// A card the field powers.
    final class Contact: SlotLink {
        let insertion: UInt64
        let identity: ContactlessIdentity

        init(_ insertion: UInt64, _ identity: ContactlessIdentity) {
            self.insertion = insertion
            self.identity = identity
        }

        func abort() {}
    }

    private struct Standing {
        let contact: Contact
        var stage = Stage.idle
        /// Of the card's last block (ISO/IEC 14443-4 rule C).
        var blockNumber: UInt8 = 1
        var lastAnswer: [UInt8] = []
        /// A card that gave no answer gives none until it is activated again.
        var isMute = false
    }

    /// Bytes of a block's content when the reader takes frames of 64.
    private static let blockContent = 61

    let places: [CardPlace]
    private var standings: [Standing?]
    private(set) var isOn = false

    init(_ places: [CardPlace]) {
        self.places = places
        standings = places.map { _ in nil }
    }

    mutating func set(_ isOn: Bool) {
        self.isOn = isOn
        guard !isOn else { return }
        for index in places.indices { forget(index) }
    }

    private mutating func forget(_ index: Int) {
        guard let standing = standings[index] else { return }
        standings[index] = nil
        places[index].monitor.update { state in
            if state.link === standing.contact { state.disconnect() }
        }
    }

    /// Powers what has come, forgets what has gone.
    private mutating func refresh(_ index: Int) {
        if let standing = standings[index] {
            let isThere = places[index].monitor.read { state in
                state.link === standing.contact && state.insertions == standing.contact.insertion
            }
            if isThere { return }
            forget(index)
        }
        guard isOn else { return }
        let contact: Contact? = places[index].monitor.update { state in
            guard state.isOffering, !state.isStopping else { return nil }
            state.powerUp()
            guard let identity = state.card?.identity else { return nil }
            let contact = Contact(state.insertions, identity)
            state.link = contact
            state.isPowered = false
            return contact
        }
        standings[index] = contact.map { Standing(contact: $0) }
    }

    /// The next idle card, activated. - Parameter uid: this one only.
    mutating func find(
        uid: [UInt8]?, sendsRATS: Bool
    ) -> (index: Int, identity: ContactlessIdentity)? {
        for index in places.indices {
            refresh(index)
            guard let standing = standings[index], standing.stage == .idle,
                uid == nil || uid == standing.contact.identity.uid
            else { continue }
            activate(index, sendsRATS: sendsRATS)
            return (index, standing.contact.identity)
        }
        return nil
    }

    private mutating func activate(_ index: Int, sendsRATS: Bool) {
        guard let standing = standings[index] else { return }
        let takesBlocks = sendsRATS && !standing.contact.identity.ats.isEmpty
        standings[index]?.stage = .active(isISODEP: takesBlocks)
        standings[index]?.blockNumber = 1
        standings[index]?.lastAnswer = []
        standings[index]?.isMute = false
        places[index].monitor.update { state in
            if state.link === standing.contact { state.isPowered = takesBlocks }
        }
    }

    /// WUPA, select and RATS: false when the card is gone.
    mutating func reactivate(_ index: Int, sendsRATS: Bool) -> Bool {
        refresh(index)
        guard let standing = standings[index], standing.stage == .halted else {
            return stage(index) != .idle && standings[index] != nil
        }
        places[index].monitor.update { state in
            if state.link === standing.contact { state.powerUp() }
        }
        activate(index, sendsRATS: sendsRATS)
        return true
    }

    /// S(DESELECT), or HLTA.
    mutating func halt(_ index: Int) {
        guard let standing = standings[index], standing.stage != .idle else { return }
        standings[index]?.stage = .halted
        places[index].monitor.update { state in
            if state.link === standing.contact { state.isPowered = false }
        }
    }

    /// Idle also when nothing is there.
    func stage(_ index: Int) -> Stage { standings[index]?.stage ?? .idle }

    /// How long to wait for this card before it counts as mute.
    func patience(_ index: Int) -> Duration {
        (standings[index]?.contact.identity ?? .unnamed).frameWaitingTime
    }

    /// One APDU by ISO-DEP; empty: no answer.
    mutating func exchange(_ index: Int, _ command: [UInt8]) -> SlotOutcome {
        refresh(index)
        guard let standing = standings[index], standing.stage == .active(isISODEP: true) else {
            return SlotOutcome()
        }
        let outcome = places[index].monitor.update { state in
            let outcome = state.exchange(command, over: standing.contact)
            if outcome.hasLeft, state.link === standing.contact { state.depart() }
            return outcome
        }
        standings[index]?.isMute = outcome.answer.isEmpty
        if !outcome.answer.isEmpty {
            standings[index]?.blockNumber ^= 1
            standings[index]?.lastAnswer = outcome.answer
        }
        return outcome
    }

    /// Any block sent as it is to the cards in the field; nil: nobody answers.
    mutating func block(_ bytes: [UInt8]) -> (answer: [UInt8], outcome: SlotOutcome)? {
        for index in places.indices {
            refresh(index)
            guard let standing = standings[index], let head = bytes.first else { continue }
            guard standing.stage == .active(isISODEP: true) else {
                if standing.stage == .active(isISODEP: false), head == 0xE0, bytes.count == 2 {
                    activate(index, sendsRATS: true)
                    return (standing.contact.identity.ats, SlotOutcome())
                }
                continue
            }
            return block(head, bytes, index, standing)
        }
        return nil
    }

    private mutating func block(
        _ head: UInt8, _ bytes: [UInt8], _ index: Int, _ standing: Standing
    ) -> (answer: [UInt8], outcome: SlotOutcome)? {
        switch head {
        case _ where standing.isMute: return nil
        case 0xB2, 0xB3:
            // Rules 11 and 12: the block asked for again, or an R(ACK).
            guard head & 1 == standing.blockNumber, !standing.lastAnswer.isEmpty else {
                return ([0xA2 | standing.blockNumber], SlotOutcome())
            }
            let size = (standing.lastAnswer.count - 1) % Self.blockContent + 1
            return (
                [0x02 | standing.blockNumber] + standing.lastAnswer.suffix(size), SlotOutcome()
            )
        case 0xC2:
            halt(index)
            return ([0xC2], SlotOutcome())
        case 0x02, 0x03:
            let outcome = exchange(index, Array(bytes.dropFirst()))
            return outcome.answer.isEmpty ? nil : ([head] + outcome.answer, outcome)
        default: return nil
        }
    }
}

public import Journal
public import Linux
public import Operations
import Tokens

/// The content of a receipt (C1, C2).
public struct Receipt: Equatable, Sendable {
    /// Where the operation stands with the ledger.
    public enum State: Equatable, Sendable {
        /// It will be sent.
        case pending
        /// The ledger has it.
        case settled
        /// The ledger declined or holds it: its code.
        case rejected(String)
    }

    /// What an action was.
    public struct Deed: Equatable, Sendable {
        /// What it is called; its code when the catalogue has it no more.
        public let label: Words
        /// What it counts for.
        public let purpose: Words?
        /// What was counted; nil when the catalogue has it no more.
        public let unit: ActionUnit?
        /// Thousandths.
        public let quantity: Int64

        /// A deed.
        public init(label: Words, purpose: Words?, unit: ActionUnit?, quantity: Int64) {
            self.label = label
            self.purpose = purpose
            self.unit = unit
            self.quantity = quantity
        }
    }

    /// The operation that this one gives back or cancels.
    public struct Reference: Equatable, Sendable {
        /// Its number.
        public let sequence: UInt64
        /// When it was.
        public let time: LocalTime
    }

    /// Who took part on this side of the counter, from the policy.
    public let merchant: String
    /// When, on this machine's clock.
    public let time: LocalTime
    /// What it was.
    public let kind: EntryKind
    /// Money, when some moved.
    public let amount: Amount?
    /// The action, when it was one.
    public let deed: Deed?
    /// Last four digits of the card.
    public let lastFour: String?
    /// Number of the operation.
    public let sequence: UInt64
    /// Its id.
    public let id: EntryID
    /// What it gives back or cancels.
    public let reference: Reference?
    /// Where it stands.
    public let state: State
    /// True: nothing moved.
    public let isTraining: Bool
    /// True when a later entry cancelled it.
    public let isReversed: Bool
    /// When it was entered again, if it was recovered from a journal that was set aside.
    public let recovered: LocalTime?

    /// The receipt of an entry; nil for what people take no receipt of.
    /// - Parameters:
    ///   - referred: the entry it speaks of: a refund's payment, what a reversal cancels.
    ///   - action: the catalogue's row of an action.
    public init?(
        _ line: JournalLine, referred: Entry?, action: CatalogueAction?, merchant: String
    ) {
        let entry = line.entry
        kind = entry.body.kind
        switch kind {
        case .payment, .refund, .reversal, .topUp, .action, .enrolment: break
        case .cardEvent, .closure, .technicalEvent: return nil
        }
        self.merchant = merchant
        time = LocalTime(milliseconds: entry.happened)
        recovered = entry.setAside == nil ? nil : LocalTime(milliseconds: entry.time)
        let isReversal = kind == .reversal
        amount = isReversal ? referred?.body.amount : entry.body.amount
        lastFour = (isReversal ? referred?.body.card : entry.body.card)?.lastFour
        if case .action(let act) = isReversal ? referred?.body : entry.body {
            deed = Deed(
                label: action?.labels ?? Words(["fr": act.code]), purpose: action?.purpose,
                unit: action?.unit, quantity: act.quantity)
        } else {
            deed = nil
        }
        sequence = entry.sequence
        id = entry.id
        reference = referred.map {
            Reference(sequence: $0.sequence, time: LocalTime(milliseconds: $0.happened))
        }
        state =
            line.isBooked.map { $0 ? .settled : .rejected(line.outcome?.code ?? "") } ?? .pending
        isTraining = entry.isTraining
        isReversed = line.standing.isReversed
    }

    /// The lines of a page, a label and what it says.
    public func rows(_ language: ReceiptLanguage) -> [(label: String, value: String)] {
        let words = ReceiptWords(language)
        var rows: [(label: String, value: String)] = []
        if let deed {
            rows.append((words.quantity, words.text(deed)))
        } else if let amount {
            rows.append((words.amount, words.text(amount)))
        }
        if let lastFour { rows.append((words.card, "•••• \(lastFour)")) }
        if let reference {
            rows.append(
                (
                    words.of(kind),
                    "\(words.number(reference.sequence)), \(words.day(reference.time))"
                ))
        }
        rows.append((words.operation, words.number(sequence)))
        if let recovered { rows.append((words.recovered, words.day(recovered))) }
        rows.append((words.state, words.text(state)))
        return rows
    }

    /// "Paiement", or the label of an action.
    public func title(_ language: ReceiptLanguage) -> String {
        let words = ReceiptWords(language)
        guard let deed, kind == .action else { return words.kind(kind) }
        return deed.label.text(in: language.rawValue)
    }

    /// A receipt for a QR symbol: plain text of at most some 230 bytes, spaces of one kind. It
    /// stands for itself: it is read without a network, and nobody learns who reads it.
    public func text(_ language: ReceiptLanguage) -> String {
        let words = ReceiptWords(language)
        var lines = [
            words.receipt, ReceiptWords.clipped(merchant, bytes: 48), words.moment(time),
        ]
        if isTraining { lines.insert(words.training, at: 0) }
        let matter = deed.map { words.text($0) } ?? amount.map { words.text($0) }
        lines.append(
            [ReceiptWords.clipped(title(language), bytes: 48), matter].compactMap { $0 }
                .joined(separator: " "))
        if let reference {
            lines.append(
                "\(words.of(kind)) \(words.number(reference.sequence)) \(words.day(reference.time))"
            )
        }
        if let recovered { lines.append("\(words.recovered) \(words.day(recovered))") }
        let card = lastFour.map { "\(words.card) ...\($0), " } ?? ""
        lines.append("\(card)\(words.number(sequence)), \(words.text(state))")
        lines.append("\(id)")
        return ReceiptWords.plain(lines.filter { !$0.isEmpty }.joined(separator: "\n"))
    }

    /// The paper of a receipt. `copy` 0 is the first print; more: DUPLICATA of that number (C2).
    public func paper(_ language: ReceiptLanguage, copy: UInt64) -> Paper {
        let words = ReceiptWords(language)
        var blocks: [Paper.Block] = []
        if isTraining { blocks.append(.notice(words.training)) }
        if copy > 0 { blocks.append(.notice(words.copy(copy))) }
        blocks += [
            .text("Carte ECO", .small), .text(merchant, .title), .text(words.moment(time), .small),
            .rule, .text(title(language), .strong),
        ]
        if let deed {
            blocks.append(.text(words.text(deed), .large))
            if let purpose = deed.purpose?.text(in: language.rawValue) {
                blocks.append(.text(purpose, .small))
            }
        } else if let amount {
            blocks.append(.text(words.text(amount), .large))
        }
        blocks.append(.rule)
        for (label, value) in rows(language).dropFirst(deed == nil && amount == nil ? 0 : 1) {
            blocks.append(.pair(label, value))
        }
        if isReversed { blocks.append(.notice(words.cancelled)) }
        if isTraining { blocks.append(.text(words.trainingNote, .small)) }
        blocks += [.code(text(language)), .text("\(id)", .tiny)]
        return Paper(blocks)
    }
}

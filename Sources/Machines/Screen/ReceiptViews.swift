import Crypto
import Operations
import Receipts
import Terminal

/// The answer of /api/receipt: what is on the receipt, as a page shows it.
struct ReceiptView: Encodable {
    struct Row: Encodable {
        let label: String
        let value: String
    }

    let id: String
    let title: String
    let rows: [Row]

    init(_ receipt: Receipt, _ language: ReceiptLanguage) {
        id = receipt.id.description
        title = receipt.title(language)
        rows = receipt.rows(language).map { Row(label: $0.label, value: $0.value) }
    }
}

/// A closure: one that was made, or what one would say now (then without `id` and `time`).
struct ClosureView: Encodable {
    let id: String?
    let time: UInt64?
    let period: String
    let number: UInt64
    let unsent: UInt64
    let perpetualCents: Int64
    /// First 8 bytes of the SHA-256 of the last entry, hexadecimal.
    let lastHash: String
    let totals: TotalsView
    /// The sentence of the rule that forbids it now.
    let forbidden: RefusalMessage?

    init(_ slip: ClosureSlip, time: UInt64? = nil, forbidden: RuleRefusal? = nil) {
        let closure = slip.closure
        id = slip.id?.description
        self.time = time
        period = closure.period.name
        number = closure.number
        unsent = closure.unsent
        perpetualCents = closure.perpetual
        lastHash = Hexadecimal.text(Array(slip.lastHash.prefix(8)))
        totals = TotalsView(closure.totals)
        self.forbidden = forbidden.map { RefusalMessage($0) }
    }
}

/// The answer of /api/closures: those that were made, newest first.
struct ClosuresView: Encodable {
    let closures: [ClosureView]
}

/// The answer of /api/export: where the file is.
struct ExportView: Encodable { let path: String }

/// The answer of /api/help: what a merchant reads out on the telephone.
struct HelpView: Encodable {
    let version: String
    /// First 4 bytes of the terminal's kid.
    let terminal: String
    let reader: String?
    /// The code of what is wrong now; "OK" when nothing is.
    let code: String

    init(_ snapshot: Snapshot, terminal: [UInt8], version: String) {
        self.version = version
        self.terminal = Hexadecimal.text(Array(terminal.prefix(4)))
        if case .ready(let name) = snapshot.reader { reader = name } else { reader = nil }
        code =
            switch snapshot.stage {
            case .outOfService(let refusal): refusal.code
            case .refused(_, _, let refusal): refusal.code
            case .unknownResult: "X01"
            default: snapshot.reader == .absent ? Refusal.readerAbsent.code : "OK"
            }
    }
}

/// The printer's state as one word.
enum PrinterView {
    static func name(_ state: PrinterState) -> String {
        switch state {
        case .none: "none"
        case .idle: "idle"
        case .printing: "printing"
        case .trouble(.absent): "absent"
        case .trouble(.noPaper): "noPaper"
        case .trouble(.notAnswering): "notAnswering"
        case .trouble(.full): "full"
        case .trouble(.notRecorded): "notRecorded"
        }
    }
}

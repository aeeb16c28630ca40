import Linux
import Operations

/// The words of receipts, and how a language writes money, days and numbers (UX.md §1.7).
struct ReceiptWords {
    private let language: ReceiptLanguage

    init(_ language: ReceiptLanguage) { self.language = language }

    private func pick(_ french: String, _ english: String) -> String {
        language == .french ? french : english
    }

    var receipt: String { pick("Reçu Carte ECO", "Carte ECO receipt") }
    var amount: String { pick("Montant", "Amount") }
    var quantity: String { pick("Quantité", "Quantity") }
    var card: String { pick("Carte", "Card") }
    var operation: String { pick("Opération", "Operation") }
    var recovered: String { pick("Repris le", "Recovered on") }
    var state: String { pick("État", "State") }
    var training: String { pick("FORMATION", "TRAINING") }
    var trainingNote: String {
        pick("Exercice : rien n’est débité.", "Practice: nothing is charged.")
    }
    var cancelled: String { pick("ANNULÉ", "CANCELLED") }

    func copy(_ number: UInt64) -> String { "DUPLICATA n° \(number)" }

    func number(_ sequence: UInt64) -> String {
        pick("n°\u{00A0}\(sequence)", "no.\u{00A0}\(sequence)")
    }

    func kind(_ kind: EntryKind) -> String {
        switch kind {
        case .payment: pick("Paiement", "Payment")
        case .refund: pick("Remboursement", "Refund")
        case .reversal: pick("Annulation", "Reversal")
        case .topUp: pick("Recharge", "Top-up")
        case .action: pick("Action", "Action")
        case .enrolment: pick("Carte remise", "Card given")
        case .cardEvent: pick("Carte signalée", "Card reported")
        case .closure: pick("Clôture", "Closure")
        case .technicalEvent: pick("Événement", "Event")
        }
    }

    /// What an operation that speaks of an earlier one calls it.
    func of(_ kind: EntryKind) -> String {
        switch kind {
        case .refund: pick("Du paiement", "Of payment")
        case .reversal: pick("De l’opération", "Of operation")
        default: pick("Suite du paiement", "Completes payment")
        }
    }

    func text(_ state: Receipt.State) -> String {
        switch state {
        case .pending: pick("sera envoyé", "will be sent")
        case .settled: pick("envoyé", "sent")
        case .rejected(let code): pick("rejeté", "rejected") + (code.isEmpty ? "" : " (\(code))")
        }
    }

    func text(_ amount: Amount) -> String { money(amount.cents) }

    /// "1 234,50 ECO"; below zero with U+2212.
    func money(_ cents: Int64) -> String {
        let magnitude = cents.magnitude
        return (cents < 0 ? "\u{2212}" : "") + grouped(magnitude / 100) + pick(",", ".")
            + Self.digits(magnitude % 100, 2) + "\u{00A0}ECO"
    }

    /// "2,500 kg", "3 unités"; without a unit "2,500".
    func text(_ deed: Receipt.Deed) -> String { quantity(deed.quantity, deed.unit) }

    func quantity(_ thousandths: Int64, _ unit: ActionUnit?) -> String {
        let magnitude = thousandths.magnitude
        let whole = (thousandths < 0 ? "\u{2212}" : "") + grouped(magnitude / 1_000)
        let decimals = whole + pick(",", ".") + Self.digits(magnitude % 1_000, 3)
        switch unit {
        case .piece:
            let isOne = magnitude < 2_000
            return whole + "\u{00A0}" + pick(isOne ? "unité" : "unités", isOne ? "unit" : "units")
        case .kilogram: return decimals + "\u{00A0}kg"
        case nil: return magnitude % 1_000 == 0 ? whole : decimals
        }
    }

    func grouped(_ number: UInt64) -> String {
        let digits = Array("\(number)")
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += pick("\u{202F}", ",") }
            text.append(digit)
        }
        return text
    }

    /// "27 nov. 2026, 10:12 (UTC+1)"
    func moment(_ time: LocalTime) -> String {
        let hours = abs(time.offsetMinutes) / 60
        let minutes = abs(time.offsetMinutes) % 60
        let zone =
            "UTC" + (time.offsetMinutes < 0 ? "\u{2212}" : "+") + "\(hours)"
            + (minutes == 0 ? "" : ":" + Self.digits(UInt64(minutes), 2))
        return day(time) + ", \(Self.digits(UInt64(clamping: time.hour), 2)):"
            + "\(Self.digits(UInt64(clamping: time.minute), 2)) (\(zone))"
    }

    /// "27 nov. 2026"
    func day(_ time: LocalTime) -> String {
        let months = pick(
            "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
            "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
        ).split(separator: " ")
        let month = months.indices.contains(time.month - 1) ? months[time.month - 1] : "?"
        return "\(time.day) \(month) \(time.year)"
    }

    static func digits(_ number: UInt64, _ count: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }

    /// At most so many bytes of UTF-8, cut between characters.
    static func clipped(_ text: String, bytes: Int) -> String {
        var clipped = ""
        for character in text where clipped.utf8.count + character.utf8.count <= bytes {
            clipped.append(character)
        }
        return clipped
    }

    /// One kind of space, one kind of minus: what every reader of a QR symbol shows.
    static func plain(_ text: String) -> String {
        text.replacing("\u{202F}", with: " ").replacing("\u{00A0}", with: " ")
            .replacing("\u{2212}", with: "-").replacing("’", with: "'")
    }
}

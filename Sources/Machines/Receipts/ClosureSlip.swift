import Crypto
public import Linux
public import Operations

/// A closure as people read it: one that was made, or what one would say now.
public struct ClosureSlip: Equatable, Sendable {
    /// From the policy.
    public let merchant: String
    /// What it says.
    public let closure: Closure
    /// When it was made; nil for one that is not.
    public let time: LocalTime?
    /// Its id; nil for one that is not made.
    public let id: EntryID?
    /// SHA-256 of the last entry it covers.
    public let lastHash: [UInt8]
    /// Actions of the catalogue, for labels and units.
    public let catalogue: [CatalogueAction]

    /// A slip.
    public init(
        merchant: String, closure: Closure, time: LocalTime?, id: EntryID?, lastHash: [UInt8],
        catalogue: [CatalogueAction]
    ) {
        self.merchant = merchant
        self.closure = closure
        self.time = time
        self.id = id
        self.lastHash = lastHash
        self.catalogue = catalogue
    }

    private static func title(_ period: ClosurePeriod, _ language: ReceiptLanguage) -> String {
        switch (period, language) {
        case (.day, .french): "Clôture du jour"
        case (.month, .french): "Clôture du mois"
        case (.year, .french): "Clôture de l’année"
        case (.day, .english): "Closing of the day"
        case (.month, .english): "Closing of the month"
        case (.year, .english): "Closing of the year"
        }
    }

    /// "Clôture du jour n° 41"
    public func title(_ language: ReceiptLanguage) -> String {
        Self.title(closure.period, language) + " " + ReceiptWords(language).number(closure.number)
    }

    /// Totals in the order of a slip: name, count, cents; cents alone when nothing is counted.
    private func totals(_ language: ReceiptLanguage) -> [(String, UInt64?, Int64)] {
        let isFrench = language == .french
        let totals = closure.totals
        func row(_ french: String, _ english: String, _ total: KindTotal)
            -> (String, UInt64?, Int64)
        { (isFrench ? french : english, total.count, total.sum) }
        return [
            row("Paiements", "Payments", totals.payments),
            row("Remboursements", "Refunds", totals.refunds),
            row("Annulations", "Reversals", totals.reversals),
            row("Recharges", "Top-ups", totals.topUps),
            row("Recharges annulées", "Top-ups reversed", totals.topUpReversals),
            (isFrench ? "Recette" : "Takings", nil, totals.takings),
            (isFrench ? "Total perpétuel" : "Perpetual total", nil, closure.perpetual),
        ]
    }

    private func actions() -> [(code: String, label: Words, unit: ActionUnit?, total: KindTotal)] {
        closure.totals.actions.sorted { $0.key < $1.key }.map { code, total in
            let action = catalogue.first { $0.code == code }
            return (code, action?.labels ?? Words(["fr": code]), action?.unit, total)
        }
    }

    /// A closure for a QR symbol: what an accountant compares, in one short text.
    public func text(_ language: ReceiptLanguage) -> String {
        let words = ReceiptWords(language)
        var lines = [ReceiptWords.clipped(merchant, bytes: 48), title(language)]
        if let time { lines.append(words.moment(time)) }
        lines.append("\(closure.from)-\(closure.to)")
        for (name, count, cents) in totals(language) where count != 0 {
            lines.append("\(name) " + (count.map { "\($0) = " } ?? "") + words.money(cents))
        }
        lines.append("SHA-256 " + Hexadecimal.text(Array(lastHash.prefix(8))))
        return ReceiptWords.plain(lines.filter { !$0.isEmpty }.joined(separator: "\n"))
    }

    /// The paper; `copy` as for a receipt.
    public func paper(_ language: ReceiptLanguage, copy: UInt64) -> Paper {
        let words = ReceiptWords(language)
        let isFrench = language == .french
        var blocks: [Paper.Block] = copy > 0 ? [.notice(words.copy(copy))] : []
        blocks += [
            .text("Carte ECO", .small), .text(merchant, .title), .text(title(language), .strong),
        ]
        if let time { blocks.append(.text(words.moment(time), .small)) }
        blocks.append(.rule)
        for (name, count, cents) in totals(language) {
            blocks.append(.pair(count.map { "\(name) (\($0))" } ?? name, words.money(cents)))
        }
        blocks.append(
            .pair(isFrench ? "Cartes remises" : "Cards given", "\(closure.totals.enrolments)"))
        for (_, label, unit, total) in actions() {
            blocks.append(
                .pair(
                    "\(label.text(in: language.rawValue)) (\(total.count))",
                    words.quantity(total.sum, unit)))
        }
        blocks += [
            .rule, .pair(isFrench ? "Écritures" : "Entries", "\(closure.from)–\(closure.to)"),
            .pair(isFrench ? "À envoyer" : "To be sent", "\(closure.unsent)"),
            .text("SHA-256 " + Hexadecimal.text(lastHash), .tiny), .code(text(language)),
        ]
        if let id { blocks.append(.text("\(id)", .tiny)) }
        return Paper(blocks)
    }

    /// A table for a spreadsheet (RFC 4180): integers alone, cents or thousandths of a unit.
    public var table: [UInt8] {
        let names = [
            "payments", "refunds", "reversals", "topups", "topup_reversals", "takings", "perpetual",
        ]
        var lines = [
            "period,number,from,to,unsent,last_entry_sha256,id",
            "\(closure.period),\(closure.number),\(closure.from),\(closure.to),\(closure.unsent),"
                + Hexadecimal.text(lastHash) + "," + (id.map { "\($0)" } ?? ""),
            "what,count,cents",
        ]
        for (name, row) in zip(names, totals(.english)) {
            lines.append("\(name)," + (row.1.map { "\($0)" } ?? "") + ",\(row.2)")
        }
        lines += ["enrolments,\(closure.totals.enrolments),", "action,count,thousandths"]
        lines += actions().map { "\($0.code),\($0.total.count),\($0.total.sum)" }
        return Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
    }

    /// The name of its file: "cloture-day-000041.csv".
    public var fileName: String {
        "cloture-\(closure.period)-\(ReceiptWords.digits(closure.number, 6)).csv"
    }
}

import FoundationEssentials
import LedgerBook
import Operations

/// A language of the association's view.
enum FleetLanguage: String, CaseIterable, Sendable {
    case french = "fr"
    case english = "en"

    var other: FleetLanguage { self == .french ? .english : .french }
}

/// The words of one language, and how it writes numbers and times.
struct FleetWords: Sendable {
    let language: FleetLanguage
    private let words: [String: String]

    private static let all: [FleetLanguage: [String: String]] = Dictionary(
        uniqueKeysWithValues: FleetLanguage.allCases.map { language in
            let bytes = LedgerAsset.embedded["/fleet/\(language.rawValue).json"]?.bytes ?? []
            let words = try? JSONDecoder().decode([String: String].self, from: Data(bytes))
            return (language, words ?? [:])
        })

    init(_ language: FleetLanguage) {
        self.language = language
        words = Self.all[language] ?? [:]
    }

    /// Every key there is.
    var keys: Set<String> { Set(words.keys) }

    /// The text of a key, its places filled in; the key itself when there is none, so that a test
    /// sees it.
    func callAsFunction(_ key: String, _ places: KeyValuePairs<String, String> = [:]) -> String {
        var text = words[key] ?? "[\(key)]"
        for (name, value) in places { text = text.replacing("{\(name)}", with: value) }
        return text
    }

    func has(_ key: String) -> Bool { words[key] != nil }

    // MARK: numbers

    /// "1 234": digits in groups of three.
    func number(_ value: Int64) -> String { grouped("\(value.magnitude)", value < 0) }

    private func grouped(_ digits: String, _ isNegative: Bool) -> String {
        var groups: [Substring] = []
        var rest = Substring(digits)
        while rest.count > 3 {
            groups.insert(rest.suffix(3), at: 0)
            rest = rest.dropLast(3)
        }
        groups.insert(rest, at: 0)
        return (isNegative ? "\u{2212}" : "") + groups.joined(separator: self("group"))
    }

    /// "1 234,50 ECO".
    func money(_ cents: Int64) -> String { decimal(cents, digits: 2) + "\u{a0}ECO" }

    /// Thousandths: "12,5", "3".
    func quantity(_ thousandths: Int64) -> String {
        if thousandths % 1_000 == 0 { return number(thousandths / 1_000) }
        return decimal(thousandths, digits: 3)
    }

    private func decimal(_ units: Int64, digits: Int) -> String {
        let parts = Decimal.text(units, digits: digits).split(separator: ".")
        let whole = parts[0].drop { $0 == "-" }
        return grouped(String(whole), units < 0) + self("decimal") + parts[1]
    }

    // MARK: times

    /// "27 nov. 2026".
    func day(_ number: UInt64) -> String {
        let day = CalendarDay(number: number)
        return "\(day.day) \(month(day.month)) \(day.year)"
    }

    /// "nov. 2026" of "2026-11".
    func month(_ text: String) -> String {
        let parts = text.split(separator: "-")
        return month(parts.last.flatMap { Int($0) } ?? 1) + " " + (parts.first ?? "")
    }

    private func month(_ index: Int) -> String {
        let names = self("months").split(separator: " ")
        return names.indices.contains(index - 1) ? String(names[index - 1]) : "\(index)"
    }

    /// "27 nov. 2026, 14:05".
    func moment(_ milliseconds: UInt64) -> String {
        let minutes = Int(milliseconds % UTCDay.length) / 60_000
        return day(UTCDay.number(milliseconds))
            + ", \(CalendarDay.two(minutes / 60)):\(CalendarDay.two(minutes % 60))"
    }

    /// "il y a 3 h".
    func ago(_ time: UInt64, now: UInt64) -> String {
        let minutes = Int64(clamping: (now > time ? now - time : 0) / 60_000)
        switch minutes {
        case ..<1: return self("ago.now")
        case ..<60: return self("ago.minutes", ["n": number(minutes)])
        case ..<(48 * 60): return self("ago.hours", ["n": number(minutes / 60)])
        default: return self("ago.days", ["n": number(minutes / 1_440)])
        }
    }

    /// "3 min": a length of time, milliseconds.
    func span(_ milliseconds: UInt64) -> String {
        let seconds = Int64(clamping: milliseconds / 1_000)
        switch seconds {
        case ..<120: return self("span.seconds", ["n": number(seconds)])
        case ..<7_200: return self("span.minutes", ["n": number(seconds / 60)])
        case ..<172_800: return self("span.hours", ["n": number(seconds / 3_600)])
        default: return self("span.days", ["n": number(seconds / 86_400)])
        }
    }

    /// What happened to an entry and what to do, by the ledger's code.
    func advice(_ code: String) -> (why: String, what: String) {
        let known = has("why.\(code)") ? code : "other"
        return (self("why.\(known)"), self("do.\(known)"))
    }
}

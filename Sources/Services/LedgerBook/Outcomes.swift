import LedgerMessages

extension Outcome {
    /// The database's words.
    var name: String {
        switch self {
        case .settled: "settled"
        case .declined: "declined"
        case .held: "held"
        case .duplicate: "duplicate"
        }
    }

    /// "" unless declined or held.
    var code: String {
        switch self {
        case .settled, .duplicate: ""
        case .declined(let code), .held(let code): code
        }
    }

    init(name: String, code: String) {
        switch name {
        case "settled": self = .settled
        case "declined": self = .declined(code: code)
        case "duplicate": self = .duplicate
        default: self = .held(code: code)
        }
    }
}

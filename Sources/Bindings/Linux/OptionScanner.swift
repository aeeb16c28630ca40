import CLinux
import Glibc
import Synchronization

/// One pass of `getopt_long` over a command line.
public enum OptionScanner {
    /// One option: its long name without "--", an optional letter, whether a value follows.
    public struct Option: Sendable {
        let name: String
        let letter: Character?
        let takesValue: Bool

        /// `letter`: an ASCII letter or digit.
        public init(name: String, letter: Character?, takesValue: Bool) {
            self.name = name
            self.letter = letter
            self.takesValue = takesValue
        }
    }

    /// What the pass found, in order.
    public enum Item: Equatable, Sendable {
        /// The option at this index of the list, with its value when it takes one.
        case option(Int, value: String?)
        /// A word that is no option; everything after "--" is one.
        case word(String)
        /// A word that looks like an option and is none, or an ambiguous or overdressed one.
        case unknown(String)
        /// The option at this index stands last without its value.
        case valueMissing(Int)
    }

    private static let turn = Mutex(())  // getopt_long keeps its state in globals

    /// Reads `words` (without the program's name). A unique beginning of a long name counts as
    /// the name; "-abc" is "-a -b -c". Calls `getopt_long`.
    public static func scan(_ words: [String], _ options: [Option]) -> [Item] {
        turn.withLock { _ in
            let names = options.map { strdup($0.name) }
            var vector = ([""] + words).map { strdup($0) } + [nil]
            defer { for text in names + vector { free(text) } }
            let rows = options.indices.map {
                linux_option_row(
                    name: names[$0], takes_value: options[$0].takesValue ? 1 : 0,
                    value: firstValue + Int32($0))
            }
            guard let table = linux_option_table(rows, Int32(rows.count)) else { return [] }
            defer { free(table) }
            // "-": words come in their place; ":": a missing value is told apart.
            let letters = "-:" + options.map(letters(of:)).joined()
            return vector.withUnsafeMutableBufferPointer {
                items($0, options, letters: letters, table: table)
            }
        }
    }

    private static let firstValue: Int32 = 1000  // above every letter

    private static func letters(of option: Option) -> String {
        option.letter.map { String($0) + (option.takesValue ? ":" : "") } ?? ""
    }

    private static func items(
        _ vector: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>, _ options: [Option],
        letters: String, table: UnsafeMutableRawPointer
    ) -> [Item] {
        func index(_ value: Int32) -> Int? {
            if value >= firstValue { return Int(value - firstValue) }
            let letter = UInt8(exactly: value).map { Character(Unicode.Scalar($0)) }
            return options.firstIndex { $0.letter != nil && $0.letter == letter }
        }
        let count = Int32(vector.count - 1)
        var items: [Item] = []
        var word: Int32 = 0
        while true {
            var argument: UnsafePointer<CChar>?
            var letter: Int32 = 0
            let before = max(word, 1)
            let found = linux_next_option(
                count, vector.baseAddress, letters, table, &word, &argument, &letter)
            let value = argument.map { String(cString: $0) }
            switch found {
            case -1:
                let rest = vector[min(Int(word), Int(count))..<Int(count)]
                return items + rest.compactMap { $0.map { .word(String(cString: $0)) } }
            case 1: items.append(.word(value ?? ""))
            case 63:  // "?"
                let whole = vector[Int(min(before, count - 1))].map { String(cString: $0) } ?? ""
                let short = UInt8(exactly: letter).map { "-" + String(Unicode.Scalar($0)) } ?? ""
                items.append(.unknown(whole.hasPrefix("--") || letter == 0 ? whole : short))
            case 58:  // ":"
                items.append(index(letter).map { .valueMissing($0) } ?? .unknown(""))
            default:
                items.append(index(found).map { .option($0, value: value) } ?? .unknown(""))
            }
        }
    }
}

import Linux

/// A configuration as written: a file and the drop-ins beside it, line by line.
struct ConfigurationFile {
    /// Bytes one file may have.
    static let sizeMax = 65_536
    /// Where it is when nobody says.
    static let standardPath = "/etc/carte-eco/terminal.conf"

    /// What is wrong at one line.
    struct Fault: Equatable {
        let file: String
        /// From 1.
        let line: Int
        let sentence: String
        let hint: String
    }

    /// A value and where it stands.
    struct Value {
        let text: String
        let file: String
        let line: Int
    }

    let path: String
    private(set) var values: [String: Value] = [:]
    private(set) var faults: [Fault] = []
    /// The files that were read, in order.
    private(set) var files: [String] = []

    /// Reads `path`, then `path.d/*.conf` by name.
    /// - Throws: `LinuxError` and the file it is of.
    init(path: String) throws(Unreadable) {
        self.path = path
        try read(path)
        let folder = path + ".d"
        guard Files.exists(folder) else { return }
        let names: [String]
        do throws(LinuxError) { names = try Files.list(folder) } catch {
            throw Unreadable(file: folder, cause: error)
        }
        for name in names where name.hasSuffix(".conf") { try read(folder + "/" + name) }
    }

    /// A file that cannot be read.
    struct Unreadable: Error {
        let file: String
        let cause: LinuxError
    }

    private mutating func read(_ file: String) throws(Unreadable) {
        let bytes: [UInt8]
        do throws(LinuxError) { bytes = try Files.read(file, atMost: Self.sizeMax) } catch {
            throw Unreadable(file: file, cause: error)
        }
        files.append(file)
        // Some editors begin a file with a mark that nobody sees.
        let isMarked = bytes.starts(with: [0xef, 0xbb, 0xbf])
        var seen: [String: Int] = [:]
        for (index, line) in Files.lines(bytes.dropFirst(isMarked ? 3 : 0)).enumerated() {
            let text = Self.trimmed(line.prefix { $0 != "#" })
            if !text.isEmpty { take(text, file, index + 1, &seen) }
        }
    }

    /// A fault is told on the page, in the log and in what is sent to a technician. So it quotes
    /// nothing that may be a secret in the wrong place: a name, where it looks like one of ours.
    private mutating func take(
        _ text: String, _ file: String, _ line: Int, _ seen: inout [String: Int]
    ) {
        func fault(_ sentence: String, _ hint: String) {
            faults.append(Fault(file: file, line: line, sentence: sentence, hint: hint))
        }
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            .map(Self.trimmed)
        guard parts.count == 2 else {
            let word = String(text.prefix { !Self.isBlank($0) })
            return fault(
                Setting.nearest(word) == nil
                    ? "this line is no setting" : "no '=' follows '\(word)'",
                "a line is NAME = VALUE")
        }
        let (name, value) = (parts[0], parts[1])
        guard let setting = Setting.named(name) else {
            let names = Setting.all.map(\.name).joined(separator: ", ")
            let hint =
                Setting.nearest(name).map { "did you mean '\($0)'?" } ?? "there is: " + names
            let isName = name.count <= 32 && name.allSatisfy { "a"..."z" ~= $0 || $0 == "-" }
            return fault(
                isName ? "there is no setting '\(name)'" : "no setting has this name", hint)
        }
        if let before = seen[name] {
            return fault("'\(name)' stands twice", "line \(before) sets it already: keep one")
        }
        seen[name] = line
        guard setting.takes(value) else {
            return fault("'\(name)' does not take '\(value)'", "it takes: " + setting.unit)
        }
        values[name] = Value(text: value, file: file, line: line)
    }

    private static func isBlank(_ character: Character) -> Bool { " \t\r".contains(character) }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}

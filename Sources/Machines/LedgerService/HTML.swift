/// Text that is HTML already; everything else is escaped on its way in.
struct HTML {
    private(set) var text = ""

    init() {}

    /// Escaped text.
    init(_ plain: String) { text = Self.escaped(plain) }

    /// An element; attributes are escaped, a nil one is left out.
    init(
        _ name: String, _ attributes: KeyValuePairs<String, String?>, _ children: [HTML]
    ) {
        text = Self.open(name, attributes) + children.map(\.text).joined() + "</\(name)>"
    }

    /// The same without attributes.
    init(_ name: String, _ children: [HTML]) { self.init(name, [:], children) }

    /// An element of one text.
    init(_ name: String, _ attributes: KeyValuePairs<String, String?>, _ plain: String) {
        self.init(name, attributes, [HTML(plain)])
    }

    /// The same without attributes.
    init(_ name: String, _ plain: String) { self.init(name, [:], [HTML(plain)]) }

    /// An element without an end.
    init(void name: String, _ attributes: KeyValuePairs<String, String?>) {
        text = Self.open(name, attributes)
    }

    private static func open(
        _ name: String, _ attributes: KeyValuePairs<String, String?>
    ) -> String {
        "<" + name
            + attributes.compactMap { key, value in
                value.map { " \(key)=\"\(escaped($0))\"" }
            }.joined() + ">"
    }

    private static func escaped(_ plain: String) -> String {
        var output = ""
        for character in plain.unicodeScalars {
            switch character {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(character)
            }
        }
        return output
    }
}

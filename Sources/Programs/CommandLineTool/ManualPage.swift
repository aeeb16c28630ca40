/// The manual page of a program (man(7), section 1), made from the declarations of its commands.
struct ManualPage {
    let name: String
    let summary: String
    let version: String
    let commands: [Command]

    /// The page as roff source, one line a member.
    var lines: [String] {
        var page = [
            ".TH \(name.uppercased()) 1 \"\" \"\(name) \(version)\" \"Carte ECO\"", ".SH NAME",
            Self.escaped(name) + " \\- " + Self.escaped(purpose), ".SH SYNOPSIS",
        ]
        for command in commands {
            page += [".B " + Self.escaped(usage(command)), ".RI [ options ]", ".br"]
        }
        page.append(".SH COMMANDS")
        for command in commands { page += section(command) }
        page += [
            ".SH OUTPUT", "Data goes to standard output, talk to standard error. With",
            "\\fB\\-\\-json\\fR the data is one JSON object, or one a line for streams, with a",
            "member \\fBschema\\fR that names its form.", ".SH EXIT STATUS",
        ]
        for code in ExitCode.allCases {
            page += [".TP", ".B \(code.rawValue)", Self.escaped(code.meaning)]
        }
        return page
    }

    /// The summary as whatis(1) wants it: without the name before and the full stop behind.
    private var purpose: String {
        let text = summary.hasPrefix(name + " ") ? summary.dropFirst(name.count + 1) : summary[...]
        return String(text.hasSuffix(".") ? text.dropLast() : text)
    }

    private func usage(_ command: Command) -> String {
        ([name] + command.path + [command.words]).filter { !$0.isEmpty }.joined(separator: " ")
    }

    private func section(_ command: Command) -> [String] {
        let title = (command.path + [command.words]).filter { !$0.isEmpty }
            .joined(separator: " ")
        var page = [".SS \"\(Self.escaped(title))\"", Self.escaped(command.summary) + "."]
        for option in command.allOptions {
            let short = option.letter.map { "\\fB\\-\($0)\\fR, " } ?? ""
            let value = option.placeholder.map { " \\fI" + Self.escaped($0) + "\\fR" } ?? ""
            let long = "\\fB\\-\\-" + Self.escaped(option.name) + "\\fR"
            page += [".TP", short + long + value, Self.escaped(option.help)]
        }
        page += [".PP", "Examples:", ".PP", ".nf"]
        page += command.examples.map { "    " + Self.escaped($0) }
        return page + [".fi"]
    }

    /// Text that roff prints as it stands: backslashes and hyphens escaped, no line that begins
    /// with a control character.
    static func escaped(_ text: String) -> String {
        var output = ""
        for character in text {
            switch character {
            case "\\": output += "\\e"
            case "-": output += "\\-"
            case "\"": output += "\\(dq"
            default: output.append(character)
            }
        }
        return output.hasPrefix(".") || output.hasPrefix("'") ? "\\&" + output : output
    }
}

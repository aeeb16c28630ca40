/// Completion of a program's command lines for bash, made from the declarations of its commands.
struct ShellCompletion {
    let name: String
    let commands: [Command]

    /// The script: `source` it, or put it into bash's completion folder under the program's name.
    var lines: [String] {
        let function = "_" + name.map { $0 == "-" ? "_" : String($0) }.joined()
        var script = [
            "# bash completion for \(name)", "\(function)() {",
            "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
            "    local words=\"${COMP_WORDS[*]:1:COMP_CWORD-1} \" choices= takes=",
            "    COMPREPLY=()",
            "    case \"$before\" in",
        ]
        script += fileOptions + ["    esac", "    case \"$words\" in"]
        for command in commands.sorted(by: { $0.path.count > $1.path.count }) {
            let options = command.allOptions.map { "--" + $0.name }.joined(separator: " ")
            let path = command.path.joined(separator: " ")
            let takesFile = command.words.contains("FILE") ? " takes=file" : ""
            script.append("        \"\(path) \"*) choices=\"\(options)\"\(takesFile) ;;")
        }
        for (noun, verbs) in nouns {
            script.append("        \"\(noun) \") choices=\"\(verbs.joined(separator: " "))\" ;;")
        }
        let start = first.joined(separator: " ")
        return script + [
            "        \" \") choices=\"\(start) --help --version\" ;;", "    esac",
            "    if [[ $takes == file && $word != -* ]]; then",
            "        COMPREPLY=($(compgen -f -- \"$word\"))", "    else",
            "        COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))", "    fi", "}",
            "complete -o filenames -F \(function) \(name)",
        ]
    }

    /// Options whose value is a file or a folder.
    private var fileOptions: [String] {
        let names = Set(
            commands.flatMap(\.options).filter {
                ["FILE", "DIR", "PATH"].contains($0.placeholder ?? "")
            }.map { "--" + $0.name }
        ).sorted()
        guard !names.isEmpty else { return ["        '') ;;"] }
        return [
            "        \(names.joined(separator: "|")))",
            "            COMPREPLY=($(compgen -f -- \"$word\")); return ;;",
        ]
    }

    /// First words, each once, in the order of the commands.
    private var first: [String] {
        var seen: Set<String> = []
        return commands.compactMap { $0.path.first }.filter { seen.insert($0).inserted }
    }

    /// First words that need a second one, with those.
    private var nouns: [(String, [String])] {
        first.compactMap { noun in
            let verbs = commands.filter { $0.path.first == noun && $0.path.count > 1 }
                .map { $0.path[1] }
            return verbs.isEmpty ? nil : (noun, verbs)
        }
    }
}

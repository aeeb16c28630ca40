import CommandLineTool

let configCommands: [Command] = [
    Command(
        ["config", "check"], words: "[FILE]",
        "say what is wrong in the settings, line by line; without FILE: "
            + ConfigurationFile.standardPath,
        examples: [
            "eco-terminal config check", "eco-terminal config check terminal.conf --json",
        ], run: checkConfiguration),
    Command(
        ["config", "show"], "print every setting in force, and where it is set",
        options: [
            configurationOption,
            .flag("defaults", "print the example file instead: every setting at its default"),
        ],
        examples: [
            "eco-terminal config show -c terminal.conf",
            "eco-terminal config show --defaults > terminal.conf",
        ], run: showConfiguration),
]

@Sendable private func checkConfiguration(_ invocation: Invocation) throws {
    let path = invocation.words.first ?? ConfigurationFile.standardPath
    let file = try readConfiguration(path)
    let count = file.values.count
    let faults = file.faults.map { fault in
        JSONValue.record([
            "file": .text(fault.file), "line": .integer(Int64(fault.line)),
            "text": .text(fault.sentence), "hint": .text(fault.hint),
        ])
    }
    let good =
        "\(path) is understood: \(count) \(count == 1 ? "setting" : "settings") in "
        + "\(file.files.count) \(file.files.count == 1 ? "file" : "files")."
    invocation.print(
        .record([
            "schema": .text("eco.config-check.1"), "well": .bool(faults.isEmpty),
            "settings": .integer(Int64(count)),
            "files": .array(file.files.map { .text($0) }), "faults": .array(faults),
        ]),
        faults.isEmpty
            ? [good]
            : file.faults.map { "\($0.file):\($0.line): \($0.sentence) → \($0.hint)" })
    guard faults.isEmpty else {
        throw Failure(
            faults.count == 1 ? "one line is wrong" : "\(faults.count) lines are wrong",
            hint: "each line says what to do", code: .usage, isTold: true)
    }
}

@Sendable private func showConfiguration(_ invocation: Invocation) throws {
    if invocation.flag("defaults") {
        return invocation.print(
            .record([
                "schema": .text("eco.config-defaults.1"),
                "settings": .array(
                    Setting.all.map { setting in
                        .record([
                            "name": .text(setting.name), "unit": .text(setting.unit),
                            "default": setting.standard.map { .text($0) } ?? .null,
                            "help": .text(setting.help.joined(separator: " ")),
                        ])
                    }),
            ]), Setting.example)
    }
    let path = invocation.value("config") ?? ConfigurationFile.standardPath
    let file = try readConfiguration(path)
    if let fault = file.faults.first { throw failure(fault) }
    let width = Setting.all.map(\.name.count).max() ?? 0
    invocation.print(
        .record([
            "schema": .text("eco.config.1"),
            "settings": .array(
                Setting.all.map { setting in
                    let value = file.values[setting.name]
                    return .record([
                        "name": .text(setting.name), "unit": .text(setting.unit),
                        "value": (value?.text ?? setting.standard).map { .text($0) } ?? .null,
                        "file": value.map { .text($0.file) } ?? .null,
                        "line": value.map { .integer(Int64($0.line)) } ?? .null,
                    ])
                }),
        ]),
        Setting.all.map { setting in
            let value = file.values[setting.name]
            let name = setting.name + String(repeating: " ", count: width - setting.name.count)
            let place = value.map { "\($0.file):\($0.line)" } ?? "default"
            let text = value?.text ?? setting.standard ?? ""
            return "\(name) = \(text.isEmpty ? "" : text + "  ")# \(place)"
        })
}

/// Reads a configuration, or says why it cannot be read.
func readConfiguration(_ path: String) throws -> ConfigurationFile {
    do throws(ConfigurationFile.Unreadable) { return try ConfigurationFile(path: path) } catch {
        throw Failure(
            "the configuration \(error.file) cannot be read: \(error.cause)",
            hint: "give --config FILE", code: .usage,
            advice: "La configuration \(error.file) ne peut pas être lue : vérifiez qu’elle est là "
                + "et ses droits (chmod 644).")
    }
}

/// The first line that is wrong, as a refusal.
func failure(_ fault: ConfigurationFile.Fault) -> Failure {
    Failure(
        "line \(fault.line) of \(fault.file): \(fault.sentence)", hint: fault.hint, code: .usage,
        advice: "La ligne \(fault.line) de \(fault.file) n’est pas comprise : corrigez-la "
            + "(eco-terminal config check dit comment).")
}

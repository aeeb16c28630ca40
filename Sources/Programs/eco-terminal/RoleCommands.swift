import CommandLineTool
import Linux
import Terminal

let roleCommands: [Command] = [
    Command(
        ["role", "set"], words: "ROLE",
        "set or change the PIN of a role, and lift its lock: \(roleNames)",
        options: [
            configurationOption,
            .value("pin-file", "FILE", "read the PIN from a file only its owner can read"),
        ],
        examples: [
            "eco-terminal role set -c terminal.conf manager",
            "eco-terminal role set -c terminal.conf enroller --pin-file pin",
        ], run: setRole),
    Command(
        ["role", "list"], "list the roles, whether they have a PIN, and wrong tries in a row",
        options: [configurationOption],
        examples: [
            "eco-terminal role list -c terminal.conf",
            "eco-terminal role list -c terminal.conf --json",
        ], run: listRoles),
]

private let roleNames = Role.allCases.map { "\($0)" }.joined(separator: ", ")

private func pins(_ invocation: Invocation) throws -> PINBook {
    let configuration = try Configuration(path: try invocation.required("config"))
    let directory = try configuration.directory
    do { try Files.makeDirectory(directory) } catch {
        throw Failure("\(directory) cannot be made: \(error)", hint: "check rights")
    }
    return PINBook(directory: directory)
}

private func failure(_ refusal: PINBook.Refusal) -> Failure {
    switch refusal {
    case .malformed:
        Failure("that is no PIN", hint: "a PIN has 4 to 8 digits", code: .usage)
    case .storage(let what):
        Failure("the PINs cannot be kept: \(what)", hint: "check the directory and its rights")
    case .missing, .wrong, .locked:
        Failure("the PIN is not taken", hint: "set it anew: eco-terminal role set")
    }
}

/// From a file or the keyboard, never from the command line.
private func readPIN(_ invocation: Invocation) throws -> [UInt8] {
    if let path = invocation.value("pin-file") {
        guard let mode = try? Files.mode(path), mode & 0o077 == 0,
            let bytes = try? Files.read(path, atMost: 64)
        else {
            throw Failure(
                "\(path) cannot be used", hint: "it must exist and be mode 0600", code: .keys)
        }
        return bytes.filter { $0 != 0x0a && $0 != 0x0d }
    }
    guard let first = Console.readSecret(prompt: "PIN: ") else {
        throw Failure("no PIN was typed", hint: "type it, or give --pin-file", code: .usage)
    }
    guard Console.errorIsTerminal() else { return first }
    guard let again = Console.readSecret(prompt: "Again: "), again == first else {
        throw Failure("the two PINs differ", hint: "type the same digits twice", code: .usage)
    }
    return first
}

@Sendable private func setRole(_ invocation: Invocation) throws {
    guard let role = Role.allCases.first(where: { "\($0)" == invocation.words[0] }) else {
        throw Failure(
            "'\(invocation.words[0])' is no role", hint: "roles: \(roleNames)", code: .usage)
    }
    let book = try pins(invocation)
    var pin = try readPIN(invocation)
    do throws(PINBook.Refusal) { try book.set(&pin, for: role) } catch { throw failure(error) }
    invocation.print(
        .record(["schema": .text("eco.role.1"), "role": .text("\(role)"), "pin": .bool(true)]),
        ["The \(role) has a PIN."])
}

@Sendable private func listRoles(_ invocation: Invocation) throws {
    let book = try pins(invocation)
    var lines: [(role: Role, hasPIN: Bool, failures: Int)] = []
    do throws(PINBook.Refusal) {
        let known = try book.roles()
        for role in Role.allCases {
            lines.append((role, known.contains(role), try book.failures(of: role)))
        }
    } catch { throw failure(error) }
    invocation.print(
        .record([
            "schema": .text("eco.roles.1"),
            "roles": .array(
                lines.map {
                    .record([
                        "role": .text("\($0.role)"), "pin": .bool($0.hasPIN),
                        "failures": .integer(Int64($0.failures)),
                    ])
                }),
        ]),
        lines.map {
            "\($0.role)  \($0.hasPIN ? "PIN" : "no PIN")"
                + ($0.failures == 0 ? "" : "  \($0.failures) wrong tries")
        })
}

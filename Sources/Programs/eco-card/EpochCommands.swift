import Cards
import CommandLineTool
import KeyStore
import Linux
import Provisioning
import Tokens

/// Prints what would be sent, and sends nothing.
let dryRunOption = OptionSpecification.flag(
    "dry-run", "print the plan of commands, without keys; touch no card")

let epochCommands: [Command] = [
    Command(
        ["card", "rekey"], "bring one of our cards to another key epoch, or finish a torn one",
        options: readerOptions + keyOptions + [
            .value("epoch", "N", "the epoch it ends with (the newest there are keys of)"),
            .value("from", "N", "with --dry-run: the epoch it begins with (N - 1)"),
            .value("host", "HOST", "with --dry-run: host name in the card's address"),
            .value("register", "FILE", "append the card to FILE, one JSON line, for the ledger"),
            dryRunOption,
        ],
        examples: [
            "eco-card card rekey --epoch 2 --keys keys --passphrase-file p",
            "eco-card card rekey --epoch 2 --dry-run",
        ], run: rekey),
    Command(
        ["card", "reset"], "bring one of our cards back to the factory state",
        options: readerOptions + keyOptions + [
            .flag("yes", "do not ask"),
            .value("host", "HOST", "with --dry-run: host name in the card's address"),
            dryRunOption,
        ],
        examples: [
            "eco-card card reset --keys keys --passphrase-file p",
            "eco-card card reset --yes --keys keys --passphrase-file p",
        ], run: reset),
]

/// A number for plans, which name no card.
private let sampleNumber = CardNumber(serial: 10_000_000_000)

/// The plan: one line a command.
func showPlan(
    _ invocation: Invocation, _ plan: () throws(ProvisioningError) -> [PlannedCommand]
) throws {
    let commands: [PlannedCommand]
    do throws(ProvisioningError) { commands = try plan() } catch { throw Failure(error) }
    let object = JSONValue.record([
        "schema": .text("eco.card-plan.1"),
        "commands": .array(
            commands.map {
                .record([
                    "step": .text($0.step.rawValue), "command": .text($0.name),
                    "bytes": .integer(Int64($0.length)), "mode": .text(modeWord($0)),
                    "key": $0.key.map { .integer(Int64($0)) } ?? .null,
                    "epoch": $0.epoch.map { .integer(Int64($0)) } ?? .null,
                ])
            }),
    ])
    var lines: [String] = []
    var step: ProvisioningStep?
    for (index, command) in commands.enumerated() {
        if command.step != step { lines.append("\(command.step.words):") }
        step = command.step
        lines.append("  " + line(index + 1, command))
    }
    lines.append("\(commands.count) commands; no card was touched.")
    invocation.print(object, lines)
}

private func modeWord(_ command: PlannedCommand) -> String {
    switch command.mode {
    case .plain: "plain"
    case .mac: "mac"
    case .full: "full"
    }
}

private func line(_ number: Int, _ command: PlannedCommand) -> String {
    let pad = { (text: String, width: Int) in
        text + String(repeating: " ", count: max(0, width - text.count))
    }
    let key = command.key.map { key in
        "key \(key), " + (command.epoch.map { $0 == 0 ? "factory" : "epoch \($0)" } ?? "")
    }
    let start = pad("\(number)", 4) + pad(command.name, 28) + pad("\(command.length) bytes", 11)
    return start + pad(modeWord(command), 6) + (key ?? "no key")
}

@Sendable private func rekey(_ invocation: Invocation) throws {
    let wanted = try invocation.value("epoch").map { _ in
        UInt8(try invocation.number("epoch", in: 1...255))
    }
    if invocation.flag("dry-run") {
        let epoch = wanted ?? 2
        let old = UInt8(
            try invocation.number("from", in: 1...255, default: Int64(max(1, epoch - 1))))
        guard old != epoch, let number = sampleNumber else {
            throw Failure(
                "a card cannot go from epoch \(old) to itself", hint: "give --from and --epoch",
                code: .usage)
        }
        return try showPlan(invocation) { () throws(ProvisioningError) in
            try DryRun.rekeying(host: host(invocation), number: number, from: old, to: epoch)
        }
    }
    let keys = try openIssuer(invocation)
    guard let epoch = wanted ?? keys.epochs.last else {
        throw Failure(KeyStoreError.unknownEpoch(0))
    }
    let engine = Personalisation(
        keys: keys, epoch: epoch, progress: stepProgress(invocation, ProvisioningStep.rekeying))
    let card = try conversation(invocation) { (channel) throws(ProvisioningError) in
        try engine.rekey(&channel)
    }
    if let path = invocation.value("register") { try register(card.claims, in: path) }
    // All but the two reads.
    let wasThere = card.stepsFound == ProvisioningStep.rekeying.count - 2
    invocation.print(
        .record([
            "schema": .text("eco.card-rekey.1"), "number": .text(card.claims.number.digits),
            "epoch": .integer(Int64(epoch)), "found": .integer(Int64(card.stepsFound)),
        ]),
        [
            "Carte ECO \(card.claims.number) carries epoch \(epoch)"
                + (wasThere ? " already" : "") + ". Verified by a fresh read.",
            "The ledger must know this epoch before the card pays: eco-ledger card add.",
        ])
}

@Sendable private func reset(_ invocation: Invocation) throws {
    if invocation.flag("dry-run"), let number = sampleNumber {
        return try showPlan(invocation) { () throws(ProvisioningError) in
            try DryRun.resetting(host: host(invocation), number: number, epoch: 1)
        }
    }
    let keys = try openIssuer(invocation)
    guard let epoch = keys.epochs.last else { throw Failure(KeyStoreError.unknownEpoch(0)) }
    if !invocation.flag("yes") {
        guard Console.errorIsTerminal() else {
            throw Failure(
                "a reset destroys the card's content", hint: "repeat with --yes", code: .usage)
        }
        Console.error("This destroys the content of the card on the reader. Type yes to go on:")
        guard Console.readLine() == "yes" else {
            throw Failure("nothing was done", hint: "the answer was not yes", code: .usage)
        }
    }
    let engine = Personalisation(
        keys: keys, epoch: epoch, progress: stepProgress(invocation, ProvisioningStep.resetting))
    try conversation(invocation) { (channel) throws(ProvisioningError) in
        try engine.reset(&channel)
    }
    invocation.print(
        .record(["schema": .text("eco.card-reset.1"), "reset": .bool(true)]),
        ["The card is as the factory delivers it."])
}

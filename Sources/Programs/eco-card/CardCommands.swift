import COSE
import Cards
import CommandLineTool
import Crypto
import KeyStore
import Linux
import Provisioning
import Readers
import Tokens

let cardCommands: [Command] = [
    Command(
        ["card", "provision"], "make a factory card a Carte ECO, or finish a torn one",
        options: readerOptions + keyOptions + [
            .value("number", "N", "card number, 12 digits"),
            .value("class", "CLASS", "anonymous, member, professional or training (member)"),
            .value("host", "HOST", "host name in the card's address (carte.eco.example)"),
            .value("years", "N", "validity, 1 to 10 (3)"),
            .value("register", "FILE", "append the card to FILE, one JSON line, for the ledger"),
        ],
        examples: [
            "eco-card card provision --number 100000000008 --keys keys --passphrase-file p",
            "eco-card card provision -r ACS --number 100000000008 --class professional --keys keys"
                + " --register cards.ndjson",
        ], run: provision),
    Command(
        ["card", "info"], "say in words what a card is; no key needed",
        options: readerOptions + [.flag("show-uid", "print the UID in full")],
        examples: ["eco-card card info", "eco-card card info -r 0 --json"], run: info),
    Command(
        ["card", "read"], "print the address a phone would open; keep the token in a file",
        options: readerOptions + [.value("token", "FILE", "write the token there")],
        examples: ["eco-card card read", "eco-card card read --token card.token --json"],
        run: read),
    Command(
        ["card", "verify"], "check a finished card with the issuer's keys",
        options: readerOptions + keyOptions,
        examples: [
            "eco-card card verify --keys keys --passphrase-file p",
            "eco-card card verify -r 1 --keys keys --passphrase-file p --json",
        ], run: verify),
    Command(
        ["card", "reset"], "bring one of our cards back to the factory state",
        options: readerOptions + keyOptions + [.flag("yes", "do not ask")],
        examples: [
            "eco-card card reset --keys keys --passphrase-file p",
            "eco-card card reset --yes --keys keys --passphrase-file p",
        ], run: reset),
]

/// Runs one conversation and sorts the errors.
func conversation<R>(
    _ invocation: Invocation,
    _ body: (inout CardConnection) throws(ProvisioningError) -> R
) throws -> R {
    let seconds = try invocation.number("wait", in: 0...3_600, default: 30)
    let choice = try readerChoice(invocation)
    let result: Result<R, ProvisioningError>
    do {
        result = try withCard(
            choice: choice, waiting: .seconds(seconds),
            notice: { Console.error("Lay the card on the reader (\($0))…") }, body)
    } catch { throw Failure(error) }
    do { return try result.get() } catch { throw Failure(error) }
}

/// "04…5E80": enough to tell cards apart, not enough to follow one.
func masked(_ uid: [UInt8]) -> String {
    let text = Hexadecimal.text(uid).uppercased()
    return text.prefix(2) + "…" + text.suffix(4)
}

private let classes: [(String, CardClass)] = [
    ("anonymous", .anonymous), ("member", .member), ("professional", .professional),
    ("training", .training),
]

func name(_ cardClass: CardClass) -> String {
    classes.first { $0.1 == cardClass }?.0 ?? "?"
}

/// "2029-11-24", UTC (Howard Hinnant's civil-from-days).
func date(_ seconds: UInt64) -> String {
    let days = Int(seconds / 86_400) + 719_468
    let era = days / 146_097
    let dayOfEra = days - era * 146_097
    let year = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let pad = { (value: Int) in (value < 10 ? "0" : "") + String(value) }
    return "\(year + era * 400 + (month <= 2 ? 1 : 0))-\(pad(month))-\(pad(day))"
}

@Sendable private func provision(_ invocation: Invocation) throws {
    let text = try invocation.required("number")
    guard let number = CardNumber(text) else {
        throw Failure(
            "\(text) is no card number", hint: "12 digits, the last one Luhn's check digit",
            code: .usage)
    }
    let className = invocation.value("class") ?? "member"
    guard let cardClass = classes.first(where: { $0.0 == className })?.1 else {
        throw Failure(
            "there is no class '\(className)'",
            hint: "anonymous, member, professional or training", code: .usage)
    }
    let years = UInt64(try invocation.number("years", in: 1...10, default: 3))
    let keys = try openIssuer(invocation)
    guard let epoch = keys.epochs.last else { throw Failure(KeyStoreError.unknownEpoch(0)) }
    let now = Clock.realtimeMilliseconds() / 1_000
    let order = CardOrder(
        number: number, cardClass: cardClass,
        host: invocation.value("host") ?? "carte.eco.example", issued: now,
        expires: now + years * 31_557_600)
    let shows = !invocation.isJSON
    let engine = Personalisation(keys: keys, epoch: epoch) { step in
        guard shows else { return }
        let count = ProvisioningStep.allCases.count
        Console.error("[\(step.rawValue + 1)/\(count)] \(step.words)")
    }
    let card = try conversation(invocation) { (channel) throws(ProvisioningError) in
        try engine.run(&channel, order)
    }
    if let path = invocation.value("register") { try register(card.claims, in: path) }
    let claims = card.claims
    invocation.print(
        .record([
            "schema": .text("eco.card-provision.1"), "number": .text(claims.number.digits),
            "class": .text(name(claims.cardClass)), "epoch": .integer(Int64(claims.epoch)),
            "expires": .text(date(claims.expires)), "original": .bool(card.isOriginal),
        ]),
        [
            "Carte ECO \(claims.number) is ready: \(name(claims.cardClass)), valid until "
                + "\(date(claims.expires)), epoch \(claims.epoch).",
            "Verified by a fresh read. Originality signature: "
                + (card.isOriginal ? "NXP's." : "not NXP's (software or test card)."),
        ])
}

/// One line for the ledger; the file holds UIDs and is its owner's alone.
private func register(_ claims: CardToken, in path: String) throws {
    let line = JSONValue.record([
        "number": .text(claims.number.digits), "uid": .text(Hexadecimal.text(claims.uid)),
        "epoch": .integer(Int64(claims.epoch)), "class": .integer(Int64(claims.cardClass.rawValue)),
    ])
    do { try Files.append(Array((line.text + "\n").utf8), to: path) } catch {
        throw Failure(
            "the card is ready, but \(path) could not be written: \(error)",
            hint: "mend the file and run the command again with --register", code: .partial)
    }
}

@Sendable private func info(_ invocation: Invocation) throws {
    let found = try conversation(invocation) { (channel) throws(ProvisioningError) in
        try Inspection.read(&channel)
    }
    let uid =
        invocation.flag("show-uid") ? Hexadecimal.text(found.uid).uppercased() : masked(found.uid)
    var members: [JSONValue.Member] = [
        .init("schema", .text("eco.card-info.1")), .init("uid", .text(uid)),
        .init("original", .bool(found.isOriginal)),
    ]
    var lines: [String] = []
    switch found.kind {
    case .blank:
        members.append(.init("kind", .text("blank")))
        lines.append("A blank NTAG 424 DNA as the factory delivers it.")
    case .ours(let token, let epoch):
        let claims = token.claims
        members += [
            .init("kind", .text("ours")), .init("number", .text(claims.number.digits)),
            .init("class", .text(name(claims.cardClass))), .init("epoch", .integer(Int64(epoch))),
            .init("expires", .text(date(claims.expires))),
        ]
        lines.append(
            "A Carte ECO: \(claims.number), \(name(claims.cardClass)), valid until "
                + "\(date(claims.expires)), key epoch \(epoch).")
        lines.append("Its token is not verified here: eco-card card verify does, with the keys.")
    case .halfway(let changed):
        members += [
            .init("kind", .text("halfway")), .init("keys-changed", .integer(Int64(changed))),
        ]
        lines.append("A half-written Carte ECO: \(changed) of 5 keys are changed.")
        lines.append("eco-card card provision with the same number finishes it.")
    case .foreign:
        members.append(.init("kind", .text("foreign")))
        lines.append("An NTAG 424 DNA of another network. Nothing was tried on it.")
    }
    lines.append("UID \(uid); originality signature: \(found.isOriginal ? "NXP's" : "not NXP's").")
    invocation.print(.object(members), lines)
}

@Sendable private func read(_ invocation: Invocation) throws {
    let found = try conversation(invocation) { (channel) throws(ProvisioningError) in
        try Inspection.read(&channel)
    }
    guard let token = found.token, let address = found.address else {
        throw Failure(
            "there is no Carte ECO content on this card",
            hint: "eco-card card info says what it is", code: .cardRefused)
    }
    if let path = invocation.value("token") {
        do { try Files.writeAtomically(token.message.bytes, to: path) } catch {
            throw Failure("\(path) cannot be written: \(error)", hint: "check the path")
        }
    }
    invocation.print(
        .record([
            "schema": .text("eco.card-read.1"), "address": .text(address),
            "number": .text(token.claims.number.digits),
        ]),
        [address, "Card \(token.claims.number); nothing of it is verified here."])
}

@Sendable private func verify(_ invocation: Invocation) throws {
    let keys = try openIssuer(invocation)
    let claims = try conversation(invocation) { (channel) throws(ProvisioningError) in
        try Verification(keys: keys).run(&channel)
    }
    invocation.print(
        .record([
            "schema": .text("eco.card-verify.1"), "number": .text(claims.number.digits),
            "verified": .bool(true),
        ]),
        ["Carte ECO \(claims.number) verifies: token, address and MAC, key 3, card state."])
}

@Sendable private func reset(_ invocation: Invocation) throws {
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
    try conversation(invocation) { (channel) throws(ProvisioningError) in
        try Personalisation(keys: keys, epoch: epoch).reset(&channel)
    }
    invocation.print(
        .record(["schema": .text("eco.card-reset.1"), "reset": .bool(true)]),
        ["The card is as the factory delivers it."])
}

import Batches
import COSE
import Cards
import CommandLineTool
import KeyStore
import Linux
import Operations
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
            .flag("require-original", "refuse a card whose UID NXP did not sign"), dryRunOption,
        ],
        examples: [
            "eco-card card provision --number 100000000008 --keys keys --passphrase-file p",
            "eco-card card provision -r ACS --number 100000000008 --class professional --keys keys"
                + " --register cards.ndjson",
        ], run: provision),
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

let classes: [(String, CardClass)] = [
    ("anonymous", .anonymous), ("member", .member), ("professional", .professional),
    ("training", .training),
]

func name(_ cardClass: CardClass) -> String {
    classes.first { $0.1 == cardClass }?.0 ?? "?"
}

/// "2029-11-24", UTC.
func date(_ seconds: UInt64) -> String { UTCDay.text(seconds / 86_400) }

/// The number a command line names.
func cardNumber(_ invocation: Invocation) throws -> CardNumber {
    let text = try invocation.required("number")
    guard let number = CardNumber(text) else {
        throw Failure(
            "\(text) is no card number", hint: "12 digits, the last one Luhn's check digit",
            code: .usage)
    }
    return number
}

/// The class a command line names, or member.
func cardClass(_ invocation: Invocation) throws -> CardClass {
    let name = invocation.value("class") ?? "member"
    guard let cardClass = classes.first(where: { $0.0 == name })?.1 else {
        throw Failure(
            "there is no class '\(name)'",
            hint: "anonymous, member, professional or training", code: .usage)
    }
    return cardClass
}

/// The host name in the card's address.
func host(_ invocation: Invocation) -> String {
    invocation.value("host") ?? "carte.eco.example"
}

/// Seconds a card is valid for.
func validity(_ invocation: Invocation) throws -> UInt64 {
    UInt64(try invocation.number("years", in: 1...10, default: 3)) * 31_557_600
}

/// The steps on stderr, unless the output is for programs.
func stepProgress(
    _ invocation: Invocation, _ steps: [ProvisioningStep]
) -> @Sendable (ProvisioningStep) -> Void {
    let shows = !invocation.isJSON
    return { step in
        guard shows, let index = steps.firstIndex(of: step) else { return }
        Console.error("[\(index + 1)/\(steps.count)] \(step.words)")
    }
}

@Sendable private func provision(_ invocation: Invocation) throws {
    let number = try cardNumber(invocation)
    let cardClass = try cardClass(invocation)
    let validity = try validity(invocation)
    if invocation.flag("dry-run") {
        return try showPlan(invocation) { () throws(ProvisioningError) in
            try DryRun.provisioning(
                host: host(invocation), number: number, cardClass: cardClass, epoch: 1)
        }
    }
    let keys = try openIssuer(invocation)
    guard let epoch = keys.epochs.last else { throw Failure(KeyStoreError.unknownEpoch(0)) }
    let now = Clock.realtimeMilliseconds() / 1_000
    let order = CardOrder(
        number: number, cardClass: cardClass, host: host(invocation), issued: now,
        expires: now + validity)
    let engine = Personalisation(
        keys: keys, epoch: epoch, requiresOriginal: invocation.flag("require-original"),
        progress: stepProgress(invocation, ProvisioningStep.provisioning))
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

/// One line for the ledger; the same card again adds none.
func register(_ claims: CardToken, in path: String) throws {
    do throws(RegisterError) {
        try RegisterFile(path).add(claims)
    } catch {
        throw Failure(
            "the card is ready, but the register is not: \(error.words)",
            hint: "mend \(path) and run the command again with --register", code: .partial)
    }
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
        [
            "Carte ECO \(claims.number) verifies: token, address and MAC, signed key versions "
                + "and rights, key 3, card state."
        ])
}

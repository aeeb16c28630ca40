import Batches
import CommandLineTool
import Crypto
import Provisioning
import Tokens

let infoCommands: [Command] = [
    Command(
        ["card", "info"], "say in words what a card is, and what to do with it",
        options: readerOptions + keyOptions + [.flag("show-uid", "print the UID in full")],
        examples: [
            "eco-card card info", "eco-card card info --keys keys --passphrase-file p --json",
        ], run: info)
]

/// Without keys nothing is tried on the card, and all is as it tells; with them it signs its key
/// versions, and K3 is tried, once.
@Sendable private func info(_ invocation: Invocation) throws {
    let keys = IssuerPlace.isNamed(invocation) ? try openIssuer(invocation) : nil
    let card = try conversation(invocation) { (channel) throws(ProvisioningError) in
        try Diagnosis.read(&channel, keys: keys)
    }
    var members: [JSONValue.Member] = [
        .init("schema", .text("eco.card-info.1")), .init("kind", .text(card.word)),
        .init("text", .text(card.sentence)),
        .init("advice", .array(card.advice.map { .text($0) })),
    ]
    var lines = [card.sentence] + details(card) + card.advice
    switch card.kind {
    case .ours(let claims): members += claimMembers(claims)
    case .betweenEpochs(let next, let from, let to, let claims):
        members += claimMembers(claims)
        members += [
            .init("next", .text(next.rawValue)), .init("from-epoch", .integer(Int64(from))),
            .init("to-epoch", .integer(Int64(to))),
        ]
    case .halfway(let next, let changed, let claims):
        if let claims { members += claimMembers(claims) }
        members += [
            .init("next", .text(next.rawValue)), .init("keys-changed", .integer(Int64(changed))),
        ]
    case .blank, .foreign, .hidesUID, .other: break
    }
    members += [
        .init("key-3", .text(word(card.door))),
        .init("key-versions", .text(card.versionsAreSigned ? "signed" : "told")),
    ]
    if let uid = card.uid {
        let text =
            invocation.flag("show-uid")
            ? Hexadecimal.text(uid).uppercased() : BatchReport.masked(uid)
        members += [.init("uid", .text(text)), .init("original", .bool(card.isOriginal))]
        lines.append(
            "UID \(text); originality signature: \(card.isOriginal ? "NXP's" : "not NXP's").")
    }
    invocation.print(.object(members), lines)
}

private func claimMembers(_ claims: CardToken) -> [JSONValue.Member] {
    [
        .init("number", .text(claims.number.digits)),
        .init("class", .text(name(claims.cardClass))),
        .init("epoch", .integer(Int64(claims.epoch))),
        .init("issued", .text(date(claims.issued))),
        .init("expires", .text(date(claims.expires))),
    ]
}

private func details(_ card: Diagnosis) -> [String] {
    guard case .ours(let claims) = card.kind else { return [] }
    return [
        "Class \(name(claims.cardClass)), issued \(date(claims.issued)), valid until "
            + "\(date(claims.expires)).",
        "Its token is not verified here: eco-card card verify does, with the keys.",
    ]
}

private func word(_ door: Diagnosis.Door) -> String {
    switch door {
    case .open: "open"
    case .delayed: "delayed"
    case .closed: "closed"
    case .wrongKey: "wrong"
    case .untried: "untried"
    }
}

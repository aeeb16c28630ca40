import Batches
import COSE
import CommandLineTool
import Crypto
import KeyStore
import Linux
import Tokens

let reportCommands: [Command] = [
    Command(
        ["batch", "report"], words: "FILE", "tell what became of each card of a box",
        options: [
            .value("output", "FILE", "write the CSV there instead of printing it"),
            .value("sign", "KEYFILE", "sign it into OUTPUT.cose with this key, made when missing"),
            .value("sign-passphrase-file", "FILE", "file with that key's passphrase"),
        ],
        examples: [
            "eco-card batch report box.csv --output report.csv --sign report.key"
                + " --sign-passphrase-file p",
            "eco-card batch report box.csv --json",
        ], run: report),
    Command(
        ["batch", "check"], words: "REPORT", "check the signature of a report",
        options: [.value("signer", "HEX", "the public key, 64 hexadecimal digits")],
        examples: [
            "eco-card batch check report.csv --signer HEX",
            "eco-card batch check report.csv --signer HEX --json",
        ], run: check),
]

@Sendable private func report(_ invocation: Invocation) throws {
    let cards: [BatchCard]
    do throws(BatchError) { cards = try BatchStore.cards(of: invocation.words[0]) } catch {
        throw Failure(error)
    }
    let bytes = Array(BatchReport(cards).csv.utf8)
    var members: [JSONValue.Member] = [
        .init("schema", .text("eco.batch-report.1")),
        .init("sha256", .text(Hexadecimal.text(sha256(bytes)))),
    ]
    var lines: [String] = []
    if let output = invocation.value("output") {
        try write(bytes, to: output)
        members.append(.init("report", .text(output)))
        lines.append("\(output): SHA-256 \(Hexadecimal.text(sha256(bytes)))")
        if let path = invocation.value("sign") {
            let key = try signer(path, invocation)
            let sign: ([UInt8]) throws(KeyStoreError) -> Sign1 = key.sign(payload:)
            let message: Sign1
            do throws(KeyStoreError) { message = try sign(BatchReport.payload(of: bytes)) } catch {
                throw Failure(error)
            }
            try write(message.bytes, to: output + ".cose")
            let text = Hexadecimal.text(key.publicKey.bytes)
            members += [
                .init("signature", .text(output + ".cose")), .init("signer", .text(text)),
            ]
            lines.append("\(output).cose: signed by \(text)")
        }
    } else if invocation.value("sign") != nil {
        throw Failure("--sign needs --output", hint: "see --help", code: .usage)
    }
    members.append(.init("cards", .array(cards.map(member))))
    if lines.isEmpty { lines = [String(BatchReport(cards).csv.dropLast())] }
    invocation.print(.object(members), lines)
}

private func member(_ card: BatchCard) -> JSONValue {
    .record([
        "seq": .integer(Int64(card.sequence)), "alias": .text(card.alias),
        "number": .text(card.number.digits), "class": .text(name(card.cardClass)),
        "state": .text(card.state.rawValue),
        "uid": card.uid.map { .text(BatchReport.masked($0)) } ?? .null,
        "keys-changed": .integer(Int64(card.keysChanged)),
        "original": card.isOriginal.map { .bool($0) } ?? .null,
        "failures": .integer(Int64(card.failures)),
    ])
}

private func write(_ bytes: [UInt8], to path: String) throws {
    do { try Files.writeAtomically(bytes, to: path) } catch {
        throw Failure("\(path) cannot be written: \(error)", hint: "check the folder")
    }
}

/// The report's own key: not the issuer's, which signs card tokens alone.
private func signer(_ path: String, _ invocation: Invocation) throws -> SigningKey {
    let file = try invocation.required("sign-passphrase-file")
    do {
        let phrase = try passphrase(file: file)
        if Files.exists(path) { return try SigningKey.open(path: path, passphrase: phrase) }
        let key = try SigningKey.create()
        try key.seal(to: path, passphrase: phrase)
        return key
    } catch { throw Failure(error) }
}

@Sendable private func check(_ invocation: Invocation) throws {
    guard let bytes = Hexadecimal.bytes(try invocation.required("signer")),
        let key = try? Ed25519PublicKey(bytes)
    else {
        throw Failure("--signer takes 64 hexadecimal digits", hint: "see --help", code: .usage)
    }
    let path = invocation.words[0]
    let report: [UInt8]
    let signature: [UInt8]
    do {
        report = try Files.read(path, atMost: 64 << 20)
        signature = try Files.read(path + ".cose", atMost: 4_096)
    } catch {
        throw Failure("\(path) or its signature cannot be read: \(error)", hint: "check the path")
    }
    guard BatchReport.verifies(report, signature: signature, by: key) else {
        throw Failure(
            "the signature does not verify", hint: "the report is altered, or another key's",
            code: .integrity)
    }
    invocation.print(
        .record(["schema": .text("eco.batch-check.1"), "verified": .bool(true)]),
        ["The report is as it was signed."])
}

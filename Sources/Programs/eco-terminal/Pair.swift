import CommandLineTool
import Crypto
import KeyStore
import LedgerClient
import LedgerMessages
import Linux

let pairCommand = Command(
    ["pair"], "make this terminal known to a ledger",
    options: [
        configurationOption, .value("ledger", "URL", "the ledger's address"),
        .value("code", "CODE", "the one-time code the ledger's operator reads out"),
    ],
    examples: [
        "eco-terminal pair -c terminal.conf --ledger https://ledger.example --code K7QF2MXP",
        "eco-terminal pair -c terminal.conf --ledger http://127.0.0.1:8780 --code K7QF2MXP --json",
    ], run: pairTerminal)

@Sendable private func pairTerminal(_ invocation: Invocation) throws {
    let configuration = try Configuration(path: try invocation.required("config"))
    let url = try invocation.required("ledger")
    let code = try invocation.required("code")
    guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.hasSuffix("/") else {
        throw Failure(
            "\(url) is no ledger address", hint: "https://HOST without a slash at the end",
            code: .usage)
    }
    do { try Files.makeDirectory(try configuration.directory) } catch {
        throw Failure(
            "\(try configuration.directory) cannot be made: \(error)", hint: "check rights")
    }
    let signer = try configuration.signingKey(creating: true)
    let answer: PairingAnswer
    do { answer = try pair(url: url, code: code, publicKey: signer.publicKey) } catch {
        throw refusal(error, url)
    }
    guard answer.terminal == Hexadecimal.text(signer.publicKey.kid) else {
        throw Failure(
            "the ledger answered for another terminal", hint: "check the address",
            code: .ledgerRejected)
    }
    try configuration.save(LedgerAddress(url: url, key: answer.ledgerKey))
    invocation.print(
        .record(["schema": .text("eco.pair.1"), "terminal": .text(answer.terminal)]),
        ["This terminal is paired: \(answer.terminal)."])
}

private func refusal(_ error: PairingError, _ url: String) -> Failure {
    switch error {
    case .unreachable:
        Failure(
            "the ledger does not answer at \(url)", hint: "check network and address",
            code: .ledgerUnreachable)
    case .refused(let code) where code == "other-merchant":
        Failure(
            "this terminal is another merchant's at the ledger",
            hint: "its operator makes a code with eco-ledger terminal code --move",
            code: .ledgerRejected)
    case .refused(let code):
        Failure(
            "the ledger refuses: \(code)", hint: "ask its operator for a new code",
            code: .ledgerRejected)
    case .malformed:
        Failure("\(url) is no Carte ECO ledger", hint: "check the address", code: .ledgerRejected)
    }
}

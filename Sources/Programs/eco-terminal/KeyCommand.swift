import CommandLineTool
import Crypto
import KeyStore
import Linux

let keyCommand = Command(
    ["key", "show"], "print this terminal's public keys; make them when there are none",
    options: [
        configurationOption,
        .value("out", "FILE", "write the sealing key there, for eco-card key bundle --terminal"),
    ],
    examples: [
        "eco-terminal key show -c terminal.conf --out till.key",
        "eco-terminal key show -c terminal.conf --json",
    ], run: showKeys)

/// Bundles are sealed to the one, entries are signed by the other.
@Sendable private func showKeys(_ invocation: Invocation) throws {
    let configuration = try Configuration(path: try invocation.required("config"))
    do { try Files.makeDirectory(try configuration.directory) } catch {
        throw Failure(
            "\(try configuration.directory) cannot be made: \(error)", hint: "check rights")
    }
    let keys = try configuration.signingKey(creating: true)
    let sealing = Hexadecimal.text(keys.sealingKey?.bytes ?? [])
    if let path = invocation.value("out") {
        do {
            try Files.writeAtomically(Array((sealing + "\n").utf8), to: path, mode: 0o644)
        } catch { throw Failure("\(path) cannot be written: \(error)", hint: "check the path") }
    }
    invocation.print(
        .record([
            "schema": .text("eco.terminal-key.1"), "sealing": .text(sealing),
            "signing": .text(Hexadecimal.text(keys.publicKey.bytes)),
            "terminal": .text(Hexadecimal.text(keys.publicKey.kid)),
        ]),
        [
            "Sealing key (for eco-card key bundle --terminal): \(sealing)",
            "Signing key: \(Hexadecimal.text(keys.publicKey.bytes))",
        ])
}

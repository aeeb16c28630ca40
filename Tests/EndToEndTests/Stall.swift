import CardEmulation
import Foundation
import Linux
import ReaderEmulation

/// A market stall on this machine: real programs, a real pcscd, one software card.
final class Stall {
    struct Setup: Error { let what: String }

    static let cardNumber = "100000000024"
    let folder: String
    let slot = VirtualReaderSlot()
    let page: Page
    private let ledgerPort: UInt16
    private var ledger: Process?
    private var terminal: Process?
    private var storage: ImageStorage { ImageStorage(path: folder + "/card.image") }
    var database: [String] { ["--database", "sqlite:" + folder + "/ledger.sqlite"] }
    private var keys: [String] {
        ["--keys", folder + "/keys", "--passphrase-file", folder + "/pass"]
    }
    private var ledgerKeys: [String] {
        ["--keys", folder + "/keys/ledger.keys", "--passphrase-file", folder + "/pass"]
    }
    var configuration: [String] { ["--config", folder + "/terminal.conf"] }

    /// Keys, ledger, one card of 50,00 ECO, a paired terminal.
    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/eco-stall-" + UUID().uuidString
        ledgerPort = try TCPListener(port: 0).port
        let port = try TCPListener(port: 0).port
        page = Page(port: port)
        try Files.makeDirectory(folder)
        try Files.writeAtomically(Array("a stall's passphrase\n".utf8), to: folder + "/pass")
        try must("eco-card", ["key", "init"] + keys)
        let seeds = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "seeds").path
        try must("eco-ledger", ["init", "--seed", seeds] + database + ledgerKeys)
        try provision()
        try must("eco-ledger", ["card", "add"] + database + [folder + "/cards.ndjson"])
        try must("eco-ledger", ["card", "topup"] + database + [Self.cardNumber, "50,00"])
        try startLedger()
        try pair(port)
        try startTerminal()
    }

    deinit {
        terminal?.terminate()
        ledger?.terminate()
        slot.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    @discardableResult
    func must(_ program: String, _ words: [String]) throws -> String {
        let result = try Programs.run(program, words)
        guard result.code == 0 else {
            throw Setup(what: "\(program) \(words.prefix(2)): \(result.code) \(result.error)")
        }
        return result.out
    }

    private func provision() throws {
        var blank = storage
        try blank.commit(try CardMemory.factory(uid: [0x04, 0x5A, 1, 2, 3, 4, 5]))
        try lay()
        defer { slot.remove() }
        try must(
            "eco-card",
            ["card", "provision", "--reader", "Virtual PCD 00 00", "--number", Self.cardNumber]
                + ["--register", folder + "/cards.ndjson"] + keys)
    }

    private func pair(_ port: UInt16) throws {
        let text = """
            directory = \(folder)/terminal
            keys = \(folder)/keys/terminal.keys
            passphrase-file = \(folder)/pass
            reader = Virtual PCD 00 00
            listen = 127.0.0.1:\(port)

            """
        try Files.writeAtomically(Array(text.utf8), to: folder + "/terminal.conf")
        let answer = try must(
            "eco-ledger",
            ["terminal", "code", "--merchant", "Café des Halles", "--json"] + database)
        let object = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
        guard let code = object?["code"] as? String else { throw Setup(what: answer) }
        try must(
            "eco-terminal",
            ["pair", "--code", code, "--ledger", "http://127.0.0.1:\(ledgerPort)"] + configuration)
    }

    // MARK: programs

    private func log(_ name: String) throws -> FileHandle {
        let path = folder + "/" + name
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.seekToEnd()
        return handle
    }

    func startLedger() throws {
        let out = try log("ledger.log")
        ledger = try Programs.start(
            "eco-ledger",
            ["serve", "--listen", "127.0.0.1:\(ledgerPort)"] + database + ledgerKeys,
            output: out, errors: out)
        let port = ledgerPort
        let isUp = Programs.wait(15) {
            (try? TCPConnection.connect(host: "127.0.0.1", port: port, timeout: .seconds(1))) != nil
        }
        guard isUp else { throw Setup(what: "the ledger does not answer") }
    }

    /// kill -9: the network is gone in the middle of whatever was said.
    func killLedger() { end(&ledger) }

    func startTerminal() throws {
        let out = try log("terminal.log")
        terminal = try Programs.start(
            "eco-terminal", ["serve"] + configuration, output: out, errors: out)
    }

    /// kill -9 of the terminal.
    func killTerminal() { end(&terminal) }

    private func end(_ process: inout Process?) {
        guard let running = process else { return }
        kill(running.processIdentifier, SIGKILL)
        running.waitUntilExit()
        process = nil
    }

    // MARK: the card

    /// Lays the card on the reader.
    func lay() throws {
        slot.insert(try SoftwareNTAG424(storage: storage))
    }

    /// One payment by a person: amount, card, until the stage is a result. Gives its name and code.
    func pay(_ cents: Int64) throws -> (stage: String, code: String?) {
        guard try page.arm(cents) else { throw Setup(what: "the amount is not taken") }
        try lay()
        defer { slot.remove() }
        var last: Page.Stage?
        _ = try Programs.wait(15) {
            last = try page.stage()
            return ["accepted", "refused", "unknownResult"].contains(last?.name ?? "")
        }
        return (last?.name ?? "none", last?.code)
    }
}

import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing
import Tokens

/// Suites that lay cards on the virtual reader: beside a private pcscd only
/// (`Hardware/private-pcscd`), one test at a time.
@Suite(
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["ECO_PCSCD"] == "private",
        "needs Hardware/private-pcscd"))
struct StallSuites {}

/// A card in somebody's pocket.
struct PocketCard: Sendable {
    let number: CardNumber
    /// Its memory, an image file.
    let storage: ImageStorage
}

/// A market stall on this machine: real programs, a real pcscd with two slots, software cards.
final class Stall {
    struct Setup: Error { let what: String }

    static let managerPIN = "2468"
    let folder: String
    let slots = [0, 1].map { VirtualReaderSlot(port: VirtualReaderSlot.firstPort + $0) }
    let page: Page
    let port: UInt16
    private(set) var cards: [PocketCard] = []
    private let ledgerPort: UInt16
    private var ledger: Process?
    private var terminal: Process?
    var slot: VirtualReaderSlot { slots[0] }
    var database: [String] { ["--database", "sqlite:" + folder + "/ledger.sqlite"] }
    private var keys: [String] {
        ["--keys", folder + "/keys", "--passphrase-file", folder + "/pass"]
    }
    private var ledgerKeys: [String] {
        ["--keys", folder + "/keys/ledger.keys", "--passphrase-file", folder + "/pass"]
    }
    var configuration: [String] { ["--config", folder + "/terminal.conf"] }
    /// Where the terminal keeps all it has.
    var terminalFolder: String { folder + "/terminal" }

    /// Keys, ledger, a card for each balance (cents), a paired terminal whose manager has a PIN.
    /// `application`: where the policy says that the holders' application is.
    init(balances: [Int64] = [5_000], application: String = "") throws {
        // What the page calls today, what may be reversed and how often an action counts go by the
        // day; no flow takes so long.
        Midnight.stayClear(of: .seconds(180))
        folder = FileManager.default.temporaryDirectory.path + "/eco-stall-" + UUID().uuidString
        ledgerPort = try Ports.free()
        port = try Ports.free()
        page = Page(port: port)
        try Files.makeDirectory(folder)
        try Files.writeAtomically(Array("a stall's passphrase\n".utf8), to: folder + "/pass")
        try must("eco-card", ["key", "init"] + keys)
        let seeds = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "seeds").path
        try must("eco-ledger", ["init", "--seed", seeds] + database + ledgerKeys)
        if !application.isEmpty {
            try must("eco-ledger", ["policy", "set"] + database + ["application", application])
        }
        let pocket = Pocket(folder: folder)
        cards = try pocket.makeCards(balances.count)
        try must("eco-ledger", ["card", "add"] + database + [pocket.register])
        for (card, cents) in zip(cards, balances) where cents > 0 {
            try must(
                "eco-ledger",
                ["card", "topup"] + database + [card.number.digits, Self.text(cents)])
        }
        try startLedger()
        try pair()
        try setPIN(Self.managerPIN, role: "manager")
        try startTerminal()
    }

    deinit {
        killTerminal()
        killLedger()
        for slot in slots { slot.stop() }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// "12,50".
    static func text(_ cents: Int64) -> String {
        "\(cents / 100)," + String(100 + cents % 100).dropFirst()
    }

    @discardableResult
    func must(_ program: String, _ words: [String]) throws -> String {
        let result = try Programs.run(program, words)
        guard result.code == 0 else {
            throw Setup(what: "\(program) \(words.prefix(2)): \(result.code) \(result.error)")
        }
        return result.out
    }

    /// Writes the terminal's settings; they count from its next start.
    func configure(reader: String) throws {
        let text = """
            directory = \(terminalFolder)
            keys = \(folder)/keys/terminal.keys
            passphrase-file = \(folder)/pass
            reader = \(reader)
            listen = 127.0.0.1:\(port)

            """
        try Files.writeAtomically(Array(text.utf8), to: folder + "/terminal.conf")
    }

    private func pair() throws {
        try configure(reader: "Virtual PCD 00")
        let answer = try must(
            "eco-ledger",
            ["terminal", "code", "--merchant", "Café des Halles", "--json"] + database)
        let object = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
        guard let code = object?["code"] as? String else { throw Setup(what: answer) }
        try must(
            "eco-terminal",
            ["pair", "--code", code, "--ledger", "http://127.0.0.1:\(ledgerPort)"] + configuration)
    }

    /// Gives a role a PIN, which also lifts its lock.
    func setPIN(_ pin: String, role: String) throws {
        try Files.writeAtomically(Array(pin.utf8), to: folder + "/pin")
        defer { try? Files.remove(folder + "/pin") }
        try must(
            "eco-terminal", ["role", "set", role, "--pin-file", folder + "/pin"] + configuration)
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
        let isUp = Programs.wait {
            (try? TCPConnection.connect(host: "127.0.0.1", port: port, timeout: .seconds(1))) != nil
        }
        guard isUp else { throw Setup(what: "the ledger does not answer") }
    }

    /// kill -9: the network is gone in the middle of whatever was said.
    func killLedger() { end(&ledger) }

    /// The network takes connections and says nothing any more, until `thawLedger`.
    func freezeLedger() { if let ledger { kill(ledger.processIdentifier, SIGSTOP) } }

    /// False when it does not run at all.
    @discardableResult
    func thawLedger() -> Bool {
        guard let ledger else { return false }
        return kill(ledger.processIdentifier, SIGCONT) == 0
    }

    /// `withoutSecrets`: nobody hands it the passphrase, so it waits for it.
    func startTerminal(withoutSecrets: Bool = false) throws {
        let out = try log("terminal.log")
        if withoutSecrets {
            let text = "directory = \(terminalFolder)\nlisten = 127.0.0.1:\(port)\n"
            try Files.writeAtomically(Array(text.utf8), to: folder + "/terminal.conf")
        }
        terminal = try Programs.start(
            "eco-terminal", ["serve"] + (withoutSecrets ? ["--stay"] : []) + configuration,
            output: out, errors: out)
    }

    /// kill -9 of the terminal.
    func killTerminal() { end(&terminal) }

    private func end(_ process: inout Process?) {
        guard let running = process else { return }
        kill(running.processIdentifier, SIGKILL)
        running.waitUntilExit()
        process = nil
    }

    // MARK: cards

    /// Lays a card on the reader; `plan` says what goes wrong with it.
    func lay(_ card: Int = 0, slot: Int = 0, plan: FaultPlan? = nil) throws {
        let chip = try SoftwareNTAG424(storage: cards[card].storage)
        let laid: any SoftwareCard = plan.map { FaultyCard(chip, plan: $0) } ?? chip
        guard slots[slot].insert(laid) else { throw Setup(what: "a card lies there already") }
    }

    /// Lays a card that answers the last command of a payment only when it is let.
    func layHeld(_ card: Int = 0) throws -> CardGate {
        let gate = CardGate()
        let chip = try SoftwareNTAG424(storage: cards[card].storage)
        guard slot.insert(HeldCard(card: chip, gate: gate)) else {
            throw Setup(what: "a card lies there already")
        }
        return gate
    }

    /// One payment by a person: amount, card, until the stage is a result. Gives its name and code.
    func pay(_ cents: Int64) throws -> (stage: String, code: String?) {
        guard try page.arm(cents) else { throw Setup(what: "the amount is not taken") }
        try lay()
        defer { slot.remove() }
        var last: Page.Stage?
        _ = try Programs.wait {
            last = try page.stage()
            return ["accepted", "refused", "unknownResult"].contains(last?.name ?? "")
        }
        return (last?.name ?? "none", last?.code)
    }
}

import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// A terminal with all it needs, made by the programs: keys, ledger, one card, a PN532 in software.
/// Needs no daemon and no root.
final class TerminalBench {
    struct Setup: Error { let what: String }

    static let uid: [UInt8] = [0x04, 0x5A, 0xC1, 0xD2, 0xE3, 0xF4, 0x05]
    let folder = FileManager.default.temporaryDirectory.path + "/eco-bench-" + UUID().uuidString
    private(set) var chip: VirtualPN532
    private let port: UInt16
    private var ledger: ChildProcess?
    private var terminal: ChildProcess?
    var configuration: [String] { ["--config", folder + "/terminal.conf"] }
    /// Where the ledger keeps its book, a file unless an address was named.
    private let address: String?
    var database: [String] {
        ["--database", address ?? "sqlite:" + folder + "/ledger.sqlite"]
    }
    private var pass: [String] { ["--passphrase-file", folder + "/pass"] }
    private var ledgerKeys: [String] {
        ["--keys", folder + "/keys/ledger.keys"] + pass
            + (address == nil ? [] : ["--own-keys", folder + "/ledger.sqlite"])
    }

    /// `rate`: the chip's answers take as long as on the air.
    init(rate: AirPace.Rate? = nil, ledger address: String? = nil) throws {
        self.address = address
        try Files.makeDirectory(folder)
        port = try Ports.free()
        chip = try VirtualPN532(link: folder + "/chip", rate: rate)
        try Files.writeAtomically(Array("a bench's passphrase\n".utf8), to: folder + "/pass")
        try must("eco-card", ["key", "init", "--keys", folder + "/keys"] + pass)
        let seeds = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "seeds").path
        try must("eco-ledger", ["init", "--seed", seeds] + database + ledgerKeys)
        try provision()
        try write(reader: "nfc:" + chip.connstring)
        try startLedger()
        let answer = try must(
            "eco-ledger",
            ["terminal", "code", "--merchant", "Café des Halles", "--json"] + database)
        let object = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
        let code = object?["code"] as? String ?? ""
        try must(
            "eco-terminal",
            ["pair", "--code", code, "--ledger", "http://127.0.0.1:\(port)"] + configuration)
    }

    deinit {
        terminal?.signal(SIGKILL)
        ledger?.signal(SIGKILL)
        chip.stop()
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
        var storage = ImageStorage(path: folder + "/card.image")
        try storage.commit(try CardMemory.factory(uid: Self.uid))
        try lay()
        defer { chip.remove() }
        let words =
            ["card", "provision", "--number", "100000000024", "--nfc", chip.connstring]
            + ["--register", folder + "/cards.ndjson", "--keys", folder + "/keys"] + pass
        let result = try LateChip.run { try Programs.run("eco-card", words) }
        guard result.code == 0 else {
            throw Setup(what: "card provision: \(result.code) \(result.error)")
        }
        try must("eco-ledger", ["card", "add", folder + "/cards.ndjson"] + database)
    }

    /// Pulls the chip's plug.
    func unplug() { chip.stop() }

    /// A chip at the same place.
    func plugIn() throws { chip = try VirtualPN532(link: folder + "/chip") }

    func lay() throws {
        chip.insert(try SoftwareNTAG424(storage: ImageStorage(path: folder + "/card.image")))
    }

    /// The terminal's configuration, with this reader and passphrase file.
    func write(reader: String, passphrase: String = "pass") throws {
        let text = """
            directory = \(folder)/terminal
            keys = \(folder)/keys/terminal.keys
            passphrase-file = \(folder)/\(passphrase)
            reader = \(reader)
            listen = 127.0.0.1:0

            """
        try Files.writeAtomically(Array(text.utf8), to: folder + "/terminal.conf")
    }

    func startLedger() throws {
        let log = folder + "/ledger.log"
        ledger = try ChildProcess.start(
            Programs.folder.appending(path: "eco-ledger").path,
            ["serve", "--listen", "127.0.0.1:\(port)"] + database + ledgerKeys, output: log,
            errors: log)
        let port = port
        let isUp = Programs.wait {
            (try? TCPConnection.connect(host: "127.0.0.1", port: port, timeout: .seconds(1))) != nil
        }
        guard isUp else { throw Setup(what: "the ledger does not answer") }
    }

    func stopLedger() {
        ledger?.signal(SIGKILL)
        _ = ledger?.wait()
        ledger = nil
    }

    /// Starts `serve`, and waits until its log says `text`. `environment`: words NAME=VALUE;
    /// `options` of `serve`.
    func startTerminal(
        until text: String, environment: [String] = [], options: [String] = []
    ) throws -> Bool {
        let log = folder + "/serve.log"
        if Files.exists(log) { try Files.remove(log) }
        let program = Programs.folder.appending(path: "eco-terminal").path
        // `env` becomes the program: the process number stays.
        terminal = try ChildProcess.start(
            "env", environment + [program, "serve"] + configuration + options, output: log,
            errors: log)
        return serveSays(text)
    }

    /// The process number of `serve`; 0 while it does not run.
    var terminalProcess: Int32 { terminal?.identifier ?? 0 }

    func signalTerminal(_ signal: Int32) { terminal?.signal(signal) }

    /// Waits for the end of `serve`; its exit code.
    func waitForTerminal() -> Int32 {
        defer { terminal = nil }
        return terminal?.wait() ?? -1
    }

    /// Sells for so many cents to the card, by the page's own orders.
    func pay(_ cents: Int64) throws {
        let page = Page(port: pagePort)
        #expect(Programs.wait { page.open() && (try? page.arm(cents)) == true })
        try lay()
        let isPaid = Programs.wait { (try? page.stage().name) == "accepted" }
        let stage = try page.stage()
        #expect(isPaid, "\(stage)")
        chip.remove()
    }

    /// The port that `serve` told.
    var pagePort: UInt16 {
        let bytes = (try? Files.read(folder + "/serve.log", atMost: 1 << 20)) ?? []
        let parts = String(decoding: bytes, as: UTF8.self)
            .components(separatedBy: "Open http://127.0.0.1:")
        return parts.count < 2 ? 0 : UInt16(parts[1].prefix { $0.isNumber }) ?? 0
    }

    func serveSays(_ text: String) -> Bool {
        Programs.wait {
            let bytes = (try? Files.read(folder + "/serve.log", atMost: 1 << 20)) ?? []
            return String(decoding: bytes, as: UTF8.self).contains(text)
        }
    }

    func stopTerminal() {
        terminal?.signal(SIGTERM)
        _ = terminal?.wait()
        terminal = nil
    }

    /// One check of a self-test.
    struct Check {
        let result: String
        let text: String
        let hint: String
    }

    /// What a self-test came to: exit code, checks by name, and all that was printed.
    typealias SelfTest = (code: Int32, checks: [String: Check], printed: String)

    /// Runs the self-test.
    func selfTest(_ words: [String] = []) throws -> SelfTest {
        try LateChip.retried({ $0.code == 3 || $0.checks["reader"]?.result == "fault" }) {
            try selfTestOnce(words)
        }
    }

    private func selfTestOnce(_ words: [String]) throws -> SelfTest {
        let result = try Programs.run(
            "eco-terminal", ["selftest", "--json"] + configuration + words)
        let object = try JSONSerialization.jsonObject(with: Data(result.out.utf8))
        let whole = object as? [String: Any] ?? [:]
        var checks: [String: Check] = [:]
        for item in whole["checks"] as? [[String: Any]] ?? [] {
            checks[item["check"] as? String ?? ""] = Check(
                result: item["result"] as? String ?? "", text: item["text"] as? String ?? "",
                hint: item["hint"] as? String ?? "")
        }
        guard whole["code"] as? Int == Int(result.code),
            whole["well"] as? Bool == (result.code == 0)
        else { throw Setup(what: "code \(result.code), but \(result.out)") }
        return (result.code, checks, result.out + result.error)
    }
}

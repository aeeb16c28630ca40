import CardEmulation
import CommandLineTool
import Crypto
import FoundationEssentials
import Glibc
import Linux
import MerchantEmulation
import ReaderEmulation

let demoCommand = Command(
    ["demo"], "a whole network on this machine: cards, ledger, terminal, page",
    options: [
        .value("programs", "DIR", "folder of the eco-… programs (where eco-sim is)"),
        .value("seeds", "DIR", "folder of the seeds (seeds)"),
        .value("directory", "DIR", "where keys, ledger and journal go; kept between runs"),
        .value("vpcd", "HOST:PORT", "the virtual reader's slot (127.0.0.1:35963)"),
        .value("port", "N", "port of the terminal's page (8787)"),
        .value("reader", "NAME", "use this PC/SC reader and real cards, no software cards"),
        .flag("once", "make one payment of 12,50 ECO, show each step, and end"),
    ],
    examples: ["eco-sim demo --directory demo", "eco-sim demo --once --directory /tmp/demo"],
    run: { try Demo($0).run() })

/// One machine's worth of network: everything real but the cards and their reader's air.
///
/// Steps, each shown as it is done: keys, ledger, cards through pcscd, pairing, terminal.
final class Demo {
    let directory: String
    let isOnce: Bool
    let port: UInt16
    let slot: VirtualReaderSlot
    /// A physical reader; then cards are the user's own.
    private let reader: String?
    private let programs: String
    private let seeds: String
    private let ledgerPort: UInt16
    private var step = 0

    init(_ invocation: Invocation) throws {
        directory = try invocation.required("directory")
        isOnce = invocation.flag("once")
        seeds = invocation.value("seeds") ?? "seeds"
        reader = invocation.value("reader")
        let own = CommandLine.arguments.first ?? "eco-sim"
        let folder = own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let beside = folder.isEmpty ? "." : folder.joined(separator: "/")
        programs = invocation.value("programs") ?? beside
        port = UInt16(try invocation.number("port", in: 1...65_535, default: 8_787))
        let (host, slotPort) = try address(invocation.value("vpcd") ?? "127.0.0.1:35963")
        slot = VirtualReaderSlot(host: host, port: slotPort)
        do {
            try Files.makeDirectory(directory + "/cards")
            // Kept demonstrations keep their address; one that lives once takes a free port.
            ledgerPort = isOnce ? try TCPListener(port: 0).port : 8_780
        } catch {
            throw Failure("\(directory) cannot be used: \(error)", hint: "choose --directory")
        }
    }

    func run() throws {
        Signals.block([SIGINT, SIGTERM])
        defer { slot.stop() }
        try makeKeys()
        let cards = try makeLedger()
        let ledger = try start(
            "eco-ledger",
            ["serve", "--database", database, "--listen", "127.0.0.1:\(ledgerPort)"] + ledgerKeys)
        defer { ledger.signal(SIGTERM) }
        if reader == nil { try provision(cards) }
        try pair()
        let terminal = try start("eco-terminal", ["serve", "--config", path("terminal.conf")])
        defer { terminal.signal(SIGTERM) }
        let page = TerminalPage(port: port)
        guard page.waitUntilReady(atMost: .seconds(20)) else {
            throw Failure("the terminal does not get ready", hint: "read \(path("log"))")
        }
        say("terminal ready", "http://127.0.0.1:\(port)/")
        if isOnce { try payOnce(page, cards) } else { try serve(cards) }
    }

    // MARK: steps

    /// One line a step, numbered.
    func say(_ what: String, _ detail: String) {
        step += 1
        Console.out("\(step). \(what): \(detail)")
    }

    func path(_ name: String) -> String { directory + "/" + name }
    private var passphraseFile: String { path("passphrase") }
    private var database: String { "sqlite:" + path("ledger.sqlite") }
    private var ledgerKeys: [String] {
        ["--keys", path("keys/ledger.keys"), "--passphrase-file", passphraseFile]
    }
    private var issuerKeys: [String] {
        ["--keys", path("keys"), "--passphrase-file", passphraseFile]
    }

    private func makeKeys() throws {
        if !Files.exists(passphraseFile) {
            let phrase = Hexadecimal.text(randomBytes(24)) + "\n"
            do { try Files.writeAtomically(Array(phrase.utf8), to: passphraseFile) } catch {
                throw Failure("\(passphraseFile) cannot be written: \(error)", hint: "check rights")
            }
        }
        guard !Files.exists(path("keys/issuer.keys")) else {
            return say("issuer keys", "found in \(path("keys"))")
        }
        try finish("eco-card", ["key", "init"] + issuerKeys)
        say("issuer keys", "five AES masters and a signing key, sealed; one bundle a role")
    }

    private func makeLedger() throws -> [DemoCard] {
        try finish(
            "eco-ledger", ["init", "--database", database, "--seed", seeds] + ledgerKeys)
        say("ledger", "policy and merchants from \(seeds), double entry in SQLite")
        return try DemoCard.read(seeds + "/demonstration-cards.json")
    }

    /// Each card goes through the real reader service as a technician's would.
    private func provision(_ cards: [DemoCard]) throws {
        let register = path("cards.ndjson")
        var made = 0
        for card in cards where !Files.exists(path(card.image)) {
            try insert(card, isNew: true)
            defer { slot.remove() }
            try finish(
                "eco-card",
                ["card", "provision", "--reader", "Virtual PCD 00 00", "--wait", "20"]
                    + ["--number", card.number, "--class", card.className]
                    + ["--register", register] + issuerKeys)
            made += 1
        }
        guard made > 0 else { return say("cards", "\(cards.count) found") }
        try finish("eco-ledger", ["card", "add", "--database", database, register])
        for card in cards where card.topUpCents > 0 {
            try finish(
                "eco-ledger",
                ["card", "topup", "--database", database, card.number, card.topUp])
        }
        say("cards", "\(made) software NTAG 424 DNA provisioned through pcscd and credited")
    }

    private func pair() throws {
        if Files.exists(path("terminal/ledger.conf")) { return say("pairing", "found") }
        let configuration = """
            directory = \(path("terminal"))
            keys = \(path("keys/terminal.keys"))
            passphrase-file = \(passphraseFile)
            reader = \(reader ?? "Virtual PCD 00")
            listen = 127.0.0.1:\(port)

            """
        do {
            try Files.writeAtomically(Array(configuration.utf8), to: path("terminal.conf"))
        } catch { throw Failure("no configuration: \(error)", hint: "check rights") }
        guard waitForLedger() else {
            throw Failure(
                "the ledger does not answer", hint: "read \(path("log"))",
                code: .ledgerUnreachable)
        }
        let answer = path("code.json")
        try? Files.remove(answer)
        try finish(
            "eco-ledger",
            [
                "terminal", "code", "--database", database, "--merchant", "Café des Halles",
                "--json",
            ],
            output: answer)
        guard let bytes = try? Files.read(answer, atMost: 4_096),
            let code = try? JSONDecoder().decode(PairingCode.self, from: Data(bytes)).code
        else { throw Failure("the ledger gave no pairing code", hint: "read \(path("log"))") }
        try finish(
            "eco-terminal",
            ["pair", "--config", path("terminal.conf"), "--code", code]
                + ["--ledger", "http://127.0.0.1:\(ledgerPort)"])
        say("pairing", "the terminal has a key of its own and knows the ledger's")
    }

    private struct PairingCode: Decodable { let code: String }

    private func waitForLedger() -> Bool {
        let end = Clock.monotonicNanoseconds() + 15_000_000_000
        while Clock.monotonicNanoseconds() < end {
            if (try? TCPConnection.connect(
                host: "127.0.0.1", port: ledgerPort, timeout: .seconds(1))) != nil
            {
                return true
            }
            Clock.sleep(.milliseconds(50))
        }
        return false
    }

    // MARK: cards and programs

    /// Lays a card on the virtual reader.
    func insert(_ card: DemoCard, isNew: Bool = false) throws {
        let storage = ImageStorage(path: path(card.image))
        do {
            if isNew {
                // NXP's UIDs begin with 04.
                var blank = storage
                try blank.commit(try CardMemory.factory(uid: [0x04] + randomBytes(6)))
            }
            slot.insert(try SoftwareNTAG424(storage: storage))
        } catch {
            throw Failure(
                "the card \(card.name) cannot be used: \(error)",
                hint: "remove \(path(card.image))")
        }
        guard slot.wait(for: .connected, .powered, atMost: .seconds(10)) else {
            throw Failure(
                "the virtual reader does not take the card",
                hint: "is pcscd running with vsmartcard-vpcd?", code: .noReader)
        }
    }

    private func start(_ program: String, _ words: [String]) throws -> ChildProcess {
        do {
            return try ChildProcess.start(
                programs + "/" + program, words, output: path("log"), errors: path("log"))
        } catch {
            throw Failure("\(program) does not start: \(error)", hint: "is it built?")
        }
    }

    /// Runs a program to its end.
    private func finish(_ program: String, _ words: [String], output: String? = nil) throws {
        let code: Int32
        do {
            let child = try ChildProcess.start(
                programs + "/" + program, words, output: output ?? path("log"),
                errors: path("log"))
            code = child.wait()
        } catch { throw Failure("\(program) does not start: \(error)", hint: "is it built?") }
        guard code == 0 else {
            throw Failure(
                "\(program) \(words.prefix(2).joined(separator: " ")) ended with \(code)",
                hint: "read \(path("log"))")
        }
    }

    /// Waits for Ctrl-C; presents the cards that `eco-sim tap` asks for.
    private func serve(_ cards: [DemoCard]) throws {
        guard reader == nil else {
            say("reader", "\(reader ?? ""); prepare a card with")
            let keys = issuerKeys.joined(separator: " ")
            Console.out("   eco-card card provision --number NUMBER \(keys)")
            while Signals.wait([SIGINT, SIGTERM], atMost: .seconds(3_600)) == nil {}
            return
        }
        let control = try BoxControl(serving: directory)
        var box = Box(slot) { [path] name in
            guard let card = cards.first(where: { $0.name == name }) else {
                throw BoxRefusal(sentence: "no card '\(name)'")
            }
            return try SoftwareNTAG424(storage: ImageStorage(path: path(card.image)))
        }
        say("cards to tap", cards.map(\.name).joined(separator: ", "))
        let example = "eco-sim tap \(cards[0].name) --directory \(directory)"
        Console.out("   in another terminal: " + example)
        while Signals.wait([SIGINT, SIGTERM], atMost: .milliseconds(20)) == nil {
            box.serve(control)
        }
    }
}

/// "127.0.0.1:35963".
func address(_ text: String) throws -> (String, UInt16) {
    let parts = text.split(separator: ":").map(String.init)
    guard parts.count == 2, let port = UInt16(parts[1]) else {
        throw Failure("\(text) is no HOST:PORT", hint: "for example 127.0.0.1:35963", code: .usage)
    }
    return (parts[0], port)
}

import Foundation
import HTTPClient
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// `serve --stay` as systemd runs it: each thing that is missing gives one sentence on the page, in
/// the status and in the log, and the checkout opens by itself once it is there.
@Suite(.serialized) struct FaultTests {
    /// A checkout on a fixed port with a manager that listens.
    final class Site {
        let bench: TerminalBench
        let manager: NotifySocket
        let port: UInt16
        private let client = HTTPClient(
            timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 1 << 20)

        init() throws {
            bench = try TerminalBench()
            manager = try NotifySocket(bench.folder + "/notify")
            port = try Ports.free()
            try write()
        }

        /// The settings; `reader`: another one than the bench's chip.
        func write(_ more: String = "", reader: String? = nil) throws {
            let reader = reader ?? "nfc:" + bench.chip.connstring
            let text = """
                directory = \(bench.folder)/terminal
                keys = \(bench.folder)/keys/terminal.keys
                passphrase-file = \(bench.folder)/pass
                reader = \(reader)
                listen = 127.0.0.1:\(port)

                """
            try Files.writeAtomically(
                Array((text + more).utf8), to: bench.folder + "/terminal.conf")
        }

        /// `around`: words before the program, which it is started by.
        func start(until text: String, around: [String] = []) throws -> Bool {
            try bench.startTerminal(
                until: text, environment: manager.environment(patience: .seconds(3)) + around,
                options: ["--stay"])
        }

        /// The page as a browser gets it.
        func page() -> (status: Int, text: String)? {
            let answer = try? client.send(
                method: "GET", url: "http://127.0.0.1:\(port)/", headers: [], body: nil)
            return answer.map { ($0.status, String(decoding: $0.body, as: UTF8.self)) }
        }

        /// The words a person reads, without the markup's escapes.
        func shows(_ sentence: String) -> Bool {
            Programs.wait {
                guard let page = page(), page.status == 503 else { return false }
                return page.text.replacing("&quot;", with: "\"").contains(sentence)
            }
        }

        var isOpen: Bool { Programs.wait { page()?.status == 200 } }

        func says(_ line: String) -> Bool {
            manager.line { $0 == line } != nil
        }
    }

    static let starts = ["configuration", "passphrase", "card keys", "pairing", "key"]

    @Test(arguments: starts)
    func `What is missing at the start is told everywhere, and the checkout opens once it is there`(
        fault: String
    ) throws {
        let site = try Site()
        let folder = site.bench.folder
        func move(_ path: String, back: Bool = false) throws {
            let paths = [folder + path, folder + path + ".away"]
            try FileManager.default.moveItem(
                atPath: paths[back ? 1 : 0], toPath: paths[back ? 0 : 1])
        }
        let sentence: String
        switch fault {
        case "configuration":
            try site.write("langauge = fr\n")
            sentence = "La ligne 6 de \(folder)/terminal.conf n’est pas comprise"
        case "passphrase":
            chmod(folder + "/pass", 0o644)
            sentence = "Le fichier de la phrase secrète \(folder)/pass ne va pas"
        case "card keys":
            try move("/keys/terminal.keys")
            sentence = "Le fichier de clés \(folder)/keys/terminal.keys manque"
        case "pairing":
            try move("/terminal/ledger.conf")
            sentence = "Cette caisse n’est associée à aucun grand livre"
        default:
            try move("/terminal/terminal.key")
            sentence = "Le fichier de clés \(folder)/terminal/terminal.key manque"
        }
        #expect(try site.start(until: "event=fault code=start"))
        #expect(site.bench.serveSays(": " + sentence))
        #expect(site.shows(sentence))
        let codes = [
            "configuration": "S01", "passphrase": "S02", "card keys": "S02", "pairing": "S03",
            "key": "S02",
        ]
        #expect(site.shows("Appelez le technicien. Code \(codes[fault] ?? "")."))
        #expect(site.page()?.text.contains("hint") == false && site.page()?.status == 503)
        let status = site.manager.line { $0.hasPrefix("STATUS=") }
        #expect(status?.hasPrefix("STATUS=" + sentence) == true, "\(status ?? "")")
        // The start is not given up meanwhile.
        #expect(site.says("EXTEND_TIMEOUT_USEC=30000000"))
        switch fault {
        case "configuration": try site.write()
        case "passphrase": chmod(folder + "/pass", 0o600)
        case "card keys": try move("/keys/terminal.keys", back: true)
        case "pairing": try move("/terminal/ledger.conf", back: true)
        default: try move("/terminal/terminal.key", back: true)
        }
        #expect(site.says("READY=1"))
        #expect(site.isOpen)
        #expect(site.bench.serveSays("event=mended code=start"))
        site.bench.stopTerminal()
    }

    @Test func `Without --stay a missing thing ends the program, as before`() throws {
        let site = try Site()
        try site.write("langauge = fr\n")
        let result = try Programs.run("eco-terminal", ["serve"] + site.bench.configuration)
        #expect(result.code == 2 && result.error.contains("did you mean 'language'?"))
    }

    @Test func `A silent chip is told without a word of cables, and cards come again`() throws {
        let site = try Site()
        try site.write("reader-place = left\n")
        #expect(try site.start(until: "event=reader-changed present=true"))
        let page = Page(port: site.port)
        #expect(Programs.wait { page.open() && (try? page.stage().name) == "amountEntry" })
        site.bench.unplug()
        let sentence =
            "La puce du lecteur ne répond pas : vérifiez son alimentation et ses fils, puis "
            + "éteignez et rallumez la caisse."
        #expect(site.says("STATUS=" + sentence))
        #expect(site.bench.serveSays("event=fault code=reader-silent: " + sentence))
        #expect(
            Programs.wait {
                let stage = try? page.stage()
                return stage?.name == "outOfService" && stage?.code == "R04"
            })
        #expect(try !page.arm(100))
        try site.bench.plugIn()
        #expect(site.bench.serveSays("event=mended code=reader-silent"))
        #expect(Programs.wait { (try? page.stage().name) == "amountEntry" })
        #expect(try page.arm(100))
        site.bench.stopTerminal()
    }
}

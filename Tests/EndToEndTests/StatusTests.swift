import Crypto
import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// The status socket of a running checkout, asked as a monitor asks; the support bundle.
@Suite(.serialized) struct StatusTests {
    private func run(_ program: String, _ words: [String], input: String = "") throws -> String {
        let (process, out, into) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(filePath: program)
        process.arguments = words
        process.standardOutput = out
        process.standardInput = into
        try process.run()
        try into.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try into.fileHandleForWriting.close()
        let text = out.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }

    /// Body and, on a last line, the status.
    private func ask(_ bench: TerminalBench, _ path: String, _ more: [String] = []) throws -> String
    {
        try run(
            "/usr/bin/curl",
            ["-s", "--unix-socket", bench.folder + "/terminal/status", "-w", "\n%{http_code}"]
                + more + ["http://localhost" + path])
    }

    /// Reads the metrics as a monitor does (Python's prometheus_client).
    private func samples(_ text: String) throws -> [String: Double] {
        let script = """
            import sys
            from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
            for family in read(sys.stdin.read()):
                for s in family.samples:
                    labels = ",".join(f"{k}={v}" for k, v in sorted(s.labels.items()))
                    print(s.name + ("{" + labels + "}" if labels else ""), s.value)
            """
        let lines = try run("/usr/bin/python3", ["-c", script], input: text)
        return Dictionary(
            lines.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                return words.count == 2 ? (String(words[0]), Double(words[1]) ?? -1) : nil
            }, uniquingKeysWith: { first, _ in first })
    }

    @Test func `A monitor reads health, readiness and metrics; others do not reach the socket`()
        throws
    {
        let bench = try TerminalBench()
        _ = try bench.must(
            "eco-ledger", ["card", "topup"] + bench.database + ["100000000024", "50,00"])
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        let ready = "{\"status\":\"ready\",\"why\":[]}\n200"
        #expect(try Programs.wait { try ask(bench, "/readyz") == ready })
        #expect(try Files.mode(bench.folder + "/terminal/status") == 0o600)
        #expect(try ask(bench, "/healthz") == "{\"status\":\"ok\",\"why\":[]}\n200")
        #expect(try ask(bench, "/healthz", ["-X", "POST"]).hasSuffix("\n405"))
        #expect(try ask(bench, "/api/snapshot").hasSuffix("\n404"))
        try bench.pay(1234)
        // The page shows a tap before it is counted.
        var text = ""
        var found: [String: Double] = [:]
        let isCounted = try Programs.wait {
            text = try ask(bench, "/metrics")
            found = try samples(String(text.dropLast(4)))
            return found["eco_taps_total{outcome=accepted}"] == 1
        }
        #expect(isCounted && text.hasSuffix("# EOF\n\n200"), "\(text)")
        #expect(found["eco_tap_seconds_count"] == 1)
        #expect(found["eco_tap_seconds_bucket{le=+Inf}"] == 1)
        #expect(found["eco_reader_up"] == 1 && found["eco_ledger_up"] == 1)
        #expect(found["eco_ready"] == 1 && (found["eco_disk_free_bytes"] ?? 0) > 0)
        #expect(found["eco_journal_entries"] == 2)
        #expect(found["eco_events_total{event=tap}"] == 1)
        bench.unplug()
        #expect(
            try Programs.wait {
                try ask(bench, "/readyz") == "{\"status\":\"not-ready\",\"why\":[\"R04\"]}\n503"
            })
        bench.stopTerminal()
        #expect(!Files.exists(bench.folder + "/terminal/status"))
    }

    @Test func `Whoever wants to restart or remove the service hears what stands against it`()
        throws
    {
        let bench = try TerminalBench()
        _ = try bench.must(
            "eco-ledger", ["card", "topup"] + bench.database + ["100000000024", "50,00"])
        func say(_ words: [String]) throws -> Programs.Result {
            try Programs.run("eco-terminal", words + bench.configuration)
        }
        let nobody = try say(["idle"])
        #expect(nobody.code == 1 && nobody.error.contains("no checkout answers at"))
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        #expect(try say(["idle", "--wait", "20", "--json"]).json["idle"] as? Bool == true)
        #expect(try ask(bench, "/idle") == "{\"status\":\"idle\",\"why\":[]}\n200")
        let page = Page(port: bench.pagePort)
        #expect(Programs.wait { page.open() && (try? page.arm(500)) == true })
        #expect(try ask(bench, "/idle") == "{\"status\":\"busy\",\"why\":[\"operation\"]}\n503")
        let busy = try say(["idle", "--json"])
        #expect(busy.code == 75 && busy.json["why"] as? [String] == ["operation"])
        #expect(busy.error.contains("the checkout is busy: operation"))
        #expect(try page.order("cancel", ["id": try page.snapshot().armed ?? ""]).isTaken)
        #expect(try say(["idle", "--wait", "10"]).code == 0)
        try bench.pay(1234)
        #expect(try Programs.wait { try say(["journal", "unsent"]).code == 0 })
        bench.stopLedger()
        try bench.pay(1234)
        let unsent = try say(["journal", "unsent", "--json"])
        #expect(unsent.code == 6 && unsent.json["operations"] as? Int == 1)
        #expect(unsent.json["cents"] as? Int == 1_234)
        bench.stopTerminal()
    }

    @Test func `A hanging thread is no health, a killed process leaves a socket that is replaced`()
        throws
    {
        let bench = try TerminalBench()
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        let held = try HeldThread.waiting("clerk", of: bench.terminalProcess)
        #expect(
            try Programs.wait {
                try ask(bench, "/healthz") == "{\"status\":\"wedged\",\"why\":[\"clerk\"]}\n503"
            })
        held.release()
        #expect(try Programs.wait { try ask(bench, "/healthz").hasSuffix("\n200") })
        bench.signalTerminal(SIGKILL)
        _ = bench.waitForTerminal()
        #expect(Files.exists(bench.folder + "/terminal/status"))
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        #expect(try ask(bench, "/healthz").hasSuffix("\n200"))
        bench.stopTerminal()
    }

    @Test func `A support bundle holds what helps, and no name, card, amount or secret`() throws {
        let bench = try TerminalBench()
        _ = try bench.must(
            "eco-ledger", ["card", "topup"] + bench.database + ["100000000024", "50,00"])
        // The ledger gives a policy that is stored nowhere yet.
        let early = bench.folder + "/early.json"
        try bench.must("eco-terminal", ["support", "bundle", early] + bench.configuration)
        let given = String(decoding: try Files.read(early, atMost: 1 << 20), as: UTF8.self)
        #expect(given.contains("\"check\":\"policy\",\"result\":\"good\""), "\(given)")
        #expect(!given.contains("Halles"), "\(given)")
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
        try bench.pay(1234)
        bench.stopTerminal()
        let path = bench.folder + "/support.json"
        let said = try bench.must(
            "eco-terminal", ["support", "bundle", path] + bench.configuration)
        #expect(said.contains("names no person"))
        let bytes = try Files.read(path, atMost: 1 << 20)
        #expect(try Files.mode(path) == 0o600)
        let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] ?? [:]
        let entries = object["entries"] as? [String: Any]
        #expect((entries?["kinds"] as? [String: Int])?["payment"] == 1)
        #expect(entries?["sound"] as? Bool == true)
        let checks = object["selftest"] as? [[String: Any]] ?? []
        #expect(checks.contains { ($0["text"] as? String)?.contains("policy") == true } == false)
        #expect(checks.contains { ($0["text"] as? String)?.contains("version") == true })
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        let phrase = String(
            decoding: try Files.read(bench.folder + "/pass", atMost: 100).dropLast(),
            as: UTF8.self)
        // The control: all of these are to be found where they belong.
        let list = try bench.must("eco-terminal", ["journal", "list"] + bench.configuration)
        #expect(list.contains("12,34") && list.contains("…0024"))
        for secret in [
            "Café des Halles", "100000000024", "…0024", "12,34", phrase,
            Hexadecimal.text(TerminalBench.uid),
        ] {
            #expect(!text.contains(secret.lowercased()), "\(secret)")
        }
        let again = try Programs.run(
            "eco-terminal", ["support", "bundle", path] + bench.configuration)
        #expect(again.code == 2 && again.error.contains("is there already"))
    }

    @Test func `A broken terminal gives a bundle too`() throws {
        let bench = try TerminalBench()
        try Files.writeAtomically(
            Array("langauge = fr\n".utf8), to: bench.folder + "/terminal.conf")
        let path = bench.folder + "/support.json"
        _ = try bench.must("eco-terminal", ["support", "bundle", path] + bench.configuration)
        let text = String(decoding: try Files.read(path, atMost: 1 << 20), as: UTF8.self)
        #expect(text.contains("terminal.conf:1: there is no setting 'langauge'"), "\(text)")
        #expect(text.contains("\"entries\":null"))
        // Each a mistake that somebody makes with a secret.
        for line in ["passphrase hunter2", "aHVudGVyMg==", "passphrase-file = hunter2"] {
            try Files.writeAtomically(
                Array("directory = \(bench.folder)/terminal\n\(line)\n".utf8),
                to: bench.folder + "/terminal.conf")
            try Files.remove(path)
            try bench.must("eco-terminal", ["support", "bundle", path] + bench.configuration)
            let text = String(decoding: try Files.read(path, atMost: 1 << 20), as: UTF8.self)
            #expect(text.contains("\"result\":\"fault\""), "\(text)")
            #expect(!text.contains(/hunter2|aHVudGVy/), "\(text)")
        }
    }
}

import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// A calendar clock that follows a file from one moment to the next.
private final class FalseClock {
    private let path: String

    /// `offset`: seconds beside the true time.
    init(_ folder: String, offset: Int64) throws {
        CalendarClock.sweep()
        path = folder + "/clock"
        try set(offset)
    }

    func set(_ offset: Int64) throws {
        let text = (offset < 0 ? "" : "+") + "\(offset)s\n"
        try Files.writeAtomically(Array(text.utf8), to: path)
    }

    deinit { CalendarClock.sweep() }

    /// Words before the program, which it is started by.
    var words: [String] {
        ["LD_PRELOAD=" + (CalendarClock.library ?? ""), "FAKETIME_TIMESTAMP_FILE=" + path]
            + ["FAKETIME_NO_CACHE=1"] + CalendarClock.others.map { $0.key + "=" + $0.value }
            + CalendarClock.shell
    }
}

/// A clock that is wrong when the checkout starts, and is mended while it runs. A kernel that is
/// synchronised vouches for any clock, so these run where it is not.
@Suite(
    .serialized,
    .enabled(if: CalendarClock.library != nil, "needs Debian's faketime"),
    .enabled(if: !Clock.synchronised(), "the kernel vouches for the clock here"))
struct ClockFaultTests {
    private static let year: Int64 = 365 * 86_400

    enum Case: String, CaseIterable {
        case boot1970 = "1970"
        case monthsBehind = "ten months behind"
        case yearAhead = "a year ahead"

        var offset: Int64 {
            switch self {
            case .boot1970: -Int64(Date().timeIntervalSince1970) + 60
            case .monthsBehind: -300 * 86_400
            case .yearAhead: ClockFaultTests.year
            }
        }

        /// The code of the log, and the sentence's beginning.
        var told: (code: String, sentence: String) {
            switch self {
            case .boot1970:
                ("clock-unset", "L’horloge n’est pas réglée : connectez le terminal à Internet")
            case .monthsBehind:
                ("clock-behind", "L’horloge retarde sur ce que la caisse a déjà vu : connectez")
            case .yearAhead:
                ("clock-ahead", "L’horloge avance, ou la caisse est restée trop longtemps")
            }
        }
    }

    /// Entries as `journal list` shows them, with their times as `journal export` holds them.
    private func entries(_ bench: TerminalBench) throws -> [(time: Int64, trust: String)] {
        let text = try bench.must(
            "eco-terminal", ["journal", "list", "--json"] + bench.configuration)
        return text.split(separator: "\n").compactMap { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let time = object?["time"] as? Int64 ?? (object?["time"] as? Int).map(Int64.init)
            else { return nil }
            return (time, object?["clock"] as? String ?? "")
        }
    }

    private func pay(_ bench: TerminalBench, _ page: Page) throws {
        #expect(try page.arm(100))
        try bench.lay()
        #expect(Programs.wait { (try? page.stage().name) == "accepted" })
        bench.chip.remove()
    }

    @Test(arguments: Case.allCases)
    func `A wrong clock is told on the page, in the status and in the log, and mended by itself`(
        wrong: Case
    ) throws {
        let site = try FaultTests.Site()
        let bench = site.bench
        _ = try bench.must(
            "eco-ledger", ["card", "topup"] + bench.database + ["100000000024", "50,00"])
        // A first run with a true clock: policy, contact and one payment are the known time.
        #expect(try site.start(until: "event=reader-changed present=true"))
        let page = Page(port: site.port)
        #expect(page.waitUntilReady(network: "online"))
        try pay(bench, page)
        #expect(try Programs.wait { try page.snapshot().queue == 0 })
        bench.stopTerminal()
        bench.stopLedger()
        let before = try #require(try entries(bench).map(\.time).max())

        let clock = try FalseClock(bench.folder, offset: wrong.offset)
        try #require(
            try site.start(until: "event=fault code=\(wrong.told.code)", around: clock.words))
        #expect(bench.serveSays(": " + wrong.told.sentence))
        let status = site.manager.line {
            $0.hasPrefix("STATUS=" + wrong.told.sentence)
        }
        #expect(status != nil)
        #expect(Programs.wait { page.open() })
        if wrong == .yearAhead {
            // Nobody knows whether the policy has ended: nothing is sold, and the page says why.
            #expect(
                Programs.wait {
                    (try? page.stage()) == Page.Stage(name: "outOfService", code: "T01")
                })
            #expect(try !page.arm(100))
        } else {
            #expect(page.waitUntilReady(network: "offline"))
            #expect(try page.text("/api/snapshot").contains("\"clock\":\"wrong\""))
            try pay(bench, page)
        }
        // The clock is set right under the running program.
        try clock.set(0)
        #expect(bench.serveSays("event=mended code=\(wrong.told.code)"))
        #expect(page.waitUntilReady(network: "offline"))
        #expect(
            try Programs.wait {
                try !page.text("/api/snapshot").contains("\"clock\":\"wrong\"")
            })
        try pay(bench, page)
        bench.stopTerminal()
        let all = try entries(bench)
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        // Time never went back, and no wrong clock left a time behind that holds later entries.
        #expect(all.map(\.time) == all.map(\.time).sorted(), "\(all)")
        #expect(all.last.map { ($0.time >= before) && ($0.time <= now) } == true, "\(all)")
        // Each entry says how far its time is to be trusted.
        #expect(all.suffix(2).allSatisfy { $0.trust == "untrusted" }, "\(all)")
        #expect(all.contains { $0.trust == "monotonicSinceSync" }, "\(all)")
        let proof = try bench.must("eco-terminal", ["journal", "verify"] + bench.configuration)
        #expect(proof.contains(wrong == .yearAhead ? "2 payments" : "3 payments"), "\(proof)")
    }
}

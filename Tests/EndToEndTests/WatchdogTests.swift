import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// What `eco-terminal serve` tells a service manager, at a real notify socket.
@Suite(.serialized) struct WatchdogTests {
    private static let patience = Duration.milliseconds(900)

    private func started(_ bench: TerminalBench) throws -> NotifySocket {
        let manager = try NotifySocket(bench.folder + "/notify")
        let isUp = try bench.startTerminal(
            until: "event=reader-changed present=true",
            environment: manager.environment(patience: Self.patience))
        #expect(isUp)
        return manager
    }

    private func isAlive(_ manager: NotifySocket) -> Bool {
        manager.line { $0 == "WATCHDOG=1" } != nil
    }

    @Test func `Ready comes once, a status in French, signs of life, and a farewell`() throws {
        let bench = try TerminalBench()
        let manager = try started(bench)
        #expect(manager.next(within: .seconds(60)) == ["READY=1"])
        // One message may hold both; a sign of life comes again.
        let status = manager.line {
            $0 == "STATUS=Prêt à encaisser, en ligne"
        }
        #expect(status != nil)
        #expect(isAlive(manager))
        bench.signalTerminal(SIGTERM)
        #expect(manager.line { $0 == "STOPPING=1" } != nil)
        #expect(bench.waitForTerminal() == 0)
        try manager.drain()
        #expect(bench.serveSays("event=stop"))
    }

    @Test func `A stopped process gives no sign of life, and goes on when it may`() throws {
        let bench = try TerminalBench()
        let manager = try started(bench)
        #expect(isAlive(manager))
        bench.signalTerminal(SIGSTOP)
        let isStopped = Programs.wait {
            let bytes = try? Files.read("/proc/\(bench.terminalProcess)/stat", atMost: 4_096)
            return String(decoding: bytes ?? [], as: UTF8.self).contains(") T ")
        }
        #expect(isStopped)
        try manager.drain()
        #expect(manager.next(within: Self.patience * 2) == nil)
        bench.signalTerminal(SIGCONT)
        #expect(isAlive(manager))
    }

    /// The last is the HTTP library's own: it takes connections, and nobody answers them.
    @Test(arguments: [
        ("reader", "reader"), ("clerk", "clerk"), ("screen", "screen"), ("MHD-listen", "page"),
    ])
    func `A thread that hangs ends the signs of life, and the status names it`(
        thread: String, name: String
    ) throws {
        let bench = try TerminalBench()
        let manager = try started(bench)
        #expect(isAlive(manager))
        let held = try HeldThread.waiting(thread, of: bench.terminalProcess)
        let status = manager.line { $0.hasPrefix("STATUS=Ne répond plus") }
        #expect(status == "STATUS=Ne répond plus : \(name)")
        try manager.drain()
        #expect(manager.next(within: Self.patience * 2) == nil)
        #expect(bench.serveSays("event=wedged part=\(name)"))
        held.release()
        #expect(isAlive(manager))
    }

    /// P1: what began is ended, and what was accepted is in the journal.
    @Test func `SIGTERM in the middle of a tap: the tap ends, is stored once, and the exit is 0`()
        throws
    {
        let bench = try TerminalBench(rate: .kilobits106)
        _ = try bench.must(
            "eco-ledger", ["card", "topup"] + bench.database + ["100000000024", "50,00"])
        let rounds = 4
        for round in 1...rounds {
            let manager = try started(bench)
            let page = Page(port: bench.pagePort)
            #expect(Programs.wait { page.open() && (try? page.arm(100)) == true })
            let before = bench.chip.lineTraffic.commands
            try bench.lay()
            // The conversation has begun: SELECT and what follows are on the line.
            var isReading = false
            let end = ContinuousClock.now + .seconds(60)
            while !isReading, ContinuousClock.now < end {
                isReading = try page.stage().name == "reading"
            }
            #expect(isReading && bench.chip.lineTraffic.commands > before)
            bench.signalTerminal(SIGTERM)
            #expect(bench.waitForTerminal() == 0)
            #expect(bench.serveSays("event=tap"))
            bench.chip.remove()
            try manager.drain()
            let list = try bench.must("eco-terminal", ["journal", "list"] + bench.configuration)
            let payments = list.components(separatedBy: "payment  1,00 ECO").count - 1
            #expect(payments == round, "\(list)")
        }
        let proof = try bench.must("eco-terminal", ["journal", "verify"] + bench.configuration)
        #expect(proof.contains("\(rounds) payments, \(rounds),00 ECO"))
    }
}

/// Sockets, credentials and the journal, as systemd hands them over.
@Suite(.serialized) struct HandOverTests {
    /// `systemd-socket-activate` listens, and becomes the program at the first connection.
    @Test func `The page is served on the socket that systemd opened, whatever listen says`()
        throws
    {
        let bench = try TerminalBench()
        let port = try Ports.free()
        let activator = try ChildProcess.start(
            "systemd-socket-activate",
            [
                "--listen=127.0.0.1:\(port)", "--fdname=page",
                Programs.folder.appending(path: "eco-terminal").path, "serve",
            ] + bench.configuration, output: bench.folder + "/serve.log",
            errors: bench.folder + "/serve.log")
        let page = Page(port: port)
        #expect(Programs.wait { page.open() })
        #expect(Programs.wait { (try? page.snapshot().reader) == "ready" })
        #expect(bench.pagePort == port)
        activator.signal(SIGTERM)
        #expect(activator.wait() == 0)
    }
}

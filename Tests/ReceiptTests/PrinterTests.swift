import Foundation
import Glibc
import Linux
import Receipts
import TestSupport
import Testing
import TextImage
import Threads

/// A printer on a pseudo terminal: it reads when it is told to, and answers for its paper.
private final class PaperEater: Sendable {
    struct State {
        var bytes: [UInt8] = []
        var isReading = true
        var status: UInt8?
        var isStopping = false
    }

    let monitor = Monitor(State())
    let path: String
    private let line: PseudoTerminal

    init(status: UInt8? = 0x12, isReading: Bool = true) throws {
        line = try PseudoTerminal()
        path = line.path
        monitor.update { state in
            state.status = status
            state.isReading = isReading
        }
    }

    func start() { NamedThread.start("eater") { self.run() } }

    private func run() {
        while true {
            let (isStopping, isReading) = monitor.read { ($0.isStopping, $0.isReading) }
            if isStopping { return }
            guard isReading else {
                Clock.sleep(.milliseconds(2))
                continue
            }
            guard let part = try? line.read(atMost: 4_096, timeout: .milliseconds(20)) else {
                continue
            }
            let status = monitor.update { state in
                state.bytes += part
                return state.status
            }
            let question: [UInt8] = [0x10, 0x04, 4]
            if let status, part.count >= 3, Array(part.suffix(3)) == question {
                try? line.write([status], timeout: .seconds(1))
            }
        }
    }

    func stop() { monitor.update { $0.isStopping = true } }

    /// What it printed, its questions left out.
    func papers() throws -> [InkImage] {
        var bytes: [UInt8] = []
        var rest = monitor.read { $0.bytes }[...]
        while !rest.isEmpty {
            if rest.starts(with: [0x10, 0x04, 4]) {
                rest = rest.dropFirst(3)
            } else {
                bytes.append(rest.removeFirst())
            }
        }
        return try RasterReader.papers(bytes)
    }

    func wait(_ body: (State) -> Bool) -> Bool {
        monitor.wait(atMost: .seconds(60)) { body($0) ? true : nil } == true
    }
}

/// Printers that do what printers do (C3, C4, C5).
@Suite(.serialized) struct PrinterTests {
    /// Longer than a busy machine lets a working printer wait.
    private static let patience = PrinterPatience(
        answer: .seconds(10), stall: .seconds(20), job: .seconds(50))
    /// For printers that never answer.
    private static let brief = PrinterPatience(
        answer: .milliseconds(300), stall: .seconds(20), job: .seconds(50))
    /// For one that takes nothing.
    private static let short = PrinterPatience(
        answer: .milliseconds(300), stall: .milliseconds(1_500), job: .seconds(20))

    /// A job that counts how often its trace was made.
    private func job(_ begun: Monitor<Int>, _ text: String = "Reçu") -> PrintJob {
        PrintJob {
            begun.update { $0 += 1 }
            return Paper([.text(text, .large), .code(text)])
        }
    }

    private func printer(
        _ place: PrinterPlace, _ patience: PrinterPatience = PrinterTests.patience
    ) -> ReceiptPrinter {
        let printer = ReceiptPrinter(
            place: place, width: .narrow, patience: patience, log: { _ in })
        printer.start()
        return printer
    }

    private func folder() throws -> String {
        let folder = NSTemporaryDirectory() + "/printer-" + UUID().uuidString
        try Files.makeDirectory(folder)
        return folder
    }

    @Test func `A file gets whole jobs, and is read back as papers`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let printer = printer(.file(folder + "/paper"))
        defer { printer.stop() }
        let begun = Monitor(0)
        for number in 0..<3 { #expect(printer.submit(job(begun, "Reçu \(number)"))) }
        #expect(printer.finish(atMost: .seconds(60)) == .idle)
        let bytes = try Files.read(folder + "/paper", atMost: 1 << 24)
        let papers = try RasterReader.papers(bytes)
        #expect(papers.count == 3 && Set(papers.map(\.inkCount)).count > 1)
        #expect(begun.read { $0 } == 3)
    }

    @Test(.enabled(if: geteuid() == 0, "root")) func `A full disk keeps what was whole`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try shell("mount -t tmpfs -o size=24k none \(folder)")
        defer { try? shell("umount \(folder)") }
        let printer = printer(.file(folder + "/paper"))
        defer { printer.stop() }
        let begun = Monitor(0)
        var states: [PrinterState] = []
        for _ in 0..<4 {
            #expect(printer.submit(job(begun)))
            states.append(printer.finish(atMost: .seconds(60)))
        }
        #expect(states.first == .idle && states.last == .trouble(.full), "\(states)")
        let whole = states.count { $0 == .idle }
        let bytes = try Files.read(folder + "/paper", atMost: 1 << 24)
        #expect(try RasterReader.papers(bytes).count == whole)
    }

    @Test func `A printer that is absent prints nothing, traces nothing, and may come back`() throws
    {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let printer = printer(.device(folder + "/lp0"))
        defer { printer.stop() }
        let begun = Monitor(0)
        #expect(printer.submit(job(begun)))
        #expect(printer.finish(atMost: .seconds(60)) == .trouble(.absent))
        #expect(begun.read { $0 } == 0)
        // A file is no device: nothing is written over it.
        try Files.writeAtomically([1], to: folder + "/lp0")
        #expect(printer.submit(job(begun)))
        #expect(printer.finish(atMost: .seconds(60)) == .trouble(.absent))
        #expect(try Files.read(folder + "/lp0", atMost: 10) == [1])
        #expect(begun.read { $0 } == 0)
    }

    @Test(arguments: [UInt8?.some(0x12), nil])
    func `A printer that answers, or says nothing at all, prints`(_ status: UInt8?) throws {
        let eater = try PaperEater(status: status)
        eater.start()
        defer { eater.stop() }
        let printer = printer(
            .device(eater.path), status == nil ? Self.brief : Self.patience)
        defer { printer.stop() }
        let begun = Monitor(0)
        #expect(printer.submit(job(begun)))
        #expect(printer.finish(atMost: .seconds(60)) == .idle)
        #expect(eater.wait { $0.bytes.count > 3_000 })
        #expect(try eater.papers().count == 1)
        #expect(begun.read { $0 } == 1)
    }

    @Test func `An empty roll is told before anything is traced or printed`() throws {
        let eater = try PaperEater(status: 0x72)
        eater.start()
        defer { eater.stop() }
        let printer = printer(.device(eater.path))
        defer { printer.stop() }
        let begun = Monitor(0)
        #expect(printer.submit(job(begun)))
        #expect(printer.finish(atMost: .seconds(60)) == .trouble(.noPaper))
        #expect(begun.read { $0 } == 0)
        #expect(try eater.papers() == [])
        // Somebody puts a new roll in.
        eater.monitor.update { $0.status = 0x12 }
        #expect(printer.submit(job(begun)))
        #expect(printer.finish(atMost: .seconds(60)) == .idle)
        #expect(begun.read { $0 } == 1)
    }

    @Test func `A printer that takes nothing blocks nobody, and the next paper is whole`() throws {
        let eater = try PaperEater(status: nil, isReading: false)
        eater.start()
        defer { eater.stop() }
        let printer = printer(.device(eater.path), Self.short)
        defer { printer.stop() }
        let begun = Monitor(0)
        var taken = 0
        // Twenty orders at once cost less than one stall; one is under way at most.
        let spent = Promised.time {
            for _ in 0..<20 where printer.submit(job(begun)) { taken += 1 }
        }
        #expect(spent < Self.short.stall)
        #expect((ReceiptPrinter.queueMax...(ReceiptPrinter.queueMax + 1)).contains(taken))
        #expect(printer.finish(atMost: .seconds(180)) == .trouble(.notAnswering))
        eater.monitor.update { $0.isReading = true }
        #expect(printer.submit(job(begun, "Entier")))
        #expect(printer.finish(atMost: .seconds(60)) == .idle)
        let last = try Paper([.text("Entier", .large), .code("Entier")]).image(.narrow)
        // The question about the paper comes last.
        #expect(eater.wait { $0.bytes.suffix(7) == [0x1D, 0x56, 66, 0, 0x10, 0x04, 4] })
        #expect(try eater.papers().last == last)
    }

    @Test func `A stop does not wait for a printer that hangs`() throws {
        let eater = try PaperEater(status: nil, isReading: false)
        eater.start()
        defer { eater.stop() }
        let printer = ReceiptPrinter(
            place: .device(eater.path), width: .wide,
            patience: PrinterPatience(
                answer: .milliseconds(50), stall: .seconds(60), job: .seconds(60)),
            log: { _ in })
        printer.start()
        let begun = Monitor(0)
        // More than the line keeps for whoever may read it later.
        let long = PrintJob {
            begun.update { $0 += 1 }
            return Paper([Paper.Block](repeating: .text("Reçu", .large), count: 60))
        }
        #expect(printer.submit(long))
        #expect(begun.wait(atMost: .seconds(60)) { $0 == 1 ? true : nil } == true)
        // The line would be waited for a minute.
        #expect(Promised.time { printer.stop() } < .seconds(30))
        #expect(!printer.submit(job(begun)))
    }

    @Test func `A pipe nobody reads is no printer, and one whose reader goes is lost`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let pipe = folder + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        let printer = printer(.device(pipe), Self.brief)
        defer { printer.stop() }
        let begun = Monitor(0)
        #expect(printer.submit(job(begun)))
        #expect(printer.finish(atMost: .seconds(60)) == .trouble(.absent))
        #expect(begun.read { $0 } == 0)
        // The reader goes while the job is made: the process must live on.
        let reader = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let last = PrintJob {
            begun.update { $0 += 1 }
            close(reader)
            // A program that is being started elsewhere has a copy of it until it runs.
            let isGone = Programs.wait {
                let writer = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
                if writer >= 0 { close(writer) }
                return writer < 0
            }
            #expect(isGone)
            return Paper([.text("Reçu", .large)])
        }
        #expect(printer.submit(last))
        #expect(printer.finish(atMost: .seconds(60)) == .trouble(.absent))
        #expect(begun.read { $0 } == 1)
    }

    @Test func `A receipt the journal did not take is not printed`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let printer = printer(.file(folder + "/paper"))
        defer { printer.stop() }
        #expect(printer.submit(PrintJob { nil }))
        #expect(printer.finish(atMost: .seconds(60)) == .trouble(.notRecorded))
        #expect(try Files.read(folder + "/paper", atMost: 10) == [])
    }

    @Test func `A place is understood or refused`() {
        #expect(PrinterPlace("file:/tmp/x") == .file("/tmp/x"))
        #expect(PrinterPlace("/dev/usb/lp0") == .device("/dev/usb/lp0"))
        for text in ["", "lp0", "file:", "usb:1"] { #expect(PrinterPlace(text) == nil) }
    }

    private func shell(_ command: String) throws {
        #expect(try Programs.run("/bin/sh", ["-c", command]).code == 0, "\(command)")
    }
}

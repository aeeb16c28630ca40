import Linux
import Threads

/// Where receipts go.
public enum PrinterPlace: Equatable, Sendable {
    /// A file that jobs are added to.
    case file(String)
    /// A device, such as /dev/usb/lp0.
    case device(String)

    /// From "file:PATH" or a path that begins with "/"; nil otherwise.
    public init?(_ text: String) {
        if text.hasPrefix("file:"), text.utf8.count > 5 {
            self = .file(String(text.dropFirst(5)))
        } else if text.hasPrefix("/") {
            self = .device(text)
        } else {
            return nil
        }
    }
}

/// Why nothing came out.
public enum PrinterTrouble: Error, Equatable, Sendable {
    /// Nothing is plugged in there, or it may not be used.
    case absent
    /// The end of the roll.
    case noPaper
    /// It took nothing for too long; part of a receipt may be printed.
    case notAnswering
    /// The file's disk is full.
    case full
    /// The journal did not take the trace, so nothing was printed.
    case notRecorded
}

/// How a printer stands.
public enum PrinterState: Equatable, Sendable {
    /// This terminal has none.
    case none
    /// Nothing to do; the last job went out.
    case idle
    /// A job is under way.
    case printing
    /// The last job did not go out.
    case trouble(PrinterTrouble)
}

/// One receipt to print.
public struct PrintJob: Sendable {
    /// Called once on the printer's thread, when the printer is there and has had no byte of it yet
    /// (C4): makes the trace and gives the paper; nil when there is no trace.
    let begin: @Sendable () -> Paper?

    /// A job.
    public init(begin: @escaping @Sendable () -> Paper?) { self.begin = begin }
}

/// How long a printer may take.
public struct PrinterPatience: Sendable {
    /// For an answer to a question; most printers give none.
    public let answer: Duration
    /// Without taking one byte.
    public let stall: Duration
    /// For a whole job.
    public let job: Duration

    /// What a slow printer on a serial line needs: 0.3, 8 and 60 seconds.
    public static let standard = PrinterPatience(
        answer: .milliseconds(300), stall: .seconds(8), job: .seconds(60))

    /// Times of your own.
    public init(answer: Duration, stall: Duration, job: Duration) {
        self.answer = answer
        self.stall = stall
        self.job = job
    }
}

/// A printer with a thread and a queue of its own (C3).
public final class ReceiptPrinter: Sendable {
    /// Jobs that may wait.
    public static let queueMax = 8
    private static let slice = Duration.milliseconds(200)

    private let place: PrinterPlace
    private let width: PaperWidth
    private let patience: PrinterPatience
    private let monitor = Monitor(Desk())
    private let log: @Sendable (String) -> Void

    private struct Desk {
        var jobs: [PrintJob] = []
        var state = PrinterState.idle
        var isStopping = false
        /// The last job ended in the middle: its image may still be waited for.
        var isBroken = false
        var thread: NamedThread?
        var changed: (@Sendable () -> Void)?
    }

    /// A printer; `start` gives it its thread. `log` takes each trouble as one word.
    public init(
        place: PrinterPlace, width: PaperWidth, patience: PrinterPatience = .standard,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.place = place
        self.width = width
        self.patience = patience
        self.log = log
    }

    /// How it stands.
    public var state: PrinterState { monitor.read { $0.state } }

    /// Starts its thread. `changed` is called on it after each change of `state`.
    public func start(changed: @escaping @Sendable () -> Void = {}) {
        monitor.update { $0.changed = changed }
        let thread = NamedThread.start("printer") { self.run() }
        monitor.update { $0.thread = thread }
    }

    /// Ends the thread, in the middle of a job if need be.
    public func stop() {
        let thread = monitor.update { desk in
            desk.isStopping = true
            desk.changed = nil
            return desk.thread.take()
        }
        thread?.join()
    }

    /// Queues a job; false when the queue is full.
    public func submit(_ job: PrintJob) -> Bool {
        monitor.update { desk in
            guard desk.jobs.count < Self.queueMax, !desk.isStopping else { return false }
            desk.jobs.append(job)
            return true
        }
    }

    /// Waits until nothing is queued or under way, and says how it stands then.
    public func finish(atMost limit: Duration) -> PrinterState {
        monitor.wait(atMost: limit) { desk in
            desk.jobs.isEmpty && desk.state != .printing ? desk.state : nil
        } ?? .trouble(.notAnswering)
    }

    private enum Turn {
        case job(PrintJob, isBroken: Bool)
        case stop
    }

    private func run() {
        while true {
            let turn = monitor.wait(atMost: .seconds(3_600)) { desk -> Turn? in
                if desk.isStopping { return .stop }
                guard let job = desk.jobs.first else { return nil }
                // The job leaves the queue and is under way at one moment: `finish` sees no gap.
                desk.jobs.removeFirst()
                desk.state = .printing
                return .job(job, isBroken: desk.isBroken)
            }
            switch turn {
            case nil: continue
            case .stop: return
            case .job(let job, let isBroken):
                tell()
                deliver(job, isBroken)
                tell()
            }
        }
    }

    private func tell() { monitor.read { $0.changed }?() }

    private func deliver(_ job: PrintJob, _ wasBroken: Bool) {
        var isBroken = wasBroken
        var state = PrinterState.idle
        do throws(PrinterTrouble) {
            switch place {
            case .file(let path): try write(job, to: path)
            case .device(let path): try send(job, to: path, &isBroken)
            }
        } catch {
            log("\(error)")
            state = .trouble(error)
        }
        monitor.update { desk in
            desk.state = state
            desk.isBroken = isBroken
        }
    }

    private func bytes(_ job: PrintJob) throws(PrinterTrouble) -> [UInt8] {
        guard let paper = job.begin(), let image = try? paper.image(width) else {
            throw .notRecorded
        }
        return ESCPOS.job(image)
    }

    /// C5. The file is there before the trace is made.
    private func write(_ job: PrintJob, to path: String) throws(PrinterTrouble) {
        do throws(LinuxError) { try Files.append([], to: path) } catch { throw .absent }
        let bytes = try bytes(job)
        do throws(LinuxError) { try Files.append(bytes, to: path) } catch { throw .full }
    }

    private func send(
        _ job: PrintJob, to path: String, _ isBroken: inout Bool
    ) throws(PrinterTrouble) {
        let device: OutputDevice
        do throws(LinuxError) { device = try OutputDevice(path) } catch { throw .absent }
        try checkPaper(device)
        let bytes = try bytes(job)
        let start = isBroken ? ESCPOS.flush(width) : []
        isBroken = true
        try send(start + bytes, to: device)
        isBroken = false
        // The roll may have ended on the way.
        try checkPaper(device)
    }

    /// Asks for the paper sensor; a printer that says nothing is believed to have paper.
    private func checkPaper(_ device: borrowing OutputDevice) throws(PrinterTrouble) {
        guard device.canAnswer else { return }
        do throws(LinuxError) {
            // What it said before was no answer to this question.
            while try !device.read(atMost: 64, timeout: .zero).isEmpty {}
            guard try device.write(ESCPOS.ask(4)[...], timeout: patience.answer) == 3 else {
                throw LinuxError(call: "write", code: 0)
            }
            let said = try device.read(atMost: 64, timeout: patience.answer)
            guard let status = said.last(where: ESCPOS.isStatus) else { return }
            if ESCPOS.isOutOfPaper(status) { throw LinuxError(call: "status", code: 28) }
        } catch { throw Self.trouble(error) }
    }

    private func send(
        _ bytes: [UInt8], to device: borrowing OutputDevice
    ) throws(PrinterTrouble) {
        let start = Clock.monotonicNanoseconds()
        var moved = start
        var done = 0
        while done < bytes.count {
            let count: Int
            do throws(LinuxError) {
                count = try device.write(bytes[done...], timeout: Self.slice)
            } catch { throw Self.trouble(error) }
            done += count
            let now = Clock.monotonicNanoseconds()
            if count > 0 { moved = now }
            let isStopping = monitor.read { $0.isStopping }
            if isStopping || Duration.nanoseconds(now - moved) > patience.stall
                || Duration.nanoseconds(now - start) > patience.job
            {
                throw .notAnswering
            }
        }
    }

    /// 28 is ENOSPC, which the kernel's printer driver says for an empty roll.
    private static func trouble(_ error: LinuxError) -> PrinterTrouble {
        if error.code == 28 { return .noPaper }
        return error.code == 0 ? .notAnswering : .absent
    }
}

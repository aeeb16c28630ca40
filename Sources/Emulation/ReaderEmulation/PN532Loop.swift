import Linux
import Threads

/// The chip's thread: bytes in, frames, one command at a time, bytes out (UM0701-02 §6.2).
struct PN532Loop {
    /// How often a chip that has nothing to do looks whether it is to stop.
    private static let slice = Duration.milliseconds(20)
    /// How often a chip that searches looks for a card.
    private static let searchSlice = Duration.milliseconds(2)
    private static let writeLimit = Duration.milliseconds(200)
    private static let readMax = 512
    /// Start bit, eight bits, stop bit.
    private static let bitsPerByte = 10

    private let wire: PN532Wire
    private var chip: PN532Chip
    private let line: Monitor<PN532Line>
    private var scanner = PN532Scanner()
    private var secondsPerByte: Double?
    /// The answer that is not ready yet; nil in `due`: a card is searched for.
    private var pending: (code: UInt8, answer: [UInt8], due: ContinuousClock.Instant?)?
    private var lastAnswer: PN532Frame?

    init(wire: PN532Wire, chip: PN532Chip, line: Monitor<PN532Line>, baud: Int?) {
        self.wire = wire
        self.chip = chip
        self.line = line
        secondsPerByte = baud.map { Double(Self.bitsPerByte) / Double(max($0, 1)) }
    }

    mutating func run() {
        while !line.read({ $0.isStopping }) {
            if line.read({ $0.isToReset }) { reset() }
            let bytes: [UInt8]?
            do throws(LinuxError) {
                bytes = try wire.terminal.read(atMost: Self.readMax, timeout: wait)
            } catch {
                // Nothing can break a line that both ends of are ours; a pause keeps it calm.
                Clock.sleep(Self.slice)
                continue
            }
            if let bytes { take(bytes) }
            answerIfReady()
        }
        chip.reset()
    }

    private mutating func reset() {
        line.update { $0.isToReset = false }
        chip.reset()
        scanner = PN532Scanner()
        pending = nil
        lastAnswer = nil
    }

    private var wait: Duration {
        guard let pending else { return Self.slice }
        guard let due = pending.due else { return Self.searchSlice }
        return max(.zero, min(ContinuousClock.now.duration(to: due), Self.slice))
    }

    private mutating func take(_ bytes: [UInt8]) {
        line.update { $0.traffic.fromHost += bytes.count }
        pass(bytes.count)
        for byte in bytes {
            // An edge on the line wakes the chip; what wakes it is no part of a frame.
            if chip.isAsleep {
                if byte == 0x55 { chip.wake() }
                continue
            }
            if let frame = scanner.take(byte) { handle(frame) }
        }
    }

    private mutating func handle(_ frame: PN532Frame) {
        switch frame {
        case .acknowledge:
            if pending != nil { abort() }
            if let baud = chip.takeBaud(), secondsPerByte != nil {
                secondsPerByte = Double(Self.bitsPerByte) / Double(baud)
            }
        case .refuse:
            guard let lastAnswer else { return }
            line.update { $0.traffic.repeats += 1 }
            send(lastAnswer)
        case .information(let content):
            if pending != nil { abort() }
            line.update { $0.traffic.commands += 1 }
            send(.acknowledge)
            guard content.first == 0xD4 else { return reply(.syntaxError) }
            execute(Array(content.dropFirst()))
        }
    }

    /// A host that sends while the chip works no longer waits for the answer.
    private mutating func abort() {
        pending = nil
        line.update { $0.traffic.aborted += 1 }
    }

    private mutating func execute(_ command: [UInt8]) {
        switch chip.execute(command) {
        case .syntaxError: reply(.syntaxError)
        case .searching: pending = (command[0], [], nil)
        case .answer(let bytes, let delay):
            pending = (command[0], bytes, ContinuousClock.now + delay)
            answerIfReady()
        }
    }

    private mutating func answerIfReady() {
        guard let waiting = pending else { return }
        guard let due = waiting.due else {
            if case .answer(let bytes, let delay)? = chip.continueSearch() {
                pending = (waiting.code, bytes, ContinuousClock.now + delay)
            }
            return
        }
        guard due <= ContinuousClock.now else { return }
        pending = nil
        reply(.information([0xD5] + waiting.answer))
    }

    private mutating func reply(_ frame: PN532Frame) {
        lastAnswer = frame
        send(frame)
    }

    /// A host that does not read loses what it does not read, as on a wire.
    private func send(_ frame: PN532Frame) {
        var bytes = frame.bytes
        pass(bytes.count)
        let isDisturbed = line.update { line in
            line.traffic.toHost += bytes.count
            return line.isDisturbed
        }
        // Neither preamble nor postamble: a host might not look at them.
        if isDisturbed {
            bytes[Int.random(in: 1..<bytes.count - 1)] ^= 1 << UInt8.random(in: 0...7)
        }
        try? wire.terminal.write(bytes, timeout: Self.writeLimit)
    }

    /// The time that many bytes take on the wire.
    private func pass(_ count: Int) {
        guard let secondsPerByte else { return }
        Clock.sleep(.nanoseconds(Int64(secondsPerByte * Double(count) * 1_000_000_000)))
    }
}

import CardEmulation
import Cards
import Foundation
import Linux
import PCSC
import ReaderEmulation
import Testing
import Threads

@testable import Readers

/// Everything that needs a pcscd of its own, one after another: its two slots are shared.
///
///     Hardware/private-pcscd swift test --filter LivePCSC
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["ECO_PCSCD"] == "private"))
enum LivePCSC {}

/// What happened at a desk, in order.
enum Event: Equatable, Sendable {
    case reader(Bool)
    case card(String)
    case removed
    case several
}

/// A desk that writes down what happens and runs one conversation with each card.
final class TestDesk: CardDesk {
    private struct State {
        var events: [Event] = []
        var wants: Bool
    }

    private let monitor: Monitor<State>
    private let conversation: @Sendable (inout CardConnection) -> String

    init(
        wants: Bool = true,
        _ conversation: @escaping @Sendable (inout CardConnection) -> String = TestDesk.select
    ) {
        monitor = Monitor(State(wants: wants))
        self.conversation = conversation
    }

    /// SELECT and GetVersion: "ok", or the error.
    static let select: @Sendable (inout CardConnection) -> String = { connection in
        do throws(CardError) {
            try NTAG424.selectApplication(&connection)
            return try NTAG424.version(&connection).isNTAG424 ? "ok" : "another"
        } catch { return "\(error)" }
    }

    /// SELECT, then something happens, then GetVersion: "ok", "fault" for a reader that failed, or
    /// the error.
    static func interrupted(
        by happening: @escaping @Sendable () -> Void
    ) -> @Sendable (inout CardConnection) -> String {
        { connection in
            guard (try? NTAG424.selectApplication(&connection)) != nil else { return "no" }
            happening()
            do throws(CardError) {
                _ = try NTAG424.version(&connection)
                return "ok"
            } catch {
                if case .readerFault = error { return "fault" }
                return "\(error)"
            }
        }
    }

    var wantsCard: Bool {
        get { monitor.read { $0.wants } }
        set { monitor.update { $0.wants = newValue } }
    }

    func readerChanged(_ name: String?) { note(.reader(name != nil)) }
    func card(_ connection: inout CardConnection) { note(.card(conversation(&connection))) }
    func cardRemoved() { note(.removed) }
    func severalCards() { note(.several) }

    private func note(_ event: Event) { monitor.update { $0.events.append(event) } }

    var events: [Event] { monitor.read { $0.events } }

    /// Waits until exactly `expected` has happened since the start.
    func waits(for expected: [Event], atMost limit: Duration = .seconds(60)) -> Bool {
        monitor.wait(atMost: limit) { $0.events.count >= expected.count ? $0.events : nil }
            == expected
    }

    /// Waits until `expected` has happened since the start, where more may have by then.
    func begins(with expected: [Event], atMost limit: Duration = .seconds(60)) -> Bool {
        monitor.wait(atMost: limit) {
            $0.events.count >= expected.count ? Array($0.events.prefix(expected.count)) : nil
        } == expected
    }
}

/// A running reader service, stopped when it goes.
final class Service {
    let desk: TestDesk
    let reader: CardReader

    init(
        _ choice: ReaderChoice = .any, _ desk: TestDesk = TestDesk(),
        times: ChipTimes = ChipTimes()
    ) {
        self.desk = desk
        reader = CardReader(choice: choice, desk: desk, times: times)
        reader.start()
    }

    deinit { reader.stop() }

    func stays(_ state: CardReader.State, for time: Duration) -> Bool {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            if reader.state != state { return false }
            Clock.sleep(.milliseconds(20))
        }
        return true
    }

    func reaches(_ state: CardReader.State) -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if reader.state == state { return true }
            Clock.sleep(.milliseconds(5))
        }
        return false
    }
}

/// The pcscd of this name space, which a test may kill and start again.
final class Daemon: Sendable {
    static let shared = Daemon()
    private let identifier = Monitor(
        Int32(ProcessInfo.processInfo.environment["ECO_PCSCD_PID"] ?? "") ?? 0)

    /// kill -9. Waits until its parent has taken notice: a new daemon that still finds the number
    /// in use takes the old one for running, and ends.
    func kill() {
        identifier.update { identifier in
            precondition(identifier > 1, "tests: ECO_PCSCD_PID is missing")
            Glibc.kill(identifier, SIGKILL)
            let end = ContinuousClock.now + .seconds(60)
            while Glibc.kill(identifier, 0) == 0, ContinuousClock.now < end {
                Clock.sleep(.milliseconds(5))
            }
            identifier = 0
        }
    }

    /// Starts another one; `Hardware/private-pcscd` ends it by its pid file.
    func start() throws {
        let daemon = Process()
        daemon.executableURL = URL(fileURLWithPath: "/usr/sbin/pcscd")
        daemon.arguments = ["--foreground"]
        daemon.standardOutput = FileHandle.nullDevice
        daemon.standardError = FileHandle.nullDevice
        try daemon.run()
        identifier.update { $0 = daemon.processIdentifier }
    }
}

func ntag(_ last: UInt8 = 1, _ plan: String? = nil) throws -> any SoftwareCard {
    let card = SoftwareNTAG424(try .factory(uid: [0x04, 1, 2, 3, 4, 5, last]))
    guard let plan else { return card }
    return FaultyCard(card, plan: try FaultPlan(plan))
}

/// A card that takes its time over each answer.
struct SlowCard: SoftwareCard {
    var card: any SoftwareCard
    let workingTime: Duration
    var atr: [UInt8] { card.atr }
    mutating func powerOn() { card.powerOn() }
    mutating func powerOff() { card.powerOff() }
    mutating func respond(to command: [UInt8]) -> [UInt8] { card.respond(to: command) }
}

/// Ends of serial lines that this process has open.
func openLines() throws -> Int {
    try Files.list("/proc/self/fd").filter { name in
        let file = try? FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/self/fd/" + name)
        return file == "/dev/ptmx" || file?.hasPrefix("/dev/pts/") == true
    }.count
}

/// Connections that the daemon has here, as the kernel counts them.
func daemonConnections() throws -> Int {
    let sockets = String(decoding: try Files.read("/proc/net/unix", atMost: 1 << 24), as: UTF8.self)
    return sockets.split(separator: "\n").filter { $0.hasSuffix("/pcscd.comm") }.count
}

/// Until the daemon has seen that the cards of the test before are gone.
func awaitEmptyReaders() throws {
    let context = try Context()
    var states = try context.readers().map { ReaderState(name: $0) }
    try #require(states.count == 2)
    let end = ContinuousClock.now + .seconds(60)
    while true {
        _ = try context.statusChange(&states, milliseconds: 500)
        if !states.contains(where: \.isPresent) { return }
        try #require(ContinuousClock.now < end, "a card stays in its slot")
        for index in states.indices { states[index].current = states[index].event }
    }
}

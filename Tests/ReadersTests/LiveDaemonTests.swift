import CardEmulation
import Cards
import Linux
import ReaderEmulation
import TestSupport
import Testing
import Threads

@testable import Readers

extension LivePCSC {
    /// The daemon dies and comes back.
    @Suite final class DaemonTests {
        private let slot = VirtualReaderSlot()

        init() throws { try awaitEmptyReaders() }

        deinit { slot.stop() }

        @Test func `A daemon killed while nothing lies there is found again`() throws {
            let service = Service()
            #expect(service.desk.waits(for: [.reader(true)]))
            Daemon.shared.kill()
            #expect(service.desk.waits(for: [.reader(true), .reader(false)]))
            #expect(service.reader.state == .idle)
            try Daemon.shared.start()
            let back: [Event] = [.reader(true), .reader(false), .reader(true)]
            #expect(service.desk.waits(for: back))
            slot.insert(try ntag())
            #expect(service.desk.waits(for: back + [.card("ok")]))
        }

        @Test func `A daemon killed in a conversation ends it; the card is taken again after`()
            throws
        {
            let kills = Monitor(0)
            let kill = TestDesk.interrupted {
                let count = kills.update { kills in
                    kills += 1
                    return kills
                }
                if count == 1 { Daemon.shared.kill() }
            }
            let service = Service(.any, TestDesk(kill))
            #expect(service.desk.waits(for: [.reader(true)]))
            slot.insert(try ntag())
            #expect(
                service.desk.waits(
                    for: [.reader(true), .card("fault"), .removed, .reader(false)]),
                "\(service.desk.events)")
            try Daemon.shared.start()
            let expected: [Event] = [
                .reader(true), .card("fault"), .removed, .reader(false), .reader(true), .card("ok"),
            ]
            #expect(
                service.desk.waits(for: expected), "\(service.desk.events)")
        }

        @Test func `It stops within a second when there is no daemon`() throws {
            Daemon.shared.kill()
            let spent = Promised.best(within: .seconds(1)) {
                let service = Service()
                // Not a wait for anything: it has looked for the daemon once.
                Clock.sleep(.milliseconds(300))
                return Promised.time { service.reader.stop() }
            }
            #expect(spent < .seconds(1))
            #expect(throws: ReaderError.noService) { try readerNames() }
            try Daemon.shared.start()
            let again = Service()
            #expect(again.desk.waits(for: [.reader(true)]))
        }
    }
}

import CardEmulation
import Cards
import Linux
import ReaderEmulation
import TestSupport
import Testing
import Threads

@testable import Readers

extension LivePCSC {
    /// The service in front of the real daemon.
    @Suite final class ReaderTests {
        private let slot = VirtualReaderSlot()

        init() throws { try awaitEmptyReaders() }

        deinit { slot.stop() }

        @Test func `A card comes, is processed once, leaves, and comes again`() throws {
            let service = Service()
            #expect(service.desk.waits(for: [.reader(true)]))
            slot.insert(try ntag())
            #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
            #expect(service.reaches(.waitingForRemoval))
            #expect(service.stays(.waitingForRemoval, for: .seconds(1)))
            let card = try #require(slot.remove())
            #expect(service.desk.waits(for: [.reader(true), .card("ok"), .removed]))
            slot.insert(card)
            #expect(
                service.desk.waits(for: [.reader(true), .card("ok"), .removed, .card("ok")]))
        }

        @Test func `A card that lies there is processed when it is wanted, and not before`() throws
        {
            slot.insert(try ntag())
            #expect(slot.wait(for: .connected, .powered, atMost: .seconds(60)))
            let spent = Promised.best(within: .milliseconds(800)) {
                let service = Service(.any, TestDesk(wants: false))
                #expect(service.desk.waits(for: [.reader(true)]))
                #expect(service.reaches(.waitingForCard))
                #expect(service.stays(.waitingForCard, for: .seconds(1)))
                return Promised.time {
                    service.desk.wantsCard = true
                    #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
                }
            }
            #expect(spent < .milliseconds(800))
        }

        @Test(arguments: ["tear@2", "lost@2", "gone@2"])
        func `A card that leaves in the middle of an APDU is a removed card`(_ plan: String) throws
        {
            let service = Service()
            #expect(service.desk.waits(for: [.reader(true)]))
            slot.insert(try ntag(1, plan))
            #expect(
                service.desk.waits(for: [.reader(true), .card("removed"), .removed]),
                "\(service.desk.events)")
            slot.remove()
            slot.insert(try ntag())
            #expect(
                service.desk.waits(
                    for: [.reader(true), .card("removed"), .removed, .card("ok")]))
        }

        @Test func `A card that falls silent ends the conversation and is taken when laid again`()
            throws
        {
            let service = Service()
            #expect(service.desk.waits(for: [.reader(true)]))
            slot.insert(try ntag(1, "mute@2"))
            #expect(service.desk.waits(for: [.reader(true), .card("removed")]))
            _ = slot.remove()
            slot.insert(try ntag())
            #expect(
                service.desk.waits(
                    for: [.reader(true), .card("removed"), .removed, .card("ok")]),
                "\(service.desk.events)")
        }

        @Test func `Cards in two readers are told once; the one that stays is processed`() throws {
            let second = VirtualReaderSlot(port: VirtualReaderSlot.firstPort + 1)
            defer { second.stop() }
            let service = Service(.any, TestDesk(wants: false))
            #expect(service.desk.waits(for: [.reader(true)]))
            slot.insert(try ntag(1))
            second.insert(try ntag(2))
            #expect(slot.wait(for: .powered, atMost: .seconds(60)))
            #expect(second.wait(for: .powered, atMost: .seconds(60)))
            service.desk.wantsCard = true
            #expect(service.desk.waits(for: [.reader(true), .several]), "\(service.desk.events)")
            #expect(service.stays(.waitingForCard, for: .milliseconds(700)))
            slot.remove()
            #expect(service.desk.waits(for: [.reader(true), .several, .card("ok")]))
        }

        @Test func `A chosen reader does not see the other one's card`() throws {
            let names = try readerNames()
            #expect(names.count == 2)
            let service = Service(.index(1))
            #expect(service.desk.waits(for: [.reader(true)]))
            slot.insert(try ntag())
            #expect(slot.wait(for: .powered, atMost: .seconds(60)))
            #expect(service.stays(.waitingForCard, for: .seconds(1)))
            #expect(service.desk.events == [.reader(true)])
        }

        @Test func `A slow card is waited for`() throws {
            let slow = VirtualReaderSlot(
                port: VirtualReaderSlot.firstPort + 1, pace: AirPace(.kilobits106))
            defer { slow.stop() }
            let service = Service(.index(1))
            #expect(service.desk.waits(for: [.reader(true)]))
            let start = ContinuousClock.now
            slow.insert(SlowCard(card: try ntag(), workingTime: .milliseconds(400)))
            #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
            #expect(ContinuousClock.now - start > .milliseconds(4 * 400))
        }

        @Test func `It stops within a second, whatever it is doing`() throws {
            for millisecond in stride(from: 0, through: 600, by: 60) {
                let spent = try Promised.best(within: .seconds(1)) {
                    let service = Service()
                    if millisecond % 120 == 0 { slot.insert(try ntag()) }
                    defer { slot.remove() }
                    // Not a wait for anything: the instant of the stop is what varies.
                    Clock.sleep(.milliseconds(millisecond))
                    return Promised.time { service.reader.stop() }
                }
                #expect(spent < .seconds(1), "after \(millisecond) ms")
            }
        }

        @Test func `Two hundred starts and conversations leave no file open`() throws {
            slot.insert(try ntag())
            #expect(slot.wait(for: .powered, atMost: .seconds(60)))
            func turn() throws {
                let service = Service()
                #expect(service.desk.waits(for: [.reader(true), .card("ok")]))
                service.reader.stop()
            }
            try turn()
            let before = try daemonConnections()
            #expect(before > 0)
            for _ in 0..<200 { try turn() }
            // Suites beside this one talk with the daemon too.
            #expect(try daemonConnections() < before + 15)
        }
    }

    /// `withCard`, the way of the command line.
    @Suite final class SingleCardTests {
        private let slot = VirtualReaderSlot()
        private let second = VirtualReaderSlot(port: VirtualReaderSlot.firstPort + 1)

        init() throws { try awaitEmptyReaders() }

        deinit {
            slot.stop()
            second.stop()
        }

        private func version(
            _ choice: ReaderChoice = .any, waiting: Duration = .seconds(60)
        ) throws(ReaderError) -> Result<Bool, CardError> {
            try withCard(choice: choice, waiting: waiting) { (channel) throws(CardError) in
                try NTAG424.selectApplication(&channel)
                return try NTAG424.version(&channel).isNTAG424
            }
        }

        @Test func `A card in any reader is found`() throws {
            second.insert(try ntag())
            #expect(try version() == .success(true))
            #expect(throws: ReaderError.noCard) {
                try self.version(.index(0), waiting: .milliseconds(100))
            }
            #expect(throws: ReaderError.noReader) { try self.version(.name("none")) }
        }

        @Test func `Two cards are refused`() throws {
            slot.insert(try ntag(1))
            second.insert(try ntag(2))
            #expect(slot.wait(for: .powered, atMost: .seconds(60)))
            #expect(second.wait(for: .powered, atMost: .seconds(60)))
            #expect(throws: ReaderError.severalCards) { try self.version() }
            #expect(try version(.index(1)) == .success(true))
        }

        @Test func `A conversation's bytes are counted, and its error comes back`() throws {
            slot.insert(try ntag(1, "sw=6A82@3"))
            let counts = try withCard(choice: .any, waiting: .seconds(60)) {
                (channel) throws(CardError) in
                try NTAG424.selectApplication(&channel)
                return [channel.commands, channel.bytesSent, channel.bytesReceived]
            }
            #expect(try counts.get() == [1, 12, 2])
            let refused = try version()
            guard case .failure(.refused(.notFound, _)) = refused else {
                Issue.record("\(refused)")
                return
            }
        }
    }
}

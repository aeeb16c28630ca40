import CardEmulation
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// The link to the driver, byte for byte.
@Suite struct LinkTests {
    private static let brief = Duration.milliseconds(20)

    private func slot(
        _ listener: borrowing TCPListener, pace: AirPace? = nil, recordsContent: Bool = false,
        minimumAbsence: Duration = brief
    ) -> VirtualReaderSlot {
        VirtualReaderSlot(
            port: listener.port, pace: pace, recordsContent: recordsContent,
            minimumAbsence: minimumAbsence)
    }

    @Test func `An inserted card is offered, powered and talks`() throws {
        let listener = try TCPListener(port: 0)
        let slot = slot(listener)
        #expect(slot.presence == .empty)
        #expect(try listener.accept(timeout: Self.brief) == nil, "nothing without a card")
        #expect(slot.insert(try factoryCard()))
        #expect(!slot.insert(try factoryCard()), "one card at a time")
        let peer = try DriverPeer(listener)
        #expect(slot.wait(for: .connected, atMost: DriverPeer.limit))
        #expect(try peer.exchange([0x04]) == [0x3B, 0x81, 0x80, 0x01, 0x80, 0x80])
        try peer.powerOn()
        #expect(slot.wait(for: .powered, atMost: DriverPeer.limit))
        #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
        #expect(try peer.exchange(getKeyVersion) == [0x00, 0x91, 0x00])
        let traffic = slot.traffic
        #expect([traffic.commands, traffic.commandBytes, traffic.answerBytes] == [2, 20, 5])
        let lengths = slot.exchanges.map { [$0.commandLength, $0.answerLength] }
        #expect(lengths == [[13, 2], [7, 3]])
        #expect(slot.exchanges.map(\.instruction) == [0xA4, 0x64])
        #expect(slot.exchanges.allSatisfy { $0.command == nil && $0.answer == nil })
        slot.clearLog()
        #expect(slot.exchanges.isEmpty && slot.traffic.commands == 0)
    }

    @Test func `Reset and power-off forget the selection`() throws {
        let listener = try TCPListener(port: 0)
        let slot = slot(listener, recordsContent: true)
        slot.insert(try factoryCard())
        let peer = try DriverPeer(listener)
        for control: UInt8 in [0x01, 0x02] {
            try peer.send([control])
            #expect(try peer.exchange(getKeyVersion) == [0x91, 0x9D])
            #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
        }
        try peer.send([0x00])
        #expect(slot.wait(for: .connected, atMost: DriverPeer.limit))
        try peer.send([0x01])
        #expect(try peer.exchange(getKeyVersion) == [0x91, 0x9D])
        #expect(slot.exchanges.last?.command == getKeyVersion)
        #expect(slot.exchanges.last?.answer == [0x91, 0x9D])
    }

    @Test func `Messages may come in pieces, empty, or with an unknown control`() throws {
        let listener = try TCPListener(port: 0)
        let slot = slot(listener)
        slot.insert(try factoryCard())
        let peer = try DriverPeer(listener)
        for byte: UInt8 in [0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0x77, 0x00, 0x0D] {
            try peer.sendRaw([byte])
        }
        for byte in selectApplication { try peer.sendRaw([byte]) }
        #expect(try peer.receive() == [0x90, 0x00])
        #expect(peer.isSilent(), "controls and empty messages have no answer")
        #expect(try peer.exchange([UInt8](repeating: 0, count: 0xFFFF)) == [0x6D, 0x00])
        #expect(try peer.exchange([0x00, 0xA4]) == [0x67, 0x00])
    }

    @Test func `A removed card takes the connection down, and is the caller's again`() throws {
        let listener = try TCPListener(port: 0)
        let slot = slot(listener, minimumAbsence: .milliseconds(200))
        slot.insert(try factoryCard())
        let peer = try DriverPeer(listener)
        try peer.powerOn()
        _ = try peer.exchange(selectApplication)
        let start = ContinuousClock.now
        let card = try #require(slot.remove())
        #expect(slot.presence == .empty)
        #expect(try peer.receive() == nil)
        #expect(slot.remove() == nil)
        #expect(card is SoftwareNTAG424)
        slot.insert(card)
        let again = try DriverPeer(listener)
        #expect(start.duration(to: .now) >= .milliseconds(200), "the reader must see it gone")
        try again.powerOn()
        #expect(try again.exchange(getKeyVersion) == [0x91, 0x9D], "powered anew")
    }

    @Test(arguments: [("tear@2", false), ("lost@2", false), ("gone@2", true)])
    func `A card that leaves takes the connection down`(
        _ fault: String, _ isAnswered: Bool
    ) throws {
        let listener = try TCPListener(port: 0)
        let slot = slot(listener)
        slot.insert(FaultyCard(try factoryCard(), plan: try FaultPlan(fault)))
        let peer = try DriverPeer(listener)
        try peer.powerOn()
        #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
        try peer.send(getKeyVersion)
        if isAnswered { #expect(try peer.receive() == [0x00, 0x91, 0x00]) }
        #expect(try peer.receive() == nil)
        #expect(slot.wait(for: .left, atMost: DriverPeer.limit))
        #expect(try listener.accept(timeout: Self.brief * 3) == nil, "it does not come back alone")
        let card = try #require(slot.remove())
        #expect(slot.presence == .empty)
        slot.insert(card)
        let again = try DriverPeer(listener)
        try again.powerOn()
        #expect(try again.exchange(selectApplication) == [0x90, 0x00])
    }

    @Test func `A mute card is never away, and speaks after a power-on`() throws {
        let listener = try TCPListener(port: 0)
        let slot = slot(listener, minimumAbsence: .seconds(60))
        slot.insert(FaultyCard(try factoryCard(), plan: try FaultPlan("mute@1")))
        let peer = try DriverPeer(listener)
        try peer.powerOn()
        #expect(try peer.exchange(selectApplication) == nil)
        let second = try DriverPeer(listener, atMost: .zero)
        #expect(try second.exchange(selectApplication) == nil, "still without power")
        let third = try DriverPeer(listener, atMost: .zero)
        try third.powerOn()
        #expect(try third.exchange(selectApplication) == [0x90, 0x00])
        #expect(slot.exchanges.map(\.answerLength) == [0, 0, 2])
    }

    @Test func `When the driver goes and comes back, so does the card`() throws {
        let port = try Ports.free()
        let slot: VirtualReaderSlot
        do {
            let listener = try TCPListener(port: port)
            slot = self.slot(listener)
            slot.insert(try factoryCard())
            let peer = try DriverPeer(listener)
            try peer.powerOn()
            #expect(slot.wait(for: .powered, atMost: DriverPeer.limit))
        }
        #expect(slot.wait(for: .offered, atMost: DriverPeer.limit))
        let listener = try Ports.again { try TCPListener(port: port) }
        do {
            let peer = try DriverPeer(listener)
            try peer.powerOn()
            #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
            // A driver that dies in the middle of a message.
            try peer.sendRaw([0x00, 0x10, 0x90])
        }
        let last = try DriverPeer(listener)
        try last.powerOn()
        #expect(try last.exchange(selectApplication) == [0x90, 0x00])
    }

    @Test func `A paced slot answers no sooner than the air would`() throws {
        let listener = try TCPListener(port: 0)
        let pace = AirPace(.kilobits106)
        let slot = slot(listener, pace: pace)
        slot.insert(try factoryCard())
        let peer = try DriverPeer(listener)
        var start = ContinuousClock.now
        try peer.powerOn()
        _ = try peer.exchange([0x04])
        #expect(start.duration(to: .now) >= pace.activation)
        start = .now
        #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
        let cost = pace.exchange(command: 13, answer: 2)
        #expect(start.duration(to: .now) >= cost.total)
    }

    @Test func `The card in the slot can be looked at and changed`() throws {
        let listener = try TCPListener(port: 0)
        let slot = slot(listener)
        #expect(slot.withCard { _ in true } == nil)
        slot.insert(FaultyCard(try factoryCard(), plan: FaultPlan()))
        let peer = try DriverPeer(listener)
        try peer.powerOn()
        #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
        let commands = slot.withCard { card -> Int in
            guard var faulty = card as? FaultyCard else { return 0 }
            faulty.plan = FaultPlan([2: .status(0x6FFF)])
            card = faulty
            return faulty.commands
        }
        #expect(commands == 1)
        #expect(try peer.exchange(getKeyVersion) == [0x6F, 0xFF])
    }

    @Test func `Stopping ends the thread in every state, twice without harm`() throws {
        let listener = try TCPListener(port: 0)
        let empty = slot(listener)
        empty.stop()
        empty.stop()
        let offered = VirtualReaderSlot(port: 1, minimumAbsence: Self.brief)
        offered.insert(try factoryCard())
        offered.stop()
        let served = slot(listener)
        served.insert(try factoryCard())
        let peer = try DriverPeer(listener)
        served.stop()
        #expect(try peer.receive() == nil)
    }
}

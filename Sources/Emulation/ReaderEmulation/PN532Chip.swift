import CardEmulation

/// The PN532's firmware as its host sees it: one command in, one answer out (UM0701-02 §7).
///
/// It knows: Diagnose (communication, ROM, RAM, card presence), GetFirmwareVersion,
/// GetGeneralStatus, ReadRegister, WriteRegister, SetSerialBaudRate, SetParameters,
/// SAMConfiguration, PowerDown, RFConfiguration, InListPassiveTarget (type A, 106 kbit/s),
/// InDataExchange, InCommunicateThru, InDeselect, InRelease, InSelect. To everything else, and to
/// a parameter list of another length, it answers with the syntax error frame.
struct PN532Chip {
    /// Status bytes (§7.1, table 15).
    enum Status: UInt8 {
        case success = 0x00
        /// The card has not answered.
        case timedOut = 0x01
        /// The chip's own buffer is full.
        case overflow = 0x0E
        /// A parameter out of its range.
        case parameter = 0x10
        /// The card's answer is of no ISO/IEC 14443-4 shape.
        case format = 0x13
        /// Not now: no such card was found.
        case context = 0x27
    }

    /// What becomes of a command.
    enum Reply: Equatable {
        /// Code and data of the answer, and when it is ready.
        case answer([UInt8], after: Duration)
        case syntaxError
        /// The chip looks on until a card comes or the host sends something.
        case searching
    }

    /// Bytes a card can be sent, or answers, in one command of the host.
    static let dataMax = 262
    /// Bytes of a command the host sends in pieces (more information bit).
    static let chainMax = 4_096
    /// How long a raw exchange waits for a card, unless configured (§7.3.1 item 2).
    private static let rawPatience = Duration.microseconds(51_200)
    private static let success = Status.success.rawValue
    /// PN532, version 1.6, ISO 14443 A and B, ISO 18092.
    private static let firmware: [UInt8] = [0x32, 0x01, 0x06, 0x07]
    private static let bauds = [
        9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 1_288_000,
    ]
    /// Bytes of each item of RFConfiguration.
    private static let configurationSizes: [UInt8: Int] = [
        0x01: 1, 0x02: 3, 0x04: 1, 0x05: 3, 0x0A: 11, 0x0B: 8, 0x0C: 3, 0x0D: 9,
    ]

    private(set) var field: PN532Field
    let pace: AirPace?
    private var registers: [UInt16: UInt8] = [:]
    private var sendsRATS = true
    private var searchesForEver = true
    private var lastError = PN532Chip.success
    /// Where the cards of Tg 1 and Tg 2 lie.
    private var targets: [Int?] = [nil, nil]
    private var commandPieces: [UInt8] = []
    private var answerPieces: [UInt8] = []
    /// Set by PowerDown: the line wakes it.
    private(set) var isAsleep = true
    /// Set by SetSerialBaudRate; in force once the host has acknowledged the answer.
    private(set) var wantedBaud: Int?
    private var search: (maximum: Int, uid: [UInt8]?)?

    init(_ places: [CardPlace], pace: AirPace?) {
        field = PN532Field(places)
        self.pace = pace
    }

    /// As after its supply went and came: asleep, nothing configured.
    mutating func reset() {
        field.set(false)
        self = PN532Chip(field.places, pace: pace)
    }

    mutating func wake() { isAsleep = false }

    mutating func takeBaud() -> Int? { wantedBaud.take() }

    /// Executes a command: its code and parameters.
    mutating func execute(_ command: [UInt8]) -> Reply {
        search = nil
        guard let code = command.first else { return .syntaxError }
        let data = Array(command.dropFirst())
        switch code {
        case 0x00: return diagnose(data)
        case 0x02 where data.isEmpty: return answer(code, Self.firmware)
        case 0x04 where data.isEmpty: return answer(code, generalStatus)
        case 0x06 where !data.isEmpty && data.count % 2 == 0: return readRegisters(data)
        case 0x08 where !data.isEmpty && data.count % 3 == 0: return writeRegisters(data)
        case 0x10 where data.count == 1: return setBaud(data[0])
        case 0x12 where data.count == 1:
            sendsRATS = data[0] & 0x10 != 0
            return answer(code, [])
        case 0x14 where (1...3).contains(data.count):
            return (1...4).contains(data[0]) ? answer(code, []) : .syntaxError
        case 0x16 where (1...2).contains(data.count): return powerDown(data[0])
        case 0x32 where !data.isEmpty: return configure(data)
        case 0x4A where data.count >= 2: return list(data)
        case 0x40 where !data.isEmpty: return exchange(data)
        case 0x42 where !data.isEmpty: return communicate(data)
        case 0x44 where data.count == 1: return release(code, data[0], forgets: false)
        case 0x52 where data.count == 1: return release(code, data[0], forgets: true)
        case 0x54 where data.count == 1: return select(data[0])
        default: return .syntaxError
        }
    }

    private func answer(_ code: UInt8, _ data: [UInt8], after: Duration = .zero) -> Reply {
        .answer([code &+ 1] + data, after: after)
    }

    private mutating func status(
        _ code: UInt8, _ status: Status, after: Duration = .zero
    ) -> Reply {
        lastError = status.rawValue
        return answer(code, [status.rawValue], after: after)
    }

    // MARK: the chip itself

    private mutating func diagnose(_ data: [UInt8]) -> Reply {
        switch data.first {
        case 0x00: return answer(0x00, data)
        case 0x01 where data.count == 1, 0x02 where data.count == 1: return answer(0x00, [0])
        case 0x06 where data.count == 1:
            guard let index = targets[0] else { return status(0x00, .context) }
            let isThere = field.block([0xB2]) != nil
            return status(
                0x00, isThere ? .success : .timedOut, after: isThere ? .zero : field.patience(index)
            )
        default: return .syntaxError
        }
    }

    private var generalStatus: [UInt8] {
        let listed = [UInt8(1), 2].filter { targets[Int($0) - 1] != nil }
        // Tg, 106 kbit/s both ways, type A.
        let rows: [UInt8] = listed.reduce(into: []) { $0 += [$1, 0x00, 0x00, 0x10] }
        let head: [UInt8] = [lastError, field.isOn ? 1 : 0, UInt8(listed.count)]
        // The last byte: no SAM is connected.
        return head + rows + [0x80]
    }

    private func readRegisters(_ data: [UInt8]) -> Reply {
        let values = stride(from: 0, to: data.count, by: 2).map { index in
            registers[UInt16(data[index]) << 8 | UInt16(data[index + 1])] ?? 0
        }
        return answer(0x06, values)
    }

    private mutating func writeRegisters(_ data: [UInt8]) -> Reply {
        for index in stride(from: 0, to: data.count, by: 3) {
            registers[UInt16(data[index]) << 8 | UInt16(data[index + 1])] = data[index + 2]
        }
        return answer(0x08, [])
    }

    private mutating func setBaud(_ number: UInt8) -> Reply {
        guard Self.bauds.indices.contains(Int(number)) else { return .syntaxError }
        wantedBaud = Self.bauds[Int(number)]
        return answer(0x10, [])
    }

    /// Bit 4 of the sources lets the serial line wake the chip; without it nothing here would.
    private mutating func powerDown(_ sources: UInt8) -> Reply {
        guard sources & 0x10 != 0 else { return status(0x16, .parameter) }
        field.set(false)
        targets = [nil, nil]
        isAsleep = true
        return answer(0x16, [Self.success])
    }

    private mutating func configure(_ data: [UInt8]) -> Reply {
        guard Self.configurationSizes[data[0]] == data.count - 1 else { return .syntaxError }
        switch data[0] {
        case 0x01:
            field.set(data[1] & 1 != 0)
            if !field.isOn { targets = [nil, nil] }
        case 0x05: searchesForEver = data[3] == 0xFF
        default: break  // timings and analogue settings: nothing here depends on them
        }
        return answer(0x32, [])
    }

    // MARK: cards

    private mutating func list(_ data: [UInt8]) -> Reply {
        guard (1...2).contains(data[0]), data[1] <= 4 else { return .syntaxError }
        targets = [nil, nil]
        commandPieces = []
        answerPieces = []
        // The field comes on by itself.
        field.set(true)
        // Nothing here speaks another modulation than type A at 106 kbit/s.
        let isTypeA = data[1] == 0
        search = (isTypeA ? Int(data[0]) : 0, Self.uid(Array(data.dropFirst(2))))
        return continueSearch() ?? .searching
    }

    /// A UID as the host writes it for the cascade: 88 before each level but the last.
    private static func uid(_ bytes: [UInt8]) -> [UInt8]? {
        switch bytes.count {
        case 4: bytes
        case 8 where bytes[0] == 0x88: Array(bytes[1...])
        case 12 where bytes[0] == 0x88 && bytes[4] == 0x88:
            Array(bytes[1...3]) + Array(bytes[5...])
        default: nil
        }
    }

    /// Looks once more; nil: go on looking.
    mutating func continueSearch() -> Reply? {
        guard let search else { return .syntaxError }
        var rows: [UInt8] = []
        var count: UInt8 = 0
        while Int(count) < search.maximum,
            let (index, identity) = field.find(uid: search.uid, sendsRATS: sendsRATS)
        {
            targets[Int(count)] = index
            count += 1
            rows += [count] + identity.atqa + [identity.sak, UInt8(identity.uid.count)]
            rows += identity.uid
            if sendsRATS, identity.sak & 0x20 != 0 { rows += identity.ats }
        }
        if count == 0, searchesForEver { return nil }
        self.search = nil
        return answer(0x4A, [count] + rows, after: (pace?.activation ?? .zero) * Int(count))
    }

    private mutating func exchange(_ data: [UInt8]) -> Reply {
        let hasMore = data[0] & 0x40 != 0
        let content = Array(data.dropFirst())
        let number = Int(data[0] & 0x3F)
        guard data[0] & 0x80 == 0, content.count <= Self.dataMax else {
            return status(0x40, .parameter)
        }
        guard (1...2).contains(number), let index = targets[number - 1] else {
            return status(0x40, .context)
        }
        if content.isEmpty, !answerPieces.isEmpty { return nextPiece() }
        answerPieces = []
        guard commandPieces.count + content.count <= Self.chainMax else {
            commandPieces = []
            return status(0x40, .overflow)
        }
        commandPieces += content
        if hasMore { return status(0x40, .success) }
        let command = commandPieces
        commandPieces = []
        if field.stage(index) == .halted, !field.reactivate(index, sendsRATS: sendsRATS) {
            return status(0x40, .timedOut, after: field.patience(index))
        }
        let patience = field.patience(index)
        let outcome = field.exchange(index, command)
        guard !outcome.answer.isEmpty else { return status(0x40, .timedOut, after: patience) }
        guard outcome.answer.count >= 2 else { return status(0x40, .format) }
        answerPieces = outcome.answer
        return nextPiece(after: time(command.count, outcome))
    }

    private func time(_ command: Int, _ outcome: SlotOutcome) -> Duration {
        let air = pace?.exchange(command: command, answer: outcome.answer.count).total ?? .zero
        return air + outcome.workingTime
    }

    private mutating func nextPiece(after: Duration = .zero) -> Reply {
        let piece = Array(answerPieces.prefix(Self.dataMax))
        answerPieces = Array(answerPieces.dropFirst(Self.dataMax))
        lastError = Self.success
        return answer(0x40, [answerPieces.isEmpty ? 0x00 : 0x40] + piece, after: after)
    }

    private mutating func communicate(_ data: [UInt8]) -> Reply {
        guard let (bytes, outcome) = field.block(data), bytes.count <= Self.dataMax else {
            return status(0x42, .timedOut, after: Self.rawPatience)
        }
        lastError = Self.success
        return answer(0x42, [Self.success] + bytes, after: time(data.count, outcome))
    }

    /// 0 means every card. A card that is gone makes no error.
    private mutating func release(_ code: UInt8, _ number: UInt8, forgets: Bool) -> Reply {
        guard number <= 2, number == 0 || targets[Int(number) - 1] != nil else {
            return status(code, .context)
        }
        let numbers = number == 0 ? [0, 1] : [Int(number) - 1]
        for each in numbers {
            if let index = targets[each] { field.halt(index) }
            if forgets { targets[each] = nil }
        }
        return status(code, .success)
    }

    private mutating func select(_ number: UInt8) -> Reply {
        guard (1...2).contains(number), let index = targets[Int(number) - 1] else {
            return status(0x54, .context)
        }
        let isThere = field.reactivate(index, sendsRATS: sendsRATS)
        return status(
            0x54, isThere ? .success : .timedOut, after: isThere ? .zero : field.patience(index))
    }
}

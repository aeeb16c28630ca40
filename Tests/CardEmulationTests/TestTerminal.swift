import CardEmulation
import Crypto

/// A terminal of its own, so that the card's arithmetic is not checked against itself.
struct TestTerminal {
    enum Mode { case plain, mac, full }

    var keyNumber = 0
    let encryption: [UInt8]
    let authentication: [UInt8]
    let identifier: [UInt8]
    var counter: UInt16 = 0

    /// The bytes of a command at the present counter.
    func command(
        _ code: UInt8, header: [UInt8] = [], data: [UInt8] = [], _ mode: Mode
    ) throws -> [UInt8] {
        var body = data
        if mode == .full && !data.isEmpty {
            let start = try vector([0xA5, 0x5A], counter)
            body = try AES128Key(encryption).encryptCBC(Self.pad(data), iv: start)
        }
        var field = header + body
        if mode != .plain { field += try mac(code, counter, field) }
        return Self.native(code, field)
    }

    /// The data of a successful answer; advances the counter. Nil when it is not authentic.
    mutating func open(_ answer: [UInt8], _ mode: Mode, success: UInt8 = 0) throws -> [UInt8]? {
        guard answer.suffix(2) == [0x91, success] else { return nil }
        counter += 1
        var body = Array(answer.dropLast(2))
        if mode == .plain { return body }
        guard body.count >= 8 else { return nil }
        let given = Array(body.suffix(8))
        body.removeLast(8)
        guard try mac(success, counter, body) == given else { return nil }
        if mode == .mac || body.isEmpty { return body }
        let start = try vector([0x5A, 0xA5], counter)
        let padded = try AES128Key(encryption).decryptCBC(body, iv: start)
        guard let mark = padded.lastIndex(where: { $0 != 0 }), padded[mark] == 0x80 else {
            return nil
        }
        return Array(padded[..<mark])
    }

    func mac(_ code: UInt8, _ counter: UInt16, _ field: [UInt8]) throws -> [UInt8] {
        let count = [UInt8(counter & 0xFF), UInt8(counter >> 8)]
        let full = try AES128Key(authentication).cmac([code] + count + identifier + field)
        return full.indices.filter { $0 % 2 == 1 }.map { full[$0] }
    }

    private func vector(_ label: [UInt8], _ counter: UInt16) throws -> [UInt8] {
        let count = [UInt8(counter & 0xFF), UInt8(counter >> 8)]
        return try AES128Key(encryption).encryptBlock(
            label + identifier + count + [UInt8](repeating: 0, count: 8))
    }

    static func pad(_ data: [UInt8]) -> [UInt8] {
        var padded = data + [0x80]
        while padded.count % 16 != 0 { padded.append(0) }
        return padded
    }

    static func native(_ code: UInt8, _ field: [UInt8] = []) -> [UInt8] {
        [0x90, code, 0, 0] + (field.isEmpty ? [] : [UInt8(field.count)] + field) + [0]
    }

    static let selectApplication = bytes("00A4040C07D276000085010100")
    static let zero = [UInt8](repeating: 0, count: 16)

    /// Selects the application and authenticates; nil when the card refused.
    static func authenticate(
        _ card: inout some SoftwareCard, key number: Int, value: [UInt8] = zero,
        select: Bool = true
    ) throws -> TestTerminal? {
        if select {
            guard card.respond(to: selectApplication) == [0x90, 0x00] else { return nil }
        }
        let first = card.respond(to: native(0x71, [UInt8(number), 0]))
        guard first.count == 18, first.suffix(2) == [0x91, 0xAF] else { return nil }
        let key = try AES128Key(value)
        let card1 = try key.decryptCBC(Array(first.dropLast(2)))
        let own = randomBytes(16)
        let second = card.respond(
            to: native(0xAF, try key.encryptCBC(own + card1[1...] + card1[..<1])))
        guard second.count == 34, second.suffix(2) == [0x91, 0x00] else { return nil }
        let plain = try key.decryptCBC(Array(second.dropLast(2)))
        guard Array(plain[4..<20]) == Array(own[1...] + own[..<1]) else { return nil }
        return try session(
            key: value, reader: own, card: card1, identifier: Array(plain[..<4]), number)
    }

    static func session(
        key: [UInt8], reader: [UInt8], card: [UInt8], identifier: [UInt8], _ number: Int = 0
    ) throws -> TestTerminal {
        var context = Array(reader[0...1])
        for index in 0..<6 { context.append(reader[index + 2] ^ card[index]) }
        context += card[6...] + reader[8...]
        let key = try AES128Key(key)
        return TestTerminal(
            keyNumber: number, encryption: key.cmac(bytes("A55A00010080") + context),
            authentication: key.cmac(bytes("5AA500010080") + context), identifier: identifier)
    }
}

/// Bytes of hexadecimal text; spaces are allowed. For constants of tests.
func bytes(_ text: String) -> [UInt8] {
    Hexadecimal.bytes(text.filter { $0 != " " }) ?? []
}

/// The status of an answer, e.g. "911e".
func status(_ answer: [UInt8]) -> String { Hexadecimal.text(Array(answer.suffix(2))) }

/// A powered factory card with the application selected.
func factoryCard(
    uid: String = "04112233445566", arrange: (inout CardMemory) throws -> Void = { _ in },
    randomness: any CardRandomness = ScriptedRandomness([], seed: 7)
) throws -> SoftwareNTAG424 {
    var memory = try CardMemory.factory(uid: bytes(uid))
    try arrange(&memory)
    var card = SoftwareNTAG424(memory, randomness: randomness)
    card.powerOn()
    _ = card.respond(to: TestTerminal.selectApplication)
    return card
}

/// Three bytes, the lowest first.
func little(_ value: Int) -> [UInt8] {
    [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value >> 16 & 0xFF)]
}

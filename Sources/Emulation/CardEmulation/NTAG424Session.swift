/// EV2 secure messaging (data sheet 9.1): the card's end of it.
struct Session {
    let keyNumber: Int
    let encryption: CardCipher
    let authentication: CardCipher
    /// Transaction identifier, 4 bytes.
    let identifier: [UInt8]
    /// CmdCtr.
    var counter: UInt16

    private var counterBytes: [UInt8] { [UInt8(counter & 0xFF), UInt8(counter >> 8)] }

    /// The MAC of a command (with its code) or of an answer (with SW2) at the present counter.
    func mac(_ code: UInt8, _ data: [UInt8]) -> [UInt8] {
        authentication.shortMAC([code] + counterBytes + identifier + data)
    }

    /// The start vector of a cryptogram at the present counter.
    func vector(_ label: [UInt8]) -> [UInt8] {
        encryption.block(
            label + identifier + counterBytes + [UInt8](repeating: 0, count: 8))
    }

    static let commandLabel: [UInt8] = [0xA5, 0x5A]
    static let answerLabel: [UInt8] = [0x5A, 0xA5]
}

extension SoftwareNTAG424 {
    /// The bytes a MAC adds to a command or answer now.
    var macSize: Int { session == nil ? 0 : 8 }

    /// Takes a command of the session apart: checks the MAC, decrypts what follows the header,
    /// advances the counter. Without a session, or in plain mode, the data is as it came.
    /// - Returns: the command's data after `header` bytes, in clear.
    mutating func receive(
        _ command: NativeCommand, _ data: [UInt8], header: Int, mode: CommunicationMode
    ) throws(CardFault) -> [UInt8] {
        guard let session else {
            try require(data.count >= header, .length)
            return Array(data[header...])
        }
        // The counter's last value cannot be used: the command counts as not authentic.
        let canCount = session.counter < 0xFFFF
        if mode == .plain {
            try require(data.count >= header, .length)
            try require(canCount, .integrity)
            self.session?.counter += 1
            return Array(data[header...])
        }
        try require(data.count >= header + 8, .length)
        let body = Array(data[header..<data.count - 8])
        try require(mode == .mac || body.count % 16 == 0, .length)
        let expected = session.mac(command.rawValue, Array(data.dropLast(8)))
        try require(canCount && expected == Array(data.suffix(8)), .integrity)
        var plain = body
        if mode == .full && !body.isEmpty {
            let padded = session.encryption.decrypt(
                body, iv: session.vector(Session.commandLabel))
            guard let unpadded = CardCipher.unpad(padded) else { throw .refused(.integrity) }
            plain = unpadded
        }
        self.session?.counter += 1
        return plain
    }

    /// The answer with its status, protected as `mode` says if there is a session.
    func answer(
        _ data: [UInt8] = [], _ mode: CommunicationMode = .mac, status: StatusWord = .success
    ) -> [UInt8] {
        guard let session, mode != .plain else { return data + status.bytes }
        var body = data
        if mode == .full && !data.isEmpty {
            body = session.encryption.encrypt(
                CardCipher.pad(data), iv: session.vector(Session.answerLabel))
        }
        return body + session.mac(status.bytes[1], body) + status.bytes
    }

    func requireApplication() throws(CardFault) {
        try require(selection.isApplication, .denied)
    }
}

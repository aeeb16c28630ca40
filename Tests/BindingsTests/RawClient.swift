import Linux

/// A client that sends exactly the bytes it is told, as hostile ones do.
struct RawClient: ~Copyable {
    let connection: TCPConnection

    init(_ port: UInt16) throws {
        connection = try .connect(host: "127.0.0.1", port: port, timeout: .seconds(60))
    }

    func send(_ text: String) throws { try connection.write(Array(text.utf8)) }

    /// Everything until the server closes, or until `end` has come. An error also ends it.
    func answer(until end: String? = nil) -> String {
        var bytes: [UInt8] = []
        while let byte = try? connection.read(exactly: 1, timeout: .seconds(60)) {
            bytes += byte
            if let end, bytes.suffix(end.utf8.count).elementsEqual(end.utf8) { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The status line of the one answer to `text`.
    static func status(_ port: UInt16, _ text: String) throws -> String {
        let client = try RawClient(port)
        try client.send(text)
        return String(client.answer(until: "\r\n").dropLast(2))
    }
}

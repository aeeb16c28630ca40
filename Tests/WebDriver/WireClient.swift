import Foundation
public import Linux

/// A client that sends exactly the bytes of a test: no library corrects its Host or its headers.
public struct WireClient {
    /// What came back.
    public struct Answer {
        /// The status code.
        public let status: Int
        /// Names in lower case.
        public let headers: [(name: String, value: String)]
        public let body: [UInt8]

        /// The first header of this name.
        public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

        /// The body as text.
        public var text: String { String(decoding: body, as: UTF8.self) }

        /// A member of a JSON object.
        public func member(_ name: String) -> Any? {
            let object = try? JSONSerialization.jsonObject(with: Data(body))
            return (object as? [String: Any])?[name]
        }
    }

    /// On 127.0.0.1.
    public let port: UInt16

    private let patience: Duration

    /// A client of this port, which waits so long for each part of an answer.
    public init(port: UInt16, patience: Duration = .seconds(60)) {
        self.port = port
        self.patience = patience
    }

    /// One request on a connection of its own.
    public func send(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], body: [UInt8]? = nil,
        host: String? = nil
    ) throws -> Answer {
        let connection = try TCPConnection.connect(
            host: "127.0.0.1", port: port, timeout: patience)
        var text = "\(method) \(path) HTTP/1.1\r\nHost: \(host ?? "127.0.0.1:\(port)")\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        try connection.write(Array((text + "Connection: close\r\n\r\n").utf8) + (body ?? []))
        let (status, answered) = try Self.head(connection, patience)
        let count = answered.first { $0.name == "content-length" }.flatMap { Int($0.value) } ?? 0
        let bytes =
            count == 0 ? [] : try connection.read(exactly: count, timeout: patience) ?? []
        return Answer(status: status, headers: answered, body: bytes)
    }

    /// Status and headers of an answer.
    public static func head(
        _ connection: borrowing TCPConnection, _ patience: Duration = .seconds(60)
    ) throws -> (status: Int, headers: [(name: String, value: String)]) {
        let first = try line(connection, patience).split(separator: " ")
        var headers: [(name: String, value: String)] = []
        while true {
            let text = try line(connection, patience)
            guard let colon = text.firstIndex(of: ":") else { break }
            headers.append(
                (
                    text[..<colon].lowercased(),
                    text[text.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                ))
        }
        return (first.count > 1 ? Int(first[1]) ?? 0 : 0, headers)
    }

    /// A line without its end; at most 64 KiB.
    public static func line(
        _ connection: borrowing TCPConnection, _ patience: Duration = .seconds(60)
    ) throws -> String {
        var bytes: [UInt8] = []
        while bytes.count < 65_536 {
            guard let byte = try connection.read(exactly: 1, timeout: patience) else { break }
            if byte == [10] { break }
            if byte != [13] { bytes += byte }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

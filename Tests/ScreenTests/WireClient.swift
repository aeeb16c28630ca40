import Foundation
import Linux

/// A client that sends exactly the bytes of a test: no library corrects its Host or its headers.
struct WireClient {
    struct Answer {
        let status: Int
        /// Names in lower case.
        let headers: [(name: String, value: String)]
        let body: [UInt8]

        func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

        var text: String { String(decoding: body, as: UTF8.self) }

        /// A member of a JSON object.
        func member(_ name: String) -> Any? {
            let object = try? JSONSerialization.jsonObject(with: Data(body))
            return (object as? [String: Any])?[name]
        }
    }

    let port: UInt16

    /// One request on a connection of its own.
    func send(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], body: [UInt8]? = nil,
        host: String? = nil, within limit: Duration = .seconds(10)
    ) throws -> Answer {
        let connection = try TCPConnection.connect(
            host: "127.0.0.1", port: port, timeout: .seconds(10))
        var text = "\(method) \(path) HTTP/1.1\r\nHost: \(host ?? "127.0.0.1:\(port)")\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        try connection.write(Array((text + "Connection: close\r\n\r\n").utf8) + (body ?? []))
        let (status, answered) = try Self.head(connection, within: limit)
        let count = answered.first { $0.name == "content-length" }.flatMap { Int($0.value) } ?? 0
        let bytes =
            count == 0 ? [] : try connection.read(exactly: count, timeout: .seconds(30)) ?? []
        return Answer(status: status, headers: answered, body: bytes)
    }

    static func head(
        _ connection: borrowing TCPConnection, within limit: Duration = .seconds(10)
    ) throws -> (status: Int, headers: [(name: String, value: String)]) {
        let first = try line(connection, within: limit).split(separator: " ")
        var headers: [(name: String, value: String)] = []
        while true {
            let text = try line(connection)
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
    static func line(
        _ connection: borrowing TCPConnection, within limit: Duration = .seconds(10)
    ) throws -> String {
        var bytes: [UInt8] = []
        while bytes.count < 65_536 {
            guard let byte = try connection.read(exactly: 1, timeout: limit) else { break }
            if byte == [10] { break }
            if byte != [13] { bytes += byte }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

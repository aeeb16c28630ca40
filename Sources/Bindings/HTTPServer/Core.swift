import CMicroHTTPD
import Glibc

/// What the C callbacks of one server share.
final class Core: Sendable {
    let bodyLimit: Int
    /// The answer to a request that is refused before its body is read.
    let refused: @Sendable (Int) -> HTTPResponse
    let handler: @Sendable (HTTPRequest) -> HTTPResponse
    let clients: Clients

    init(
        bodyLimit: Int, clients: Clients,
        refused: @escaping @Sendable (Int) -> HTTPResponse,
        handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) {
        self.bodyLimit = bodyLimit
        self.refused = refused
        self.handler = handler
        self.clients = clients
    }

    /// The status that refuses a request by its headers alone, nil when its body may be read.
    func refusal(_ headers: [(name: String, value: String)]) -> Int? {
        if headers.contains(where: { $0.name == "transfer-encoding" }) { return 411 }
        let lengths = headers.filter { $0.name == "content-length" }
        guard let first = lengths.first else { return nil }
        let isNumber = first.value.utf8.allSatisfy { (48...57).contains($0) }
        guard lengths.count == 1, isNumber else { return 400 }
        guard let length = Int(first.value), length <= bodyLimit else { return 413 }
        return nil
    }
}

/// One request while it comes in. Touched by its connection's thread only.
private final class Exchange {
    let headers: [(name: String, value: String)]
    var body: [UInt8] = []
    init(headers: [(name: String, value: String)]) { self.headers = headers }
}

/// Called once when the headers are there, once for each part of the body, once at its end.
let requestArrived: MHD_AccessHandlerCallback = {
    context, connection, path, method, _, part, partSize, slot in
    guard let context, let connection, let path, let method, let partSize, let slot else {
        return .NO
    }
    let core = Unmanaged<Core>.fromOpaque(context).takeUnretainedValue()
    guard let box = slot.pointee else {
        let exchange = Exchange(headers: pairs(connection, .HEADER_KIND, lowerCase: true))
        slot.pointee = Unmanaged.passRetained(exchange).toOpaque()
        guard let status = core.refusal(exchange.headers) else { return .YES }
        return answer(connection, core.refused(status), core)
    }
    let exchange = Unmanaged<Exchange>.fromOpaque(box).takeUnretainedValue()
    if partSize.pointee > 0 {
        guard let part, partSize.pointee <= core.bodyLimit - exchange.body.count else {
            return .NO
        }
        exchange.body += UnsafeRawBufferPointer(start: part, count: partSize.pointee)
        partSize.pointee = 0
        return .YES
    }
    core.clients.serve(connection)
    let address = cmhd_client_address(connection)
    let request = HTTPRequest(
        method: String(cString: method), path: String(cString: path),
        query: pairs(connection, .GET_ARGUMENT_KIND, lowerCase: false).map { ($0.name, $0.value) },
        headers: exchange.headers, body: exchange.body,
        isLoopback: isLoopback(address), client: HTTPRequest.client(address))
    return answer(connection, core.handler(request), core)
}

/// Called when an answer has been sent, or its connection has broken.
let requestCompleted: MHD_RequestCompletedCallback = { context, connection, slot, _ in
    if let box = slot?.pointee {
        Unmanaged<Exchange>.fromOpaque(box).release()
        slot?.pointee = nil
    }
    guard let context, let connection else { return }
    Unmanaged<Core>.fromOpaque(context).takeUnretainedValue().clients.expect(connection)
}

/// Called when a connection has come (MHD_CONNECTION_NOTIFY_STARTED, 0) and when it goes.
let connectionChanged: MHD_NotifyConnectionCallback = { context, connection, _, change in
    guard let context, let connection else { return }
    let clients = Unmanaged<Core>.fromOpaque(context).takeUnretainedValue().clients
    if change.rawValue == 0 {
        clients.opened(connection, socket: cmhd_socket(connection))
    } else {
        clients.closed(connection)
    }
}

/// Calls `MHD_get_connection_values_n`: every pair in order, repeated names too.
private func pairs(
    _ connection: OpaquePointer, _ kind: MHD_ValueKind, lowerCase: Bool
) -> [(name: String, value: String)] {
    final class Pairs { var list: [(name: String, value: String)] = [] }
    let pairs = Pairs()
    let context = Unmanaged.passUnretained(pairs).toOpaque()
    withExtendedLifetime(pairs) {
        _ = MHD_get_connection_values_n(
            connection, kind,
            { context, _, name, nameSize, value, valueSize in
                guard let context else { return .NO }
                let name = UnsafeRawBufferPointer(start: name, count: name == nil ? 0 : nameSize)
                let value = UnsafeRawBufferPointer(
                    start: value, count: value == nil ? 0 : valueSize)
                Unmanaged<Pairs>.fromOpaque(context).takeUnretainedValue().list.append(
                    (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
                return .YES
            }, context)
    }
    return lowerCase ? pairs.list.map { ($0.name.lowercased(), $0.value) } : pairs.list
}

private func isLoopback(_ address: UnsafePointer<sockaddr>?) -> Bool {
    guard let address else { return false }
    let raw = UnsafeRawPointer(address)
    switch Int32(address.pointee.sa_family) {
    case AF_INET:
        let four = raw.loadUnaligned(as: sockaddr_in.self)
        return UInt32(bigEndian: four.sin_addr.s_addr) >> 24 == 127
    case AF_INET6:
        let six = raw.loadUnaligned(as: sockaddr_in6.self)
        let bytes = withUnsafeBytes(of: six.sin6_addr) { Array($0) }
        let zeros = [UInt8](repeating: 0, count: 10)
        return bytes == zeros + [0, 0, 0, 0, 0, 1]
            || bytes.starts(with: zeros + [0xFF, 0xFF, 127])
    default:
        return false
    }
}

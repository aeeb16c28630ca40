import CMicroHTTPD
import Glibc

/// Queues the answer; `.NO` cuts the connection.
/// Calls `MHD_create_response_from_…`, `MHD_add_response_header` and `MHD_queue_response`.
func answer(_ connection: OpaquePointer, _ answer: HTTPResponse, _ core: Core) -> MHD_Result {
    core.clients.expect(connection)
    guard let made = response(answer, connection, core) ?? empty() else { return .NO }
    defer { MHD_destroy_response(made.raw) }
    return MHD_queue_response(connection, made.status, made.raw)
}

private struct Made {
    let raw: OpaquePointer
    let status: UInt32
}

/// Nil when a header or the status is not HTTP.
private func response(
    _ answer: HTTPResponse, _ connection: OpaquePointer, _ core: Core
) -> Made? {
    guard (200...599).contains(answer.status), let raw = body(answer, connection, core) else {
        return nil
    }
    for (name, value) in answer.headers {
        let hasNull = name.utf8.contains(0) || value.utf8.contains(0)
        if hasNull || MHD_add_response_header(raw, name, value) != .YES {
            MHD_destroy_response(raw)
            return nil
        }
    }
    return Made(raw: raw, status: UInt32(answer.status))
}

private func empty() -> Made? {
    MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT).map { Made(raw: $0, status: 500) }
}

private func body(
    _ answer: HTTPResponse, _ connection: OpaquePointer, _ core: Core
) -> OpaquePointer? {
    switch answer.body {
    case .bytes(var bytes):
        return bytes.withUnsafeMutableBytes {
            MHD_create_response_from_buffer($0.count, $0.baseAddress, .RESPMEM_MUST_COPY)
        }
    case .stream(let pull):
        let parts = Parts(pull, connection, core)
        let context = Unmanaged.passRetained(parts).toOpaque()
        return MHD_create_response_from_callback(
            UInt64.max,  // MHD_SIZE_UNKNOWN
            4096,
            { context, _, buffer, room in
                guard let context, let buffer else { return MHD_CONTENT_READER_END_WITH_ERROR }
                let parts = Unmanaged<Parts>.fromOpaque(context).takeUnretainedValue()
                return parts.fill(UnsafeMutableRawBufferPointer(start: buffer, count: room))
            },
            context,
            { context in
                if let context { Unmanaged<Parts>.fromOpaque(context).release() }
            })
    }
}

/// The stream of one answer. Touched by its connection's thread only.
private final class Parts {
    private let pull: @Sendable () -> [UInt8]?
    private let connection: OpaquePointer
    private let core: Core
    private var left: ArraySlice<UInt8> = []

    init(_ pull: @escaping @Sendable () -> [UInt8]?, _ connection: OpaquePointer, _ core: Core) {
        self.pull = pull
        self.connection = connection
        self.core = core
    }

    /// The next bytes, at least one; waits for them, since libmicrohttpd would spin on none.
    func fill(_ room: UnsafeMutableRawBufferPointer) -> Int {
        core.clients.serve(connection)
        defer { core.clients.expect(connection) }
        while left.isEmpty {
            if core.clients.isStopping { return MHD_CONTENT_READER_END_OF_STREAM }
            guard let part = pull() else { return MHD_CONTENT_READER_END_OF_STREAM }
            if part.isEmpty, clientHasLeft() { return MHD_CONTENT_READER_END_WITH_ERROR }
            left = part[...]
        }
        let part = left.prefix(room.count)
        room.copyBytes(from: part)
        left = left.dropFirst(part.count)
        return part.count
    }

    /// Calls `poll`.
    private func clientHasLeft() -> Bool {
        let readHangUp: Int16 = 0x2000  // POLLRDHUP, which needs _GNU_SOURCE
        var watch = pollfd(fd: cmhd_socket(connection), events: readHangUp, revents: 0)
        return poll(&watch, 1, 0) > 0
    }
}

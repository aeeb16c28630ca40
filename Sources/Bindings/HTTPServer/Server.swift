import CMicroHTTPD
import Glibc
import Synchronization

/// A running server. Dropping it stops it.
public final class HTTPServer: Sendable {
    private static let headersLimit = 32_768

    private let core: Core
    private let daemon: Mutex<UInt?>  // the MHD_Daemon pointer as a number, nil once stopped
    private let watch: pthread_t

    /// The port in use, also when 0 was asked for.
    public let port: UInt16

    /// Starts listening. `address`: an IPv4 or IPv6 address, e.g. "127.0.0.1"; `port` 0: any.
    /// `bodyLimit`: bytes; `patience`: see the top of HTTPServer.swift.
    /// Calls `MHD_start_daemon_va`.
    public convenience init(
        address: String, port: UInt16, bodyLimit: Int, connectionsLimit: Int = 64,
        patience: Duration = .seconds(15),
        refused: @escaping @Sendable (Int) -> HTTPResponse = { HTTPResponse(status: $0) },
        handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(HTTPServerError) {
        guard let endpoint = Endpoint(address: address, port: port) else {
            throw HTTPServerError(call: "inet_pton", detail: "\(address) is no IP address")
        }
        try self.init(
            .bind(endpoint), "\(address):\(port)", bodyLimit, connectionsLimit, patience, refused,
            handler)
    }

    /// Serves a listening stream socket that exists already, of the internet or of the file
    /// system. `listener` stays the caller's, and listens on after `stop()`: the next server, of
    /// this process or a later one, goes on with what waits there. `port` is 0 for a socket of
    /// the file system. Calls `fcntl` and `MHD_start_daemon_va`.
    public convenience init(
        listener: Int32, bodyLimit: Int, connectionsLimit: Int = 64,
        patience: Duration = .seconds(15),
        refused: @escaping @Sendable (Int) -> HTTPResponse = { HTTPResponse(status: $0) },
        handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(HTTPServerError) {
        // libmicrohttpd closes what it is given.
        let own = fcntl(listener, F_DUPFD_CLOEXEC, 3)
        guard own >= 0 else {
            throw HTTPServerError(call: "fcntl", detail: String(cString: strerror(errno)))
        }
        try self.init(
            .given(own), "descriptor \(listener)", bodyLimit, connectionsLimit, patience, refused,
            handler)
    }

    private init(
        _ place: Place, _ name: String, _ bodyLimit: Int, _ connectionsLimit: Int,
        _ patience: Duration, _ refused: @escaping @Sendable (Int) -> HTTPResponse,
        _ handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(HTTPServerError) {
        guard let clients = Clients(patience: patience) else {
            place.abandon()
            throw HTTPServerError(call: "pipe", detail: String(cString: strerror(errno)))
        }
        let core = Core(
            bodyLimit: bodyLimit, clients: clients, refused: refused, handler: handler)
        guard let daemon = Self.start(place, core, connectionsLimit) else {
            let reason = String(cString: strerror(errno))
            throw HTTPServerError(call: "MHD_start_daemon", detail: "\(name) \(reason)")
        }
        self.core = core
        self.daemon = Mutex(UInt(bitPattern: daemon))
        self.port = cmhd_port(daemon)
        watch = Self.startWatch(clients)
    }

    private static func start(
        _ place: Place, _ core: Core, _ connectionsLimit: Int
    ) -> OpaquePointer? {
        let context = Unmanaged.passUnretained(core).toOpaque()
        let flags =
            MHD_USE_INTERNAL_POLLING_THREAD.rawValue | MHD_USE_THREAD_PER_CONNECTION.rawValue
            | MHD_USE_POLL.rawValue | place.flags
        return place.withOption { socket in
            var options = [
                MHD_OptionItem(
                    option: .CONNECTION_LIMIT, value: max(connectionsLimit, 1), ptr_value: nil),
                MHD_OptionItem(
                    option: .CONNECTION_MEMORY_LIMIT, value: Self.headersLimit, ptr_value: nil),
                socket,
                MHD_OptionItem(option: .STRICT_FOR_CLIENT, value: 1, ptr_value: nil),
                MHD_OptionItem(
                    option: .NOTIFY_COMPLETED,
                    value: unsafeBitCast(requestCompleted, to: Int.self), ptr_value: context),
                MHD_OptionItem(
                    option: .NOTIFY_CONNECTION,
                    value: unsafeBitCast(connectionChanged, to: Int.self), ptr_value: context),
                MHD_OptionItem(option: .END, value: 0, ptr_value: nil),
            ]
            return options.withUnsafeMutableBufferPointer { options in
                let list: [any CVarArg] = [
                    MHD_OPTION.ARRAY.rawValue, OpaquePointer(options.baseAddress!),
                    MHD_OPTION.END.rawValue,
                ]
                return withVaList(list) {
                    MHD_start_daemon_va(
                        flags, place.port, nil, nil, requestArrived, context, $0)
                }
            }
        }
    }

    deinit { stop() }

    /// Traps when the system has no thread left, as `NamedThread` does. Calls `pthread_create`.
    private static func startWatch(_ clients: Clients) -> pthread_t {
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Clients>.fromOpaque(context).takeRetainedValue().watch()
                return nil
            }, Unmanaged.passRetained(clients).toOpaque())
        precondition(code == 0, "HTTPServer: pthread_create refused")
        return thread
    }

    /// Ends every connection and waits for their threads: at once for idle ones, after the
    /// current call of the handler or of the stream's closure for others. May be called again.
    /// Calls `MHD_stop_daemon`.
    public func stop() {
        daemon.withLock { daemon in
            guard let number = daemon else { return }
            core.clients.stop()
            MHD_stop_daemon(OpaquePointer(bitPattern: number))
            pthread_join(watch, nil)
            daemon = nil
        }
    }
}

/// What a server listens on.
private enum Place {
    case bind(Endpoint)
    /// A descriptor that libmicrohttpd closes at its end.
    case given(Int32)

    var port: UInt16 {
        guard case .bind(let endpoint) = self else { return 0 }
        return endpoint.port
    }

    var flags: UInt32 {
        switch self {
        case .bind(let endpoint): endpoint.isIPv6 ? MHD_USE_IPv6.rawValue : 0
        // Without it libmicrohttpd wakes its thread by `shutdown`, which would end the socket for
        // everybody who holds it.
        case .given: MHD_USE_ITC.rawValue
        }
    }

    func withOption<R>(_ body: (MHD_OptionItem) -> R) -> R {
        switch self {
        case .bind(var endpoint):
            withUnsafeMutablePointer(to: &endpoint.storage) {
                body(MHD_OptionItem(option: .SOCK_ADDR, value: 0, ptr_value: $0))
            }
        case .given(let descriptor):
            body(MHD_OptionItem(option: .LISTEN_SOCKET, value: Int(descriptor), ptr_value: nil))
        }
    }

    /// No server was started with it.
    func abandon() {
        if case .given(let descriptor) = self { close(descriptor) }
    }
}

/// An address to bind.
private struct Endpoint {
    var storage = sockaddr_storage()
    let port: UInt16
    let isIPv6: Bool

    init?(address: String, port: UInt16) {
        self.port = port
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, address, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            isIPv6 = false
            withUnsafeMutableBytes(of: &storage) { storage in
                withUnsafeBytes(of: four) { storage.copyMemory(from: $0) }
            }
        } else if inet_pton(AF_INET6, address, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            isIPv6 = true
            withUnsafeMutableBytes(of: &storage) { storage in
                withUnsafeBytes(of: six) { storage.copyMemory(from: $0) }
            }
        } else {
            return nil
        }
    }
}

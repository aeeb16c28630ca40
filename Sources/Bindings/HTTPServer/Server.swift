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
    public init(
        address: String, port: UInt16, bodyLimit: Int, connectionsLimit: Int = 64,
        patience: Duration = .seconds(15),
        refused: @escaping @Sendable (Int) -> HTTPResponse = { HTTPResponse(status: $0) },
        handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(HTTPServerError) {
        guard var endpoint = Endpoint(address: address, port: port) else {
            throw HTTPServerError(call: "inet_pton", detail: "\(address) is no IP address")
        }
        guard let clients = Clients(patience: patience) else {
            throw HTTPServerError(call: "pipe", detail: String(cString: strerror(errno)))
        }
        let core = Core(
            bodyLimit: bodyLimit, clients: clients, refused: refused, handler: handler)
        let context = Unmanaged.passUnretained(core).toOpaque()
        let ipv6 = endpoint.isIPv6 ? MHD_USE_IPv6.rawValue : 0
        let flags =
            MHD_USE_INTERNAL_POLLING_THREAD.rawValue | MHD_USE_THREAD_PER_CONNECTION.rawValue
            | MHD_USE_POLL.rawValue | ipv6
        let daemon = withUnsafeMutablePointer(to: &endpoint.storage) { address in
            var options = [
                MHD_OptionItem(
                    option: .CONNECTION_LIMIT, value: max(connectionsLimit, 1), ptr_value: nil),
                MHD_OptionItem(
                    option: .CONNECTION_MEMORY_LIMIT, value: Self.headersLimit, ptr_value: nil),
                MHD_OptionItem(option: .SOCK_ADDR, value: 0, ptr_value: address),
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
                    MHD_start_daemon_va(flags, port, nil, nil, requestArrived, context, $0)
                }
            }
        }
        guard let daemon else {
            let reason = String(cString: strerror(errno))
            throw HTTPServerError(
                call: "MHD_start_daemon", detail: "\(address):\(port) \(reason)")
        }
        self.core = core
        self.daemon = Mutex(UInt(bitPattern: daemon))
        self.port = cmhd_port(daemon)
        watch = Self.startWatch(clients)
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

/// An address to bind.
private struct Endpoint {
    var storage = sockaddr_storage()
    let isIPv6: Bool

    init?(address: String, port: UInt16) {
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

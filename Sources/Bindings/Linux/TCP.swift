import Glibc

/// One TCP connection, blocking. Dropping it closes it. Calls `close`.
public struct TCPConnection: ~Copyable, Sendable {
    private let socket: Int32

    init(socket: Int32) {
        self.socket = socket
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    }

    deinit { close(socket) }

    /// Connects to the first address of `host` that answers, within `timeout` for each address.
    /// Throws `ETIMEDOUT`, `ECONNREFUSED`, or an `EAI_…` code when the host is unknown.
    /// Calls `getaddrinfo`, `socket` and `connect`.
    public static func connect(
        host: String, port: UInt16, timeout: Duration
    ) throws(LinuxError) -> TCPConnection {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0 else { throw LinuxError(call: "getaddrinfo", code: code) }
        defer { freeaddrinfo(found) }
        var next = found
        var failure = LinuxError(call: "connect", code: EADDRNOTAVAIL)
        while let address = next?.pointee {
            do throws(LinuxError) {
                return TCPConnection(socket: try open(address, timeout))
            } catch {
                failure = error
            }
            next = address.ai_next
        }
        throw failure
    }

    /// Writes every byte; a peer that has gone is `EPIPE`, never a signal.
    /// Calls `send` with `MSG_NOSIGNAL`.
    public func write(_ bytes: [UInt8]) throws(LinuxError) {
        var done = 0
        while done < bytes.count {
            done += try check("send") {
                bytes.withUnsafeBytes {
                    send(
                        socket, $0.baseAddress.map { $0 + done }, $0.count - done,
                        Int32(MSG_NOSIGNAL))
                }
            }
        }
    }

    /// Reads exactly `count` bytes. Nil: the peer closed before the first one.
    /// Throws `ETIMEDOUT` when none came within `timeout` (the stream is intact: read again), and
    /// `EPROTO` when only a part came before the peer closed or another `timeout` passed.
    /// A nil `timeout` waits for ever. Calls `poll` and `recv`.
    public func read(
        exactly count: Int, timeout: Duration?
    ) throws(LinuxError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: max(count, 0))
        var done = 0
        while done < bytes.count {
            guard try isReady(socket, POLLIN, within: timeout) else {
                throw LinuxError(call: "recv", code: done == 0 ? ETIMEDOUT : EPROTO)
            }
            let received = try check("recv") {
                bytes.withUnsafeMutableBytes {
                    recv(socket, $0.baseAddress.map { $0 + done }, $0.count - done, 0)
                }
            }
            if received == 0 {
                if done == 0 { return nil }
                throw LinuxError(call: "recv", code: EPROTO)
            }
            done += received
        }
        return bytes
    }

    /// Acknowledges the next segments at once. The kernel forgets this after a while: call it
    /// before every read from a peer that sends a message in two parts with Nagle on (vpcd), or
    /// each exchange costs 40 ms. Calls `setsockopt` with `TCP_QUICKACK`.
    public func rearmQuickAcknowledge() {
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_QUICKACK, &on, 4)
    }

    /// Ends both directions and wakes a blocked reader, which sees the end. Calls `shutdown`.
    public func shutdown() { Glibc.shutdown(socket, Int32(SHUT_RDWR)) }

    /// Breaks off: wakes a blocked reader here, which sees the end; once this connection is
    /// dropped the peer gets `ECONNRESET`, not an orderly end. What was written may be lost.
    /// Calls `setsockopt` with `SO_LINGER`, then `shutdown`.
    public func abort() {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        let size = socklen_t(MemoryLayout<linger>.size)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &atOnce, size)
        Glibc.shutdown(socket, Int32(SHUT_RD))
    }

    private static func open(_ address: addrinfo, _ timeout: Duration) throws(LinuxError) -> Int32 {
        let kind = address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let file = try check("socket") {
            Glibc.socket(address.ai_family, kind, address.ai_protocol)
        }
        do throws(LinuxError) {
            if Glibc.connect(file, address.ai_addr, address.ai_addrlen) != 0 {
                if errno != EINPROGRESS { throw LinuxError(call: "connect", code: errno) }
                guard try isReady(file, POLLOUT, within: timeout) else {
                    throw LinuxError(call: "connect", code: ETIMEDOUT)
                }
                var code: Int32 = 0
                var size = socklen_t(4)
                getsockopt(file, SOL_SOCKET, SO_ERROR, &code, &size)
                if code != 0 { throw LinuxError(call: "connect", code: code) }
            }
            let flags = try check("fcntl") { fcntl(file, F_GETFL) }
            _ = try check("fcntl") { fcntl(file, F_SETFL, flags & ~O_NONBLOCK) }
        } catch {
            close(file)
            throw error
        }
        return file
    }
}

/// A TCP port of 127.0.0.1 on which others connect. Dropping it closes it.
public struct TCPListener: ~Copyable {
    private let socket: Int32
    /// The port in use, also when 0 was asked for.
    public let port: UInt16

    /// Listens on 127.0.0.1 only. Port 0: the kernel picks one.
    /// Calls `socket`, `bind` and `listen`.
    public init(port: UInt16) throws(LinuxError) {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let file = try check("socket") { Glibc.socket(AF_INET, kind, 0) }
        do throws(LinuxError) {
            var on: Int32 = 1
            setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, 4)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = try check("bind") {
                withUnsafePointer(to: &address) {
                    bind(file, UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self), size)
                }
            }
            _ = try check("listen") { listen(file, 16) }
            _ = try check("getsockname") {
                withUnsafeMutablePointer(to: &address) {
                    let raw = UnsafeMutableRawPointer($0)
                    return getsockname(file, raw.assumingMemoryBound(to: sockaddr.self), &size)
                }
            }
            self.port = UInt16(bigEndian: address.sin_port)
        } catch {
            close(file)
            throw error
        }
        socket = file
    }

    deinit { close(socket) }

    /// The next connection; nil when none came within `timeout`. Calls `poll` and `accept`.
    public func accept(timeout: Duration) throws(LinuxError) -> TCPConnection? {
        guard try isReady(socket, POLLIN, within: timeout) else { return nil }
        let file = try check("accept") { Glibc.accept(socket, nil, nil) }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return TCPConnection(socket: file)
    }
}

/// Waits until a descriptor has `event`; false at the time-out. Signals do not lengthen the wait.
func isReady(
    _ file: Int32, _ event: Int32, within timeout: Duration?
) throws(LinuxError) -> Bool {
    let deadline = timeout.map { ContinuousClock.now + min($0, .seconds(31_536_000)) }
    var watch = pollfd(fd: file, events: Int16(event), revents: 0)
    let count = try check("poll") {
        let rest = deadline.map { ContinuousClock.now.duration(to: $0).pollMilliseconds }
        return poll(&watch, 1, rest ?? -1)
    }
    return count > 0
}

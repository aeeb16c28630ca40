import Glibc

/// One connection of a socket in the file system, blocking. Dropping it closes it.
public struct UnixConnection: ~Copyable {
    private let stream: TCPConnection

    /// Connects to the socket at `path` (at most 107 bytes). Calls `socket` and `connect`.
    public init(_ path: String) throws(LinuxError) {
        stream = TCPConnection(socket: try Self.open(path))
    }

    init(socket: Int32) { stream = TCPConnection(socket: socket) }

    private static func open(_ path: String) throws(LinuxError) -> Int32 {
        let file = try unixSocket()
        do throws(LinuxError) {
            _ = try withAddress(path) { connect(file, $0, $1) }
        } catch {
            close(file)
            throw LinuxError(call: "connect", code: error.code)
        }
        return file
    }

    /// Writes every byte; a peer that has gone is `EPIPE`. Calls `send`.
    public func write(_ bytes: [UInt8]) throws(LinuxError) { try stream.write(bytes) }

    /// As `TCPConnection.read(exactly:timeout:)`.
    public func read(
        exactly count: Int, timeout: Duration?
    ) throws(LinuxError) -> [UInt8]? {
        try stream.read(exactly: count, timeout: timeout)
    }
}

/// A socket in the file system on which others connect. Dropping it closes and removes it.
public struct UnixListener: ~Copyable {
    private let socket: Int32
    private let path: String

    /// Makes the socket; who may connect is said by `mode`. `EADDRINUSE` when something is
    /// there. Calls `bind`, `chmod`, then `listen`: before it nobody can connect.
    public init(_ path: String, mode: UInt32 = 0o600) throws(LinuxError) {
        socket = try Self.open(path, mode: mode)
        self.path = path
    }

    /// The same socket as a descriptor, for a server that takes one; whoever takes it closes it and
    /// removes `path`.
    public static func open(_ path: String, mode: UInt32) throws(LinuxError) -> Int32 {
        let file = try unixSocket()
        do throws(LinuxError) {
            _ = try withAddress(path) { bind(file, $0, $1) }
            _ = try check("chmod") { chmod(path, mode) }
            _ = try check("listen") { listen(file, 16) }
        } catch {
            close(file)
            throw error
        }
        return file
    }

    deinit {
        close(socket)
        unlink(path)
    }

    /// The next connection; nil when none came within `timeout`. Calls `poll` and `accept`.
    public func accept(timeout: Duration) throws(LinuxError) -> UnixConnection? {
        guard try isReady(socket, POLLIN, within: timeout) else { return nil }
        let file = try check("accept") { Glibc.accept(socket, nil, nil) }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return UnixConnection(socket: file)
    }
}

private func unixSocket(
    _ kind: __socket_type = SOCK_STREAM
) throws(LinuxError) -> Int32 {
    try check("socket") {
        socket(AF_UNIX, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }
}

/// Lends `path` as a socket's address; `ENAMETOOLONG` when it does not fit.
private func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) throws(LinuxError) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
        throw LinuxError(call: "bind", code: ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    return try check("bind") {
        withUnsafePointer(to: &address) {
            body(UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self), size)
        }
    }
}

/// A socket in the file system that takes datagrams. Dropping it closes and removes it.
public struct UnixDatagrams: ~Copyable, Sendable {
    private let socket: Int32
    private let path: String

    /// Makes the socket; only its owner may send. `EADDRINUSE` when something is there.
    /// Calls `socket` and `bind`.
    public init(_ path: String) throws(LinuxError) {
        let file = try unixSocket(SOCK_DGRAM)
        do throws(LinuxError) {
            _ = try withAddress(path) { bind(file, $0, $1) }
            _ = try check("chmod") { chmod(path, 0o600) }
        } catch {
            close(file)
            throw error
        }
        socket = file
        self.path = path
    }

    deinit {
        close(socket)
        unlink(path)
    }

    /// The next datagram, at most 8,192 bytes of it; nil when none came within `timeout`.
    /// Calls `poll` and `recv`.
    public func receive(timeout: Duration) throws(LinuxError) -> [UInt8]? {
        guard try isReady(socket, POLLIN, within: timeout) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 8_192)
        let count = try check("recv") { recv(socket, &bytes, bytes.count, 0) }
        return Array(bytes.prefix(count))
    }
}

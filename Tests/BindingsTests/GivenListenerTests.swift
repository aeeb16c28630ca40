import Glibc
import HTTPServer
import Linux
import Systemd
import Testing

/// A listening socket as systemd makes one.
private final class Listener {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            let raw = UnsafeMutableRawPointer($0).assumingMemoryBound(to: sockaddr.self)
            return bind(socket, raw, size) | listen(socket, 8) | getsockname(socket, raw, &size)
        }
        guard code == 0 else { throw LinuxError(call: "bind", code: errno) }
        descriptor = socket
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}

@Suite struct GivenListenerTests {
    private func server(_ listener: Listener, _ text: String) throws -> HTTPServer {
        try HTTPServer(listener: listener.descriptor, bodyLimit: 10) { _ in
            HTTPResponse(status: 200, body: Array(text.utf8))
        }
    }

    @Test func `A listener that is given outlives its server, and no client is turned away`()
        throws
    {
        let listener = try Listener()
        for round in 1...3 {
            // Connected while nobody serves: it waits in the kernel's queue.
            let client = try RawClient(listener.port)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let server = try server(listener, "round \(round)")
            #expect(server.port == listener.port)
            #expect(client.answer().hasSuffix("round \(round)"))
            server.stop()
        }
    }

    @Test func `What is no listening socket is refused, and stays the caller's`() throws {
        #expect(throws: HTTPServerError.self) {
            _ = try HTTPServer(listener: -1, bodyLimit: 10) { _ in HTTPResponse(status: 204) }
        }
        let listener = try Listener()
        _ = try server(listener, "")
        #expect(fcntl(listener.descriptor, F_GETFD) >= 0)
    }

    @Test func `Without a manager nothing is told, and no socket taken`() {
        #expect(ServiceManager.takeListeners() == [])
        #expect(ServiceManager.patience == nil)
        #expect(!ServiceManager.isPresent)
        #expect(!JournalStream.isStandardError)
    }
}

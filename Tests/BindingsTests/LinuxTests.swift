import Foundation
import Glibc
import Linux
import TestSupport
import Testing
import Threads

@Suite struct LinuxTests {
    @Test func `a file is replaced whole and read within its limit`() throws {
        let folder = try TemporaryFolder()
        try Files.makeDirectory(folder("a/b/c"))
        try Files.makeDirectory(folder("a/b/c"))
        let path = folder("a/b/c/file")
        try Files.writeAtomically([1, 2, 3], to: path)
        try Files.writeAtomically([4, 5], to: path, mode: 0o640)
        #expect(try Files.read(path, atMost: 2) == [4, 5])
        #expect(throws: LinuxError(call: "read", code: EFBIG)) {
            try Files.read(path, atMost: 1)
        }
        #expect(try Files.list(folder("a/b/c")) == ["file"])
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o640)
        try Files.remove(path)
        #expect(!Files.exists(path))
    }

    @Test func `a refused call names itself and its code`() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: LinuxError.self) {
            try Files.read(folder("absent"), atMost: 10)
        }
        #expect(error.map(String.init(describing:)) == "open: ENOENT No such file or directory")
        try Files.writeAtomically([], to: folder("file"))
        #expect(throws: LinuxError(call: "mkdir", code: EEXIST)) {
            try Files.makeDirectory(folder("file"))
        }
        #expect(throws: LinuxError(call: "open", code: ENOENT)) {
            try Files.writeAtomically([1], to: folder("absent/file"))
        }
        #expect(try Files.list(folder.path) == ["file"])
    }

    @Test func `a link is made, replaced, and takes no other thing's place`() throws {
        let folder = try TemporaryFolder()
        try Files.writeAtomically([1], to: folder("one"))
        try Files.writeAtomically([2], to: folder("two"))
        try Files.link(folder("one"), at: folder("link"))
        #expect(try Files.read(folder("link"), atMost: 1) == [1])
        try Files.link(folder("two"), at: folder("link"))
        #expect(try Files.read(folder("link"), atMost: 1) == [2])
        #expect(throws: LinuxError(call: "symlink", code: EEXIST)) {
            try Files.link(folder("one"), at: folder("two"))
        }
        #expect(throws: LinuxError(call: "symlink", code: ENOENT)) {
            try Files.link(folder("one"), at: folder("absent/link"))
        }
        #expect(try Files.list(folder.path) == ["link", "one", "two"])
    }

    @Test func `bytes cross a pseudo terminal as they are, and its end is a hang-up`() throws {
        let every = (0...255).map { UInt8($0) }
        var file: Int32 = -1
        do {
            let line = try PseudoTerminal()
            file = open(line.path, O_RDWR | O_NOCTTY | O_NONBLOCK)
            #expect(file >= 0)
            #expect(try line.read(atMost: 10, timeout: .milliseconds(5)) == nil)
            try line.write(every, timeout: .seconds(1))
            var bytes = [UInt8](repeating: 0, count: 300)
            #expect(read(file, &bytes, 300) == 256 && Array(bytes[..<256]) == every)
            #expect(Glibc.write(file, every, 256) == 256)
            var came: [UInt8] = []
            while came.count < 256, let part = try line.read(atMost: 100, timeout: .seconds(1)) {
                #expect(part.count <= 100)
                came += part
            }
            #expect(came == every)
            #expect(throws: LinuxError(call: "write", code: ETIMEDOUT)) {
                try line.write([UInt8](repeating: 1, count: 100_000), timeout: .milliseconds(20))
            }
        }
        // Hung up: what nobody read is gone, and nothing can be written.
        var byte: UInt8 = 0
        while read(file, &byte, 1) == 1 {}
        // A program that is being started elsewhere has the line's end open until it runs.
        #expect(Programs.wait { Glibc.write(file, &byte, 1) == -1 && errno == EIO })
        close(file)
    }

    @Test func `what lies in memory is told from what stays`() throws {
        #expect(try Files.isOfThisStart("/dev/shm"))
        #expect(try !Files.isOfThisStart("/proc"))
        #expect(throws: LinuxError(call: "statfs", code: ENOENT)) {
            _ = try Files.isOfThisStart("/dev/shm/not-there")
        }
    }

    @Test func `a lock has one holder`() throws {
        let folder = try TemporaryFolder()
        let path = folder("lock")
        let lock = try FileLock(path)
        #expect(throws: LinuxError(call: "flock", code: EWOULDBLOCK)) { _ = try FileLock(path) }
        let copies = try copiedDescriptors(of: path)
        defer { for copy in copies { close(copy) } }
        #expect(copies.count == 1)
        lock.release()
        _ = try FileLock(path)
    }

    @Test func `bytes cross a TCP connection and its end is seen`() throws {
        let listener = try TCPListener(port: 0)
        let client = try TCPConnection.connect(
            host: "127.0.0.1", port: listener.port, timeout: .seconds(60))
        guard let server = try listener.accept(timeout: .seconds(60)) else {
            Issue.record("no connection")
            return
        }
        try client.write([1, 2, 3])
        server.rearmQuickAcknowledge()
        #expect(try server.read(exactly: 2, timeout: .seconds(60)) == [1, 2])
        #expect(throws: LinuxError(call: "recv", code: EPROTO)) {
            try server.read(exactly: 2, timeout: .milliseconds(20))
        }
        #expect(throws: LinuxError(call: "recv", code: ETIMEDOUT)) {
            try server.read(exactly: 1, timeout: .milliseconds(20))
        }
        client.shutdown()
        #expect(try server.read(exactly: 1, timeout: nil) == nil)
        #expect(try listener.accept(timeout: .zero) == nil)
    }

    private final class Shared: Sendable {
        let connection: TCPConnection
        init(_ connection: consuming TCPConnection) { self.connection = connection }
    }

    @Test func `shutdown wakes a blocked reader and a gone peer is an error, not a signal`() throws
    {
        let listener = try TCPListener(port: 0)
        let client = Shared(
            try .connect(host: "localhost", port: listener.port, timeout: .seconds(60)))
        let server = try listener.accept(timeout: .seconds(60))
        #expect(server != nil ? true : false)
        let ended = Monitor(false)
        let reader = NamedThread.start("reader") {
            let answer = try? client.connection.read(exactly: 1, timeout: nil)
            ended.update { $0 = answer == .some(nil) }
        }
        client.connection.shutdown()
        #expect(ended.wait(atMost: .seconds(60)) { $0 ? true : nil } == true)
        reader.join()
        #expect(throws: LinuxError(call: "send", code: EPIPE)) {
            try client.connection.write([1])
        }
    }

    @Test func `a port nobody listens on and a host nobody knows are refused`() throws {
        let port = try Ports.free()
        #expect(throws: LinuxError(call: "connect", code: ECONNREFUSED)) {
            _ = try TCPConnection.connect(host: "127.0.0.1", port: port, timeout: .seconds(60))
        }
        let error = #expect(throws: LinuxError.self) {
            _ = try TCPConnection.connect(host: "no host", port: 1, timeout: .seconds(60))
        }
        #expect(error?.call == "getaddrinfo")
    }

    @Test func `clocks go forward`() {
        let first = (Clock.monotonicNanoseconds(), Clock.bootNanoseconds())
        Clock.sleep(.milliseconds(5))
        #expect(Clock.monotonicNanoseconds() - first.0 >= 5_000_000)
        #expect(Clock.bootNanoseconds() - first.1 >= 5_000_000)
        #expect(Clock.realtimeMilliseconds() > 1_700_000_000_000)
    }

    /// Nothing a program does is changed by it: the code comes back as it is needed.
    @Test func `code that rests leaves the memory and comes back`() throws {
        func codePages() throws -> Int {
            let text = String(
                decoding: try Files.read("/proc/self/status", atMost: 65_536), as: UTF8.self)
            let line = text.split(separator: "\n").first { $0.hasPrefix("RssFile:") }
            return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
        }
        let before = try codePages()
        let segments = Processes.restCode()
        let after = try codePages()
        #expect(segments > 1 << 20 && after < before, "\(before) kB, then \(after)")
        let child = try ChildProcess.start("/bin/sh", ["-c", "exit 3"])
        #expect(child.wait() == 3)
        #expect((1...10_000).map(String.init).sorted().last == "9999")
    }

    @Test func `a child gives its exit code, or the signal that ended it`() throws {
        let shell = try ChildProcess.start("/bin/sh", ["-c", "exit 7"])
        #expect(shell.wait() == 7)
        #expect(shell.wait() == 7)
        #expect(shell.hasExited() == 7)
        let sleeper = try ChildProcess.start("sleep", ["60"])
        #expect(sleeper.hasExited() == nil)
        sleeper.signal(SIGTERM)
        #expect(sleeper.wait() == 128 + SIGTERM)
        #expect(throws: LinuxError(call: "posix_spawnp", code: ENOENT)) {
            _ = try ChildProcess.start("/no/such/program", [])
        }
    }

    /// Else whoever reads the other end of a pipe, made elsewhere in this process, would wait for
    /// this child's end too.
    @Test func `a child has no descriptor but the three`() throws {
        let file = open("/dev/null", O_RDONLY)
        #expect(file > 2)
        defer { close(file) }
        for descriptor in 0...2 {
            let child = try ChildProcess.start("/bin/sh", ["-c", "test -e /dev/fd/\(descriptor)"])
            #expect(child.wait() == 0)
        }
        let child = try ChildProcess.start("/bin/sh", ["-c", "test -e /dev/fd/\(file)"])
        #expect(child.wait() == 1)
    }

    @Test func `a blocked signal is waited for`() {
        let seen = Monitor<Int32??>(nil)
        let thread = NamedThread.start("signals") {
            Signals.block([SIGUSR1])
            pthread_kill(pthread_self(), SIGUSR1)
            let first = Signals.wait([SIGUSR1], atMost: .seconds(60))
            let none = Signals.wait([SIGUSR1], atMost: .milliseconds(10))
            seen.update { $0 = none == nil ? first : nil }
        }
        thread.join()
        #expect(seen.read { $0 } == SIGUSR1)
    }
}

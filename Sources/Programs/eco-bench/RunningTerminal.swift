import CommandLineTool
import Crypto
import Glibc
import Linux

/// The real `eco-terminal serve`, started as a service manager starts it.
struct RunningTerminal: ~Copyable {
    let child: ChildProcess
    /// From before the start to READY=1, milliseconds.
    let ready: Double

    /// Starts the program and waits for its word that it is up.
    static func start(_ site: BenchSite, program: String) throws -> RunningTerminal {
        // The protocol wants a path from the root, and the site's may be any.
        let path = volatileFolder + "/eco-bench-notify-" + Hexadecimal.text(randomBytes(8))
        let socket = try UnixDatagrams(path)
        let log = site.directory + "/serve.log"
        let start = Clock.monotonicNanoseconds()
        let child = try ChildProcess.start(
            "env", ["NOTIFY_SOCKET=" + path, program, "serve", "--config", site.settings],
            output: log, errors: log)
        var isReady = false
        while !isReady {
            guard let bytes = try socket.receive(timeout: .seconds(20)) else { break }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            isReady = lines.contains("READY=1")
        }
        let ready = Double(Clock.monotonicNanoseconds() - start) / 1_000_000
        guard isReady else {
            let said = (try? Files.read(log, atMost: 1 << 16)) ?? []
            throw Failure(
                "eco-terminal did not get ready: " + String(decoding: said, as: UTF8.self),
                hint: "this is a fault: report it")
        }
        return RunningTerminal(child: child, ready: ready)
    }

    /// Ends it as a service manager does, and waits.
    consuming func stop() {
        child.signal(SIGTERM)
        _ = child.wait()
    }
}

/// The anchor: the smallest server of Node.
struct RunningNode: ~Copyable {
    let child: ChildProcess
    /// From before the start to the first answered request, milliseconds.
    let ready: Double

    /// Whether there is one on this machine.
    static var isThere: Bool {
        guard
            let child = try? ChildProcess.start(
                "node", ["--version"], output: "/dev/null", errors: "/dev/null")
        else { return false }
        return child.wait() == 0
    }

    static func start() throws -> RunningNode {
        let port = try TCPListener(port: 0).port
        let script =
            "require('http').createServer((q,r)=>r.end('hello')).listen(\(port),'127.0.0.1')"
        let start = Clock.monotonicNanoseconds()
        let child = try ChildProcess.start(
            "env", ["node", "-e", script], output: "/dev/null", errors: "/dev/null")
        let question = Array("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        var isAnswered = false
        while !isAnswered, Clock.monotonicNanoseconds() - start < 20_000_000_000 {
            guard
                let connection = try? TCPConnection.connect(
                    host: "127.0.0.1", port: port, timeout: .seconds(1)),
                (try? connection.write(question)) != nil
            else {
                Clock.sleep(.microseconds(500))
                continue
            }
            isAnswered = (try? connection.read(exactly: 15, timeout: .seconds(5))) != nil
        }
        let ready = Double(Clock.monotonicNanoseconds() - start) / 1_000_000
        guard isAnswered else {
            throw Failure("Node's server did not answer", hint: "is node whole?")
        }
        return RunningNode(child: child, ready: ready)
    }

    consuming func stop() {
        child.signal(SIGTERM)
        _ = child.wait()
    }
}

/// Where the programs lie that were built with this one.
func programFolder(_ invocation: Invocation) -> String {
    if let folder = invocation.value("programs") { return folder }
    let own = CommandLine.arguments.first ?? "eco-bench"
    let parts = own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return parts.isEmpty ? "." : parts.joined(separator: "/")
}

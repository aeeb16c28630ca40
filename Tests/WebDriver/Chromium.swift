import Foundation
import Linux
import Synchronization
import TestSupport

/// Debian's chromedriver with a Chromium of its own. One that rests waits for the next test: to
/// start one costs more than most tests do with it.
final class Chromium: @unchecked Sendable {  // because one browser at a time has it
    typealias Failure = Browser.Failure
    static let driverPath = "/usr/bin/chromedriver"
    /// Those that wait; ended with the process.
    static let idle = Mutex<[Chromium]>([])
    private static let idleLimit = 6
    private static let endsWithProcess: Void = {
        _ = atexit {
            for one in Chromium.idle.withLock({ $0 }) { one.endDriver() }
        }
    }()

    private let driver: Process
    private let client: WireClient
    private var session = ""
    /// Of Chromium's first process.
    private var process: Int32?

    init(profile: String?) throws {
        Self.endsWithProcess
        let started = try Self.startDriver()
        driver = started.driver
        client = WireClient(port: started.port, patience: .seconds(180))
        var arguments = [
            "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu",
            "--autoplay-policy=no-user-gesture-required", "--force-prefers-reduced-motion",
        ]
        if let profile { arguments.append("--user-data-dir=" + profile) }
        let capabilities: [String: Any] = [
            "goog:chromeOptions": ["args": arguments],
            "goog:loggingPrefs": ["browser": "ALL"],
        ]
        let made = try send("POST", "/session", ["capabilities": ["alwaysMatch": capabilities]])
        let answer = made as? [String: Any]
        session = try Self.given(answer?["sessionId"] as? String, "a session")
        let found = answer?["capabilities"] as? [String: Any]
        process = (found?["goog:processID"] as? Int).flatMap { Int32(exactly: $0) }
    }

    /// One that waits and still answers; those that went meanwhile are ended.
    static func rested() -> Chromium? {
        while let one = idle.withLock({ $0.popLast() }) {
            do {
                try one.call("GET", "url", nil)
                return one
            } catch { one.end() }
        }
        return nil
    }

    /// Forgets all that was stored and held, and waits for the next browser.
    func rest() {
        do {
            for (command, parameters) in [
                ("Storage.clearDataForOrigin", ["origin": "*", "storageTypes": "all"]),
                ("Network.clearBrowserCache", [:]), ("Network.clearBrowserCookies", [:]),
                ("Emulation.clearDeviceMetricsOverride", [:]),
            ] as [(String, [String: Any])] {
                try call(
                    "POST", "goog/cdp/execute", ["cmd": command, "params": parameters])
            }
            // Where nothing was opened there is no store.
            let wipe = "try { localStorage.clear(); sessionStorage.clear(); } catch {}"
            try call("POST", "execute/sync", ["script": wipe, "args": [Any]()])
            try call("DELETE", "actions", nil)
            try call("POST", "url", ["url": "about:blank"])
            try call("POST", "se/log", ["type": "browser"])
        } catch {
            return end()
        }
        let isKept = Self.idle.withLock { idle in
            if idle.count < Self.idleLimit { idle.append(self) }
            return idle.last === self
        }
        if !isKept { end() }
    }

    /// Ends it in its own order: it writes its profile.
    func end() {
        if !session.isEmpty { _ = try? send("DELETE", "/session/\(session)", nil) }
        endDriver()
    }

    func crash() throws {
        kill(try Self.given(process, "Chromium's process number"), SIGKILL)
        session = ""
        endDriver()
    }

    /// Ends the driver and all it started, by their identifiers and for good: Chromium outlives a
    /// driver that is killed while it still waits for it. Then waits until they are gone: Chromium
    /// writes to its profile to the last.
    private func endDriver() {
        let started = Self.descendants(of: driver.processIdentifier)
        for process in [driver.processIdentifier] + started { kill(process, SIGKILL) }
        driver.waitUntilExit()
        let end = ContinuousClock.now + .seconds(60)
        while started.contains(where: Self.runs), ContinuousClock.now < end { usleep(5_000) }
    }

    /// Parent and state ("R", "Z", …) of a process; nil when there is none of this number.
    private static func status(_ process: Int32) -> (parent: Int32, state: String)? {
        guard let bytes = try? Files.read("/proc/\(process)/stat", atMost: 4_096),
            let after = String(decoding: bytes, as: UTF8.self).components(separatedBy: ") ").last
        else { return nil }
        let words = after.split(separator: " ")
        guard words.count > 1, let parent = Int32(words[1]) else { return nil }
        return (parent, String(words[0]))
    }

    /// A process that was killed may wait for its parent to notice: it runs no more.
    private static func runs(_ process: Int32) -> Bool {
        status(process).map { $0.state != "Z" } ?? false
    }

    private static func descendants(of root: Int32) -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for name in (try? Files.list("/proc")) ?? [] {
            guard let process = Int32(name), let parent = status(process)?.parent else { continue }
            children[parent, default: []].append(process)
        }
        var found: [Int32] = []
        var open = [root]
        while let next = open.popLast() {
            found += children[next] ?? []
            open += children[next] ?? []
        }
        return found
    }

    static func given<V>(_ value: V?, _ what: String) throws -> V {
        guard let value else { throw Failure(text: "\(what) is missing") }
        return value
    }

    /// A chromedriver that listens. Asked for any free port it takes one on IPv6 first and ends if
    /// somebody holds the same number on IPv4: then it is asked again.
    private static func startDriver(tries: Int = 5) throws -> (driver: Process, port: UInt16) {
        let output = Pipe()
        let driver = Process()
        driver.executableURL = URL(filePath: driverPath)
        driver.arguments = ["--port=0"]
        driver.standardOutput = output
        driver.standardError = FileHandle.nullDevice
        CalendarClock.set(driver)
        try driver.run()
        do {
            return (driver, try port(output.fileHandleForReading))
        } catch let failure as Failure
            where tries > 1 && failure.text.contains("port not available")
        {
            driver.waitUntilExit()
            return try startDriver(tries: tries - 1)
        }
    }

    /// chromedriver says its port once it listens.
    private static func port(_ output: FileHandle) throws -> UInt16 {
        var text = ""
        while let data = try output.read(upToCount: 1), !data.isEmpty {
            text += String(decoding: data, as: UTF8.self)
            if text.hasSuffix("."), let range = text.range(of: "successfully on port ") {
                return try given(UInt16(text[range.upperBound...].dropLast()), "a port")
            }
        }
        throw Failure(text: "chromedriver ended: \(text)")
    }

    /// A command of this session.
    @discardableResult
    func call(_ method: String, _ path: String, _ body: [String: Any]?) throws -> Any? {
        try send(method, "/session/\(session)/\(path)", body)
    }

    private func send(_ method: String, _ path: String, _ body: [String: Any]?) throws -> Any? {
        let bytes = try body.map { Array(try JSONSerialization.data(withJSONObject: $0)) }
        let answer = try client.send(
            method, path, [("Content-Type", "application/json")], body: bytes,
            host: "localhost:\(client.port)")
        let value = answer.member("value")
        guard answer.status == 200 else { throw Failure(text: "\(path): \(answer.text)") }
        return value
    }
}

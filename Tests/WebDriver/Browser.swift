import Foundation
import Linux

/// A real Chromium without a window, driven over WebDriver (W3C) by Debian's chromedriver.
public final class Browser {
    private static let driverPath = "/usr/bin/chromedriver"
    /// True when both are on this machine.
    public static let isInstalled = Files.exists(driverPath)

    /// What WebDriver or the page refused.
    public struct Failure: Error {
        /// In the driver's words.
        public let text: String
        /// A refusal in these words.
        public init(text: String) { self.text = text }

        /// The page was loaded anew while it was asked, in chromedriver's words.
        var isOfPageThatWent: Bool {
            ["document unloaded", "aborted by navigation", "execution context"].contains {
                text.contains($0)
            }
        }
    }

    private let driver: Process
    private let client: WireClient
    private var session = ""
    /// Of Chromium's first process.
    private var chromium: Int32?

    /// Starts a browser. `profile`: a folder that outlives it, so that a browser started again
    /// remembers what a page stored; nil: nothing is kept.
    public init(profile: String? = nil) throws {
        let started = try Self.startDriver()
        driver = started.driver
        client = WireClient(port: started.port, patience: .seconds(60))
        var arguments = [
            "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu",
            "--autoplay-policy=no-user-gesture-required", "--force-prefers-reduced-motion",
        ]
        if let profile { arguments.append("--user-data-dir=" + profile) }
        let capabilities: [String: Any] = [
            "goog:chromeOptions": ["args": arguments],
            "goog:loggingPrefs": ["browser": "ALL"],
        ]
        let made = try call(
            "POST", "/session", ["capabilities": ["alwaysMatch": capabilities]])
        let answer = made as? [String: Any]
        session = try Self.given(answer?["sessionId"] as? String, "a session")
        let found = answer?["capabilities"] as? [String: Any]
        chromium = (found?["goog:processID"] as? Int).flatMap { Int32(exactly: $0) }
    }

    deinit {
        if !session.isEmpty { _ = try? call("DELETE", "/session/\(session)", nil) }
        endDriver()
    }

    /// Ends the driver and all it started, by their identifiers and for good: Chromium outlives a
    /// driver that is killed while it still waits for it. Then waits until they are gone: Chromium
    /// writes to its profile to the last.
    private func endDriver() {
        let started = Self.descendants(of: driver.processIdentifier)
        for process in [driver.processIdentifier] + started { kill(process, SIGKILL) }
        driver.waitUntilExit()
        let end = ContinuousClock.now + .seconds(5)
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

    /// kill -9 of Chromium, as when the machine's memory or power goes; of the driver too.
    public func crash() throws {
        let process = try Self.given(chromium, "Chromium's process number")
        kill(process, SIGKILL)
        session = ""
        endDriver()
    }

    private static func given<V>(_ value: V?, _ what: String) throws -> V {
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

    @discardableResult
    private func call(_ method: String, _ path: String, _ body: [String: Any]?) throws -> Any? {
        let bytes = try body.map { Array(try JSONSerialization.data(withJSONObject: $0)) }
        let answer = try client.send(
            method, path, [("Content-Type", "application/json")], body: bytes,
            host: "localhost:\(client.port)")
        let value = answer.member("value")
        guard answer.status == 200 else { throw Failure(text: "\(path): \(answer.text)") }
        return value
    }

    private func act(_ path: String, _ body: [String: Any] = [:]) throws {
        try call("POST", "/session/\(session)/\(path)", body)
    }

    /// Runs the body of a function in the page; its result is JSON.
    @discardableResult
    public func run(_ script: String, _ arguments: [Any] = []) throws -> Any? {
        try call(
            "POST", "/session/\(session)/execute/sync", ["script": script, "args": arguments])
    }

    /// A text the page gives, "" for none.
    public func text(_ expression: String) throws -> String {
        try run("return String((\(expression)) ?? '')") as? String ?? ""
    }

    /// Runs a script in every page that is loaded from here on, before the page's own.
    public func prepare(_ script: String) throws {
        try act(
            "goog/cdp/execute",
            ["cmd": "Page.addScriptToEvaluateOnNewDocument", "params": ["source": script]])
    }

    /// Goes to an address and waits until it has loaded.
    public func open(_ url: String) throws { try act("url", ["url": url]) }

    /// Loads the page again.
    public func reload() throws { try act("refresh") }

    /// The size of the page's view, pixels.
    public func resize(_ size: PanelSize) throws {
        try act(
            "goog/cdp/execute",
            [
                "cmd": "Emulation.setDeviceMetricsOverride",
                "params": [
                    "width": size.width, "height": size.height, "deviceScaleFactor": 1,
                    "mobile": false,
                ],
            ])
    }

    /// Waits until the expression is true in the page; false after `limit`.
    public func waitUntil(
        _ expression: String, atMost limit: Duration = .seconds(10)
    ) throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if try holds(expression, within: 500) { return true }
        }
        return false
    }

    /// Whether it holds within some milliseconds. The page asks itself: asked over the wire, it and
    /// the driver would do little else. A page that goes away while it is asked holds nothing.
    private func holds(_ expression: String, within milliseconds: Int) throws -> Bool {
        let script = """
            const [patience, answer] = arguments;
            const end = performance.now() + patience;
            const ask = () => {
              try {
                const holds = Boolean(\(expression));
                if (holds || performance.now() >= end) return answer(holds);
              } catch (error) { return answer(String(error)); }
              setTimeout(ask, 5);
            };
            ask();
            """
        do {
            let body: [String: Any] = ["script": script, "args": [milliseconds]]
            let answer = try call("POST", "/session/\(session)/execute/async", body)
            if let holds = answer as? Bool { return holds }
            throw Failure(text: "\(expression): \(answer as? String ?? "no answer")")
        } catch let failure as Failure where failure.isOfPageThatWent {
            return false
        }
    }

    /// Presses keys one after another: characters, or WebDriver's codes.
    public func press(_ keys: [String]) throws {
        let steps = keys.flatMap { key in
            [["type": "keyDown", "value": key], ["type": "keyUp", "value": key]]
        }
        try act("actions", ["actions": [["type": "key", "id": "keys", "actions": steps]]])
    }

    /// Touches the middle of an element; lifts the finger over `other` when that is given.
    public func touch(_ selector: String, liftingOver other: String? = nil) throws {
        var steps: [[String: Any]] = [
            try move(selector), ["type": "pointerDown", "button": 0],
        ]
        if let other { steps.append(try move(other)) }
        steps.append(["type": "pointerUp", "button": 0])
        let pointer: [String: Any] = [
            "type": "pointer", "id": "finger", "parameters": ["pointerType": "touch"],
            "actions": steps,
        ]
        try act("actions", ["actions": [pointer]])
    }

    private func move(_ selector: String) throws -> [String: Any] {
        let place = try run(
            """
            const box = document.querySelector(arguments[0]).getBoundingClientRect();
            return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
            """, [selector])
        let point = try Self.given(place as? [Int], selector)
        return ["type": "pointerMove", "duration": 0, "x": point[0], "y": point[1]]
    }

    /// What the page complained of.
    public func complaints() throws -> [String] {
        let entries = try call("POST", "/session/\(session)/se/log", ["type": "browser"])
        return (entries as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
    }

    /// A picture for whoever wants to look: only where `ECO_PHOTOGRAPHS` is set, as they cost more
    /// than all that is measured.
    public func record(_ name: String) throws {
        if Artifacts.areWanted { try photograph(name) }
    }

    /// Writes what is seen to Tests/Artifacts, or to another folder.
    public func photograph(_ name: String, into folder: String = Artifacts.folder) throws {
        let data = try call("GET", "/session/\(session)/screenshot", nil)
        let image = try Self.given(Data(base64Encoded: data as? String ?? ""), "the picture")
        try Files.makeDirectory(folder, mode: 0o755)
        try image.write(to: URL(filePath: folder).appending(path: "\(name).png"))
    }
}

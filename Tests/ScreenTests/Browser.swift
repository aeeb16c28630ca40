import Foundation
import Testing

/// A real Chromium without a window, driven over WebDriver (W3C) by Debian's chromedriver.
final class Browser {
    static let driverPath = "/usr/bin/chromedriver"
    static let isInstalled = FileManager.default.fileExists(atPath: driverPath)

    struct Failure: Error { let text: String }

    private let driver: Process
    private let client: WireClient
    private var session = ""

    init() throws {
        let started = try Self.startDriver()
        driver = started.driver
        client = WireClient(port: started.port)
        let arguments = [
            "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu",
            "--autoplay-policy=no-user-gesture-required", "--force-prefers-reduced-motion",
        ]
        let capabilities: [String: Any] = [
            "goog:chromeOptions": ["args": arguments],
            "goog:loggingPrefs": ["browser": "ALL"],
        ]
        let made = try call(
            "POST", "/session", ["capabilities": ["alwaysMatch": capabilities]])
        session = try #require((made as? [String: Any])?["sessionId"] as? String)
    }

    deinit {
        _ = try? call("DELETE", "/session/\(session)", nil)
        // The driver and, when no session came about, its browser: they are one process group. For
        // good: it may have been started with SIGTERM blocked.
        kill(-driver.processIdentifier, SIGKILL)
        kill(driver.processIdentifier, SIGKILL)
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
                return try #require(UInt16(text[range.upperBound...].dropLast()))
            }
        }
        throw Failure(text: "chromedriver ended: \(text)")
    }

    @discardableResult
    private func call(_ method: String, _ path: String, _ body: [String: Any]?) throws -> Any? {
        let bytes = try body.map { Array(try JSONSerialization.data(withJSONObject: $0)) }
        let answer = try client.send(
            method, path, [("Content-Type", "application/json")], body: bytes,
            host: "localhost:\(client.port)", within: .seconds(90))
        let value = answer.member("value")
        guard answer.status == 200 else { throw Failure(text: "\(path): \(answer.text)") }
        return value
    }

    private func act(_ path: String, _ body: [String: Any] = [:]) throws {
        try call("POST", "/session/\(session)/\(path)", body)
    }

    /// Runs the body of a function in the page; its result is JSON.
    @discardableResult
    func run(_ script: String, _ arguments: [Any] = []) throws -> Any? {
        try call(
            "POST", "/session/\(session)/execute/sync", ["script": script, "args": arguments])
    }

    /// A text the page gives, "" for none.
    func text(_ expression: String) throws -> String {
        try run("return String((\(expression)) ?? '')") as? String ?? ""
    }

    /// Runs a script in every page that is loaded from here on, before the page's own.
    func prepare(_ script: String) throws {
        try act(
            "goog/cdp/execute",
            ["cmd": "Page.addScriptToEvaluateOnNewDocument", "params": ["source": script]])
    }

    func open(_ url: String) throws { try act("url", ["url": url]) }

    func reload() throws { try act("refresh") }

    /// The size of the page's view, pixels.
    func resize(_ size: PanelSize) throws {
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

    /// Waits until the expression is true in the page; false after thirty seconds.
    func waitUntil(_ expression: String) throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if try run("return Boolean(\(expression))") as? Bool == true { return true }
        }
        return false
    }

    /// Presses keys one after another: characters, or WebDriver's codes.
    func press(_ keys: [String]) throws {
        let steps = keys.flatMap { key in
            [["type": "keyDown", "value": key], ["type": "keyUp", "value": key]]
        }
        try act("actions", ["actions": [["type": "key", "id": "keys", "actions": steps]]])
    }

    /// Touches the middle of an element; lifts the finger over `other` when that is given.
    func touch(_ selector: String, liftingOver other: String? = nil) throws {
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
        let point = try #require(place as? [Int])
        return ["type": "pointerMove", "duration": 0, "x": point[0], "y": point[1]]
    }

    /// What the page complained of.
    func complaints() throws -> [String] {
        let entries = try call("POST", "/session/\(session)/se/log", ["type": "browser"])
        return (entries as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
    }

    /// Writes what is seen to Tests/Artifacts.
    func photograph(_ name: String) throws {
        let data = try call("GET", "/session/\(session)/screenshot", nil)
        let image = try #require(Data(base64Encoded: data as? String ?? ""))
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Artifacts")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try image.write(to: folder.appending(path: "\(name).png"))
    }
}

/// A panel the terminal is built with.
struct PanelSize: Sendable, CustomTestStringConvertible {
    let width: Int
    let height: Int

    static let all = [
        PanelSize(width: 800, height: 480), PanelSize(width: 1280, height: 720),
        PanelSize(width: 720, height: 1280),
    ]

    var testDescription: String { "\(width)x\(height)" }
}

/// Keys of a USB numeric keypad, as WebDriver names them.
enum Key {
    static let enter = "\u{E007}"
    static let backspace = "\u{E003}"
    static let delete = "\u{E017}"
    static let escape = "\u{E00C}"
    static let tab = "\u{E004}"
}

import Foundation
import Linux
import Synchronization
import TestSupport

/// A real Chromium without a window, driven over WebDriver (W3C) by Debian's chromedriver.
public final class Browser {
    /// True when both are on this machine.
    public static let isInstalled = Files.exists(Chromium.driverPath)

    /// What WebDriver or the page refused.
    public struct Failure: Error {
        /// In the driver's words.
        public let text: String
        /// A refusal in these words.
        public init(text: String) { self.text = text }

        /// The page was loaded anew while it was asked, in chromedriver's words. A script that such
        /// a page never got has timed out, long before its time.
        var isOfPageThatWent: Bool {
            let words = [
                "document unloaded", "aborted by navigation", "execution context", "script timeout",
            ]
            return words.contains { text.contains($0) }
        }
    }

    private let chromium: Chromium
    /// What it leaves may meet another test: nothing it stored, and no script in its pages.
    private var isReusable: Bool

    /// A browser that nobody has used, or that remembers nothing of who did. `profile`: a folder
    /// that outlives it, so that a browser started again remembers what a page stored.
    public init(profile: String? = nil) throws {
        isReusable = profile == nil
        let idle = isReusable ? Chromium.rested() : nil
        chromium = try idle ?? Chromium(profile: profile)
    }

    deinit {
        if isReusable { chromium.rest() } else { chromium.end() }
    }

    /// kill -9 of Chromium, as when the machine's memory or power goes; of the driver too.
    public func crash() throws {
        isReusable = false
        try chromium.crash()
    }

    @discardableResult
    private func call(_ method: String, _ path: String, _ body: [String: Any]?) throws -> Any? {
        try chromium.call(method, path, body)
    }

    private func act(_ path: String, _ body: [String: Any] = [:]) throws {
        try call("POST", path, body)
    }

    /// Runs the body of a function in the page; its result is JSON.
    @discardableResult
    public func run(_ script: String, _ arguments: [Any] = []) throws -> Any? {
        try call(
            "POST", "execute/sync", ["script": script, "args": arguments])
    }

    /// A text the page gives, "" for none.
    public func text(_ expression: String) throws -> String {
        try run("return String((\(expression)) ?? '')") as? String ?? ""
    }

    /// Runs a script in every page that is loaded from here on, before the page's own.
    public func prepare(_ script: String) throws {
        isReusable = false
        try act(
            "goog/cdp/execute",
            ["cmd": "Page.addScriptToEvaluateOnNewDocument", "params": ["source": script]])
    }

    /// From the next page on, scripts live in a zone and at one moment, milliseconds since 1970.
    public func setClock(_ zone: String, milliseconds: UInt64) throws {
        try act(
            "goog/cdp/execute",
            ["cmd": "Emulation.setTimezoneOverride", "params": ["timezoneId": zone]])
        try prepare(
            """
            const Clock = Date;
            window.Date = class extends Clock {
              constructor(...parts) { super(...(parts.length ? parts : [\(milliseconds)])); }
              static now() { return \(milliseconds); }
            };
            """)
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
        _ expression: String, atMost limit: Duration = .seconds(60)
    ) throws -> Bool {
        let deadline = ContinuousClock.now + limit
        repeat {
            if try holds(expression, within: 500) { return true }
        } while ContinuousClock.now < deadline
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
            let answer = try call("POST", "execute/async", body)
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

    /// An element that is not there yet is waited for.
    private func move(_ selector: String) throws -> [String: Any] {
        var place: [Int]?
        _ = try Programs.wait {
            place =
                try run(
                    """
                    const box = document.querySelector(arguments[0])?.getBoundingClientRect();
                    return box &&
                      [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
                    """, [selector]) as? [Int]
            return place != nil
        }
        let point = try Chromium.given(place, selector)
        return ["type": "pointerMove", "duration": 0, "x": point[0], "y": point[1]]
    }

    /// What the page complained of.
    public func complaints() throws -> [String] {
        let entries = try call("POST", "se/log", ["type": "browser"])
        return (entries as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
    }

    /// A picture for whoever wants to look: only where `ECO_PHOTOGRAPHS` is set, as they cost more
    /// than all that is measured.
    public func record(_ name: String) throws {
        if Artifacts.areWanted { try photograph(name) }
    }

    /// Writes what is seen to Tests/Artifacts, or to another folder.
    public func photograph(_ name: String, into folder: String = Artifacts.folder) throws {
        let data = try call("GET", "screenshot", nil)
        let image = try Chromium.given(Data(base64Encoded: data as? String ?? ""), "the picture")
        try Files.makeDirectory(folder, mode: 0o755)
        try image.write(to: URL(filePath: folder).appending(path: "\(name).png"))
    }
}

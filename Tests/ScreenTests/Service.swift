import Foundation
import Linux
import Operations
import Screen
import Terminal
import Testing
import WebDriver

/// A screen that runs over a scripted checkout, and the secrets of a page that was loaded.
final class Service {
    let checkout: ScriptedCheckout
    let screen: Screen
    let client: WireClient
    /// "name=value".
    let cookie: String
    let token: String
    let exportDirectory = NSTemporaryDirectory() + "/export-" + UUID().uuidString

    init(_ checkout: ScriptedCheckout = ScriptedCheckout()) throws {
        self.checkout = checkout
        screen = try Screen(
            control: checkout,
            configuration: ScreenConfiguration(
                port: 0, exportDirectory: exportDirectory, version: "1.4.0"),
            monotonicMilliseconds: ScriptedCheckout.now)
        client = WireClient(port: screen.port)
        let page = try client.send("GET", "/")
        let header = try #require(page.header("set-cookie"))
        cookie = String(header.prefix { $0 != ";" })
        let marker = "name=\"eco-session\" content=\""
        let start = try #require(page.text.range(of: marker)).upperBound
        token = String(page.text[start...].prefix { $0 != "\"" })
    }

    deinit {
        screen.stop()
        try? FileManager.default.removeItem(atPath: exportDirectory)
    }

    /// The headers of an honest order.
    var orderHeaders: [(String, String)] {
        [
            ("Cookie", cookie), ("X-Eco-Session", token), ("Content-Type", "application/json"),
            ("Origin", "http://127.0.0.1:\(screen.port)"), ("Sec-Fetch-Site", "same-origin"),
        ]
    }

    /// An order as the page gives it, with headers replaced or (nil) left out.
    func order(
        _ path: String, _ body: String, changing changes: [String: String?] = [:],
        method: String = "POST", host: String? = nil
    ) throws -> WireClient.Answer {
        var headers = orderHeaders.filter { changes[$0.0] == nil }
        for (name, value) in changes { if let value { headers.append((name, value)) } }
        return try client.send(method, path, headers, body: Array(body.utf8), host: host)
    }
}

import Testing

@testable import HTTPServer

/// Whom a limit counts.
@Suite struct OriginTests {
    private func origin(
        _ client: String, _ forwarded: [String] = [], isLoopback: Bool? = nil
    ) -> String {
        HTTPRequest(
            method: "GET", path: "/", headers: forwarded.map { ("x-forwarded-for", $0) },
            isLoopback: isLoopback ?? (client == "127.0.0.1" || client == "::1"), client: client
        ).origin
    }

    @Test func `a network is an IPv4 address, or what one household has of IPv6`() {
        for (address, network) in [
            ("203.0.113.7", "203.0.113.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:DB8:1:2::", "2001:db8:1:2::"), ("::1", "::"), ("fe80::1", "fe80::"),
            ("::ffff:203.0.113.7", "203.0.113.7"), ("0.0.0.0", "0.0.0.0"),
        ] { #expect(HTTPRequest.network(of: address) == network) }
        for text in [
            "", " ", "x", "203.0.113", "203.0.113.07", "203.0.113.7:80", "[::1]", "::1%eth0",
        ] {
            #expect(HTTPRequest.network(of: text) == nil, "\(text)")
        }
    }

    @Test func `a proxy on this machine is believed, its last word alone`() {
        #expect(origin("127.0.0.1") == "127.0.0.1")
        #expect(origin("127.0.0.1", ["203.0.113.7"]) == "203.0.113.7")
        #expect(origin("::1", ["10.0.0.1, 2001:db8::9 "]) == "2001:db8::")
        for nothing in ["", ",", "unknown", "203.0.113.7, unknown"] {
            #expect(origin("127.0.0.1", [nothing]) == "127.0.0.1", "\(nothing)")
        }
        #expect(origin("127.0.0.1", ["203.0.113.7", "203.0.113.8"]) == "127.0.0.1")
        #expect(origin("198.51.100.4", ["203.0.113.7"]) == "198.51.100.4", "a client's own word")
        #expect(origin("", ["203.0.113.7"], isLoopback: false) == "")
    }
}

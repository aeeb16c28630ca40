import CMicroHTTPD
import Glibc

// Where a request comes from, for limits that nobody shall use up for others.

extension HTTPRequest {
    /// The network it comes from: an IPv4 address, or the 64 bits of an IPv6 address that one
    /// household has ("2001:db8:0:1::"). Behind a proxy on this machine it is what the proxy says,
    /// the last address of X-Forwarded-For; a client elsewhere is not believed.
    public var origin: String {
        let last = header("x-forwarded-for")?.split(separator: ",").last
        let told = isLoopback ? last?.split(separator: " ").first : nil
        return told.flatMap { Self.network(of: String($0)) } ?? Self.network(of: client) ?? client
    }

    /// The network of an address in its written form; nil when it is none. Calls `inet_pton`.
    static func network(of address: String) -> String? {
        var four = in_addr()
        if inet_pton(AF_INET, address, &four) == 1 { return written(AF_INET, &four) }
        var six = in6_addr()
        guard inet_pton(AF_INET6, address, &six) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        // An IPv4 client of a socket that takes both.
        if bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] {
            return bytes.suffix(4).map { "\($0)" }.joined(separator: ".")
        }
        withUnsafeMutableBytes(of: &six) { raw in
            for index in 8..<16 { raw[index] = 0 }
        }
        return written(AF_INET6, &six)
    }

    /// Calls `inet_ntop`.
    private static func written(_ family: Int32, _ address: UnsafeRawPointer) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            inet_ntop(family, address, text.baseAddress, socklen_t(text.count))
                .map { String(cString: $0) }
        }
    }

    /// The written form of a socket's address; "" when it is no IP address.
    static func client(_ address: UnsafePointer<sockaddr>?) -> String {
        guard let address else { return "" }
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            var four = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            return written(AF_INET, &four) ?? ""
        case AF_INET6:
            var six = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return written(AF_INET6, &six) ?? ""
        default: return ""
        }
    }
}

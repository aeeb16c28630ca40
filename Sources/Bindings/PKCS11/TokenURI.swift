import CP11Kit

/// An RFC 7512 URI that names a token: `pkcs11:token=NAME?module-path=FILE`.
public struct TokenURI: ~Copyable {
    /// Why a text is no such URI.
    public enum Refusal: Error, Equatable, Sendable {
        /// Not `pkcs11:…`, or an attribute p11-kit does not know; says which.
        case malformed(String)
        /// It carries a PIN, which everybody could read in the list of processes.
        case carriesPIN
    }

    private let raw: OpaquePointer

    /// Reads a URI. Calls `p11_kit_uri_parse`.
    public init(_ text: String) throws(Refusal) {
        raw = try Self.parsed(text)
    }

    private static func parsed(_ text: String) throws(Refusal) -> OpaquePointer {
        guard let raw = p11_kit_uri_new() else { throw .malformed("no memory") }
        let code = p11_kit_uri_parse(text, eco_p11_uri_any(), raw)
        let refusal: Refusal? =
            if code != 0 {
                .malformed(p11_kit_uri_message(code).map { String(cString: $0) } ?? "\(code)")
            } else if p11_kit_uri_any_unrecognized(raw) != 0 {
                .malformed("an attribute is unknown")
            } else if p11_kit_uri_get_pin_value(raw) != nil { .carriesPIN } else { nil }
        if let refusal {
            p11_kit_uri_free(raw)
            throw refusal
        }
        return raw
    }

    deinit { p11_kit_uri_free(raw) }

    /// The module's file, when the URI names one.
    var modulePath: String? { p11_kit_uri_get_module_path(raw).map { String(cString: $0) } }

    /// Whether the URI names this token. Calls `p11_kit_uri_match_token_info`.
    func names(_ token: inout CK_TOKEN_INFO) -> Bool {
        p11_kit_uri_match_token_info(raw, &token) == 1
    }
}

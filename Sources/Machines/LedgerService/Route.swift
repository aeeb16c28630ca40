/// A call of the API, by the path `openapi.json` gives it.
enum Route: String, CaseIterable {
    case pair = "/v1/terminals"
    case entries = "/v1/terminals/{id}/entries"
    case head = "/v1/terminals/{id}/entries/head"
    case policy = "/v1/terminals/{id}/policy"
    case verdicts = "/v1/terminals/{id}/verdicts"
    case status = "/v1/terminals/{id}/status"
    case authorisation = "/v1/authorizations"
    case denyList = "/v1/deny-list"
    case balance = "/v1/cards/{number}/balance"
    case time = "/v1/time"
    case cardPage = "/c"
    case health = "/healthz"
    case readiness = "/readyz"
    case metrics = "/metrics"
    case openAPI = "/openapi.json"
    case cddl = "/carte-eco.cddl"

    /// The one method it takes.
    var method: String {
        switch self {
        case .pair, .entries, .authorisation: "POST"
        case .status: "PUT"
        default: "GET"
        }
    }

    /// The call a path names, and what stands in the place of its braces ("" for none).
    static func find(_ path: String) -> (route: Route, word: String)? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        for route in allCases {
            let template = route.rawValue.split(
                separator: "/", omittingEmptySubsequences: false)
            guard parts.count == template.count else { continue }
            var word: Substring = ""
            let fits = zip(parts, template).allSatisfy { part, place in
                guard place.hasPrefix("{") else { return part == place }
                word = part
                return true
            }
            if fits { return (route, String(word)) }
        }
        return nil
    }
}

import Crypto
import HTTPServer
import LedgerBook
import Operations

// The page that a phone opens when it taps a card: https://<host>/c?d=…&e=…&c=… (CARDS.md, file
// 02). It says whether the card is good, and nothing of its holder or balance: whoever found the
// card sees the same page.

extension Routes {
    func cardPage(_ request: HTTPRequest) -> HTTPResponse {
        func value(_ name: String, count: Int) -> [UInt8]? {
            let values = request.query.filter { $0.0 == name }
            guard values.count == 1, let bytes = Hexadecimal.bytes(values[0].1),
                bytes.count == count
            else { return nil }
            return bytes
        }
        guard let digest = value("d", count: 16), let piccData = value("e", count: 16),
            let mac = value("c", count: 8)
        else { return CardPage.incomplete.response }
        let sun = Evidence.sdm(piccData: piccData, mac: mac, digest: digest)
        let keys = authority.keys
        let standing = try? standing(of: sun, keys)
        let page: CardPage =
            switch standing {
            case .valid: .valid
            case .blocked: .blocked
            case .stale: .stale
            case .unknown: .unknown
            case nil: .unavailable
            }
        return page.response
    }

    /// Whoever asks with what no card made holds up no booking.
    private func standing(
        of sun: Evidence, _ keys: any EvidenceKeys
    ) throws(BookError) -> CardStanding {
        let (standing, tap) = try readers.with { (book) throws(BookError) in
            try book.standing(of: sun, keys: keys)
        }
        if let tap { try shelf.with { (book) throws(BookError) in try book.note(tap) } }
        return standing
    }
}

/// What the page may say.
private enum CardPage {
    case valid, blocked, stale, unknown, incomplete, unavailable

    private var status: Int {
        switch self {
        case .valid, .blocked, .stale: 200
        case .unknown: 404
        case .incomplete: 400
        case .unavailable: 503
        }
    }

    private var heading: String {
        switch self {
        case .valid: "Cette carte est valable"
        case .blocked: "Cette carte est bloquée"
        case .stale: "Ce lien est ancien"
        case .unknown: "Cette carte n’est pas reconnue"
        case .incomplete: "Ce lien est incomplet"
        case .unavailable: "Service momentanément indisponible"
        }
    }

    private var sentence: String {
        switch self {
        case .valid: "Elle est authentique et peut servir à payer chez les commerçants du réseau."
        case .blocked: "Elle ne peut plus servir à payer. Contactez l’association."
        case .stale: "Approchez de nouveau la carte du téléphone pour connaître son état."
        case .unknown: "Elle n’a pas été émise par l’association, ou le lien a été modifié."
        case .incomplete: "Approchez la carte du téléphone pour ouvrir le lien entier."
        case .unavailable: "Réessayez dans quelques minutes."
        }
    }

    var response: HTTPResponse {
        let style = """
            body{font:1.25rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;\
            padding:0 1rem;color:#1b1b1b;background:#fff}h1{font-size:1.75rem}
            """
        let html = """
            <!doctype html>
            <html lang="fr">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <title>\(heading) – Carte ECO</title>
            <style>\(style)</style>
            </head>
            <body>
            <main>
            <p>Carte ECO</p>
            <h1>\(heading)</h1>
            <p>\(sentence)</p>
            </main>
            </body>
            </html>

            """
        let policy =
            "default-src 'none'; style-src 'sha256-"
            + Base64.encode(sha256(Array(style.utf8))) + "'; frame-ancestors 'none'"
        return HTTPResponse(
            status: status,
            headers: [
                ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"),
                ("Content-Security-Policy", policy), ("Referrer-Policy", "no-referrer"),
                ("X-Content-Type-Options", "nosniff"),
            ], body: Array(html.utf8))
    }
}

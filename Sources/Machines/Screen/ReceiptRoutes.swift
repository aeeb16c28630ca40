import HTTPServer
import Journal
import Linux
import Operations
import Receipts
import Terminal

/// {"id":"0198…","language":"fr"}: a receipt or a closure's slip on paper.
struct PrintOrder: OrderBody {
    let id: String
    let language: String
}

/// Receipts, closures and help.
extension Routes {
    /// Closures of one answer.
    private static let closuresLimit = 60

    /// One question.
    func receiptQuestion(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        var query: [String: String] = [:]
        for (name, value) in request.query {
            guard ["id", "language", "period"].contains(name),
                query.updateValue(value, forKey: name) == nil
            else { throw .queryInvalid }
        }
        let language = ReceiptLanguage(rawValue: query["language"] ?? "fr")
        guard let language else { throw .queryInvalid }
        switch request.path {
        case "/api/receipt":
            guard let receipt = control.receipt(try asked(query["id"])) else {
                throw .noSuchOperation
            }
            return Self.document(ReceiptView(receipt, language))
        case "/api/receipt.svg":
            let id = try asked(query["id"])
            guard let text = control.receipt(id)?.text(language) ?? control.slip(id)?.text(language)
            else { throw .noSuchOperation }
            return try Self.picture(text)
        case "/api/closure": return try closure(query["period"])
        case "/api/closures": return closures
        default:
            return Self.document(
                HelpView(control.snapshot, terminal: control.terminal, version: version))
        }
    }

    private func asked(_ id: String?) throws(Problem) -> EntryID {
        guard let id, let entry = EntryID(text: id), entry.description == id else {
            throw .queryInvalid
        }
        return entry
    }

    private static func picture(_ text: String) throws(Problem) -> HTTPResponse {
        guard let image = QRImage.svg(text) else { throw .noSuchOperation }
        return HTTPResponse(
            status: 200,
            headers: [("Content-Type", "image/svg+xml"), ("Cache-Control", "no-store")],
            body: image)
    }

    private func closure(_ period: String?) throws(Problem) -> HTTPResponse {
        let found = ClosurePeriod.allCases.first { $0.name == period }
        guard let found else { throw .queryInvalid }
        guard let next = control.nextSlip(found) else {
            throw Problem(.outOfService(.journalUnavailable))
        }
        return Self.document(ClosureView(next.slip, forbidden: next.forbidden))
    }

    private var closures: HTTPResponse {
        let page = control.find(
            JournalQuery(kinds: [.closure], limit: Self.closuresLimit))
        return Self.document(
            ClosuresView(
                closures: page.lines.compactMap { line in
                    control.slip(line.entry.id).map { ClosureView($0, time: line.entry.time) }
                }))
    }

    /// One order: print, or write a closure into the export folder.
    func receiptOrder(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        if request.path == "/api/export" {
            let id = try OperationOrder.read(request).entryID()
            return try export(id)
        }
        let body = try PrintOrder.read(request)
        guard let language = ReceiptLanguage(rawValue: body.language) else { throw .bodyInvalid }
        try answered(control.print(try identifier(body.id), language))
        return Self.nothing
    }

    private func export(_ id: EntryID) throws(Problem) -> HTTPResponse {
        guard let slip = control.slip(id) else { throw .noSuchOperation }
        let path = exportDirectory + "/" + slip.fileName
        do throws(LinuxError) {
            try Files.makeDirectory(exportDirectory)
            try Files.writeAtomically(slip.table, to: path)
        } catch { throw .exportFailed }
        return Self.document(ExportView(path: path))
    }
}

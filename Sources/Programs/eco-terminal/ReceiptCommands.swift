import CommandLineTool
import Crypto
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations
import Receipts
import Screen
import Terminal

private let languageOption = OptionSpecification.value(
    "language", "LANGUAGE", "fr or en; the configuration's language otherwise")

let receiptCommands: [Command] = [
    Command(
        ["receipt", "show"], words: "ID",
        "show the receipt of an operation, by its id or its number; the terminal must be closed",
        options: [configurationOption, languageOption],
        examples: [
            "eco-terminal receipt show -c terminal.conf 1042",
            "eco-terminal receipt show -c terminal.conf 1042 --json",
        ], run: showReceipt),
    Command(
        ["receipt", "print"], words: "ID",
        "print a receipt or a closure; every print but the first says DUPLICATA",
        options: [
            configurationOption, languageOption,
            .value("printer", "PLACE", "file:PATH or a device, instead of receipt-printer"),
            .value("width", "DOTS", "384 or 576, instead of receipt-width"),
        ],
        examples: [
            "eco-terminal receipt print -c terminal.conf 1042",
            "eco-terminal receipt print -c terminal.conf 1042 --printer /dev/usb/lp1 --width 576",
        ], run: printReceipt),
]

/// The checkout of a closed terminal, for one command.
private struct ClosedTerminal {
    let stopped: StoppedTerminal
    let journal: Journal
    let checkout: Checkout

    init(_ configuration: Configuration, printer: ReceiptPrinter?) throws {
        stopped = try StoppedTerminal(configuration)
        let signer = stopped.signer
        journal = try openJournal(stopped.directory, signer)
        let link = LedgerLink(
            address: try configuration.ledger(), signer: signer, journal: journal,
            directory: stopped.directory)
        let world = LiveWorld(
            journal: journal, link: link, keys: try configuration.cardKeys(signer),
            terminal: signer.publicKey.kid, log: { Console.error($0.text) })
        checkout = Checkout(world: world, printer: printer, log: { Console.error($0.text) })
    }

    /// An entry by its id, or by its number as a receipt says it.
    func find(_ word: String) throws -> EntryID {
        if let id = EntryID(text: word), checkout.standing(id) != nil { return id }
        if let number = UInt64(word), number < .max {
            let every = Set(EntryKind.allCases)
            let page = checkout.find(JournalQuery(kinds: every, before: number + 1, limit: 1))
            if let entry = page.lines.first?.entry, entry.sequence == number { return entry.id }
        }
        throw Failure(
            "\(word) is no operation of this terminal",
            hint: "eco-terminal journal list says numbers and ids", code: .usage)
    }
}

private func language(
    _ invocation: Invocation, _ configuration: Configuration
) throws -> ReceiptLanguage {
    let word = try invocation.value("language") ?? configuration.screen.language.rawValue
    guard let language = ReceiptLanguage(rawValue: word) else {
        throw Failure("--language \(word) is not known", hint: "fr or en", code: .usage)
    }
    return language
}

@Sendable private func showReceipt(_ invocation: Invocation) throws {
    let configuration = try Configuration(path: try invocation.required("config"))
    let language = try language(invocation, configuration)
    let terminal = try ClosedTerminal(configuration, printer: nil)
    let id = try terminal.find(invocation.words[0])
    guard
        let text = terminal.checkout.receipt(id)?.text(language)
            ?? terminal.checkout.slip(id)?.text(language)
    else {
        throw Failure(
            "entry \(id) has no receipt", hint: "operations and closures have one", code: .usage)
    }
    invocation.print(
        .record([
            "schema": .text("eco.receipt.1"), "id": .text("\(id)"), "text": .text(text),
        ]), [text])
}

@Sendable private func printReceipt(_ invocation: Invocation) throws {
    let configuration = try Configuration(path: try invocation.required("config"))
    let language = try language(invocation, configuration)
    let (place, width) = try printer(invocation, configuration)
    let printer = ReceiptPrinter(place: place, width: width, log: { _ in })
    let terminal = try ClosedTerminal(configuration, printer: printer)
    let id = try terminal.find(invocation.words[0])
    printer.start()
    defer { printer.stop() }
    guard case .success = terminal.checkout.print(id, language) else {
        throw Failure(
            "entry \(id) has no receipt", hint: "operations and closures have one", code: .usage)
    }
    let state = printer.finish(atMost: .seconds(90))
    if case .trouble(let trouble) = state { throw failure(trouble) }
    let copy = terminal.copies(of: id)
    invocation.print(
        .record([
            "schema": .text("eco.receipt-print.1"), "id": .text("\(id)"),
            "copy": .integer(Int64(clamping: copy)),
        ]), [copy == 0 ? "Printed." : "Printed as DUPLICATA n° \(copy)."])
}

extension ClosedTerminal {
    /// The number of the last copy: its trace is the newest entry.
    fileprivate func copies(of id: EntryID) -> UInt64 {
        let page = checkout.find(JournalQuery(kinds: [.technicalEvent], limit: 1))
        guard case .technicalEvent(let event)? = page.lines.first?.entry.body,
            let trace = ReceiptTrace(event), trace.entry == id
        else { return 0 }
        return trace.copy
    }
}

private func printer(
    _ invocation: Invocation, _ configuration: Configuration
) throws -> (PrinterPlace, PaperWidth) {
    let set = try configuration.printer
    let place = invocation.value("printer").map { PrinterPlace($0) } ?? set?.place
    let width =
        invocation.value("width").map { Int($0).flatMap { PaperWidth(rawValue: $0) } }
        ?? set?.width ?? .narrow
    guard let place, let width else {
        throw Failure(
            "no printer, or not understood: \(invocation.value("printer") ?? "–")",
            hint: "--printer file:PATH | /dev/usb/lp0, --width 384|576", code: .usage)
    }
    return (place, width)
}

private func failure(_ trouble: PrinterTrouble) -> Failure {
    switch trouble {
    case .absent:
        Failure(
            "the printer is not there", hint: "check its cable, its power and the rights on it",
            code: .tryAgain)
    case .noPaper: Failure("the printer has no paper", hint: "change the roll", code: .tryAgain)
    case .notAnswering:
        Failure("the printer does not answer", hint: "turn it off and on", code: .tryAgain)
    case .full: Failure("the disk of the printer's file is full", hint: "make room")
    case .notRecorded:
        Failure(
            "the journal did not take the trace, so nothing is printed",
            hint: "eco-terminal selftest says what is wrong")
    }
}

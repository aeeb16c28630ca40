import CommandLineTool
import Crypto
import Glibc
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations
import Readers
import Receipts
import Screen
import Terminal

let configurationOption = OptionSpecification.value(
    "config", "FILE", letter: "c", "the configuration file")

let serveCommand = Command(
    ["serve"], "serve the checkout until interrupted", options: [configurationOption],
    examples: [
        "eco-terminal serve --config /etc/carte-eco/terminal.conf",
        "eco-terminal serve -c terminal.conf --json",
    ], run: serve)

/// Wires journal, link, checkout, reader and screen, then waits for a signal.
@Sendable private func serve(_ invocation: Invocation) throws {
    Signals.block([SIGINT, SIGTERM])
    let configuration = try Configuration(path: try invocation.required("config"))
    let directory = try configuration.directory
    let lock = try claim(directory)
    let signer = try configuration.signingKey(creating: false)
    let journal = try openJournal(directory, signer)
    let link = LedgerLink(
        address: try configuration.ledger(), signer: signer, journal: journal,
        directory: directory, version: Program.version)
    let world = LiveWorld(
        journal: journal, link: link, keys: try configuration.cardKeys(signer),
        terminal: signer.publicKey.kid, log: { Console.error($0) })
    let printer = try configuration.printer.map { place, width in
        ReceiptPrinter(place: place, width: width, log: { Console.error($0) })
    }
    let checkout = Checkout(
        world: world, pins: PINBook(directory: directory), printer: printer,
        log: { Console.error($0) })
    let reader = CardReader(choice: try configuration.reader, desk: checkout)
    let screen = try open(try configuration.screen, checkout)
    note("start", journal, world)
    link.start()
    checkout.start()
    printer?.start { checkout.printerChanged() }
    reader.start()
    invocation.print(
        .record([
            "schema": .text("eco.serve.1"), "address": .text("http://127.0.0.1:\(screen.port)/"),
        ]),
        ["Open http://127.0.0.1:\(screen.port)/"])
    var health = reader.health
    while Signals.wait([SIGINT, SIGTERM], atMost: .seconds(2)) == nil {
        let now = reader.health
        for line in news(of: now, since: health) { Console.error(line) }
        health = now
    }
    reader.stop()
    screen.stop()
    printer?.stop()
    checkout.stop()
    note("stop", journal, world)
    link.stop()
    _ = lock
}

/// What a log should hold of a chip that fails; nothing while it behaves.
private func news(of now: ReaderHealth, since before: ReaderHealth) -> [String] {
    var lines: [String] = []
    if now.reopenings != before.reopenings {
        lines.append("event=reader-reopened times=\(now.reopenings) late=\(now.overruns)")
    }
    if now.isStalled != before.isStalled {
        lines.append("event=reader-" + (now.isStalled ? "stalled" : "answers"))
    }
    return lines
}

/// One terminal a directory: two would fork the chain.
func claim(_ directory: String) throws -> FileLockHolder {
    do {
        try Files.makeDirectory(directory)
        return FileLockHolder(lock: try FileLock(directory + "/lock"))
    } catch {
        throw Failure(
            "\(directory) is in use or cannot be used: \(error)",
            hint: "is another eco-terminal running?", code: .tryAgain)
    }
}

/// Keeps the lock for the life of the program.
final class FileLockHolder {
    private let lock: FileLock
    init(lock: consuming FileLock) { self.lock = lock }
}

func openJournal(_ directory: String, _ signer: SigningKey) throws -> Journal {
    do { return try Journal(path: directory + "/journal.sqlite", signer: signer) } catch {
        throw Failure(
            "the journal cannot be opened: \(error)",
            hint: "keep the file as it is and call the association", code: .integrity)
    }
}

private func open(_ configuration: ScreenConfiguration, _ checkout: Checkout) throws -> Screen {
    do {
        return try Screen(
            control: checkout, configuration: configuration,
            monotonicMilliseconds: { Clock.monotonicNanoseconds() / 1_000_000 })
    } catch {
        throw Failure(
            "the page cannot be served: \(error)",
            hint: "is the port of 'listen' taken by another program?", code: .tryAgain)
    }
}

/// A technical event; a journal that does not take it shows on the screen.
private func note(_ code: String, _ journal: Journal, _ world: LiveWorld) {
    let moment = world.clock.moment
    _ = try? journal.append(
        .technicalEvent(TechnicalEvent(code: code, details: Program.version)),
        id: EntryID(milliseconds: moment.milliseconds), at: moment)
}

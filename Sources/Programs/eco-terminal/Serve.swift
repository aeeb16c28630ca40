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
import Systemd
import Terminal
import Threads

let configurationOption = OptionSpecification.value(
    "config", "FILE", letter: "c", "the configuration file")

let serveCommand = Command(
    ["serve"], "serve the checkout until interrupted",
    options: [
        configurationOption,
        .flag("stay", "when something is missing, say so on the page and go on once it is there"),
    ],
    examples: [
        "eco-terminal serve --config /etc/carte-eco/terminal.conf",
        "eco-terminal serve -c terminal.conf --json",
    ], run: serve)

/// Opens the checkout, watches over it, and closes it at a signal.
@Sendable private func serve(_ invocation: Invocation) throws {
    Signals.block([SIGINT, SIGTERM])
    let page = ServiceManager.takeListeners().first { $0.name == "page" }
    var opening = Opening(
        path: try invocation.required("config"), listener: page?.descriptor,
        stays: invocation.flag("stay"))
    guard let desk = try opening.run({ try OpenCheckout($0, listener: page?.descriptor) }) else {
        return
    }
    var watch = desk.watch
    desk.start(watch.pulse)
    invocation.print(
        .record([
            "schema": .text("eco.serve.1"), "address": .text("http://127.0.0.1:\(desk.port)/"),
        ]),
        ["Open http://127.0.0.1:\(desk.port)/"])
    ServiceManager.tell([.ready])
    repeat { watch.round() } while Signals.wait([SIGINT, SIGTERM], atMost: Watch.pause) == nil
    // A tap that has begun ends as it would have: with its entry, or with nothing charged.
    ServiceManager.tell([.stopping, .status("S’arrête : l’opération en cours se termine")])
    desk.stop()
}

/// Journal, link, checkout, reader and page, wired.
private final class OpenCheckout {
    private let lock: FileLockHolder
    private let journal: Journal
    private let link: LedgerLink
    private let world: LiveWorld
    private let printer: ReceiptPrinter?
    private let checkout: Checkout
    private let reader: CardReader
    private let screen: Screen
    private let log: ServiceLog
    private let statusPath: String
    private var status: StatusSocket?

    var port: UInt16 { screen.port }

    init(_ prepared: Preparation, listener: Int32?) throws {
        let log = ServiceLog(terminal: Hexadecimal.text(prepared.signer.publicKey.kid))
        let directory = try prepared.configuration.directory
        self.log = log
        statusPath = try prepared.configuration.statusSocket
        lock = prepared.lock
        journal = prepared.journal
        link = LedgerLink(
            address: prepared.ledger, signer: prepared.signer, journal: journal,
            directory: directory, version: Program.version)
        world = LiveWorld(
            journal: journal, link: link, keys: prepared.keys,
            terminal: prepared.signer.publicKey.kid, log: { log.write($0) })
        printer = try prepared.configuration.printer.map { place, width in
            ReceiptPrinter(
                place: place, width: width,
                log: { log.write(LogEvent(.printerTrouble, ["detail": $0])) })
        }
        checkout = Checkout(
            world: world, pins: PINBook(directory: directory), printer: printer,
            log: { log.write($0) })
        reader = CardReader(choice: try prepared.configuration.reader, desk: checkout)
        do {
            screen = try Screen(
                control: checkout, configuration: prepared.screen, listener: listener,
                monotonicMilliseconds: { Clock.monotonicNanoseconds() / 1_000_000 })
        } catch {
            throw Failure(
                "the page cannot be served: \(error)",
                hint: "is the port of 'listen' taken by another program?", code: .tryAgain,
                advice: "La page ne peut pas être servie, un autre programme tient le port "
                    + "\(prepared.screen.port) : arrêtez-le, ou changez listen.")
        }
    }

    var watch: Watch {
        Watch(reader: reader, checkout: checkout, journal: journal, screen: screen, log: log)
    }

    /// `pulse`: what the main thread sees.
    func start(_ pulse: Monitor<Watch.Pulse>) {
        note("start")
        link.start()
        checkout.start()
        printer?.start { [checkout] in checkout.printerChanged() }
        reader.start()
        log.write(LogEvent(.started, ["version": Program.version, "port": "\(port)"]))
        openStatus(pulse)
    }

    /// Without its socket a monitor is blind, and the checkout sells all the same.
    private func openStatus(_ pulse: Monitor<Watch.Pulse>) {
        let (checkout, journal, tally) = (checkout, journal, log.tally)
        do {
            status = try StatusSocket(path: statusPath) {
                let (entries, acknowledged) = journal.position
                return StatusReport(
                    version: Program.version, snapshot: checkout.snapshot,
                    tally: tally.read { $0 }, entries: entries, acknowledged: acknowledged,
                    freeBytes: try? Files.freeBytes(journal.path),
                    wedged: pulse.read { $0.stuck }, now: Clock.realtimeMilliseconds())
            }
        } catch {
            log.write(
                LogEvent(
                    .fault, ["code": "status-socket", "detail": "\(error)"],
                    sentence: "La prise d’état \(statusPath) ne s’ouvre pas : vérifiez le dossier, "
                        + "ou changez status-socket."))
        }
    }

    func stop() {
        reader.stop()
        screen.stop()
        status?.stop()
        printer?.stop()
        checkout.stop()
        note("stop")
        link.stop()
        log.write(LogEvent(.stopped))
    }

    /// A technical event; a journal that does not take it shows on the screen.
    private func note(_ code: String) {
        let moment = world.clock.moment
        _ = try? journal.append(
            .technicalEvent(TechnicalEvent(code: code, details: Program.version)),
            id: EntryID(milliseconds: moment.milliseconds), at: moment)
    }
}

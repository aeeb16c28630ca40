import CommandLineTool
import Crypto
import Glibc
import Journal
import KeyStore
import LedgerClient
import Linux
import Screen
import Systemd
import Terminal
import Threads

/// All that must be there before a checkout can open. Making one starts no thread.
struct Preparation {
    let configuration: Configuration
    let lock: FileLockHolder
    let signer: SigningKey
    let journal: Journal
    let ledger: LedgerAddress
    let keys: TerminalKeys
    let screen: ScreenConfiguration

    /// - Throws: `Failure`, with its advice.
    init(path: String) throws {
        configuration = try Configuration(path: path)
        screen = try configuration.screen
        let directory = try configuration.directory
        lock = try claim(directory)
        // What takes its time here is scrypt, twice: each on a thread of its own.
        let cardKeys = configuration.cardKeysAhead()
        defer { cardKeys.thread.join() }
        signer = try configuration.signingKey(creating: false)
        ledger = try configuration.ledger()
        keys = try cardKeys.value() ?? configuration.cardKeys(signer)
        journal = try openJournal(directory, signer)
    }
}

/// Card keys that are being opened beside something else.
struct KeysAhead {
    fileprivate let thread: NamedThread
    fileprivate let found: Monitor<Result<TerminalKeys, any Error>?>

    /// Waits for them; nil when they are not sealed by the passphrase, and need the own key.
    fileprivate func value() throws -> TerminalKeys? {
        thread.join()
        return try found.read { $0 }?.get()
    }
}

extension Configuration {
    /// Begins to open card keys that the passphrase seals.
    func cardKeysAhead() -> KeysAhead {
        let found = Monitor<Result<TerminalKeys, any Error>?>(nil)
        let thread = NamedThread.start("keys") {
            let result = Result { try passphraseKeys() }
            switch result {
            case .success(let keys): if let keys { found.update { $0 = .success(keys) } }
            case .failure(let failure): found.update { $0 = .failure(failure) }
            }
        }
        return KeysAhead(thread: thread, found: found)
    }
}

/// One terminal a directory: two would fork the chain.
func claim(_ directory: String) throws -> FileLockHolder {
    do throws(LinuxError) {
        try Files.makeDirectory(directory)
        return FileLockHolder(lock: try FileLock(directory + "/lock"))
    } catch {
        throw Failure(
            "\(directory) is in use or cannot be used: \(error)",
            hint: "is another eco-terminal running?", code: .tryAgain,
            advice: advice(error, directory))
    }
}

/// A terminal that nobody runs, for a command that works on its journal. Whoever has one keeps it
/// to the end: its lock goes with it.
final class StoppedTerminal {
    let directory: String
    let signer: SigningKey
    /// The journal's file; it may be missing.
    let journal: String
    private let lock: FileLockHolder

    init(_ configuration: Configuration) throws {
        directory = try configuration.directory
        lock = try claim(directory)
        signer = try configuration.signingKey(creating: false)
        journal = directory + "/journal.sqlite"
    }
}

private func advice(_ error: LinuxError, _ directory: String) -> String {
    switch error.code {
    case EWOULDBLOCK:
        "Une autre caisse tourne déjà dans \(directory) : arrêtez-la (systemctl stop "
            + "eco-terminal.socket eco-terminal)."
    case EROFS: ServiceFault.diskReadOnly.sentence
    case ENOSPC, EDQUOT: ServiceFault.diskFull.sentence
    default:
        "Le dossier \(directory) ne peut pas être utilisé : rendez-le à la caisse (chown "
            + "carte-eco, chmod 700)."
    }
}

/// The journal of a directory.
func openJournal(_ directory: String, _ signer: SigningKey) throws -> Journal {
    do { return try Journal(path: directory + "/journal.sqlite", signer: signer) } catch {
        throw Failure(
            "the journal cannot be opened: \(error)",
            hint: "keep the file as it is and call the association", code: .integrity,
            advice: StorageFault.look(at: directory)?.fault.sentence
                ?? "Le journal ne peut pas être ouvert : gardez \(directory) tel quel et "
                + "appelez l’association.")
    }
}

/// Keeps the lock for the life of the program.
final class FileLockHolder {
    private let lock: FileLock
    init(lock: consuming FileLock) { self.lock = lock }
}

/// The wait for what is missing: tells it on the page, in the log and to the service manager, and
/// tries again until it is there.
struct Opening {
    let path: String
    let listener: Int32?
    /// False: what is missing ends the program.
    let stays: Bool
    private var page: FaultPage?
    private var told: String?

    init(path: String, listener: Int32?, stays: Bool) {
        self.path = path
        self.listener = listener
        self.stays = stays
    }

    /// How long the manager is asked to wait for the next try.
    private static let extensionTime = Duration.seconds(30)

    /// Runs `body` until it throws no failure; nil when a signal ended the wait.
    mutating func run<Result>(
        _ body: (Preparation) throws -> Result
    ) throws -> Result? {
        var tries = 0
        while true {
            do {
                let preparation = try Preparation(path: path)
                // The page's place is needed, and libnfc wants no other thread when it starts.
                page?.stop()
                page = nil
                let result = try body(preparation)
                if told != nil { ServiceLog().write(LogEvent(.mended, ["code": "start"])) }
                return result
            } catch let failure as Failure {
                guard stays else { throw failure }
                tell(failure)
            }
            tries += 1
            // Opening keys costs a good part of a second: not oftener than every five.
            if Signals.wait([SIGINT, SIGTERM], atMost: .seconds(min(tries, 5))) != nil {
                page?.stop()
                return nil
            }
        }
    }

    private mutating func tell(_ failure: Failure) {
        let advice = FaultPage.Advice(
            code: failure.pageCode,
            sentence: failure.advice ?? "La caisse ne démarre pas : lisez son journal "
                + "(journalctl -x -u eco-terminal).")
        ServiceManager.tell([.extendStart(Self.extensionTime), .status(advice.sentence)])
        if told != failure.sentence {
            told = failure.sentence
            ServiceLog().write(
                LogEvent(
                    .fault, ["code": "start", "detail": failure.sentence],
                    sentence: advice.sentence))
        }
        if let page { return page.show(advice) }
        // A configuration that cannot be read says no place: then it is the standard one.
        let listen = (try? readConfiguration(path))?.values["listen"]?.text
        let place = listen.flatMap(Setting.listenPlace)
        let standard = ScreenConfiguration()
        page = try? FaultPage(
            advice, address: place?.address ?? standard.address,
            port: place?.port ?? standard.port, listener: listener)
    }
}

extension Failure {
    /// What the page shows to be read out.
    fileprivate var pageCode: FaultPage.Code {
        switch code {
        case .usage: .settings
        case .keys: .secrets
        case .ledgerRejected: .pairing
        case .tryAgain: .busy
        case .integrity: .journal
        default: .other
        }
    }
}

import COSE
import CommandLineTool
import Crypto
import FoundationEssentials
import Glibc
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations
import Tokens

/// The checks of all that a terminal needs but the reader. None of them changes a file.
struct SelfTestBench {
    /// Below this a technician should make room; payments of years fit into it.
    private static let roomMin: UInt64 = 64 << 20
    /// Days before a policy's end that are told.
    private static let policyDays: UInt64 = 3
    /// Clock errors up to here are no matter, milliseconds.
    private static let clockTolerance: UInt64 = 60_000
    private let configuration: Configuration

    init(_ configuration: Configuration) { self.configuration = configuration }

    /// "2029-11-24", UTC.
    private func day(_ seconds: UInt64) -> String {
        let last: UInt64 = 253_402_300_799
        let date = Date(timeIntervalSince1970: Double(min(seconds, last)))
        return String(date.ISO8601Format().prefix(10))
    }

    /// Whether `serve` runs: it holds the lock of the directory.
    func process() throws -> (Bool, Finding) {
        let path = try configuration.directory + "/lock"
        guard Files.exists(path) else { return (false, .good("eco-terminal serve does not run")) }
        do throws(LinuxError) {
            try FileLock(path).release()
            return (false, .good("eco-terminal serve does not run"))
        } catch {
            guard error.code == EWOULDBLOCK else {
                return (
                    false,
                    .doubtful(
                        "nobody can tell whether eco-terminal serve runs: \(error)",
                        hint: "check the directory's rights")
                )
            }
            return (true, .good("eco-terminal serve runs; it is not disturbed"))
        }
    }

    /// Room, and a write that reaches the disk.
    func disk() throws -> (Void, Finding) {
        let directory = try configuration.directory
        let free: UInt64
        let isOfThisStart: Bool
        let start = Clock.monotonicNanoseconds()
        do throws(LinuxError) {
            free = try Files.freeBytes(directory)
            isOfThisStart = try Files.isOfThisStart(directory)
            try Files.writeAtomically(Array("selftest".utf8), to: directory + "/selftest")
            try Files.remove(directory + "/selftest")
        } catch {
            throw Failure(
                "\(directory) cannot be written: \(error)",
                hint: "check that it is there (eco-terminal pair makes it), its rights, and that "
                    + "the disk is not read-only")
        }
        let milliseconds = (Clock.monotonicNanoseconds() - start) / 1_000_000
        let members: [JSONValue.Member] = [
            .init("free-bytes", .integer(Int64(clamping: free))),
            .init("write-milliseconds", .integer(Int64(clamping: milliseconds))),
        ]
        let room = "\(free >> 20) MB free"
        guard free >= Self.roomMin else {
            throw Failure(
                "only \(room) in \(directory)", hint: "make room: payments stop when it is full")
        }
        // Elsewhere it is somebody's trial.
        if isOfThisStart, directory.hasPrefix("/var/lib/") {
            return (
                (),
                .doubtful(
                    "\(directory) lies in memory or on an overlay: payments may go with the power",
                    hint: "give it a partition of its own that the overlay leaves alone: "
                        + "overlayroot=tmpfs:recurse=0", members)
            )
        }
        return ((), .good("\(room); a write reaches the disk in \(milliseconds) ms", members))
    }

    func ownKey() throws -> (SigningKey, Finding) {
        let key = try configuration.readOnlySigningKey()
        let kid = Hexadecimal.text(key.publicKey.kid)
        return (key, .good("opens; this is terminal \(kid)", [.init("terminal", .text(kid))]))
    }

    func cardKeys(_ own: SigningKey) throws -> (TerminalKeys, Finding) {
        let keys = try configuration.cardKeys(own)
        guard !keys.epochs.isEmpty else {
            throw Failure(
                "the card keys hold no epoch", hint: "cut a bundle: eco-card key bundle --help",
                code: .keys)
        }
        let list = keys.epochs.map(String.init).joined(separator: ", ")
        return (
            keys,
            .good(
                "open; epochs \(list)",
                [.init("epochs", .array(keys.epochs.map { .integer(Int64($0)) }))])
        )
    }

    func pairing(_ own: SigningKey) throws -> (LedgerAddress, Finding) {
        let address = try configuration.ledger()
        return (address, .good("paired with \(address.url)"))
    }

    /// Asks the ledger; an answer is what this terminal would believe.
    func ask(_ address: LedgerAddress, _ own: SigningKey) throws -> (LedgerProbe, Finding) {
        do throws(LedgerProbe.Fault) {
            let probe = try LedgerProbe.ask(address, signer: own)
            return (
                probe,
                .good(
                    "answers in \(probe.milliseconds) ms and knows "
                        + "\(Self.entries(probe.sequence)) of this terminal",
                    [
                        .init("milliseconds", .integer(Int64(clamping: probe.milliseconds))),
                        .init("entries", .integer(Int64(clamping: probe.sequence))),
                    ])
            )
        } catch {
            switch error {
            case .unreachable(let what):
                throw Failure(
                    "the ledger does not answer: \(what)",
                    hint: "check network and address; offline payments go on within the limits",
                    code: .ledgerUnreachable)
            case .refused(let code):
                throw Failure(
                    "the ledger refuses this terminal: \(code)",
                    hint: "ask its operator; a revoked terminal is paired anew",
                    code: .ledgerRejected)
            case .otherLedger:
                throw Failure(
                    "what answers is not the ledger this terminal is paired with",
                    hint: "check the address, or pair again", code: .ledgerRejected)
            }
        }
    }

    /// Proves the chain, the receipts, and that the ledger knows no later entry. Gives what was set
    /// aside, held against the chain.
    func journal(
        _ own: SigningKey, _ address: LedgerAddress?, _ probe: LedgerProbe?
    ) throws -> ([SelfTestSetAside], Finding) {
        let directory = try configuration.directory
        let path = directory + "/journal.sqlite"
        var known = probe.map { $0.sequence == 0 } ?? true
        let isThere: Bool
        do { isThere = try JournalFiles.exist(path) } catch { throw Self.unreadable(error) }
        guard isThere else {
            guard known else { throw Self.shorter }
            return ([], .good("none yet; eco-terminal serve makes it"))
        }
        var asides: [SelfTestSetAside]
        do { asides = try SelfTestSetAside.look(directory, own.publicKey) } catch {
            throw Self.unreadable(error)
        }
        var head: [UInt8] = []
        let found: JournalVerification
        do throws(JournalError) {
            let verifier = try JournalVerifier(
                path: path, terminal: own.publicKey, ledger: address?.key)
            found = try verifier.run { entry, message in
                head = message.digest
                if entry.sequence == probe?.sequence { known = message.digest == probe?.hash }
                for index in asides.indices { asides[index].see(entry) }
            }
        } catch { throw Self.unreadable(error) }
        if let fault = found.faults.first {
            throw Failure(
                "the journal is not sound: entry \(fault.sequence): \(fault.what)",
                hint: "keep the file as it is and call the association", code: .integrity)
        }
        if let archived = found.archived, archived.through == probe?.sequence {
            known = archived.head == probe?.hash
        }
        guard known else { throw Self.shorter }
        for index in asides.indices { asides[index].archived = found.archived }
        let waiting = found.last - min(found.acknowledged, found.last)
        let short = Hexadecimal.text(Array(head.prefix(4)))
        return (
            asides,
            .good(
                "\(Self.entries(found.entries)), the chain is whole"
                    + (head.isEmpty ? "" : ", head \(short)") + "; unsent: \(waiting)",
                [
                    .init("entries", .integer(Int64(clamping: found.entries))),
                    .init("head", .text(Hexadecimal.text(head))),
                    .init("unsent", .integer(Int64(clamping: waiting))),
                ])
        )
    }

    private static func entries(_ count: UInt64) -> String {
        count == 1 ? "1 entry" : "\(count) entries"
    }

    private static func unreadable(_ error: any Error) -> Failure {
        Failure(
            "the journal cannot be read: \(error)",
            hint: "keep the file as it is and call the association", code: .integrity)
    }

    private static let shorter = Failure(
        "T07: the ledger knows entries that this journal does not hold; an old copy was put back",
        hint: "eco-ledger terminal entries ID FILE, then eco-terminal journal recover FILE",
        code: .integrity)

    func news(_ address: LedgerAddress, _ own: SigningKey) -> StoredNews {
        StoredNews(
            directory: (try? configuration.directory) ?? "", address: address,
            terminal: own.publicKey.kid)
    }

    /// The newer one of what is stored and what the ledger gives.
    func policyInForce(_ news: StoredNews, _ probe: LedgerProbe?) -> Policy? {
        guard let stored = news.policy else { return probe?.policy }
        guard let given = probe?.policy, given.version >= stored.version else { return stored }
        return given
    }

    func policy(_ news: StoredNews, _ probe: LedgerProbe?) throws -> (Void, Finding) {
        guard let policy = policyInForce(news, probe) else {
            throw Failure(
                "no policy is stored", hint: "it comes from the ledger: mend that first",
                code: .policy)
        }
        let (now, end) = (now(news), day(policy.expires))
        let members: [JSONValue.Member] = [
            .init("version", .integer(Int64(clamping: policy.version))),
            .init("expires", .text(end)), .init("merchant", .text(policy.merchant)),
        ]
        guard policy.isValid(at: now) else {
            throw Failure(
                "the policy ended on \(end): nothing is sold",
                hint: "bring the terminal to the network: the ledger gives a new one",
                code: .policy)
        }
        let sentence = "version \(policy.version) for \(policy.merchant), valid until \(end)"
        // A merchant's name may be a person's.
        let bundled = "version \(policy.version), valid until \(end)"
        guard policy.expires - now >= Self.policyDays * 86_400 else {
            return (
                (),
                .doubtful(
                    sentence, bundled: bundled,
                    hint: "bring the terminal to the network before that day", members)
            )
        }
        return ((), .good(sentence, bundled: bundled, members))
    }

    func denyList(_ news: StoredNews) throws -> (Void, Finding) {
        guard news.isDenyListWhole else {
            throw Failure(
                "a part of the deny-list does not verify",
                hint: "remove deny-list.cose and restart eco-terminal serve: it comes again whole",
                code: .integrity)
        }
        let count = news.denied.count
        return (
            (),
            .good(
                count == 0 ? "no card is blocked" : "blocked cards: \(count)",
                [
                    .init("blocked", .integer(Int64(count))),
                    .init("epoch", .integer(Int64(clamping: news.denyEpoch))),
                ])
        )
    }

    /// How far the clock is to be trusted: the system's, or the ledger's beside it.
    func clock(_ probe: LedgerProbe?) -> (Void, Finding) {
        let isSynchronised = Clock.synchronised()
        let offset = probe.map { $0.clockOffset.magnitude }
        let members: [JSONValue.Member] = [
            .init("synchronised", .bool(isSynchronised)),
            .init("ledger-offset-milliseconds", probe.map { .integer($0.clockOffset) } ?? .null),
        ]
        if let offset, offset > Self.clockTolerance {
            return (
                (),
                .doubtful(
                    "it differs from the ledger's by \(offset / 1_000) s",
                    hint: "set the clock: timedatectl set-ntp true", members)
            )
        }
        if isSynchronised { return ((), .good("synchronised", members)) }
        let sentence =
            offset == nil
            ? "not synchronised, and no ledger to compare with: times are marked untrusted"
            : "not synchronised; it agrees with the ledger's, which corrects it"
        return ((), .doubtful(sentence, hint: "timedatectl set-ntp true", members))
    }

    /// Seconds since the Unix epoch, never before what this terminal has seen.
    func now(_ news: StoredNews) -> UInt64 {
        max(
            Clock.realtimeMilliseconds() / 1_000, (news.lastContact ?? 0) / 1_000,
            news.policy?.issued ?? 0)
    }
}

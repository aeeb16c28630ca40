import COSE
import Crypto
import LedgerMessages
import Linux
import Operations
import Threads
import Tokens

/// What the link publishes.
struct LinkState {
    var policy: Policy?
    /// The policy's ETag as the ledger wrote it.
    var policyTag: String?
    /// What was decided of held entries, and the list's ETag.
    var verdicts: VerdictList?
    var verdictTag: String?
    var denied: Set<CardNumber> = []
    var denyEpoch: UInt64 = 0
    /// Deltas that stand in the file.
    var denyDeltas = 0
    var isReachable = false
    var isSending = false
    var standing = Standing.good
    var lastContact: UInt64?
    /// The ledger's time less the time since boot when it answered, milliseconds: whatever is done
    /// to the clock in this run, the ledger's time goes on from there.
    var ledgerSinceBoot: Int64?
    /// A person asked to send now.
    var isNudged = false
    /// An entry was appended: sent at once, unless a fault is being waited out.
    var hasNewEntry = false
    /// When the terminal last said how it is, monotonic nanoseconds.
    var reported: UInt64?
    /// What is being sent again to a ledger that forgot it, over several turns.
    var resent: Resent?
    var isStopping = false
    var version: UInt64 = 1
    var threads: [NamedThread] = []

    /// What to add to a reading of the clock to get the ledger's.
    func clockOffset(at local: UInt64) -> Int64? {
        let boot = Int64(clamping: Clock.bootNanoseconds() / 1_000_000)
        return ledgerSinceBoot.map { $0 &+ boot &- Int64(clamping: local) }
    }

    /// Applies a verified delta. False when it does not start where the list stands.
    mutating func apply(_ delta: DenyListDelta) -> Bool {
        guard delta.since == 0 || delta.since == denyEpoch else { return false }
        if delta.since == 0 {
            denied = []
            denyDeltas = 0
        }
        denyDeltas += 1
        denied.formUnion(delta.added)
        denied.subtract(delta.removed)
        denyEpoch = delta.epoch
        return true
    }
}

/// The link's files: `policy.cose`, `verdicts.cose`, `deny-list.cose` (a sequence of signed deltas)
/// and `ledger-contact` (eight bytes, refreshed at most every five minutes to spare the card).
struct LinkStore: Sendable {
    private static let denyListMax = 8 << 20
    private static let contactSpacing: UInt64 = 300_000
    let directory: String
    let ledger: Ed25519PublicKey
    let terminal: [UInt8]

    /// What is stored and verifies; a file that does not is as good as absent.
    func load() -> LinkState {
        var state = LinkState()
        if let bytes = try? Files.read(directory + "/policy.cose", atMost: Policy.sizeMax) {
            state.policy = try? policy(bytes)
        }
        if let bytes = try? Files.read(directory + "/verdicts.cose", atMost: messageSizeMax) {
            state.verdicts = try? verdicts(bytes)
        }
        if let bytes = try? Files.read(directory + "/deny-list.cose", atMost: Self.denyListMax),
            let items = try? CBOR.sequence(bytes, count: 10_000, limit: Self.denyListMax)
        {
            for item in items {
                guard let delta = try? DenyListDelta(item, ledger: ledger), state.apply(delta)
                else { break }
            }
        }
        if let bytes = try? Files.read(directory + "/ledger-contact", atMost: 8), bytes.count == 8 {
            let contact = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if contact <= EntryID.millisecondsMax { state.lastContact = contact }
        }
        return state
    }

    /// Deltas that the deny-list's file holds, believed or not; -1 when it is no sequence of them.
    func denyListParts() -> Int {
        let path = directory + "/deny-list.cose"
        guard Files.exists(path) else { return 0 }
        guard let bytes = try? Files.read(path, atMost: Self.denyListMax),
            let items = try? CBOR.sequence(bytes, count: 10_000, limit: Self.denyListMax)
        else { return -1 }
        return items.count
    }

    /// A policy of this ledger for this terminal (L5).
    func policy(_ bytes: [UInt8]) throws(MessageError) -> Policy {
        do {
            let message = try Sign1(parsing: bytes, limit: Policy.sizeMax)
            guard message.kid == ledger.kid else { throw MessageError.notAuthentic("policy") }
            let policy = try Policy(payload: try message.verified(by: ledger))
            guard policy.terminal == terminal else { throw MessageError.notAuthentic("policy") }
            return policy
        } catch let error as MessageError { throw error } catch {
            throw .malformed("policy")
        }
    }

    /// Verdicts of this ledger for this terminal (L5).
    func verdicts(_ bytes: [UInt8]) throws(MessageError) -> VerdictList {
        let list = try VerdictList(bytes, ledger: ledger)
        guard list.terminal == terminal else { throw .notAuthentic("verdicts") }
        return list
    }

    func save(verdicts bytes: [UInt8]) throws(LinuxError) {
        try Files.writeAtomically(bytes, to: directory + "/verdicts.cose")
    }

    func save(policy bytes: [UInt8]) throws(LinuxError) {
        try Files.writeAtomically(bytes, to: directory + "/policy.cose")
    }

    /// Appends a delta, or starts the list anew with a whole one.
    func save(delta: DenyListDelta, bytes: [UInt8]) throws(LinuxError) {
        let path = directory + "/deny-list.cose"
        let before = delta.since == 0 ? [] : try Files.read(path, atMost: Self.denyListMax)
        try Files.writeAtomically(before + bytes, to: path)
    }

    /// Remembers a contact. Called with the lock held by nobody.
    func save(contact: UInt64, before: UInt64?) {
        if let before, contact >= before, contact - before < Self.contactSpacing { return }
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: contact >> (56 - 8 * UInt64($0))) }
        // A contact that cannot be remembered only makes the next offline period shorter.
        try? Files.writeAtomically(bytes, to: directory + "/ledger-contact")
    }
}

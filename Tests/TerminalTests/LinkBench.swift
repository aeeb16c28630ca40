import COSE
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import Testing
import Threads
import Tokens

@testable import LedgerClient

/// A terminal's link and its scripted ledger, in a folder of their own.
final class LinkBench {
    let folder: String
    let terminal: SigningKey
    let journal: Journal
    let ledger: ScriptedLedger
    private(set) var link: LedgerLink

    init() throws {
        folder = NSTemporaryDirectory() + "/link-" + UUID().uuidString
        try Files.makeDirectory(folder)
        terminal = try SigningKey.create()
        journal = try Journal(path: folder + "/journal.sqlite", signer: terminal)
        ledger = try ScriptedLedger(terminal: terminal.publicKey)
        link = LedgerLink(
            address: LedgerAddress(url: ledger.url, key: ledger.key.publicKey), signer: terminal,
            journal: journal, directory: folder)
    }

    deinit {
        link.stop()
        ledger.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A link that reads the same files, as after a restart; it is not started.
    func reloaded() -> LedgerLink {
        LedgerLink(
            address: LedgerAddress(url: ledger.url, key: ledger.key.publicKey), signer: terminal,
            journal: journal, directory: folder)
    }

    /// The link of after a restart, in place of the one that has stopped.
    func restart() { link = reloaded() }

    @discardableResult
    func append(_ count: Int = 1) throws -> [EntryID] {
        try (0..<count).map { _ in
            let id = EntryID(milliseconds: Clock.realtimeMilliseconds())
            let payment = Payment(
                amount: Amount(cents: 100)!, card: CardNumber(serial: 42)!,
                tokenHash: [UInt8](repeating: 4, count: 32),
                evidence: .sdm(
                    piccData: [UInt8](repeating: 1, count: 16),
                    mac: [UInt8](repeating: 2, count: 8), digest: [UInt8](repeating: 3, count: 16)),
                authorisation: nil)
            _ = try journal.append(
                .payment(payment), id: id,
                at: Moment(milliseconds: Clock.realtimeMilliseconds(), trust: .synchronised))
            return id
        }
    }

    /// Nudges the drainer until the condition holds; false after the deadline.
    func eventually(
        within limit: Duration = .seconds(60), _ condition: () -> Bool
    ) -> Bool {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if condition() { return true }
            link.sendNow()
            _ = link.waitForChange(after: link.state.read { $0.version }, atMost: .milliseconds(20))
        }
        return condition()
    }

    /// Lets the drainer take this many whole turns.
    func turns(_ count: Int) -> Bool {
        let start = ledger.state.read { $0.denySince.count }
        return eventually { ledger.state.read { $0.denySince.count } >= start + count }
    }

    func policy(
        _ version: UInt64, terminal kid: [UInt8]? = nil, merchant: String = "Épicerie",
        issued: UInt64 = 10
    ) -> Policy {
        Policy(
            version: version, issued: issued, expires: .max,
            terminal: kid ?? terminal.publicKey.kid,
            merchant: merchant, limits: .standard, classes: [.member],
            issuers: [terminal.publicKey], revokedKids: [], epochs: [1], languages: ["fr"])
    }

    func offer(_ policy: Policy, by signer: SigningKey? = nil) {
        let bytes = (signer ?? ledger.key).sign(payload: policy.item.encoded).bytes
        ledger.set { $0.policy = (tag: "\"\(policy.version)-\(bytes.count)\"", bytes: bytes) }
    }

    func offer(
        since: UInt64, epoch: UInt64, added: [Int64], removed: [Int64] = [],
        by signer: SigningKey? = nil
    ) {
        let delta = DenyListDelta(
            since: since, epoch: epoch, added: added.compactMap { CardNumber(serial: $0) },
            removed: removed.compactMap { CardNumber(serial: $0) })
        let bytes = (signer ?? ledger.key).withKey { delta.signed(by: $0).bytes }
        ledger.set { $0.denyList = bytes }
    }
}

/// Makes the link of a folder believe that it last met its ledger at `time`, milliseconds.
func writeContact(_ time: UInt64, in folder: String) throws {
    try Files.writeAtomically(
        (0..<8).map { UInt8(truncatingIfNeeded: time >> (56 - 8 * UInt64($0))) },
        to: folder + "/ledger-contact")
}

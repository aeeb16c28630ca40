public import COSE
public import Crypto
import LedgerMessages
public import Operations
import SQLite

/// Why an archive is refused.
public enum ArchiveError: Error, Equatable, Sendable {
    /// Not an archive, cut, or altered: says where.
    case damaged(String)
    /// Signed by another terminal than the one that was named.
    case otherTerminal
    /// It goes on from no entry that this journal has.
    case otherChain
    /// The journal cannot be read, or is not sound.
    case journal(JournalError)
}

/// What a verified archive holds.
public struct ArchiveContents: Equatable, Sendable {
    /// Who signed it, and every entry in it.
    public let terminal: Ed25519PublicKey
    /// First and last sequence number.
    public let from: UInt64
    public let to: UInt64
    /// SHA-256 of the entry before the first, and of the last one.
    public let before: [UInt8]
    public let head: [UInt8]
    /// Receipts of the ledger in it.
    public let receipts: UInt64
    /// SHA-256 of their SHA-256 in a row.
    public let receiptsHash: [UInt8]
    /// Number and sum of its payments, cents, training left out.
    public let payments: KindTotal
    /// When it was made, milliseconds since the Unix epoch.
    public let made: UInt64
}

/// A signed file that stands for itself: a CBOR sequence (RFC 8742) of a COSE_Sign1 manifest, the
/// entries, and the ledger's receipts, byte for byte as the journal has them.
///
/// Manifest: 1 description of the format in words, 2 the terminal's public key, 3 first and 4 last
/// sequence number, 5 hash of the entry before, 6 hash of the last entry, 7 number of receipts, 8
/// SHA-256 of their hashes, 9 time. The chain makes 5 and 6 say everything about the entries.
public enum JournalArchive {
    /// Bytes of an archive at most.
    public static let sizeMax = 1 << 30
    private static let countMax = 4_000_000
    private static let manifestMax = 4_096

    /// What a person reads who finds the file in ten years.
    private static let description = """
        Archive of the journal of a Carte ECO terminal. This file is a CBOR sequence (RFC 8742). \
        Its first item is this manifest, a COSE_Sign1 (RFC 9052, EdDSA with Ed25519) by the \
        terminal: 1 this text, 2 public key, 3 first and 4 last sequence number, 5 SHA-256 of the \
        entry before the first, 6 SHA-256 of the last entry, 7 number of receipts, 8 SHA-256 of \
        the receipts' SHA-256 in a row, 9 time in milliseconds since 1970. Then come the entries, \
        each a COSE_Sign1 by the same key with the map 1 number, 2 id, 3 SHA-256 of the entry \
        before, 4 time, 5 clock trust, 6 kind (1 payment, 2 refund, 3 reversal, 4 top-up, 5 \
        action, 6 enrolment, 7 card event, 8 closure, 9 technical event), 7 body, 8 operator, 9 \
        training; amounts are cents. Then the ledger's receipts, each a COSE_Sign1 by the ledger.
        """

    /// The archive of a journal, or of one of its years, which is verified on the way.
    /// - Throws: `ArchiveError.journal` when it is not sound.
    public static func bytes(
        of path: String, year: JournalYear? = nil, signer: any MessageSigner, made: UInt64
    ) throws(ArchiveError) -> [UInt8] {
        var entries: [UInt8] = []
        var head: [UInt8] = []
        let (found, origin, receipts): (JournalVerification, Origin, [[UInt8]])
        do throws(JournalError) {
            let paths: [String]
            if let year {
                paths = [year.path]
            } else {
                paths = try JournalFiles.list(path).map(\.path)
            }
            let verifier = try JournalVerifier(
                files: paths, terminal: signer.publicKey, ledger: nil)
            found = try verifier.run {
                entries += $1.bytes
                head = $1.digest
            }
            guard found.faults.isEmpty else { throw .unusable("the journal is not sound") }
            (origin, receipts) = try Self.surroundings(paths)
        } catch { throw .journal(error) }
        guard found.entries > 0 else { throw .journal(.unusable("the journal is empty")) }
        let manifest = CBOR.record([
            1: .text(description), 2: .bytes(signer.publicKey.bytes),
            3: .unsigned(origin.sequence + 1), 4: .unsigned(found.last), 5: .bytes(origin.hash),
            6: .bytes(head), 7: .unsigned(UInt64(receipts.count)),
            8: .bytes(receiptsHash(receipts)), 9: .unsigned(made),
        ])
        return signer.sign(payload: manifest.encoded).bytes + entries + receipts.flatMap { $0 }
    }

    /// What the first file follows, and the receipts of all of them.
    static func surroundings(
        _ paths: [String]
    ) throws(JournalError) -> (Origin, [[UInt8]]) {
        do throws(SQLiteError) {
            var (origin, receipts): (Origin?, [[UInt8]]) = (nil, [])
            for path in paths {
                let database = try Database(path: path, access: .readOnly)
                if origin == nil { origin = try Origin(of: database) }
                receipts += try database.rows("SELECT cose FROM receipts ORDER BY upto")
                    .compactMap { $0[0].blob }
            }
            return (origin ?? .start, receipts)
        } catch { throw .unusable("\(error.call): \(error.message)") }
    }

    static func receiptsHash(_ receipts: some Sequence<[UInt8]>) -> [UInt8] {
        sha256(receipts.flatMap { sha256($0) })
    }

    /// Checks an archive from its bytes alone; with `terminal`, that it is of this one.
    /// - Throws: `ArchiveError`.
    public static func verify(
        _ bytes: [UInt8], terminal: Ed25519PublicKey? = nil
    ) throws(ArchiveError) -> ArchiveContents {
        try read(bytes, terminal: terminal) { _, _ in }
    }

    /// The same; `each` sees every entry that verifies, in order, before the rest is known.
    static func read(
        _ bytes: [UInt8], terminal: Ed25519PublicKey?, each: (Entry, Sign1) -> Void
    ) throws(ArchiveError) -> ArchiveContents {
        let items: [[UInt8]]
        do throws(COSEError) {
            items = try CBOR.sequence(bytes, count: countMax, limit: sizeMax)
        } catch { throw .damaged("no CBOR sequence") }
        guard let first = items.first, let message = try? Sign1(parsing: first, limit: manifestMax),
            let manifest = try? CBOR.decode(message.payload, limit: manifestMax),
            manifest.map?.count == 9, manifest[1]?.text == description,
            let key = manifest[2]?.bytes.flatMap({ try? Ed25519PublicKey($0) }),
            message.kid == key.kid, (try? message.verified(by: key)) != nil
        else { throw .damaged("manifest") }
        guard terminal == nil || terminal == key else { throw .otherTerminal }
        guard let from = manifest[3]?.unsigned, let to = manifest[4]?.unsigned, from >= 1,
            from <= to, to - from < UInt64(countMax), let before = manifest[5]?.bytes,
            let head = manifest[6]?.bytes, let receiptCount = manifest[7]?.unsigned,
            let receiptHash = manifest[8]?.bytes, let made = manifest[9]?.unsigned,
            UInt64(items.count) == to - from + 2 + min(receiptCount, UInt64(countMax))
        else { throw .damaged("manifest fields") }
        let count = Int(to - from) + 1
        let payments = try walk(
            items[1...count], from: from, before: before, head: head, key: key, each)
        guard receiptsHash(items[(count + 1)...]) == receiptHash else {
            throw .damaged("receipts")
        }
        return ArchiveContents(
            terminal: key, from: from, to: to, before: before, head: head,
            receipts: receiptCount, receiptsHash: receiptHash, payments: payments, made: made)
    }

    private static func walk(
        _ items: ArraySlice<[UInt8]>, from: UInt64, before: [UInt8], head: [UInt8],
        key: Ed25519PublicKey, _ each: (Entry, Sign1) -> Void
    ) throws(ArchiveError) -> KindTotal {
        var (sequence, previous, time) = (from, before, UInt64(0))
        var totals = PeriodTotals.none
        for bytes in items {
            guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax),
                message.kid == key.kid, let payload = try? message.verified(by: key),
                let entry = try? Entry(payload: payload), entry.sequence == sequence,
                entry.previous == previous, entry.time >= time
            else { throw .damaged("entry \(sequence)") }
            if !entry.isTraining, case .payment = entry.body { totals.add(entry.body) }
            (sequence, previous, time) = (sequence + 1, message.digest, entry.time)
            each(entry, message)
        }
        guard previous == head else { throw .damaged("entry \(sequence - 1)") }
        return totals.payments
    }
}

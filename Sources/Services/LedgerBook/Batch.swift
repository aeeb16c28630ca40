import COSE
public import Crypto
import LedgerMessages
import Operations

/// Entries of one terminal, in order, whose signatures have been verified. Pure; made outside the
/// book's lock because verifying is most of the work.
public struct VerifiedBatch: Sendable {
    struct Item: Sendable {
        let bytes: [UInt8]
        let hash: [UInt8]
        let entry: Entry
    }

    /// The terminal's kid, 8 bytes.
    public let terminal: [UInt8]
    let items: [Item]

    /// Reads a CBOR sequence of at most `batchCountMax` entries signed by `key`, numbered without
    /// a gap. That each names the one before it is checked when they are booked (B3).
    /// - Throws: `BookError.malformed`, `.tooManyEntries`, `.entrySignature`, `.gap`.
    public init(_ body: [UInt8], key: Ed25519PublicKey) throws(BookError) {
        let parts: [[UInt8]]
        do throws(COSEError) {
            parts = try CBOR.sequence(
                body, count: batchCountMax, limit: messageSizeMax, itemLimit: Entry.sizeMax)
        } catch {
            if error == .tooLarge(limit: batchCountMax) { throw .tooManyEntries }
            throw .malformed("entries: not a CBOR sequence (\(error))")
        }
        let kid = key.kid
        var items: [Item] = []
        for bytes in parts {
            let item = try Self.item(bytes, key: key, kid: kid)
            if let last = items.last, item.entry.sequence != last.entry.sequence + 1 {
                throw .gap(expected: last.entry.sequence + 1)
            }
            items.append(item)
        }
        terminal = kid
        self.items = items
    }

    private static func item(
        _ bytes: [UInt8], key: Ed25519PublicKey, kid: [UInt8]
    ) throws(BookError) -> Item {
        let message: Sign1
        do throws(COSEError) {
            message = try Sign1(parsing: bytes, limit: Entry.sizeMax)
        } catch { throw .malformed("entry: not a COSE_Sign1 (\(error))") }
        guard message.kid == kid, let payload = try? message.verified(by: key) else {
            throw .entrySignature
        }
        do throws(OperationError) {
            return Item(bytes: bytes, hash: message.digest, entry: try Entry(payload: payload))
        } catch {
            guard case .malformed(let what) = error else { throw .malformed("entry") }
            throw .malformed("entry: \(what)")
        }
    }
}

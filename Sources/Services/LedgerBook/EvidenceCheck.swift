import Cards
import Crypto
import Operations

/// Why evidence is not the card's word for this payment. The raw value is the outcome's code.
enum EvidenceFault: String, Error {
    /// Not made by the registered card's keys.
    case forged = "evidence-forged"
    /// Made by the card, but over another operation.
    case digest = "evidence-digest"
    /// Made by another card than the entry names.
    case uid = "evidence-uid"
    /// The ledger holds no key of the card's epoch.
    case epoch = "epoch-unknown"
}

/// What a card's cryptogram proves once it is verified.
struct ProvenRead: Equatable {
    /// The card's read counter, 24 bits.
    let counter: UInt32
    /// The digest the card signed, 16 bytes.
    let digest: [UInt8]
}

/// Checks `evidence` against the registered card (FORMATS §3): the UID inside PICCENCData is the
/// card's, and SDMMAC covers the digest and the mirrors under the card's own K2. No terminal holds
/// K1 or K2, so nobody but the card can have made it.
///
/// A card that was re-keyed is asked under its newest epoch first, then under those before: a
/// payment made before the change may wait in an offline terminal for long. While the ledger has
/// no keys of one of them, what the others do not prove is undecided (`.epoch`).
func prove(
    _ evidence: Evidence, by card: CardRecord, keys: any EvidenceKeys
) throws(EvidenceFault) -> ProvenRead {
    var faults: [EvidenceFault] = []
    for epoch in card.epochs {
        do throws(EvidenceFault) {
            return try prove(evidence, by: card, epoch: epoch, keys: keys)
        } catch { faults.append(error) }
    }
    throw [.epoch, .uid].first { faults.contains($0) } ?? .forged
}

private func prove(
    _ evidence: Evidence, by card: CardRecord, epoch: UInt8, keys: any EvidenceKeys
) throws(EvidenceFault) -> ProvenRead {
    guard case .sdm(let piccData, let mac, let digest) = evidence else { throw .forged }
    guard let metaRead = keys.metaReadKey(epoch: epoch),
        let fileRead = keys.fileReadKey(uid: card.uid, epoch: epoch)
    else { throw .epoch }
    guard let read = SDM.decrypt(piccData: piccData, metaReadKey: metaRead),
        let counter = read.readCounter
    else { throw .forged }
    guard read.uid == card.uid else { throw .uid }
    let input = SDM.evidenceInput(digest: digest, piccData: piccData)
    guard
        let expected = try? SDM.mac(
            fileReadKey: fileRead, uid: read.uid, readCounter: counter, input: input),
        equalInConstantTime(expected, mac)
    else { throw .forged }
    return ProvenRead(counter: counter, digest: digest)
}

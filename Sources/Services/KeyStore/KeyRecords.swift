import Cards
import Crypto

/// One key with its place.
final class KeyRecord: Sendable {
    enum Kind: UInt8 {
        /// A master; number 1 in a bundle or an old issuer's file is K1 itself.
        case aes = 1
        case seed = 2
        case publicKey = 3
        /// The master that K1 is derived from.
        case meta = 4
        /// An X25519 private key.
        case agreement = 5
        /// What the wrapped masters of these records open with.
        case transport = 6
        /// A master wrapped by a token (RFC 3394).
        case wrapped = 7
        /// A custodian's share: see `KeyShare`.
        case share = 8

        var size: Int {
            switch self {
            case .aes, .meta: 16
            case .wrapped: 24
            case .share: KeyShare.size
            case .seed, .publicKey, .agreement, .transport: 32
            }
        }
    }

    let kind: Kind
    let epoch: UInt8
    let number: UInt8
    let secret: SecretBytes

    init(kind: Kind, epoch: UInt8, number: UInt8, secret: consuming SecretBytes) {
        self.kind = kind
        self.epoch = epoch
        self.number = number
        self.secret = secret
    }
}

/// The content of a key file: records of kind (1) || epoch (1) || number (1) || the key.
public struct KeyRecords: Sendable {
    static let countMax = 1_024
    private var records: [KeyRecord] = []

    mutating func add(
        _ kind: KeyRecord.Kind, epoch: UInt8, number: UInt8, _ secret: consuming SecretBytes
    ) {
        records.append(KeyRecord(kind: kind, epoch: epoch, number: number, secret: secret))
    }

    mutating func add(_ others: KeyRecords) { records += others.records }

    var epochs: [UInt8] {
        Set(records.filter { $0.kind == .aes || $0.kind == .wrapped }.map(\.epoch)).sorted()
    }

    func only(_ isWanted: (KeyRecord) -> Bool) -> KeyRecords {
        var kept = KeyRecords()
        kept.records = records.filter(isWanted)
        return kept
    }

    func all(_ holds: (KeyRecord) -> Bool) -> Bool { records.allSatisfy(holds) }

    func first(_ kind: KeyRecord.Kind) -> KeyRecord? { records.first { $0.kind == kind } }

    func master(_ number: UInt8, epoch: UInt8) throws(KeyStoreError) -> KeyRecord {
        let found = records.first {
            [.aes, .meta, .wrapped].contains($0.kind) && $0.number == number && $0.epoch == epoch
        }
        guard let found else { throw .unknownEpoch(epoch) }
        return found
    }

    func cardKey(
        _ number: UInt8, uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        let record = try master(number, epoch: epoch)
        do {
            let master = try key(record)
            if record.kind == .meta {
                return try an10922(master: master, metaReadInput(epoch: epoch))
            }
            if number == 1 { return master }
            return try diversifiedKey(master: master, uid: uid, keyNumber: number, epoch: epoch)
        } catch { throw .damaged("key or UID of wrong length") }
    }

    /// The master itself; a wrapped one is opened for the length of its use.
    private func key(_ record: KeyRecord) throws(CryptoError) -> AES128Key {
        try record.secret.withBytes { (bytes) throws(CryptoError) in
            guard record.kind == .wrapped else { return try AES128Key(bytes) }
            guard let transport = first(.transport) else { throw .notAuthentic }
            return try AES128Key(try Sealing.unwrap(bytes, key: transport.secret))
        }
    }

    func signingKey() throws(KeyStoreError) -> Ed25519PrivateKey {
        guard let record = first(.seed) else { throw .damaged("no signing key") }
        do { return try Ed25519PrivateKey(seed: record.secret) } catch {
            throw .damaged("signing key")
        }
    }

    func agreementKey() throws(KeyStoreError) -> X25519PrivateKey {
        guard let record = first(.agreement) else { throw .damaged("no sealing key") }
        do { return try X25519PrivateKey(record.secret) } catch { throw .damaged("sealing key") }
    }

    func publicKeys() -> [Ed25519PublicKey] {
        records.filter { $0.kind == .publicKey }.compactMap { record in
            record.secret.withBytes { try? Ed25519PublicKey($0) }
        }
    }

    /// The bytes to seal.
    func encoded() -> SecretBytes {
        var bytes: [UInt8] = []
        // Room for all of it: an array that grows leaves copies of itself behind.
        bytes.reserveCapacity(records.reduce(0) { $0 + 3 + $1.kind.size })
        for record in records {
            bytes += [record.kind.rawValue, record.epoch, record.number]
            record.secret.withBytes { bytes += $0 }
        }
        return SecretBytes(consuming: &bytes)
    }

    /// - Throws: `.damaged`.
    init(_ secret: borrowing SecretBytes) throws(KeyStoreError) {
        records = try secret.withBytes { (bytes) throws(KeyStoreError) in
            var found: [KeyRecord] = []
            var next = 0
            while next < bytes.count {
                guard found.count < Self.countMax, bytes.count - next > 3,
                    let kind = KeyRecord.Kind(rawValue: bytes[next]),
                    bytes.count - next - 3 >= kind.size
                else { throw .damaged("records") }
                var content = Array(bytes[(next + 3)..<(next + 3 + kind.size)])
                found.append(
                    KeyRecord(
                        kind: kind, epoch: bytes[next + 1], number: bytes[next + 2],
                        secret: SecretBytes(consuming: &content)))
                next += 3 + kind.size
            }
            return found
        }
    }

    init() {}
}

public import Crypto

/// One custodian's part of a key that nobody has alone: n shares whose XOR is the key.
///
/// Each rests in a file of its own under its custodian's own passphrase. Any n - 1 of them say
/// nothing about the key. The key, 16 random bytes, is what the issuer's file is sealed with or,
/// as 32 hexadecimal digits, the PIN of a token.
public final class KeyShare: SealedKeys {
    /// The kind of its files.
    public static let fileKind = KeyFileKind.share
    /// How many custodians there may be.
    public static let counts: ClosedRange<Int> = 2...16
    /// part (16) || set (8) || check value of the key (3).
    static let size = 27

    private let records: KeyRecords
    /// Its number, from 1.
    public let number: Int
    /// How many shares make the key.
    public let count: Int
    private let set: [UInt8]
    private let keyCheck: [UInt8]

    /// Takes the content of a file. - Throws: `.damaged`.
    public init(_ records: KeyRecords) throws(KeyStoreError) {
        guard let record = records.first(.share), records.all({ $0.kind == .share }),
            Self.counts.contains(Int(record.epoch)), (1...record.epoch).contains(record.number)
        else { throw .damaged("not a share") }
        self.records = records
        number = Int(record.number)
        count = Int(record.epoch)
        (set, keyCheck) = record.secret.withBytes { (Array($0[16..<24]), Array($0[24..<27])) }
    }

    /// What goes into the file.
    public func content() throws(KeyStoreError) -> KeyRecords { records }

    /// Splits a fresh random key. - Throws: `.shares` for a count outside `counts`.
    public static func create(count: Int) throws(KeyStoreError) -> [KeyShare] {
        guard counts.contains(count) else {
            throw .shares("there are \(counts.lowerBound) to \(counts.upperBound) custodians")
        }
        let set = randomBytes(8)
        var parts = (0..<count).map { _ in Part(SecretBytes(randomCount: 16)) }
        let check = try combined(parts).withBytes { (key) throws(KeyStoreError) in
            try checkValue(key)
        }
        var shares: [KeyShare] = []
        for (index, part) in parts.enumerated() {
            var bytes = part.secret.withBytes { $0 } + set + check
            var records = KeyRecords()
            records.add(
                .share, epoch: UInt8(count), number: UInt8(index + 1),
                SecretBytes(consuming: &bytes))
            shares.append(try KeyShare(records))
        }
        parts.removeAll()
        return shares
    }

    /// What tells shares apart without telling them: the first 3 bytes of AES(share, zeros),
    /// 6 hexadecimal digits.
    public func checkValue() throws(KeyStoreError) -> String {
        try part().secret.withBytes { (bytes) throws(KeyStoreError) in
            Hexadecimal.text(try Self.checkValue(bytes)).uppercased()
        }
    }

    /// The check value of the whole key, the same on every share of a set.
    public var keyCheckValue: String { Hexadecimal.text(keyCheck).uppercased() }

    /// The key, 16 bytes, once all shares of one set are there, in any order.
    /// - Throws: `.shares` that says what is missing or wrong.
    public static func key(_ shares: [KeyShare]) throws(KeyStoreError) -> SecretBytes {
        guard let first = shares.first else { throw .shares("there is no share") }
        for share in shares.dropFirst() {
            guard share.set == first.set, share.count == first.count,
                share.keyCheck == first.keyCheck
            else { throw .shares("shares \(first.number) and \(share.number) are of two keys") }
        }
        for number in 1...first.count {
            let found = shares.count { $0.number == number }
            if found == 0 { throw .shares("share \(number) of \(first.count) is missing") }
            if found > 1 { throw .shares("share \(number) is there twice") }
        }
        var parts: [Part] = []
        for share in shares { parts.append(try share.part()) }
        let key = combined(parts)
        let check = try key.withBytes { (bytes) throws(KeyStoreError) in try checkValue(bytes) }
        guard equalInConstantTime(check, first.keyCheck) else {
            throw .shares("the shares do not make the key of their check value")
        }
        return key
    }

    /// An array cannot hold what cannot be copied.
    private final class Part: Sendable {
        let secret: SecretBytes
        init(_ secret: consuming SecretBytes) { self.secret = secret }
    }

    private func part() throws(KeyStoreError) -> Part {
        guard let record = records.first(.share) else { throw .damaged("not a share") }
        return Part(record.secret.withBytes { SecretBytes(Array($0[0..<16])) })
    }

    private static func combined(_ parts: [Part]) -> SecretBytes {
        var key = [UInt8](repeating: 0, count: 16)
        for part in parts {
            part.secret.withBytes { bytes in
                for index in 0..<16 { key[index] ^= bytes[index] }
            }
        }
        return SecretBytes(consuming: &key)
    }

    private static func checkValue(_ key: [UInt8]) throws(KeyStoreError) -> [UInt8] {
        do {
            let block = try AES128Key(key).encryptBlock([UInt8](repeating: 0, count: 16))
            return Array(block.prefix(3))
        } catch { throw .damaged("share") }
    }
}

/// A share's key as a token's PIN: 32 hexadecimal digits.
public func pin(of key: borrowing SecretBytes) -> SecretBytes {
    key.withBytes { bytes in
        var digits = Array(Hexadecimal.text(bytes).utf8)
        return SecretBytes(consuming: &digits)
    }
}

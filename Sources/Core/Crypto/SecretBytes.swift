import COpenSSL

/// Secret bytes: one owner, zeroed when it goes, never printed.
///
/// Its memory is overwritten by `OPENSSL_cleanse` at the end.
@safe
public struct SecretBytes: ~Copyable, @unchecked Sendable {  // because written only in init
    /// Number of bytes.
    public let count: Int
    let pointer: UnsafeMutablePointer<UInt8>

    /// Copies `bytes`. The caller's array is the caller's to forget: prefer `init(consuming:)`.
    public init(_ bytes: [UInt8]) {
        count = bytes.count
        unsafe pointer = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
        for index in bytes.indices { unsafe pointer[index] = bytes[index] }
    }

    /// Copies `bytes` and overwrites them with zeros.
    public init(consuming bytes: inout [UInt8]) {
        self.init(bytes)
        wipe(&bytes)
    }

    /// Zeros, for a library to write the secret into `pointer`.
    init(zeroCount count: Int) {
        self.count = count
        unsafe pointer = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        unsafe pointer.initialize(repeating: 0, count: count)
    }

    /// Fresh random bytes. Calls `RAND_priv_bytes`.
    public init(randomCount count: Int) {
        precondition(count > 0 && count <= 4096, "Crypto: secret size out of range")
        self.count = count
        unsafe pointer = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        let code = unsafe RAND_priv_bytes(pointer, Int32(count))
        precondition(code == 1, "Crypto: the random generator failed")
    }

    deinit {
        unsafe OPENSSL_cleanse(pointer, count)
        unsafe pointer.deallocate()
    }

    /// Lends the bytes in the clear for the length of `body`. The copy is zeroed afterwards.
    public borrowing func withBytes<R: ~Copyable, E: Error>(
        _ body: ([UInt8]) throws(E) -> R
    ) throws(E) -> R {
        var copy = [UInt8](repeating: 0, count: count)
        for index in 0..<count { unsafe copy[index] = pointer[index] }
        defer { wipe(&copy) }
        return try body(copy)
    }

    /// True when both hold the same bytes; constant time for equal lengths.
    public borrowing func equals(_ other: borrowing SecretBytes) -> Bool {
        guard count == other.count else { return false }
        return unsafe CRYPTO_memcmp(pointer, other.pointer, count) == 0
    }
}

/// Overwrites an array that held a secret. Calls `OPENSSL_cleanse`.
public func wipe(_ bytes: inout [UInt8]) {
    let count = bytes.count
    unsafe bytes.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress { unsafe OPENSSL_cleanse(base, count) }
    }
}

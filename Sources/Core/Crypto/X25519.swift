import COpenSSL

/// An X25519 public key (RFC 7748), 32 bytes: to whom something is sealed.
public struct X25519PublicKey: Equatable, Hashable, Sendable {
    /// The raw key, 32 bytes.
    public let bytes: [UInt8]

    /// Takes the raw key.
    /// - Throws: `CryptoError.wrongLength`.
    public init(_ bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == 32 else { throw .wrongLength(expected: 32, got: bytes.count) }
        self.bytes = bytes
    }
}

/// An X25519 private key. libcrypto holds it and zeroes it when the key goes.
@safe
public struct X25519PrivateKey: ~Copyable, @unchecked Sendable {  // because never changed
    private let key: OpaquePointer
    /// The public half.
    public let publicKey: X25519PublicKey

    /// Takes the 32 secret bytes.
    /// - Throws: `CryptoError.wrongLength`, `.invalidKey`.
    public init(_ secret: borrowing SecretBytes) throws(CryptoError) {
        guard secret.count == 32 else { throw .wrongLength(expected: 32, got: secret.count) }
        guard
            let key = unsafe EVP_PKEY_new_raw_private_key(
                EVP_PKEY_X25519, nil, secret.pointer, 32)
        else { throw .invalidKey }
        var raw = [UInt8](repeating: 0, count: 32)
        var length = 32
        let code = unsafe EVP_PKEY_get_raw_public_key(key, &raw, &length)
        guard code == 1, length == 32, let half = try? X25519PublicKey(raw) else {
            unsafe EVP_PKEY_free(key)
            throw .library(call: "EVP_PKEY_get_raw_public_key")
        }
        unsafe self.key = key
        publicKey = half
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// The shared secret with a peer, 32 bytes; a peer whose point is of small order is refused.
    /// - Throws: `CryptoError.invalidKey`. Calls `EVP_PKEY_derive`.
    borrowing func agree(with peer: X25519PublicKey) throws(CryptoError) -> SecretBytes {
        guard let other = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, peer.bytes, 32)
        else { throw .invalidKey }
        defer { unsafe EVP_PKEY_free(other) }
        let context = unsafe EVP_PKEY_CTX_new(key, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var shared = [UInt8](repeating: 0, count: 32)
        defer { wipe(&shared) }
        var length = 32
        let good =
            unsafe EVP_PKEY_derive_init(context) == 1
            && EVP_PKEY_derive_set_peer(context, other) == 1
            && EVP_PKEY_derive(context, &shared, &length) == 1
        guard good, length == 32, shared.contains(where: { $0 != 0 }) else { throw .invalidKey }
        return SecretBytes(shared)
    }
}

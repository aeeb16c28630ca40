import COpenSSL

/// Base64 (RFC 4648 §4), with padding.
public enum Base64 {
    /// Calls `EVP_EncodeBlock`.
    public static func encode(_ bytes: [UInt8]) -> String {
        var output = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = unsafe EVP_EncodeBlock(&output, bytes, Int32(bytes.count))
        return String(decoding: output.prefix(Int(count)), as: UTF8.self)
    }

    /// Nil unless `text` is exactly what `encode` would write. Calls `EVP_DecodeBlock`.
    public static func decode(_ text: String) -> [UInt8]? {
        let input = Array(text.utf8)
        guard input.count % 4 == 0, input.count <= 1 << 20 else { return nil }
        if input.isEmpty { return [] }
        var output = [UInt8](repeating: 0, count: input.count / 4 * 3)
        let count = unsafe EVP_DecodeBlock(&output, input, Int32(input.count))
        guard count == output.count else { return nil }
        let padding = input.suffix(2).count { $0 == 0x3d }
        let bytes = Array(output.dropLast(padding))
        return encode(bytes) == text ? bytes : nil
    }
}

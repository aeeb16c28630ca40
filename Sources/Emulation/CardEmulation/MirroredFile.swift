import Crypto

/// The bytes of a file with its mirrors filled in, for one value of the read counter
/// (data sheet 9.3; AN12196 section 3).
struct MirroredFile {
    private let settings: MirrorSettings
    private let memory: CardMemory
    private var image: [UInt8]
    private let identifier: [UInt8]
    private let counter: [UInt8]

    /// `counter` has already been advanced in `memory`.
    init(_ settings: MirrorSettings, content: [UInt8], memory: CardMemory) {
        self.settings = settings
        self.memory = memory
        image = content
        identifier = settings.mirrorsIdentifier ? memory.uid : []
        let value = memory.readCounter
        let bytes = [0, 8, 16].map { UInt8(truncatingIfNeeded: value >> $0) }
        counter = settings.mirrorsCounter ? bytes : []
    }

    /// PICC data or plain mirrors first, then the encrypted part, then the MAC over what stands.
    mutating func build(_ randomness: inout any CardRandomness) -> [UInt8] {
        mirrorIdentity(&randomness)
        guard case .key(let number) = settings.fileRead else { return image }
        let key = CardCipher(memory.keys[number].value)
        let context = identifier + counter
        if let offset = settings.cipherOffset, let length = settings.cipherLength {
            let session = CardCipher(
                key.cmac(vector([0xC3, 0x3C, 0x00, 0x01, 0x00, 0x80], context)))
            let start = session.block(counter + [UInt8](repeating: 0, count: 13))
            let plain = Array(image[offset..<offset + length / 2])
            put(Hexadecimal.ascii(session.encrypt(plain, iv: start)), at: offset)
        }
        if let input = settings.inputOffset, let offset = settings.macOffset {
            let session = CardCipher(
                key.cmac(vector([0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80], context)))
            put(Hexadecimal.ascii(session.shortMAC(Array(image[input..<offset]))), at: offset)
        }
        return image
    }

    private mutating func mirrorIdentity(_ randomness: inout any CardRandomness) {
        if let offset = settings.identifierOffset {
            put(Hexadecimal.ascii(memory.uid), at: offset)
        }
        if let offset = settings.counterOffset, offset != MirrorSettings.notMirrored {
            put(Hexadecimal.ascii(counter.reversed()), at: offset)
        }
        guard case .key(let number) = settings.metaRead, let offset = settings.piccDataOffset
        else { return }
        var tag: UInt8 = 0
        if !identifier.isEmpty { tag |= 0x87 }
        if !counter.isEmpty { tag |= 0x40 }
        let known = [tag] + identifier + counter
        let plain = known + randomness.bytes(16 - known.count)
        put(Hexadecimal.ascii(CardCipher(memory.keys[number].value).encrypt(plain)), at: offset)
    }

    /// The settings were validated against the file's size when they were set.
    private mutating func put(_ text: [UInt8], at offset: Int) {
        image.replaceSubrange(offset..<offset + text.count, with: text)
    }

    private func vector(_ label: [UInt8], _ context: [UInt8]) -> [UInt8] {
        let known = label + context
        return known + [UInt8](repeating: 0, count: 16 - known.count)
    }
}

import Crypto

/// The image of a card, 760 bytes; numbers are little endian.
///
///       0   8  "ECOCARD" and a line feed
///       8   1  version of this format: 1
///       9   1  kind of card: 1 NTAG 424 DNA
///      10   2  length of the image: 760
///      12   7  UID                        19  56  originality signature
///      75  21  GetVersion: hardware, software, production
///      96   1  flags: bit 0 random identifier, 1 chained writing forbidden, 2 failures counted
///      97   2  PDCap2.5, PDCap2.6         99   2  failure limit      101  2  failure decrement
///     103 110  five times: key 16, version 1, TotFailCtr 2, SeqFailCtr 1, SpentTimeCtr 1, zero 1
///     213   3  SDMReadCtr
///     216  96  three times: length of the settings block 1, block, zeros to 32
///     312 416  contents of files 1 (32), 2 (256), 3 (128)
///     728  32  SHA-256 of bytes 0...727
extension CardMemory {
    /// Bytes in an image.
    public static let imageSize = 760
    private static let magic = Array("ECOCARD\n".utf8)
    private static let formatVersion: UInt8 = 1
    private static let kind: UInt8 = 1
    private static let blockSlot = 32

    /// The memory as an image of `imageSize` bytes. It holds the keys in clear.
    public var image: [UInt8] {
        var bytes = Self.magic + [Self.formatVersion, Self.kind]
        bytes += Self.little(UInt32(Self.imageSize), 2)
        bytes += uid + originalitySignature
        bytes += version.hardware + version.software + version.production
        var flags: UInt8 = configuration.usesRandomIdentifier ? 1 : 0
        if configuration.forbidsChainedWriting { flags |= 2 }
        if configuration.countsFailures { flags |= 4 }
        bytes += [flags] + configuration.capabilities
        bytes += Self.little(UInt32(configuration.failureLimit), 2)
        bytes += Self.little(UInt32(configuration.failureDecrement), 2)
        for key in keys {
            bytes += key.value + [key.version] + Self.little(UInt32(key.totalFailures), 2)
            bytes += [key.sequentialFailures, key.spentDelays, 0]
        }
        bytes += Self.little(readCounter, 3)
        for file in files {
            let block = file.settings.block
            bytes += [UInt8(block.count)] + block
            bytes += [UInt8](repeating: 0, count: Self.blockSlot - 1 - block.count)
        }
        for file in files { bytes += file.content }
        bytes += sha256(bytes)
        return bytes
    }

    /// Reads an image; every byte is checked.
    public init(image: [UInt8]) throws(CardMemoryError) {
        guard image.starts(with: Self.magic) else { throw .notAnImage }
        guard image.count > 9 else {
            throw .wrongLength(expected: Self.imageSize, got: image.count)
        }
        guard image[8] == Self.formatVersion else { throw .unknownVersion(image[8]) }
        try Self.require(image, Self.imageSize)
        guard sha256(Array(image[..<728])) == Array(image[728...]) else { throw .damaged }
        guard image[9] == Self.kind else { throw .unknownVersion(image[9]) }
        guard Self.number(image, 10, 2) == UInt32(Self.imageSize) else { throw .invalid("length") }
        uid = Array(image[12..<19])
        originalitySignature = Array(image[19..<75])
        version = try CardVersion(
            hardware: Array(image[75..<82]), software: Array(image[82..<89]),
            production: Array(image[89..<96]))
        configuration = try Self.configuration(image)
        keys = try Self.keys(image)
        readCounter = Self.number(image, 213, 3)
        files = try Self.files(image, counter: readCounter)
    }

    private static func configuration(
        _ image: [UInt8]
    ) throws(CardMemoryError) -> CardConfiguration {
        var configuration = CardConfiguration()
        guard image[96] & 0xF8 == 0 else { throw .invalid("flags") }
        configuration.usesRandomIdentifier = image[96] & 1 != 0
        configuration.forbidsChainedWriting = image[96] & 2 != 0
        configuration.countsFailures = image[96] & 4 != 0
        configuration.capabilities = Array(image[97..<99])
        configuration.failureLimit = UInt16(number(image, 99, 2))
        configuration.failureDecrement = UInt16(number(image, 101, 2))
        return configuration
    }

    private static func keys(_ image: [UInt8]) throws(CardMemoryError) -> [CardKey] {
        var keys: [CardKey] = []
        for start in stride(from: 103, to: 213, by: 22) {
            var key = CardKey(
                value: Array(image[start..<start + 16]), version: image[start + 16])
            key.totalFailures = UInt16(number(image, start + 17, 2))
            key.sequentialFailures = image[start + 19]
            key.spentDelays = image[start + 20]
            guard image[start + 21] == 0 else { throw .invalid("key \(keys.count)") }
            keys.append(key)
        }
        return keys
    }

    private static func files(
        _ image: [UInt8], counter: UInt32
    ) throws(CardMemoryError) -> [CardFile] {
        var files: [CardFile] = []
        var start = 312
        for (index, size) in CardFile.sizes.enumerated() {
            let slot = Array(image[216 + index * blockSlot..<216 + (index + 1) * blockSlot])
            let length = Int(slot[0])
            guard length < blockSlot, slot[(1 + length)...].allSatisfy({ $0 == 0 }) else {
                throw .invalid("settings of file \(index + 1)")
            }
            let settings: FileSettings
            do throws(CardFault) {
                settings = try FileSettings(block: Array(slot[1..<1 + length]))
                // A counter that has reached its limit is legal here, unlike in the command.
                try settings.validate(file: index + 1, size: size, counter: 0)
            } catch {
                throw .invalid("settings of file \(index + 1)")
            }
            files.append(
                CardFile(settings: settings, content: Array(image[start..<start + size])))
            start += size
        }
        return files
    }

    private static func little(_ value: UInt32, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt32 {
        (0..<count).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
    }
}

import Cards

/// What a finished card holds (CARDS.md): the files and their settings.
struct CardLayout {
    /// File 01 as delivered, but nobody is offered to write the NDEF file (write access FF).
    static let container: [UInt8] =
        [
            0x00, 0x17, 0x20, 0x01, 0x00, 0x00, 0xFF, 0x04, 0x06, 0xE1, 0x04, 0x01, 0x00, 0x00,
            0xFF, 0x05, 0x06, 0xE1, 0x05, 0x00, 0x80, 0x82, 0x83,
        ] + [UInt8](repeating: 0, count: 9)

    /// File 01 as delivered.
    static let factoryContainer: [UInt8] = {
        var bytes = container
        bytes[14] = 0x00
        return bytes
    }()

    /// Bytes of file 02 and file 03.
    static let imageSize = 256
    static let stateSize = 128

    /// A file 02 that begins with these bytes.
    static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: max(0, imageSize - bytes.count))
    }

    /// File 03: read, write and both K3, change K0, Full.
    static let stateSettings = FileSettings(
        commMode: .full,
        access: AccessRights(
            read: .key(3), write: .key(3), readWrite: .key(3), change: .key(0)),
        size: stateSize)

    /// File 03 as delivered.
    static let factoryStateSettings = FileSettings(
        commMode: .full,
        access: AccessRights(
            read: .key(2), write: .key(3), readWrite: .key(3), change: .key(0)),
        size: stateSize)

    /// File 02 as delivered.
    static let factoryImageSettings = FileSettings(
        commMode: .plain,
        access: AccessRights(read: .free, write: .free, readWrite: .free, change: .key(0)),
        size: imageSize)

    /// File 02 with the offsets of this very image: UID and counter encrypted with K1, the MAC of
    /// `<d>&e=<e>&c=` with K2.
    static func imageSettings(_ image: NDEFImage) -> FileSettings {
        var sdm = SDMSettings(
            options: 0xC1, counterRetrieval: .never, metaRead: .key(1), fileRead: .key(2))
        sdm.piccDataOffset = image.piccDataOffset
        sdm.macInputOffset = image.digestOffset
        sdm.macOffset = image.macOffset
        return FileSettings(
            commMode: .plain,
            access: AccessRights(
                read: .free, write: .key(3), readWrite: .key(0), change: .key(0)),
            size: imageSize, sdm: sdm)
    }
}

public import Crypto

/// The commands of NTAG 424 DNA, the reader's side (CARD-COMMANDS §6).
public enum NTAG424 {
    /// The application's DF name.
    public static let application: [UInt8] = [0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01]
    /// File 01, E103.
    public static let containerFile: UInt8 = 1
    /// File 02, E104.
    public static let ndefFile: UInt8 = 2
    /// File 03, E105.
    public static let proprietaryFile: UInt8 = 3

    /// Selects the application; ends any session. ISO SELECT by name, no FCI.
    public static func selectApplication(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(CardError) {
        let data = try channel.exchange(
            APDU.iso(ins: 0xA4, p1: 4, p2: 0x0C, data: application), expecting: .success,
            during: "SELECT")
        guard data.isEmpty else { throw .malformed("SELECT: data without being asked") }
    }

    /// ISOReadBinary of an elementary file by its short id (3, 4 or 5), `offset` 0...255.
    /// `count` 1...256 bytes at most; the card answers what is there.
    public static func readBinary(
        _ channel: inout some CardChannel & ~Copyable, shortID: UInt8, offset: UInt8, count: Int
    ) throws(CardError) -> [UInt8] {
        precondition((1...256).contains(count), "Cards: ISOReadBinary reads 1...256 bytes")
        let data = try channel.exchange(
            APDU.iso(
                ins: 0xB0, p1: 0x80 | shortID & 0x1f, p2: offset,
                le: UInt8(truncatingIfNeeded: count)),
            expecting: .success, during: "ISOReadBinary")
        guard data.count <= count else { throw .malformed("ISOReadBinary: too many bytes") }
        return data
    }

    /// AuthenticateEV2First. A 91AD (authentication delay) is answered by asking again, at most
    /// `delayedTries` times (CARD-COMMANDS §3.4).
    public static func authenticate(
        _ channel: inout some CardChannel & ~Copyable, key: borrowing AES128Key,
        keyNumber: UInt8, delayedTries: Int = 0
    ) throws(CardError) -> EV2Session {
        var answer = try channel.exchange(APDU.native(0x71, [keyNumber, 0]))
        for _ in 0..<delayedTries where answer.status == .authenticationDelay {
            answer = try channel.exchange(APDU.native(0x71, [keyNumber, 0]))
        }
        guard answer.status == .more else {
            throw .refused(answer.status, during: "AuthenticateEV2First")
        }
        let authentication = try EV2Authentication(
            key: key.duplicate(), keyNumber: keyNumber, cryptogram: answer.data)
        let challenge: [UInt8]
        do { challenge = try authentication.challenge() } catch { throw .malformed("challenge") }
        let last = try channel.exchange(
            APDU.native(0xAF, challenge), expecting: .nativeSuccess,
            during: "AuthenticateEV2First part 2")
        return try authentication.session(first: last)
    }

    /// GetCardUID: the card's UID (7 bytes), authenticated, whatever it shows outside a session.
    public static func cardUID(
        _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session
    ) throws(CardError) -> [UInt8] {
        let answer = try channel.exchange(try session.command(0x51, header: [], mode: .mac))
        let uid = try session.open(answer, mode: .full, during: "GetCardUID")
        guard uid.count == 7 else { throw .malformed("GetCardUID") }
        return uid
    }

    /// ReadData in a session: `count` bytes at `offset`.
    public static func readData(
        _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session, file: UInt8,
        offset: Int, count: Int, mode: CommMode
    ) throws(CardError) -> [UInt8] {
        let header = [file] + littleEndian3(offset) + littleEndian3(count)
        let answer = try channel.exchange(
            try session.command(0xAD, header: header, mode: mode == .plain ? .plain : .mac))
        let data = try session.open(answer, mode: mode, during: "ReadData")
        guard data.count == count else { throw .malformed("ReadData: wrong length") }
        return data
    }

    /// WriteData in a session; at most 128 bytes are written atomically.
    public static func writeData(
        _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session, file: UInt8,
        offset: Int, _ data: [UInt8], mode: CommMode
    ) throws(CardError) {
        let header = [file] + littleEndian3(offset) + littleEndian3(data.count)
        let answer = try channel.exchange(
            try session.command(0x8D, header: header, data: data, mode: mode))
        let rest = try session.open(
            answer, mode: mode == .plain ? .plain : .mac, during: "WriteData")
        guard rest.isEmpty else { throw .malformed("WriteData: data in the answer") }
    }

    /// ChangeKey, in a session with key 0. Changing key 0 itself ends the session.
    public static func changeKey(
        _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session,
        keyNumber: UInt8, old: borrowing AES128Key, new: borrowing AES128Key, version: UInt8
    ) throws(CardError) {
        let isOwn = keyNumber == session.keyNumber
        var data = keyData(isOwn: isOwn, old: old, new: new, version: version)
        defer { wipe(&data) }
        let answer = try channel.exchange(
            try session.command(0xC4, header: [keyNumber], data: data, mode: .full))
        _ = try session.open(answer, mode: isOwn ? .plain : .mac, during: "ChangeKey")
        if isOwn { session.end() }
    }

    /// The plaintext of ChangeKey (CARD-COMMANDS §6.3): 17 bytes for the session's own key, else
    /// (new xor old) || version || CRC32(new), 21 bytes.
    static func keyData(
        isOwn: Bool, old: borrowing AES128Key, new: borrowing AES128Key, version: UInt8
    ) -> [UInt8] {
        new.withBytes { new in
            if isOwn { return new + [version] }
            return old.withBytes { old in
                zip(new, old).map { $0 ^ $1 } + [version] + CRC32.jam(new)
            }
        }
    }

    /// ChangeFileSettings, Full, in a session with the file's change key.
    public static func changeFileSettings(
        _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session, file: UInt8,
        _ settings: FileSettings
    ) throws(CardError) {
        let answer = try channel.exchange(
            try session.command(0x5F, header: [file], data: settings.changeBytes, mode: .full))
        _ = try session.open(answer, mode: .mac, during: "ChangeFileSettings")
    }

    /// GetFileSettings without a session; free of access control, signed by nobody.
    public static func fileSettings(
        _ channel: inout some CardChannel & ~Copyable, file: UInt8
    ) throws(CardError) -> FileSettings {
        try FileSettings(
            try channel.exchange(
                APDU.native(0xF5, [file]), expecting: .nativeSuccess, during: "GetFileSettings"))
    }

    /// GetFileSettings in a session, MAC both ways: signed (CARD-COMMANDS §4.2).
    public static func fileSettings(
        _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session, file: UInt8
    ) throws(CardError) -> FileSettings {
        let answer = try channel.exchange(try session.command(0xF5, header: [file], mode: .mac))
        return try FileSettings(
            try session.open(answer, mode: .mac, during: "GetFileSettings"))
    }

    /// GetKeyVersion without a session: the version byte of key 0...4, signed by nobody.
    public static func keyVersion(
        _ channel: inout some CardChannel & ~Copyable, keyNumber: UInt8
    ) throws(CardError) -> UInt8 {
        let data = try channel.exchange(
            APDU.native(0x64, [keyNumber]), expecting: .nativeSuccess, during: "GetKeyVersion")
        guard data.count == 1 else { throw .malformed("GetKeyVersion") }
        return data[0]
    }

    /// GetKeyVersion in a session, MAC both ways: the version byte of key 0...4, signed
    /// (CARD-COMMANDS §4.2).
    public static func keyVersion(
        _ channel: inout some CardChannel & ~Copyable, _ session: inout EV2Session,
        keyNumber: UInt8
    ) throws(CardError) -> UInt8 {
        let answer = try channel.exchange(
            try session.command(0x64, header: [keyNumber], mode: .mac))
        let data = try session.open(answer, mode: .mac, during: "GetKeyVersion")
        guard data.count == 1 else { throw .malformed("GetKeyVersion") }
        return data[0]
    }

    /// Read_Sig without a session: the 56-byte originality signature.
    public static func signature(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(CardError) -> [UInt8] {
        let data = try channel.exchange(
            APDU.native(0x3C, [0]), expecting: .signatureSuccess, during: "Read_Sig")
        guard data.count == 56 else { throw .malformed("Read_Sig") }
        return data
    }

    /// GetVersion without a session, three parts.
    public static func version(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(CardError) -> Version {
        let hardware = try channel.exchange(
            APDU.native(0x60), expecting: .more, during: "GetVersion")
        let software = try channel.exchange(
            APDU.native(0xAF), expecting: .more, during: "GetVersion")
        let production = try channel.exchange(
            APDU.native(0xAF), expecting: .nativeSuccess, during: "GetVersion")
        guard hardware.count == 7, software.count == 7, (14...15).contains(production.count)
        else { throw .malformed("GetVersion") }
        return Version(
            hardware: hardware, software: software, uid: Array(production[0..<7]))
    }

    /// What GetVersion says.
    public struct Version: Equatable, Sendable {
        /// 7 bytes: vendor, type, subtype, major, minor, storage, protocol.
        public let hardware: [UInt8]
        /// 7 bytes, same layout.
        public let software: [UInt8]
        /// 7 bytes; zeros when random ID is on. Self-reported: not an identity.
        public let uid: [UInt8]
        /// True for NXP's NTAG 424 DNA (vendor 04, type 04, subtype x2 or x8, major 30h).
        public var isNTAG424: Bool {
            hardware[0] == 0x04 && hardware[1] == 0x04 && hardware[3] == 0x30
        }
    }
}

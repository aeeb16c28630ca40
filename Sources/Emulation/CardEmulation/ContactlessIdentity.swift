/// What a card shows in anticollision and activation (ISO/IEC 14443-3 and -4, type A).
public struct ContactlessIdentity: Equatable, Sendable {
    /// ATQA, highest byte first, as readers print it.
    public let atqa: [UInt8]
    /// SAK of the last cascade level: bit 5 says that the card takes APDUs.
    public let sak: UInt8
    /// UID, 4, 7 or 10 bytes.
    public let uid: [UInt8]
    /// ATS with its length first, at most 62 bytes, what a reader takes that asks for frames of 64;
    /// empty when the card does not speak ISO/IEC 14443-4.
    public let ats: [UInt8]

    /// An identity. Nil: the UID has another length, ATQA is not two bytes, the ATS is too
    /// long or its first byte is not its length.
    public init?(atqa: [UInt8], sak: UInt8, uid: [UInt8], ats: [UInt8]) {
        let isWhole = ats.isEmpty || (ats.count <= 62 && ats[0] == UInt8(ats.count))
        guard atqa.count == 2, [4, 7, 10].contains(uid.count), isWhole else { return nil }
        self.atqa = atqa
        self.sak = sak
        self.uid = uid
        self.ats = ats
    }

    /// An NTAG 424 DNA or a DESFire with this UID of 7 bytes, or one that hides its own behind a
    /// random one of 4 (08, then three bytes).
    static func type4(uid: [UInt8], ats: [UInt8]) -> ContactlessIdentity {
        let atqa: [UInt8] = uid.count == 4 ? [0x03, 0x04] : [0x03, 0x44]
        return ContactlessIdentity(atqa: atqa, sak: 0x20, uid: uid, ats: ats) ?? unnamed
    }

    /// What a card shows that says nothing of its own.
    public static let unnamed = ContactlessIdentity(
        atqa: [0x03, 0x04], sak: 0x20, uid: [0x08, 0x00, 0x00, 0x01],
        ats: [0x06, 0x77, 0x77, 0x71, 0x02, 0x80], checked: ())

    private init(atqa: [UInt8], sak: UInt8, uid: [UInt8], ats: [UInt8], checked: Void) {
        self.atqa = atqa
        self.sak = sak
        self.uid = uid
        self.ats = ats
    }

    /// How long the card may take for an answer: 4096/fc times 2 to the power of FWI, which stands
    /// in TB of the ATS (4 when there is none), at most 14.
    public var frameWaitingTime: Duration {
        var exponent: UInt8 = 4
        if ats.count > 1, ats[1] & 0x20 != 0 {
            let index = ats[1] & 0x10 != 0 ? 3 : 2
            if ats.indices.contains(index) { exponent = min(ats[index] >> 4, 14) }
        }
        return .nanoseconds(302_065 << Int64(exponent))
    }
}

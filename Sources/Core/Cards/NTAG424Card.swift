public import Crypto
public import Operations
import Tokens

/// The `ntag424` profile over a channel: a payment in 9 APDUs (CARDS.md).
public struct NTAG424Card<Channel: CardChannel & ~Copyable>: CardProfile, ~Copyable {
    /// The channel, given back by `end()`.
    private var channel: Channel
    private var session: EV2Session?
    private var digestOffset: UInt8?

    /// Short file id of the NDEF file E104.
    private static var ndefShortID: UInt8 { 4 }

    /// A conversation with the card in the field.
    public init(_ channel: consuming Channel) {
        self.channel = channel
        session = nil
    }

    /// Gives the channel back.
    public consuming func end() -> Channel { channel }

    /// SELECT, ISOReadBinary of the NDEF file: 2 APDUs.
    public mutating func identify() throws(CardError) -> Identification {
        try NTAG424.selectApplication(&channel)
        let bytes = try NTAG424.readBinary(
            &channel, shortID: Self.ndefShortID, offset: UInt8(NDEFImage.bodyOffset),
            count: NDEFImage.sizeMax - NDEFImage.bodyOffset)
        let body = try NDEFImage.body(bytes)
        digestOffset = UInt8(exactly: body.digestOffset)
        let token: CarriedToken
        do { token = try CarriedToken(body.token) } catch { throw .malformed("card token") }
        let mirrors = body.mirrors
        return Identification(
            token: token,
            sun: .sdm(piccData: mirrors.piccData, mac: mirrors.mac, digest: mirrors.digest))
    }

    /// AuthenticateEV2First with K3: 2 APDUs.
    public mutating func authenticate(terminalKey: borrowing AES128Key) throws(CardError) {
        session = try NTAG424.authenticate(&channel, key: terminalKey, keyNumber: 3)
    }

    /// ReadData of both state records, Full: 1 APDU.
    public mutating func state() throws(CardError) -> CardState {
        let file = try inSession { (channel, session) throws(CardError) in
            try NTAG424.readData(
                &channel, &session, file: NTAG424.proprietaryFile, offset: 0,
                count: CardStateRecord.fileSize, mode: .full)
        }
        return try CardState(file)
    }

    /// WriteData of the state (Full), WriteData of d (plain), SELECT, ISOReadBinary: 4 APDUs, 3
    /// when the state stands there already.
    public mutating func commit(
        digest: [UInt8], record: CardStateRecord?, at offset: Int
    ) throws(CardError) -> Evidence {
        guard let digestOffset, digest.count == 16 else { throw .noSession }
        if let record {
            try inSession { (channel, session) throws(CardError) in
                try NTAG424.writeData(
                    &channel, &session, file: NTAG424.proprietaryFile, offset: offset,
                    record.bytes, mode: .full)
            }
        }
        try inSession { (channel, session) throws(CardError) in
            try NTAG424.writeData(
                &channel, &session, file: NTAG424.ndefFile, offset: Int(digestOffset),
                Hexadecimal.ascii(digest), mode: .plain)
        }
        session = nil
        try NTAG424.selectApplication(&channel)
        let text = try NTAG424.readBinary(
            &channel, shortID: Self.ndefShortID, offset: digestOffset,
            count: NDEFImage.evidenceSize)
        let mirrors = try NDEFImage.mirrors(text[...])
        guard mirrors.digest == digest else {
            throw .notAuthentic("the digest did not come back")
        }
        return .sdm(piccData: mirrors.piccData, mac: mirrors.mac, digest: mirrors.digest)
    }

    /// GetVersion: 3 APDUs.
    public mutating func reportedUID() throws(CardError) -> [UInt8] {
        session = nil
        return try NTAG424.version(&channel).uid
    }

    /// Lends channel and session. A session that died is gone.
    private mutating func inSession<R>(
        _ body: (inout Channel, inout EV2Session) throws(CardError) -> R
    ) throws(CardError) -> R {
        guard var lent = session.take() else { throw .noSession }
        let result = try body(&channel, &lent)
        if lent.isAlive { session = consume lent }
        return result
    }
}

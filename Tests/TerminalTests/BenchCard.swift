import CardEmulation
import Cards
import Crypto
import KeyStore
import Tokens

/// Where a bench card or its reader goes wrong, at the n-th APDU of a channel (from 1).
enum BenchFault: Sendable, CaseIterable {
    /// The card left before the command reached it.
    case beforeSend
    /// The card executed the command; the answer was lost.
    case afterSend
    /// The answer came; then the card left.
    case afterReply
    /// The card did not answer in time; it did not execute.
    case mute
}

/// A software card behind a channel, counted, recorded, and torn when told.
struct BenchChannel: CardChannel, ~Copyable {
    var card: SoftwareNTAG424
    /// Commands sent and answers received so far, of this channel.
    private(set) var commands: [[UInt8]] = []
    private(set) var answers: [[UInt8]] = []
    /// The fault and the number of the APDU it strikes at.
    var fault: (kind: BenchFault, at: Int)?
    /// Changes an answer on its way; gets the APDU's number from 1.
    var alter: ((_ number: Int, _ answer: [UInt8]) -> [UInt8])?
    private var hasLeft = false

    /// Brings the card into the field.
    init(_ card: SoftwareNTAG424) {
        self.card = card
        self.card.powerOn()
    }

    var bytesSent: Int { commands.reduce(0) { $0 + $1.count } }
    var bytesReceived: Int { answers.reduce(0) { $0 + $1.count } }

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        commands.append(command)
        guard !hasLeft else { throw .removed }
        let struck = fault?.at == commands.count ? fault?.kind : nil
        if struck == .beforeSend || struck == .mute { leave() }
        if struck == .beforeSend { throw .removed }
        if struck == .mute { throw .timedOut }
        var answer = card.respond(to: command)
        if let alter { answer = alter(commands.count, answer) }
        if struck == .afterSend {
            leave()
            throw .removed
        }
        if struck == .afterReply { leave() }
        answers.append(answer)
        return answer
    }

    private mutating func leave() {
        hasLeft = true
        card.powerOff()
    }

    /// Takes the card out of the field.
    consuming func remove() -> SoftwareNTAG424 {
        card.powerOff()
        return card
    }
}

/// A channel without a card: it plays a recording and repeats its last answer.
struct RecordedChannel: CardChannel, ~Copyable {
    let answers: [[UInt8]]
    private(set) var commands = 0

    init(_ answers: [[UInt8]]) { self.answers = answers }

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        commands += 1
        return answers.indices.contains(commands - 1) ? answers[commands - 1] : [0x6f, 0x00]
    }
}

/// Makes Cartes ECO out of factory cards with the real commands (CARDS.md), in memory.
enum BenchIssuer {
    static let host = "eco.example"
    static let epoch: UInt8 = 1

    static func uid(_ number: UInt8) -> [UInt8] { [0x04, 0xEC, 0x00, 0x00, 0x00, 0x00, number] }

    /// A card of this UID that carries `token`; `present` when it stands personalised.
    static func card(
        uid: [UInt8], token: [UInt8], keys: IssuerKeys, state: CardStateRecord? = .fresh
    ) throws -> SoftwareNTAG424 {
        var memory = try CardMemory.factory(uid: uid)
        memory.setReadCounter(0)
        var channel = BenchChannel(SoftwareNTAG424(memory))
        let image = try NDEFImage(host: host, token: token)
        try NTAG424.selectApplication(&channel)
        var session = try NTAG424.authenticate(&channel, key: AES128Key.zero(), keyNumber: 0)
        for offset in stride(from: 0, to: image.bytes.count, by: 64) {
            let part = Array(image.bytes[offset..<min(offset + 64, image.bytes.count)])
            try NTAG424.writeData(
                &channel, &session, file: NTAG424.ndefFile, offset: offset, part, mode: .plain)
        }
        var rest = try NTAG424.authenticate(&channel, key: AES128Key.zero(), keyNumber: 3)
        try NTAG424.writeData(
            &channel, &rest, file: NTAG424.proprietaryFile, offset: 0,
            (state?.bytes ?? [UInt8](repeating: 0xA5, count: 32))
                + [UInt8](repeating: 0, count: 32), mode: .full)
        try secure(&channel, image, uid: uid, keys: keys)
        return channel.remove()
    }

    /// File settings, then the keys, K0 last.
    private static func secure(
        _ channel: inout BenchChannel, _ image: NDEFImage, uid: [UInt8], keys: IssuerKeys
    ) throws {
        var session = try NTAG424.authenticate(&channel, key: AES128Key.zero(), keyNumber: 0)
        var sdm = SDMSettings(
            options: 0xC1, counterRetrieval: .never, metaRead: .key(1), fileRead: .key(2))
        sdm.piccDataOffset = image.piccDataOffset
        sdm.macInputOffset = image.digestOffset
        sdm.macOffset = image.macOffset
        try NTAG424.changeFileSettings(
            &channel, &session, file: NTAG424.ndefFile,
            FileSettings(
                commMode: .plain,
                access: AccessRights(
                    read: .free, write: .key(3), readWrite: .key(0), change: .key(0)),
                size: 256, sdm: sdm))
        try NTAG424.changeFileSettings(
            &channel, &session, file: NTAG424.proprietaryFile,
            FileSettings(
                commMode: .full,
                access: AccessRights(
                    read: .key(3), write: .key(3), readWrite: .key(3), change: .key(0)),
                size: 128))
        for number in [1, 2, 3, 4, 0] as [UInt8] {
            try NTAG424.changeKey(
                &channel, &session, keyNumber: number, old: AES128Key.zero(),
                new: try keys.cardKey(number, uid: uid, epoch: epoch), version: epoch)
        }
    }
}

import CardEmulation
import CommandLineTool
import Crypto
import Linux

/// Image files of cards, for the commands.
enum CardImages {
    /// A UID as people write it: 14 hexadecimal digits.
    static func uid(_ text: String) throws -> [UInt8] {
        guard let bytes = Hexadecimal.bytes(text), bytes.count == 7 else {
            throw Failure(
                "\(text) is no UID", hint: "give 14 hexadecimal digits, as 04518DFAA96180",
                code: .usage)
        }
        return bytes
    }

    /// Writes the image of a card as delivered. A made-up UID begins with 04, as NXP's do.
    static func create(_ path: String, uid: [UInt8]?) throws -> CardMemory {
        guard !Files.exists(path) else {
            throw Failure(
                "\(path) is there already", hint: "remove it or choose another --image",
                code: .usage)
        }
        do {
            let memory = try CardMemory.factory(uid: uid ?? [0x04] + randomBytes(6))
            var storage = ImageStorage(path: path)
            try storage.commit(memory)
            return memory
        } catch {
            throw Failure("\(path) cannot be written: \(error)", hint: "check the folder's rights")
        }
    }

    /// Reads an image.
    static func read(_ path: String) throws -> CardMemory {
        var storage = ImageStorage(path: path)
        do throws(CardStorageError) {
            return try storage.load()
        } catch {
            let isDamage = if case .content = error { true } else { false }
            throw Failure(
                "\(path) cannot be used: \(error)", hint: "eco-sim new --image FILE makes a card",
                code: isDamage ? .integrity : .failure)
        }
    }

    /// The right to be the only process that plays this card.
    static func lock(_ path: String) throws -> FileLock {
        do {
            return try FileLock(path + ".lock")
        } catch {
            throw Failure(
                "\(path) is played by another process, or its folder is closed: \(error)",
                hint: "end the other eco-sim", code: .tryAgain)
        }
    }
}

/// The option that paces answers.
enum AirRate {
    static let option = OptionSpecification.value(
        "air-rate", "KBITS", "pace answers as the air: 106, 212, 424 or 848 (at once)")

    static func rate(_ invocation: Invocation) throws -> AirPace.Rate? {
        guard let text = invocation.value("air-rate") else { return nil }
        guard let rate = Int(text).flatMap({ AirPace.Rate(rawValue: $0) }) else {
            throw Failure("\(text) is no air rate", hint: "106, 212, 424 or 848", code: .usage)
        }
        return rate
    }
}

let newCommand = Command(
    ["new"], "make the image of a card as delivered",
    options: [
        .value("image", "FILE", "where the card's memory goes"),
        .value("uid", "HEX", "7 bytes (made up)"),
    ],
    examples: [
        "eco-sim new --image one.card", "eco-sim new --image one.card --uid 04518DFAA96180",
    ],
    run: { invocation in
        let path = try invocation.required("image")
        let memory = try CardImages.create(
            path, uid: try invocation.value("uid").map { try CardImages.uid($0) })
        let uid = Hexadecimal.text(memory.uid)
        invocation.print(
            .record(["schema": .text("eco.sim-new.1"), "uid": .text(uid), "image": .text(path)]),
            ["\(path): NTAG 424 DNA \(uid), as delivered"])
    })

let showCommand = Command(
    ["show"], "tell what a card image holds, without its keys",
    options: [.value("image", "FILE", "the card's memory")],
    examples: ["eco-sim show --image one.card", "eco-sim show --image one.card --json"],
    run: { invocation in
        let memory = try CardImages.read(try invocation.required("image"))
        invocation.print(CardReport.object(memory), CardReport.lines(memory))
    })

import CardEmulation
import CommandLineTool
import Crypto
import Glibc
import Linux
import ReaderEmulation

let cardCommand = Command(
    ["card"], "lay one card on the virtual reader until Ctrl-C",
    options: [
        .value("profile", "NAME", "kind of card (ntag424)"),
        .value("image", "FILE", "the card's memory; made when missing"),
        .value("uid", "HEX", "UID of a card made here, 7 bytes (made up)"),
        .value(
            "fault", "SPEC",
            "tear@N, lost@N, gone@N, mute@N, flip@N, sw=6A82@N or answer=HEX@N at the N-th APDU, "
                + "comma between"),
    ] + ChosenReader.options,
    examples: [
        "eco-sim card --image one.card",
        "eco-sim card --image one.card --pn532 /tmp/pn532 --baud 115200",
        "eco-sim card --image one.card --fault tear@5 --air-rate 106",
    ],
    run: { invocation in
        try PlayCard(invocation).run()
    })

/// One card on one slot, told about on stderr, one line a state.
private struct PlayCard {
    private let path: String
    private let uid: [UInt8]?
    private let plan: FaultPlan
    private let open: () throws -> ChosenReader

    init(_ invocation: Invocation) throws {
        let profile = invocation.value("profile") ?? "ntag424"
        guard profile == "ntag424" else {
            throw Failure(
                "the profile \(profile) cannot be played yet", hint: "use --profile ntag424",
                code: .usage)
        }
        path = try invocation.required("image")
        uid = try invocation.value("uid").map { try CardImages.uid($0) }
        do {
            plan = try invocation.value("fault").map { try FaultPlan($0) } ?? FaultPlan()
        } catch {
            throw Failure(
                "--fault: \(error)", hint: "for example tear@3,sw=6A82@7",
                code: .usage)
        }
        open = try ChosenReader.parse(invocation)
    }

    func run() throws {
        Signals.block([SIGINT, SIGTERM])
        let lock = try CardImages.lock(path)
        let memory =
            Files.exists(path)
            ? try CardImages.read(path) : try CardImages.create(path, uid: uid)
        if let uid, uid != memory.uid {
            throw Failure(
                "\(path) is the card \(Hexadecimal.text(memory.uid))",
                hint: "leave --uid out, or choose another --image", code: .usage)
        }
        let card: SoftwareNTAG424
        do throws(CardStorageError) {
            card = try SoftwareNTAG424(storage: ImageStorage(path: path))
        } catch {
            throw Failure("\(path) cannot be read: \(error)", hint: "see eco-sim show")
        }
        let chosen = try open()
        chosen.reader.insert(FaultyCard(card, plan: plan))
        watch(chosen, Hexadecimal.text(memory.uid))
        chosen.reader.stop()
        lock.release()
    }

    /// Says each new state, and lays a card that left on the reader again, until a signal comes.
    private func watch(_ chosen: ChosenReader, _ uid: String) {
        let slot = chosen.reader
        var last = SlotPresence.empty
        while Signals.wait([SIGINT, SIGTERM], atMost: .milliseconds(50)) == nil {
            let presence = slot.presence
            if presence == .left, let card = slot.remove() {
                Console.error("card \(uid): left the reader; it is laid there again")
                slot.insert(card)
                last = .empty
                continue
            }
            if presence != last { say(presence, uid, chosen.place) }
            last = presence
        }
        Console.error("card \(uid): taken away after \(slot.traffic.commands) APDUs")
    }

    private func say(_ presence: SlotPresence, _ uid: String, _ place: String) {
        switch presence {
        case .offered: Console.error("card \(uid): waiting for the reader at \(place)")
        case .connected: Console.error("card \(uid): on the reader")
        case .powered: Console.error("card \(uid): powered")
        case .empty, .left: break
        }
    }
}

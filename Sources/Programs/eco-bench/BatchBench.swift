import Batches
import CardEmulation
import Cards
import CommandLineTool
import Crypto
import KeyStore
import Linux
import Tokens

let batchCommand = Command(
    ["batch"], "prepare a box of software cards, or go on with one that was killed",
    options: [
        .value("directory", "DIR", "keys, manifest, state and card images; made when missing"),
        .value("cards", "N", "cards of a new box, 1 to 10000 (100)"),
    ],
    examples: ["eco-bench batch --directory box", "eco-bench batch --directory box --json"],
    run: benchBatch)

/// A software card whose memory outlives this process, as a channel.
private struct ImageChannel: CardChannel {
    private var card: SoftwareNTAG424
    private(set) var commands = 0

    init(_ path: String) throws {
        card = try SoftwareNTAG424(storage: ImageStorage(path: path))
        card.powerOn()
    }

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        commands += 1
        let answer = card.respond(to: command)
        guard !answer.isEmpty else { throw .removed }
        return answer
    }
}

/// What a box of software cards consists of. Nothing in it is worth a secret.
private struct BenchBox {
    let directory: String
    var manifest: String { directory + "/box.csv" }
    var register: String { directory + "/cards.ndjson" }

    static func uid(_ index: Int) -> [UInt8] {
        [0x04, 0xEC, 0, 0, 0] + [index >> 8, index].map { UInt8(truncatingIfNeeded: $0) }
    }

    func card(_ index: Int) -> String { "\(directory)/\(index).card" }

    /// Makes what is missing; a kill in between is made good by the next run.
    func prepare(_ count: Int) throws {
        try Files.makeDirectory(directory)
        if !Files.exists(manifest) {
            var text = "seq,alias,card_type,account_ref,print_label\n"
            for index in 1...count { text += "\(index),porteur-\(index),ntag424,,\n" }
            try Files.writeAtomically(Array(text.utf8), to: manifest)
        }
        let rows = try Manifest(path: manifest).rows.count
        for index in 1...rows where !Files.exists(card(index)) {
            var storage = ImageStorage(path: card(index))
            try storage.commit(CardMemory.factory(uid: Self.uid(index)))
        }
    }

    func keys() throws -> IssuerKeys {
        let path = directory + "/issuer.keys"
        var bytes = Array("software cards only".utf8)
        let phrase = SecretBytes(consuming: &bytes)
        if Files.exists(path) { return try IssuerKeys.open(path: path, passphrase: phrase) }
        let keys = try IssuerKeys.create(epoch: 1)
        try keys.seal(to: path, passphrase: phrase)
        return keys
    }

    func store() throws -> BatchStore {
        let plan = try Manifest(path: manifest)
        do { return try BatchStore.resume(manifest, plan) } catch {
            guard case .notBegun = error else { throw error }
            let settings = BatchSettings(
                epoch: 1, host: "carte.eco.example", validity: 94_672_800, cardClass: .member,
                requiresOriginal: false)
            return try BatchStore.begin(manifest, plan, settings)
        }
    }
}

@Sendable private func benchBatch(_ invocation: Invocation) throws {
    let box = BenchBox(directory: try invocation.required("directory"))
    try box.prepare(Int(try invocation.number("cards", in: 1...10_000, default: 100)))
    let store = try box.store()
    let register = try RegisterFile(box.register)
    _ = try store.register(in: register)
    let runner = BatchRunner(
        store: store, keys: try box.keys(), register: register,
        now: Clock.realtimeMilliseconds)
    let start = ContinuousClock.now
    var (finished, commands) = (0, 0)
    let done = Set(try store.cards().filter { $0.state.isDone }.compactMap(\.uid))
    for index in 1...(try store.counts().total) where !done.contains(BenchBox.uid(index)) {
        var channel = try ImageChannel(box.card(index))
        switch runner.card(&channel) {
        case .finished(_, isResumed: _, fault: nil):
            finished += 1
            commands += channel.commands
        case .already: break
        case let other:
            throw Failure("card \(index): \(other)", hint: "this is a fault", code: .integrity)
        }
    }
    let time = (ContinuousClock.now - start).components
    let seconds = Double(time.seconds) + Double(time.attoseconds) / 1e18
    let counts = try store.counts()
    let perMinute = seconds > 0 ? Int64((Double(finished) * 60 / seconds).rounded()) : 0
    let perCard = finished > 0 ? Int64(commands / finished) : 0
    invocation.print(
        .record([
            "schema": .text("eco.bench-batch.1"), "finished": .integer(Int64(finished)),
            "registered": .integer(Int64(counts.registered)),
            "total": .integer(Int64(counts.total)), "cards-per-minute": .integer(perMinute),
            "commands-per-card": .integer(perCard),
        ]),
        [
            "\(counts.registered) of \(counts.total) cards ready, \(finished) in this run: "
                + "\(perMinute) cards a minute, \(perCard) APDUs a card."
        ])
}

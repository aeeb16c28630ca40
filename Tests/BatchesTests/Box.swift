import CardEmulation
import Cards
import Crypto
import Foundation
import KeyStore
import Linux
import Provisioning
import Synchronization
import Testing
import Tokens

@testable import Batches

/// Suites that start processes, and those that take locks: a process that is just being started
/// holds the locks of the one that starts it for an instant.
@Suite(.serialized) enum Alone {}

/// A folder with a manifest, gone when the test is over.
final class Box {
    let folder: String
    var manifest: String { folder + "/box.csv" }
    var registerPath: String { folder + "/cards.ndjson" }
    let keys: IssuerKeys

    init(_ text: String? = nil, rows: Int = 3) throws {
        // Memory where there is some: what is tested is order, not the disk.
        let place = Files.exists("/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        folder = place + "/box-" + UUID().uuidString
        try Files.makeDirectory(folder)
        keys = try IssuerKeys.create(epoch: 1)
        try write(text ?? Box.text(rows))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    static let head = "seq,alias,card_type,account_ref,print_label\n"

    static func text(_ rows: Int) -> String {
        head
            + (1...rows).map { "\($0),porteur-\($0),ntag424,compte-\($0),Étiquette \($0)\n" }
            .joined()
    }

    func write(_ text: String) throws {
        try Files.writeAtomically(Array(text.utf8), to: manifest)
    }

    static let settings = BatchSettings(
        epoch: 1, host: "carte.eco.example", validity: 94_672_800, cardClass: .member,
        requiresOriginal: false)

    func begin(first: CardNumber? = nil) throws -> BatchStore {
        try BatchStore.begin(manifest, Manifest(path: manifest), Self.settings, first: first)
    }

    func resume() throws -> BatchStore {
        try BatchStore.resume(manifest, Manifest(path: manifest))
    }

    func runner(_ store: BatchStore, _ register: RegisterFile? = nil) -> BatchRunner {
        BatchRunner(store: store, keys: keys, register: register, now: { 1_800_000_000_000 })
    }
}

/// A software card in a field, with what was sent to it.
final class Laid {
    private(set) var card: FaultyCard
    private(set) var commands = 0

    init(_ last: UInt8, _ plan: String? = nil) throws {
        let memory = try CardMemory.factory(uid: [0x04, 1, 2, 3, 4, 5, last])
        card = FaultyCard(
            SoftwareNTAG424(memory), plan: try plan.map { try FaultPlan($0) } ?? FaultPlan())
        card.powerOn()
    }

    var memory: CardMemory? { (card.card as? SoftwareNTAG424)?.memory }

    func again(_ plan: String? = nil) {
        let next = plan.flatMap { try? FaultPlan($0) } ?? FaultPlan()
        card = FaultyCard(card.card, plan: next)
        card.powerOff()
        card.powerOn()
        commands = 0
    }

    fileprivate func respond(_ command: [UInt8]) -> [UInt8] {
        commands += 1
        return card.respond(to: command)
    }

    func meet(_ runner: BatchRunner) -> BatchOutcome {
        var channel = LaidChannel(laid: self)
        return runner.card(&channel)
    }

    func verify(_ keys: IssuerKeys) throws(ProvisioningError) -> CardToken {
        again()
        var channel = LaidChannel(laid: self)
        return try Verification(keys: keys).run(&channel)
    }
}

struct LaidChannel: CardChannel {
    let laid: Laid

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = laid.respond(command)
        guard !answer.isEmpty else { throw .removed }
        return answer
    }
}

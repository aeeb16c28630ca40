import CardEmulation
import Cards
import Crypto
import Foundation
import KeyStore
import Linux
import Provisioning
import TestSupport
import Testing
import Tokens

/// A software card in a field.
private struct Field: CardChannel {
    var card: SoftwareNTAG424

    init(uid: [UInt8]) throws {
        card = SoftwareNTAG424(try CardMemory.factory(uid: uid))
        card.powerOn()
    }

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        card.respond(to: command)
    }
}

/// What an issuer's process does in a day: provisions a card, which derives each of its keys and
/// has its token signed, and verifies it.
private func provision(_ keys: IssuerKeys) throws -> CardToken {
    var field = try Field(uid: [0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66])
    let order = CardOrder(
        number: CardNumber(serial: 77)!, cardClass: .member, host: "carte.eco.example",
        issued: 1_800_000_000, expires: 1_900_000_000)
    return try Personalisation(keys: keys, epoch: keys.epochs.last ?? 0).run(&field, order).claims
}

/// Says "ready" and goes on, making cards or at rest, until it is told that it may end.
private func stay(_ folder: String, holding keys: IssuerKeys, isBusy: Bool = false) throws {
    // Proof that the search sees what this process holds: the SHA-256 of its folder's name.
    let canary = SecretBytes(Array(sha256(Array(folder.utf8)).prefix(16)))
    try Files.writeAtomically(Array(String(getpid()).utf8), to: folder + "/ready")
    let deadline = ContinuousClock.now + .seconds(120)
    while !Files.exists(folder + "/done"), ContinuousClock.now < deadline {
        if isBusy { _ = try provision(keys) } else { usleep(20_000) }
    }
    withExtendedLifetime(keys) { _ = canary.count }
}

private func waitFor(_ path: String) -> Bool {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
        if Files.exists(path) { return true }
        usleep(20_000)
    }
    return false
}

/// What `rounds` of search find in the process that says "ready" in `folder`; lets it end.
private func searched(
    _ needles: [[UInt8]], _ folder: String, rounds: Int = 1
) throws -> Set<Int> {
    defer { try? Files.writeAtomically([], to: folder + "/done") }
    try #require(waitFor(folder + "/ready"))
    let text = try Files.read(folder + "/ready", atMost: 100)
    let number = try #require(Int32(String(decoding: text, as: UTF8.self)))
    var found: Set<Int> = []
    for _ in 0..<rounds {
        found.formUnion(try MemorySearch.found(needles, inProcess: number))
    }
    return found
}

private func needles(_ masters: [[UInt8]], _ folder: String) -> [[UInt8]] {
    masters + [Array(sha256(Array(folder.utf8)).prefix(16))]
}

extension SoftTokenSuites {
    /// Known masters are looked for in the memory of the issuer's process and on the disk.
    @Suite struct MemoryTests {
        @Test func `The process that makes cards through an agent never holds a master`()
            async throws
        {
            let soft = try SoftToken()
            let masters = (0..<5).map { _ in randomBytes(16) }
            try soft.plant(masters, epoch: 1)
            let agent = try ChildProcess.start(
                Programs.path("eco-card"),
                [
                    "key", "agent", "--pkcs11", soft.uri, "--pin-file", soft.folder + "/pin",
                    "--socket", soft.folder + "/agent",
                ], output: soft.folder + "/out", errors: soft.folder + "/errors")
            try #require(waitFor(soft.folder + "/agent"))
            let folder = soft.folder
            let search = Task.detached {
                try searched(needles(masters, folder), folder, rounds: 10)
            }
            await #expect(processExitsWith: .success) { [folder = folder as String] in
                let keys = try IssuerKeys.open(agent: folder + "/agent")
                _ = try provision(keys)
                try stay(folder, holding: keys, isBusy: true)
            }
            #expect(try await search.value == [5])
            #expect(try MemorySearch.found(masters, below: soft.folder).isEmpty)
            agent.signal(SIGTERM)
            #expect(agent.wait() == 0)
            #expect(!Files.exists(soft.folder + "/agent"))
        }

        @Test func `The same search finds the masters of a sealed file: it can fail`()
            async throws
        {
            let folder = NSTemporaryDirectory() + "/memory-" + UUID().uuidString
            try Files.makeDirectory(folder)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let masters = (0..<5).map { _ in randomBytes(16) }
            try fileKeys(masters, epoch: 1).seal(
                to: folder + "/issuer.keys", passphrase: SoftToken.secret())
            let search = Task.detached { try searched(needles(masters, folder), folder) }
            await #expect(processExitsWith: .success) { [folder = folder as String] in
                let keys = try IssuerKeys.open(
                    path: folder + "/issuer.keys", passphrase: SoftToken.secret())
                _ = try provision(keys)
                try stay(folder, holding: keys)
            }
            #expect(try await search.value == [0, 1, 2, 3, 4, 5])
            #expect(try MemorySearch.found(masters, below: folder).isEmpty)
        }

        /// SoftHSM is a library and works inside the process that loads it: while it computes,
        /// the master is there. Neither it nor the cutting of bundles leaves one behind.
        @Test func `A process that loads SoftHSM and cuts bundles holds no master after it`()
            async throws
        {
            let soft = try SoftToken()
            let masters = (0..<5).map { _ in randomBytes(16) }
            try soft.plant(masters, epoch: 1)
            let folder = soft.folder
            let search = Task.detached { try searched(needles(masters, folder), folder) }
            await #expect(processExitsWith: .success) {
                [folder = folder as String, uri = soft.uri as String] in
                let keys = try IssuerKeys.open(token: uri, pin: SoftToken.secret())
                _ = try provision(keys)
                let recipient = try SigningKey.create().sealingKey!
                _ = try keys.terminalBundle().sealed(to: recipient, by: keys)
                try keys.ledgerBundle().seal(
                    to: folder + "/ledger.keys", passphrase: SoftToken.secret())
                try stay(folder, holding: keys)
            }
            #expect(try await search.value == [5])
            #expect(try MemorySearch.found(masters, below: folder).isEmpty)
        }
    }
}

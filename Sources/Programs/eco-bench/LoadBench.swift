import CardEmulation
import Cards
import CommandLineTool
import Crypto
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations
import Terminal
import Tokens

let loadCommand = Command(
    ["load"], words: "DIRECTORY COUNT",
    "take COUNT offline payments as fast as they go, one line for each accepted one",
    options: [
        .value("every", "N", "tell this process's memory after each N payments instead, kB")
    ],
    examples: [
        "eco-bench load /tmp/load 1000", "eco-bench load /tmp/load 10 --json",
        "eco-bench load /dev/shm/load 100000 --every 1000",
    ],
    run: { invocation in
        guard let count = Int(invocation.words[1]), count >= 0 else {
            throw Failure("COUNT is no number", hint: "for example 1000", code: .usage)
        }
        let load = try Load(directory: invocation.words[0])
        let every = Int(try invocation.number("every", in: 1...1_000_000, default: 0))
        for index in 0..<count {
            let id = try load.pay()
            if every == 0 {
                Console.out("accepted \(id)")
            } else if (index + 1) % every == 0, let memory = ProcessMemory.own {
                Console.out("\(index + 1) \(memory.resident) \(memory.anonymous)")
            }
        }
    })

/// A terminal without reader and network: real keys, journal, world and tap.
private final class Load {
    /// Between two checkpoints of the journal, as the ledger's thread makes them.
    private static let checkpointSpacing = 1_000
    private let world: LiveWorld
    private let journal: Journal
    private let verified = VerifiedTokens()
    private let fresh: SoftwareNTAG424
    private var channel: DirectChannel
    private var count = 0

    init(directory: String) throws {
        let site = try BenchSite(directory)
        journal = try Journal(path: site.journalPath, signer: site.signer)
        let link = LedgerLink(
            address: site.address, signer: site.signer, journal: journal, directory: directory)
        world = LiveWorld(
            journal: journal, link: link, keys: try site.issuer.terminalBundle(),
            terminal: site.signer.publicKey.kid, log: { Console.error($0.text) })
        fresh = try site.card()
        channel = DirectChannel(card: fresh)
    }

    /// One payment of one cent; its id once it is accepted.
    func pay() throws -> EntryID {
        let operation = Armed(
            id: EntryID(milliseconds: Clock.realtimeMilliseconds()),
            amount: Amount(cents: 1) ?? .zero, deadline: .max)
        var card = NTAG424Card(channel)
        let outcome = Tap(
            operation: operation, binding: nil, world: world, verified: verified,
            progress: { _ in }, bind: { _ in }
        ).run(&card)
        channel = card.end()
        switch outcome {
        case .accepted:
            count += 1
            if count % Self.checkpointSpacing == 0 { journal.checkpoint() }
            return operation.id
        case .refused(.cardLimitReached):
            // The card has spent its allowance: the next one comes.
            channel.card = fresh
            channel.card.powerOn()
            return try pay()
        case .checked, .refused, .torn, .unknown:
            throw Failure("a tap was not accepted: \(outcome)", hint: "this is a fault: report it")
        }
    }
}

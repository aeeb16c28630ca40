import CardEmulation
import Cards
import Crypto
import Foundation
import KeyStore
import Linux
import Operations
import Synchronization
import TestSupport
import Testing
import Tokens

@testable import Provisioning

/// A true card whose answers are changed on their way at a few chosen commands.
struct LyingChannel: CardChannel {
    let field: Field
    var dice: SplitMix64
    /// Numbers of the commands, from 1, whose answers are changed; nil: all of them.
    let lies: Set<Int>?

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = field.respond(command)
        guard !answer.isEmpty else { throw .removed }
        guard lies?.contains(field.commands) ?? true else { return answer }
        switch Int.random(in: 0..<20, using: &dice) {
        case 0: throw .removed
        case 1: throw .timedOut
        case 2: throw .readerFault("noise")
        // GetKeyVersion outside a session, told so that it is believable.
        case 3...10 where command.count == 7 && command[1] == 0x64:
            return [UInt8.random(in: 0...2, using: &dice), 0x91, 0x00]
        default: return changed(answer)
        }
    }

    private mutating func changed(_ answer: [UInt8]) -> [UInt8] {
        var answer = answer
        let index = Int.random(in: 0..<answer.count, using: &dice)
        switch Int.random(in: 0..<9, using: &dice) {
        case 0: answer[index] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
        case 1: answer[index] = UInt8.random(in: 0...255, using: &dice)
        case 2: answer = Array(answer.prefix(index))
        case 3: answer = Array(answer.suffix(index))
        case 4: answer += noise(Int.random(in: 1...300, using: &dice))
        case 5: answer = noise(Int.random(in: 0...70_000, using: &dice))
        case 6: answer = answer.dropLast(2) + status()
        case 7: answer = status()
        default: answer = [UInt8](repeating: 0, count: answer.count - 2) + answer.suffix(2)
        }
        return answer
    }

    private mutating func noise(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &dice) }
    }

    private mutating func status() -> [UInt8] {
        let words: [[UInt8]] = [
            [0x91, 0x00], [0x90, 0x00], [0x91, 0xAF], [0x91, 0xAD], [0x91, 0xAE], [0x91, 0x1E],
            [0x91, 0x9D], [0x91, 0x90], [0x6A, 0x82], [0x67, 0x00], [0x00, 0x00], [0x61, 0xFF],
        ]
        return words.randomElement(using: &dice) ?? []
    }
}

/// Says when a key step is claimed done that is not.
private final class Judge: PersonalisationRecorder, @unchecked Sendable {  // because one thread
    let field: Field
    let epoch: UInt8
    private let lies = Mutex<[String]>([])

    init(_ field: Field, _ epoch: UInt8) {
        self.field = field
        self.epoch = epoch
    }

    var faults: [String] { lies.withLock { $0 } }

    func willRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {}
    func didFind(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {}
    func didRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {
        guard let number = step.keyNumber, let key = field.memory?.keys[Int(number)] else { return }
        if key.version != epoch { lies.withLock { $0.append("\(step)") } }
    }
}

/// Everything that listens to a card, with cards that answer nonsense.
@Suite struct FuzzTests {
    private let seconds =
        Double(ProcessInfo.processInfo.environment["ECO_FUZZ_SECONDS"] ?? "") ?? 5
    private let network: Network
    private let order: CardOrder
    /// Cards in every condition: new, whole, between, torn, somebody else's, hiding.
    private let cards: [CardMemory]

    init() throws {
        network = Network(keys: try Epochs.keys(1, 2), epoch: 1)
        order = try Network.order()
        var cards = [try factory()]
        let whole = Field(try factory())
        try network.provision(whole, order)
        cards.append(try #require(whole.memory))
        for command in [27, 31, 34, 37] {
            let torn = Field(try factory(), try FaultPlan("lost@\(command)"))
            _ = try? network.provision(torn, order)
            cards.append(try #require(torn.memory))
            let between = Field(cards[1], try FaultPlan("lost@\(command - 2)"))
            _ = try? network.with(epoch: 2).rekey(between)
            cards.append(try #require(between.memory))
            let half = Field(cards[1], try FaultPlan("lost@\(command + 2)"))
            _ = try? network.reset(half)
            cards.append(try #require(half.memory))
        }
        let other = Field(try factory())
        try Network().provision(other, order)
        cards.append(try #require(other.memory))
        self.cards = cards
    }

    @Test func `Cards that answer nonsense neither crash, hang nor pass for done`() throws {
        let seed = Seed.number()
        var dice = SplitMix64(seed)
        let end = ContinuousClock.now + .seconds(seconds)
        var runs = 0
        var done = 0
        var longest = Duration.zero
        repeat {
            let memory = try #require(cards.randomElement(using: &dice))
            let field = Field(memory)
            let isWild = Int.random(in: 0..<10, using: &dice) == 0
            let lies = Set(
                (0..<Int.random(in: 1...3, using: &dice)).map { _ in
                    Int.random(in: 1...60, using: &dice)
                })
            var channel = LyingChannel(
                field: field, dice: SplitMix64(dice.next()), lies: isWild ? nil : lies)
            var isDone = false
            let spent = try Promised.processorTime {
                isDone = try run(Int.random(in: 0..<7, using: &dice), &channel, field, seed)
            }
            longest = max(longest, spent)
            (runs, done) = (runs + 1, done + (isDone ? 1 : 0))
        } while ContinuousClock.now < end || done == 0
        // One that waited for ever would end no test; this one counts what it works.
        #expect(longest < .seconds(5), "ECO_SEED=\(seed)")
        Console.error(
            "fuzz: ECO_SEED=\(seed) \(runs) conversations, \(done) done, longest \(longest) of "
                + "the processor")
    }

    /// One piece of work; true when it claims to be done, and then it must be.
    private func run(
        _ work: Int, _ channel: inout LyingChannel, _ field: Field, _ seed: UInt64
    ) throws -> Bool {
        let place: Comment = "ECO_SEED=\(seed) work \(work)"
        let epoch: UInt8 = work == 1 ? 2 : work == 2 ? 0 : 1
        let judge = Judge(field, epoch)
        let engine = Personalisation(keys: network.keys, epoch: epoch, recorder: judge)
        var isDone = true
        do {
            switch work {
            case 0: _ = try engine.run(&channel, order)
            case 1: _ = try engine.rekey(&channel)
            case 2: try engine.reset(&channel)
            case 3: _ = try Verification(keys: network.keys).run(&channel)
            case 4: _ = try Diagnosis.read(&channel, keys: network.keys)
            case 5: _ = try Inspection.read(&channel)
            default: try pay(channel)
            }
        } catch { isDone = false }
        #expect(judge.faults == [], place)
        guard isDone else { return false }
        field.again()
        switch work {
        case 0, 1, 3:
            #expect(throws: Never.self, place) {
                let claims = try network.verify(field)
                #expect(claims.number == order.number && (work == 3 || claims.epoch == epoch))
            }
        case 2:
            #expect(try inspect(field).kind == .blank, place)
            #expect(field.memory?.keys.allSatisfy { $0.isFactory } == true, place)
        default: break
        }
        return true
    }

    private func pay(_ channel: LyingChannel) throws {
        var card = NTAG424Card(channel)
        let found = try card.identify()
        let claims = found.token.claims
        let key = try network.keys.cardKey(3, uid: claims.uid, epoch: claims.epoch == 2 ? 2 : 1)
        try card.authenticate(terminalKey: key)
        let state = try card.state()
        let record = state.following(
            allowance: .unused, isCounted: false, entry: EntryID(milliseconds: 1),
            amount: try #require(Amount(cents: 1250)), seconds: 1_800_000_100)
        _ = try card.commit(
            digest: [UInt8](repeating: 7, count: 16), record: record, at: state.nextOffset)
        _ = try card.reportedUID()
    }
}

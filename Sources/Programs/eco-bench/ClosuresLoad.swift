import COSE
import CommandLineTool
import Crypto
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import Tokens

let closuresCommand = Command(
    ["closures"], words: "DIRECTORY COUNT",
    "take COUNT payments with many closures and receipts, one line for each thing done",
    options: [.value("start", "N", "the number of the first payment in the schedule (0)")],
    examples: [
        "eco-bench closures /tmp/years 100", "eco-bench closures /tmp/years 1 --start 11",
    ],
    run: { invocation in
        guard let count = Int64(invocation.words[1]), count >= 0 else {
            throw Failure("COUNT is no number", hint: "for example 100", code: .usage)
        }
        let start = try invocation.number("start", in: 0...Int64(Int32.max), default: 0)
        let load = try ClosuresLoad(directory: invocation.words[0])
        for index in start..<(start + count) { try load.run(index) }
    })

/// Twelve payments a year: a day after each third, a month after each sixth, the year after the
/// twelfth. Receipts come late, so that those of an old year are stored while the next one runs.
private final class ClosuresLoad {
    private let journal: Journal
    private let signer: SigningKey
    private let ledger: SigningKey

    init(directory: String) throws {
        try Files.makeDirectory(directory)
        signer = try BenchKeys.signer(directory + "/terminal.key")
        ledger = try BenchKeys.signer(directory + "/ledger.key")
        // So that eco-terminal's journal commands work on DIRECTORY.
        let paired = "http://127.0.0.1:1\n\(Hexadecimal.text(ledger.publicKey.bytes))\n"
        try Files.writeAtomically(Array(paired.utf8), to: directory + "/ledger.conf")
        journal = try Journal(path: directory + "/journal.sqlite", signer: signer)
    }

    func run(_ index: Int64) throws {
        let moment = Moment(milliseconds: Clock.realtimeMilliseconds(), trust: .untrusted)
        let entry = try journal.append(
            JournalFixture.payment(1, cents: 1), id: EntryID(milliseconds: moment.milliseconds),
            at: moment)
        Console.out("accepted \(entry.id)")
        for (every, period) in [(3, .day), (6, .month), (12, .year)] as [(Int64, ClosurePeriod)] {
            if index % every == every - 1 { try close(period, moment) }
        }
        if index % 5 == 4 { try JournalFixture.acknowledge(journal, signer, ledger, count: 7) }
        journal.checkpoint()
    }

    private func close(_ period: ClosurePeriod, _ moment: Moment) throws {
        do throws(ClosingError) {
            let entry = try journal.close(
                period, id: EntryID(milliseconds: moment.milliseconds), at: moment)
            guard case .closure(let closure) = entry.body else { return }
            Console.out("closed \(period) \(closure.number)")
        } catch {
            // A run that was killed may have closed it.
            guard case .rule(let rule) = error else { throw error }
            Console.out("not closed \(period): \(rule.code)")
        }
    }
}

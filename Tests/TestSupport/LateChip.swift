public import Readers

/// Chips in software. libnfc gives one some 300 ms to answer while it is opened, and a busy machine
/// may keep it from running for longer. Nothing was sent to a card by then: it is done again.
public enum LateChip {
    private static let tries = 5

    /// One conversation with the card in a reader that is there, as `Readers.withCard` has it.
    public static func withCard<R, E: Error>(
        choice: ReaderChoice, waiting: Duration = .seconds(60),
        _ body: (inout CardConnection) throws(E) -> R
    ) throws(ReaderError) -> Result<R, E> {
        for _ in 1..<tries {
            do throws(ReaderError) {
                return try Readers.withCard(choice: choice, waiting: waiting, body)
            } catch {
                switch error {
                case .noReader, .fault: continue
                default: throw error
                }
            }
        }
        return try Readers.withCard(choice: choice, waiting: waiting, body)
    }

    /// How a program ended that was given a reader that is there: run again where it ended with 3,
    /// "no reader".
    public static func run(_ program: () throws -> Programs.Result) rethrows -> Programs.Result {
        try retried({ $0.code == 3 }, program)
    }

    /// What `work` gives; done again where that is what it gives at a chip that was late.
    public static func retried<R>(_ isLate: (R) -> Bool, _ work: () throws -> R) rethrows -> R {
        for _ in 1..<tries {
            let result = try work()
            if !isLate(result) { return result }
        }
        return try work()
    }
}

import Cards
import PCSC

/// Waits for one card and runs one conversation with it, for command line tools.
///
/// - Parameters:
///   - waiting: how long a card may take to come.
///   - notice: called once when no card lies there yet, with the reader's name.
/// - Throws: `ReaderError`; what `body` throws comes back in the result.
public func withCard<R, E: Error>(
    choice: ReaderChoice, waiting: Duration, notice: (String) -> Void = { _ in },
    _ body: (inout CardConnection) throws(E) -> R
) throws(ReaderError) -> Result<R, E> {
    do throws(PCSCError) {
        let context = try Context()
        guard let name = choice.select(try context.readers()).first else {
            throw PCSCError(call: "SCardListReaders", code: PCSCError.noReadersAvailable)
        }
        guard try present(context, name, waiting, notice) else {
            throw PCSCError(call: "SCardGetStatusChange", code: PCSCError.noSmartcard)
        }
        var connection = try context.open(name)
        let result: Result<R, E>
        do throws(E) { result = .success(try body(&connection)) } catch {
            result = .failure(error)
        }
        connection.end()
        return result
    } catch {
        if error.code == PCSCError.noSmartcard || error.code == PCSCError.removedCard {
            throw .noCard
        }
        throw ReaderError(error)
    }
}

/// Names of all readers. - Throws: `ReaderError`.
public func readerNames() throws(ReaderError) -> [String] {
    do throws(PCSCError) { return try Context().readers() } catch { throw ReaderError(error) }
}

private func present(
    _ context: borrowing Context, _ name: String, _ waiting: Duration, _ notice: (String) -> Void
) throws(PCSCError) -> Bool {
    var states = [ReaderState(name: name)]
    let end = ContinuousClock.now + waiting
    var isNoticed = false
    while true {
        _ = try context.statusChange(&states, milliseconds: 500)
        if states[0].isPresent { return true }
        if ContinuousClock.now >= end { return false }
        if !isNoticed { notice(name) }
        isNoticed = true
        states[0].current = states[0].event
    }
}

import Cards
import PCSC

/// Waits for one card and runs one conversation with it, for command line tools.
///
/// - Parameters:
///   - waiting: how long a card may take to come.
///   - notice: called once when no card lies there yet, with the readers' names.
/// - Throws: `ReaderError`; what `body` throws comes back in the result.
public func withCard<R, E: Error>(
    choice: ReaderChoice, waiting: Duration, notice: (String) -> Void = { _ in },
    _ body: (inout CardConnection) throws(E) -> R
) throws(ReaderError) -> Result<R, E> {
    let context = try mapped { () throws(PCSCError) in try Context() }
    let names = choice.select(try mapped { () throws(PCSCError) in try context.readers() })
    guard !names.isEmpty else { throw .noReader }
    let holding = try mapped { () throws(PCSCError) in
        try holders(context, names, waiting, notice)
    }
    guard let name = holding.first else { throw .noCard }
    guard holding.count == 1 else { throw .severalCards }
    var connection = try mapped { () throws(PCSCError) in try context.open(name) }
    let result: Result<R, E>
    do throws(E) { result = .success(try body(&connection)) } catch { result = .failure(error) }
    connection.end()
    return result
}

/// Names of all readers. - Throws: `ReaderError`.
public func readerNames() throws(ReaderError) -> [String] {
    try mapped { () throws(PCSCError) in try Context().readers() }
}

private func mapped<R: ~Copyable>(
    _ body: () throws(PCSCError) -> R
) throws(ReaderError) -> R {
    do throws(PCSCError) { return try body() } catch { throw ReaderError(error) }
}

/// The readers that hold a card, as soon as one does; none when the time is over.
private func holders(
    _ context: borrowing Context, _ names: [String], _ waiting: Duration,
    _ notice: (String) -> Void
) throws(PCSCError) -> [String] {
    var states = names.map { ReaderState(name: $0) }
    let end = ContinuousClock.now + waiting
    var isNoticed = false
    while true {
        _ = try context.statusChange(&states, milliseconds: 500)
        let holding = states.filter(\.isPresent).map(\.name)
        if !holding.isEmpty || ContinuousClock.now >= end { return holding }
        if !isNoticed { notice(names.joined(separator: ", ")) }
        isNoticed = true
        for index in states.indices { states[index].current = states[index].event }
    }
}

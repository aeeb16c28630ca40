import Cards
import NFC
import PCSC
import Threads

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
    if case .nfc(let connstring) = choice {
        return try withChip(connstring, waiting, notice, body)
    }
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
    _ = connection.end()
    return result
}

/// The same with a chip behind libnfc, opened for this conversation alone.
private func withChip<R, E: Error>(
    _ connstring: String, _ waiting: Duration, _ notice: (String) -> Void,
    _ body: (inout CardConnection) throws(E) -> R
) throws(ReaderError) -> Result<R, E> {
    try checkDriver(connstring)
    let chip = try mapped { () throws(NFCError) in try Device(connstring) }
    let found = try mapped { () throws(NFCError) in
        try targets(chip, waiting) { notice(connstring) }
    }
    guard let target = found.first else { throw .noCard }
    guard found.count == 1 else { throw .severalCards }
    var connection = CardConnection(chip, target)
    let result: Result<R, E>
    do throws(E) { result = .success(try body(&connection)) } catch { result = .failure(error) }
    _ = connection.end()
    return result
}

/// The cards in the field, as soon as there is one; none when the time is over.
private func targets(
    _ chip: borrowing Device, _ waiting: Duration, _ notice: () -> Void
) throws(NFCError) -> [Target] {
    let end = ContinuousClock.now + waiting
    let never = Monitor(())
    var isNoticed = false
    while true {
        let targets = try chip.list()
        if !targets.isEmpty || ContinuousClock.now >= end { return targets }
        if !isNoticed { notice() }
        isNoticed = true
        _ = never.wait(atMost: ChipTimes().turn) { _ in nil as Bool? }
    }
}

/// Names of all PC/SC readers. - Throws: `ReaderError`.
public func readerNames() throws(ReaderError) -> [String] {
    try mapped { () throws(PCSCError) in try Context().readers() }
}

/// libnfc's name of the chip at a connection string. - Throws: `ReaderError`.
public func chipName(_ connstring: String) throws(ReaderError) -> String {
    try checkDriver(connstring)
    return try mapped { () throws(NFCError) in try Device(connstring).name }
}

/// A name that is mistyped is no reader's fault.
private func checkDriver(_ connstring: String) throws(ReaderError) {
    let name = String(connstring.prefix { $0 != ":" })
    guard Device.drivers.contains(name) else { throw .unknownDriver(name) }
}

/// What a choice of reader means here and now: the names PC/SC tells, the first of which is used,
/// or libnfc's name of the chip. No card is touched. - Throws: `ReaderError`, `.noReader` for none.
public func readersFound(_ choice: ReaderChoice) throws(ReaderError) -> [String] {
    if case .nfc(let connstring) = choice { return [try chipName(connstring)] }
    let names = choice.select(try readerNames())
    guard !names.isEmpty else { throw .noReader }
    return names
}

private func mapped<R: ~Copyable>(
    _ body: () throws(PCSCError) -> R
) throws(ReaderError) -> R {
    do throws(PCSCError) { return try body() } catch { throw ReaderError(error) }
}

private func mapped<R: ~Copyable>(
    _ body: () throws(NFCError) -> R
) throws(ReaderError) -> R {
    do throws(NFCError) { return try body() } catch { throw ReaderError(error) }
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

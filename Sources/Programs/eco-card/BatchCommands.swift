import Batches
import CommandLineTool
import Glibc
import KeyStore
import Linux
import Readers
import Tokens

private let batchOptions: [OptionSpecification] =
    readerOptions + keyOptions + [
        .value("first", "NUMBER", "the first number given to rows without one (random ones)"),
        .value("register", "FILE", "append each finished card to FILE, for the ledger"),
        .flag("quiet", "no bell"),
    ]

let batchCommands: [Command] = [
    Command(
        ["batch", "run"], words: "FILE", "begin a box of cards: prepare whatever card is laid down",
        options: batchOptions + [
            .value("class", "CLASS", "class of rows that name none (member)"),
            .value("host", "HOST", "host name in the cards' address (carte.eco.example)"),
            .value("years", "N", "validity, 1 to 10 (3)"),
            .flag("require-original", "refuse cards whose UID NXP did not sign"),
        ],
        examples: [
            "eco-card batch run box.csv --keys keys --passphrase-file p",
            "eco-card batch run box.csv --keys keys --register cards.ndjson --require-original",
        ],
        run: { invocation in
            // Before anything may start a thread: a signal is the main thread's alone.
            Signals.block([SIGINT, SIGTERM])
            let keys = try openIssuer(invocation)
            guard let epoch = keys.epochs.last else { throw Failure(KeyStoreError.unknownEpoch(0)) }
            let settings = BatchSettings(
                epoch: epoch, host: host(invocation), validity: try validity(invocation),
                cardClass: try cardClass(invocation),
                requiresOriginal: invocation.flag("require-original"))
            let first = try firstNumber(invocation)
            let store: BatchStore
            do throws(BatchError) {
                let manifest = try Manifest(path: invocation.words[0])
                store = try BatchStore.begin(
                    invocation.words[0], manifest, settings, first: first)
            } catch { throw Failure(error) }
            try work(invocation, store, keys)
        }),
    Command(
        ["batch", "resume"], words: "FILE", "go on with a box; half-done cards are finished first",
        options: batchOptions,
        examples: [
            "eco-card batch resume box.csv --keys keys --passphrase-file p",
            "eco-card batch resume box.csv --keys keys --passphrase-file p --json",
        ],
        run: { invocation in
            // Before anything may start a thread: a signal is the main thread's alone.
            Signals.block([SIGINT, SIGTERM])
            let keys = try openIssuer(invocation)
            let first = try firstNumber(invocation)
            let store: BatchStore
            do throws(BatchError) {
                let manifest = try Manifest(path: invocation.words[0])
                store = try BatchStore.resume(invocation.words[0], manifest, first: first)
            } catch { throw Failure(error) }
            try work(invocation, store, keys)
        }),
    Command(
        ["batch", "spoil"], words: "FILE", "give up a row whose card is broken or lost",
        options: [.value("seq", "N", "the row")],
        examples: [
            "eco-card batch spoil box.csv --seq 12", "eco-card batch spoil box.csv --seq 12 --json",
        ], run: spoil),
    Command(
        ["batch", "register"], words: "FILE", "hand the finished cards to the ledger's register",
        options: [.value("register", "FILE", "the register; a card stands there once")],
        examples: [
            "eco-card batch register box.csv --register cards.ndjson",
            "eco-card batch register box.csv --register cards.ndjson --json",
        ], run: register),
]

private func firstNumber(_ invocation: Invocation) throws -> CardNumber? {
    guard let text = invocation.value("first") else { return nil }
    guard let number = CardNumber(text) else {
        throw Failure(
            "\(text) is no card number", hint: "12 digits, the last one Luhn's check digit",
            code: .usage)
    }
    return number
}

/// Prepares cards until none is left to prepare or somebody stops it.
private func work(_ invocation: Invocation, _ store: BatchStore, _ keys: IssuerKeys) throws {
    guard keys.epochs.contains(store.settings.epoch) else {
        throw Failure(KeyStoreError.unknownEpoch(store.settings.epoch))
    }
    // A box has no end to its patience unless it is given one.
    let wait = try invocation.number("wait", in: 1...3_600, default: 0)
    var file: RegisterFile?
    if let path = invocation.value("register") {
        do throws(RegisterError) {
            let register = try RegisterFile(path)
            _ = try store.register(in: register)
            file = register
        } catch { throw Failure(error, path) }
    }
    let runner = BatchRunner(
        store: store, keys: keys, register: file, now: Clock.realtimeMilliseconds)
    let counts: BatchCounts
    do throws(BatchError) { counts = try store.counts() } catch { throw Failure(error) }
    let talk = BatchTalk(
        streams: invocation.isJSON || isatty(1) == 0,
        talks: !invocation.isJSON && Console.errorIsTerminal(),
        isQuiet: invocation.flag("quiet"))
    let desk = BatchDesk(runner, store, talk, counts)
    let reader = CardReader(choice: try readerChoice(invocation), desk: desk)
    reader.start()
    let patience = Duration.seconds(wait)
    var isStopped = false
    while !desk.isOver, wait == 0 || desk.idle < patience {
        if Signals.wait([SIGINT, SIGTERM], atMost: .milliseconds(100)) != nil {
            isStopped = true
            break
        }
    }
    reader.stop()
    try desk.close(isStopped: isStopped)
}

@Sendable private func spoil(_ invocation: Invocation) throws {
    guard invocation.value("seq") != nil else {
        throw Failure("--seq is missing", hint: "see --help", code: .usage)
    }
    let sequence = Int(try invocation.number("seq", in: 1...999_999))
    let isDone: Bool
    do throws(BatchError) {
        let manifest = try Manifest(path: invocation.words[0])
        isDone = try BatchStore.resume(invocation.words[0], manifest).spoil(sequence: sequence)
    } catch { throw Failure(error) }
    guard isDone else {
        throw Failure(
            "row \(sequence) is not half done", hint: "batch report shows the rows", code: .usage)
    }
    invocation.print(
        .record(["schema": .text("eco.batch-spoil.1"), "seq": .integer(Int64(sequence))]),
        ["Row \(sequence) is given up; its number is not used again."])
}

@Sendable private func register(_ invocation: Invocation) throws {
    let path = try invocation.required("register")
    let count: Int
    do {
        let manifest = try Manifest(path: invocation.words[0])
        let store = try BatchStore.resume(invocation.words[0], manifest)
        count = try store.register(in: try RegisterFile(path))
    } catch let error as BatchError { throw Failure(error) } catch let error as RegisterError {
        throw Failure(error, path)
    }
    invocation.print(
        .record(["schema": .text("eco.batch-register.1"), "registered": .integer(Int64(count))]),
        ["Cards handed over in \(path): \(count)."])
}

extension Failure {
    init(_ error: BatchError) {
        switch error {
        case .file(let what):
            self.init("a file cannot be used: \(what)", hint: "check path, rights and space")
        case .line(let line, let what):
            self.init(
                "line \(line) of the manifest: \(what)", hint: "correct it and run it again",
                code: .usage)
        case .busy:
            self.init(
                "another process works on this manifest", hint: "end it, or wait",
                code: .tryAgain)
        case .alreadyBegun:
            self.init(
                "this batch is begun already", hint: "eco-card batch resume goes on",
                code: .usage)
        case .notBegun:
            self.init(
                "this batch is not begun", hint: "eco-card batch run begins it", code: .usage)
        case .unknownState:
            self.init(
                "the state file is not one of this version", hint: "restore it from its copy",
                code: .integrity)
        case .rowChanged(let row):
            self.init(
                "row \(row) of the manifest is not as it was planned",
                hint: "put it back; a correction is a new row", code: .integrity)
        case .storage(let error):
            self.init(
                "the state file refused: \(error)", hint: "check rights and space",
                code: .integrity)
        }
    }

    init(_ error: RegisterError, _ path: String) {
        self.init(
            "the register \(path) took not every card: \(error.words)",
            hint: "mend it and run eco-card batch register", code: .partial)
    }
}

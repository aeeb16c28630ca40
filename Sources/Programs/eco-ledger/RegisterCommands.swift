import CommandLineTool
import Crypto
import FoundationEssentials
import LedgerBook
import Linux
import Operations
import Tokens

/// `terminal` and `card`.
enum RegisterCommands {
    private static let here = "-d sqlite:ledger.sqlite"

    static let all = [
        Command(
            ["terminal", "code"], "make a one-time pairing code",
            options: [
                .database, .value("merchant", "NAME", "the merchant it stands at"),
                .value("move", "ID", "a known terminal that moves there with all it ever took"),
            ],
            examples: [
                "eco-ledger terminal code \(here) --merchant 'Épicerie du Port'",
                "eco-ledger terminal code \(here) --merchant 'Épicerie du Port' --json",
                "eco-ledger terminal code \(here) --merchant 'Épicerie du Quai' "
                    + "--move 0f1e2d3c4b5a6978   # the shop has a new name",
            ], run: code),
        Command(
            ["terminal", "list"], "list the paired terminals", options: [.database],
            examples: [
                "eco-ledger terminal list \(here)", "eco-ledger terminal list \(here) --json",
            ], run: terminals),
        Command(
            ["terminal", "revoke"], words: "ID", "take nothing from a terminal any more",
            options: [.database],
            examples: [
                "eco-ledger terminal revoke \(here) 0f1e2d3c4b5a6978",
                "eco-ledger terminal revoke \(here) 0f1e2d3c4b5a6978 --json",
            ], run: revoke),
        Command(
            ["card", "add"], words: "FILE", "register the cards of a provisioning run",
            options: [.database],
            examples: [
                "eco-ledger card add \(here) register.ndjson",
                "eco-ledger card add \(here) register.ndjson   # again: only new lines count",
            ], run: add),
        Command(
            ["card", "block"], words: "NUMBER", "block a card; terminals learn it by deny-list",
            options: [.database, .value("reason", "TEXT", "why; no name of a person")],
            examples: [
                "eco-ledger card block \(here) 100000000016 --reason 'reported lost'",
                "eco-ledger card block \(here) '1000 0000 0016'",
            ], run: { try setBlocked(true, $0) }),
        Command(
            ["card", "unblock"], words: "NUMBER", "lift the block of a card",
            options: [.database],
            examples: [
                "eco-ledger card unblock \(here) 100000000016",
                "eco-ledger card unblock \(here) 100000000016 --json",
            ], run: { try setBlocked(false, $0) }),
        Command(
            ["card", "list"], "list the cards with their balances",
            options: [.database, .flag("blocked", "only blocked ones, and why")],
            examples: [
                "eco-ledger card list \(here)", "eco-ledger card list \(here) --blocked --json",
            ],
            run: cards),
        CardShow.command,
        Command(
            ["card", "topup"], words: "NUMBER AMOUNT", "issue money to a card, once a reference",
            options: [
                .database,
                .value("reference", "TEXT", "number of the transfer or form: booked once"),
                .value("reason", "TEXT", "why, for the books; no name of a person"),
            ],
            examples: [
                "eco-ledger card topup \(here) 100000000016 25,00 --reference V-2026-0412",
                "eco-ledger card topup \(here) 100000000016 10 --reason 'welcome' --json",
            ], run: topUp),
    ]

    // MARK: terminals

    private static func code(_ call: Invocation) throws {
        let merchant = try call.required("merchant")
        let kid = try call.value("move").map { try terminalKid($0) }
        let (code, moved) = try call.withBook { book in
            (
                try book.pairingCode(merchant: merchant, moving: kid, now: call.now),
                try kid.flatMap { kid in
                    try book.report(from: 0, to: .max).first {
                        $0.terminal == Hexadecimal.text(kid)
                    }
                }
            )
        }
        call.print(
            .record([
                "code": .text(code), "merchant": .text(merchant),
                "minutes": .integer(Int64(Book.pairingMinutes)),
                "moves": moved.map { .text($0.terminal) } ?? .null,
            ]), [code])
        if let moved {
            Console.error(
                "eco-ledger: once it is paired, all that terminal \(moved.terminal) ever took "
                    + "(\(moved.count) payments, \(Money.text(moved.cents)) ECO, until now for "
                    + "'\(moved.merchant)') counts for '\(merchant)'")
        }
        Console.error("eco-ledger: for one terminal, within \(Book.pairingMinutes) minutes")
    }

    private static func terminals(_ call: Invocation) throws {
        let lines = try call.withBook { book in
            try book.terminals().map { ($0, try book.head(of: $0).sequence) }
        }
        call.print(
            .record([
                "terminals": .array(
                    lines.map { terminal, head in
                        .record([
                            "id": .text(terminal.id), "merchant": .text(terminal.merchant),
                            "entries": .integer(Int64(clamping: head)),
                            "paired": .text(Day.time(terminal.paired)),
                            "revoked": terminal.revoked.map { .text(Day.time($0)) } ?? .null,
                        ])
                    })
            ]),
            lines.map { terminal, head in
                "\(terminal.id)  \(head) entries  \(terminal.merchant)"
                    + (terminal.revoked == nil ? "" : "  revoked")
            })
    }

    private static func revoke(_ call: Invocation) throws {
        let kid = try terminalKid(call.words[0])
        try call.withBook { try $0.revoke(kid: kid, now: call.now) }
        call.print(
            .record(["terminal": .text(call.words[0]), "revoked": .bool(true)]),
            ["\(call.words[0]) is revoked"])
    }

    // MARK: cards

    /// One line of a register: {"number", "uid", "epoch", "class"}, as `eco-card provision
    /// --register` writes it. The class is a number of FORMATS §1.
    private struct RegisterLine: Decodable {
        let number: String
        let uid: String
        let epoch: UInt8
        let `class`: UInt64
    }

    private static func add(_ call: Invocation) throws {
        let path = call.words[0]
        let bytes: [UInt8]
        do { bytes = try Files.read(path, atMost: 64 << 20) } catch {
            throw Failure("\(path) cannot be read: \(error)", hint: "check the path")
        }
        var refused: [(line: Int, why: String)] = []
        var count = 0
        try call.withBook { book in
            let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated() where !line.isEmpty && line != [0x0d] {
                do {
                    try register(line, in: book, now: call.now)
                    count += 1
                } catch let failure as Failure {
                    refused.append((index + 1, failure.sentence))
                } catch let error as BookError {
                    if case .storage = error { throw error }
                    refused.append((index + 1, Failure(error).sentence))
                }
            }
        }
        for (line, why) in refused { Console.error("eco-ledger: line \(line): \(why)") }
        call.print(
            .record([
                "registered": .integer(Int64(count)), "refused": .integer(Int64(refused.count)),
            ]), ["\(count) lines of the register taken"])
        if !refused.isEmpty {
            throw Failure(
                "\(refused.count) lines were refused", hint: "correct them and run it again",
                code: .partial)
        }
    }

    private static func register(
        _ line: ArraySlice<UInt8>, in book: Book, now: UInt64
    ) throws {
        guard let read = try? JSONDecoder().decode(RegisterLine.self, from: Data(line)),
            let number = CardNumber(read.number), let uid = Hexadecimal.bytes(read.uid),
            let cardClass = CardClass(rawValue: read.class)
        else { throw Failure("not a card", hint: "number, uid, epoch, class") }
        try book.registerCard(
            number: number, uid: uid, epoch: read.epoch, cardClass: cardClass, now: now)
    }

    private static func setBlocked(_ isBlocked: Bool, _ call: Invocation) throws {
        let number = try call.cardNumber(0)
        let changed = try call.withBook {
            try $0.setBlocked(
                isBlocked, card: number, now: call.now, reason: call.value("reason") ?? "")
        }
        call.print(
            .record([
                "card": .text(number.digits), "blocked": .bool(isBlocked),
                "changed": .bool(changed),
            ]),
            [
                "\(number) is \(changed ? "" : "already ")"
                    + (isBlocked ? "blocked" : "not blocked")
            ])
    }

    private static func cards(_ call: Invocation) throws {
        let isBlockedOnly = call.flag("blocked")
        let (lines, reasons) = try call.withBook { book in
            (
                try book.cards().filter { $0.isBlocked || !isBlockedOnly }
                    .map { ($0, try book.balance(of: $0.number, now: call.now)) },
                try book.blockReasons()
            )
        }
        let why = Dictionary(reasons.map { ($0.card, $0) }, uniquingKeysWith: { $1 })
        call.print(
            .record([
                "cards": .array(
                    lines.map { card, balance in
                        .record([
                            "number": .text(card.number.digits),
                            "uid": .text(Hexadecimal.text(card.uid)),
                            "epoch": .integer(Int64(card.epoch)),
                            "class": .integer(Int64(card.cardClass.rawValue)),
                            "blocked": .bool(card.isBlocked), "cents": .integer(balance.cents),
                            "availableCents": .integer(balance.available),
                            "reason": why[card.number].map { .text($0.reason) } ?? .null,
                            "entry": why[card.number]?.entry.map { .text($0) } ?? .null,
                            "since": why[card.number].map { .text(Day.time($0.time)) } ?? .null,
                        ])
                    })
            ]),
            lines.map { card, balance in
                "\(card.number)  \(Money.text(balance.cents)) ECO"
                    + (card.isBlocked ? "  blocked" : "")
                    + (isBlockedOnly ? why[card.number].map(told) ?? "" : "")
            })
    }

    /// "  since 2025-06-01T12:00:00Z  counter-repeated: … (terminal 0f1e2d3c4b5a6978 12)".
    static func told(_ block: BlockReason) -> String {
        let sentence =
            switch block.reason {
            case "": "no reason was given"
            case "counter-repeated": "counter-repeated: two uses with one counter, a copy"
            case "counter-lower": "counter-lower: its counter went back, perhaps a copy"
            case "two-places": "two-places: at two merchants within seconds, perhaps a copy"
            case "terminal-lost": "terminal-lost: reported lost at a terminal"
            case "terminal-cloned": "terminal-cloned: a merchant suspects a copy"
            case "terminal-replaced": "terminal-replaced: another card claims its account"
            default: block.reason
            }
        return "  since \(Day.time(block.time))  \(sentence)"
            + (block.entry.map { " (entry \($0))" } ?? "")
    }

    private static func topUp(_ call: Invocation) throws {
        let number = try call.cardNumber(0)
        guard let amount = Amount(text: call.words[1]), amount > .zero else {
            throw Failure(
                "'\(call.words[1])' is no amount", hint: "for example 25 or 12,50", code: .usage)
        }
        let given = call.value("reference").map { TopUpReference($0) }
        guard let reference = given ?? .fresh() else {
            throw Failure(
                "--reference is 1 to 64 bytes on one line",
                hint: "for example the number of the transfer", code: .usage)
        }
        let (outcome, balance) = try call.withBook { book in
            let outcome: TopUpOutcome
            do throws(BookError) {
                outcome = try book.topUp(
                    number, amount, reference: reference, reason: call.value("reason") ?? "",
                    now: call.now)
            } catch {
                guard error.isStoreLost else { throw error }
                throw Failure(
                    "the database went away: whether the card has the money is not known",
                    hint: "run it again with --reference '\(reference.text)': it counts once",
                    code: .tryAgain)
            }
            // Once booked it is booked, whether or not the sum can be read now.
            return (outcome, try? book.balance(of: number, now: call.now))
        }
        tell(call, number, amount, reference, outcome, balance)
    }

    private static func tell(
        _ call: Invocation, _ number: CardNumber, _ amount: Amount, _ reference: TopUpReference,
        _ outcome: TopUpOutcome, _ balance: CardBalance?
    ) {
        var added = amount.cents
        var lines = balance.map { ["\(number) has \(Money.text($0.cents)) ECO"] } ?? []
        switch outcome {
        case .booked: lines.append("\(amount.text) ECO added, reference \(reference.text)")
        case .before(let time):
            added = 0
            lines.append(
                "nothing added: reference \(reference.text) was booked on \(Day.time(time))")
        }
        call.print(
            .record([
                "card": .text(number.digits), "addedCents": .integer(added),
                "cents": balance.map { .integer($0.cents) } ?? .null,
                "reference": .text(reference.text), "already": .bool(added == 0),
            ]), lines)
    }
}

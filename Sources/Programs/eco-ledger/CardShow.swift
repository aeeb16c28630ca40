import CommandLineTool
import Crypto
import LedgerBook
import Tokens

/// `card show`: what somebody who rings up about a card wants to know.
enum CardShow {
    static let command = Command(
        ["card", "show"], words: "NUMBER", "all there is of a card, with its newest movements",
        options: [.database, .value("last", "N", "movements shown; 20 when absent")],
        examples: [
            "eco-ledger card show -d sqlite:ledger.sqlite 100000000016",
            "eco-ledger card show -d sqlite:ledger.sqlite '1000 0000 0016' --last 5 --json",
        ], run: run)

    /// What the book says of it.
    private struct Found {
        let card: CardRecord
        let balance: CardBalance
        let block: BlockReason?
        let replaces: [CardNumber]
        let replacedBy: CardNumber?
        let movements: [CardMovement]
        let held: [NotedEntry]
    }

    private static func run(_ call: Invocation) throws {
        let number = try call.cardNumber(0)
        let count = try call.number("last", in: 0...10_000, default: 20)
        let found = try call.withBook { book in
            guard let card = try book.card(number) else { throw BookError.cardUnknown }
            return Found(
                card: card, balance: try book.balance(of: number, now: call.now),
                block: try book.blockReason(of: number), replaces: try book.replaced(by: number),
                replacedBy: try book.replacement(of: number),
                movements: try book.movements(of: number, limit: count),
                held: try book.held(naming: number))
        }
        call.print(object(found), lines(found))
    }

    private static func object(_ found: Found) -> JSONValue {
        .record([
            "number": .text(found.card.number.digits),
            "uid": .text(Hexadecimal.text(found.card.uid)),
            "class": .integer(Int64(found.card.cardClass.rawValue)),
            "epochs": .array(found.card.epochs.map { .integer(Int64($0)) }),
            "registered": .text(Day.time(found.card.issued)),
            "cents": .integer(found.balance.cents),
            "availableCents": .integer(found.balance.available),
            "blocked": .bool(found.card.isBlocked),
            "since": found.block.map { .text(Day.time($0.time)) } ?? .null,
            "reason": found.block.map { .text($0.reason) } ?? .null,
            "entry": found.block?.entry.map { .text($0) } ?? .null,
            "replaces": .array(found.replaces.map { .text($0.digits) }),
            "replacedBy": found.replacedBy.map { .text($0.digits) } ?? .null,
            "movements": .array(
                found.movements.map { movement in
                    .record([
                        "time": .text(Day.time(movement.time)), "what": .text(movement.what),
                        "cents": .integer(movement.cents),
                        "merchant": movement.merchant.map { .text($0) } ?? .null,
                        "entry": movement.entry.map { .text($0) } ?? .null,
                    ])
                }),
            "held": .array(found.held.map(HeldCommands.object)),
        ])
    }

    private static func lines(_ found: Found) -> [String] {
        let (card, balance) = (found.card, found.balance)
        var free = ""
        if balance.available != balance.cents {
            free = ", \(Money.text(balance.available)) of it free"
        }
        let epochs = card.epochs.map { "\($0)" }.joined(separator: ", ")
        var lines = [
            "\(card.number)  \(Money.text(balance.cents)) ECO\(free)",
            "class \(card.cardClass.rawValue), registered \(Day.time(card.issued)), "
                + "keys of epoch \(epochs)",
        ]
        if card.isBlocked {
            lines.append("blocked" + (found.block.map { RegisterCommands.told($0) } ?? ""))
        }
        lines += found.replaces.map { "replaces \($0)" }
        if let fresh = found.replacedBy {
            lines.append("replaced by \(fresh), which has its account")
        }
        for movement in found.movements {
            var line = "\(Day.time(movement.time))  \(Money.text(movement.cents)) ECO  "
            line += movement.what
            if let merchant = movement.merchant { line += "  \(merchant)" }
            if let entry = movement.entry { line += " (entry \(entry))" }
            lines.append(line)
        }
        return lines + found.held.map { "held: \(HeldCommands.line($0))" }
    }
}

import CommandLineTool
import Linux
import MerchantEmulation
import ReaderEmulation

extension Demo {
    /// One payment of 12,50 ECO, from the merchant's amount to the ledger's receipt.
    func payOnce(_ page: TerminalPage, _ cards: [DemoCard]) throws {
        guard let card = cards.first(where: { $0.topUpCents >= 1_250 }) else {
            throw Failure("no demonstration card holds 12,50 ECO", hint: "see the seeds")
        }
        guard page.arm(cents: 1_250) else {
            throw Failure("the terminal does not take the amount", hint: "read \(path("log"))")
        }
        say("amount entered", "12,50 ECO; the screen asks for a card")
        slot.clearLog()
        try insert(card)
        defer { slot.remove() }
        say("card laid on the reader", "\(card.name), card \(card.number)")
        let isOver = page.wait(atMost: .seconds(15)) {
            ["accepted", "refused", "unknownResult"].contains(page.standing()?.stage ?? "")
                || page.newest() != nil
        }
        let standing = page.standing()
        guard isOver, let operation = page.newest(), operation.amountCents == 1_250 else {
            throw Failure(
                "the payment was not accepted (\(standing?.stage ?? "no answer") "
                    + "\(standing?.code ?? ""))",
                hint: "read \(path("log"))", code: .cardRefused)
        }
        let traffic = slot.traffic
        say(
            "accepted",
            "operation \(operation.id), \(traffic.commands) APDUs, \(traffic.commandBytes) bytes "
                + "to the card, \(traffic.answerBytes) back; signed by the card, in the journal")
        let isSettled = page.wait(atMost: .seconds(30)) { page.newest()?.status == "settled" }
        guard isSettled else {
            throw Failure(
                "accepted, but not settled: \(page.newest()?.status ?? "?") "
                    + "\(page.newest()?.code ?? "")",
                hint: "read \(path("log"))", code: .ledgerRejected)
        }
        say("settled", "the ledger checked the card's evidence and signed a receipt")
        Console.out("12,50 ECO: accepted and settled.")
    }
}

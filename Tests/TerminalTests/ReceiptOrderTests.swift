import Foundation
import Journal
import Linux
import Operations
import Receipts
import Terminal
import Testing

/// Receipts over a real checkout and journal; paper is a file or a line nobody reads.
@Suite struct ReceiptOrderTests {
    private func traces(_ bench: OrderBench) -> [ReceiptTrace] {
        bench.checkout.find(JournalQuery(kinds: [.technicalEvent])).lines.reversed().compactMap {
            guard case .technicalEvent(let event) = $0.entry.body else { return nil }
            return ReceiptTrace(event)
        }
    }

    private func refusal(_ result: Result<Void, ControlRefusal>) -> ControlRefusal? {
        if case .failure(let refusal) = result { refusal } else { nil }
    }

    @Test func `A receipt says what the journal says, and names nobody`() throws {
        let bench = try OrderBench()
        let id = try bench.pay(1_250)
        let receipt = try #require(bench.checkout.receipt(id))
        #expect(receipt.merchant == "Épicerie" && receipt.amount == Amount(cents: 1_250))
        #expect(receipt.state == .pending && receipt.kind == .payment && receipt.id == id)
        let order = Order.act(code: Bench.meals.code, quantity: 2_000)
        guard case .armed(let armed) = try bench.checkout.perform(order).get() else {
            throw Failure.reply
        }
        #expect(try bench.tap(armed))
        let deed = try #require(bench.checkout.receipt(armed.id)?.deed)
        #expect(deed.quantity == 2_000 && deed.unit == Bench.meals.unit)
        #expect(deed.label == Bench.meals.labels && deed.purpose == Bench.meals.purpose)
        #expect(bench.checkout.receipt(EntryID(milliseconds: 1)) == nil)
        #expect(refusal(bench.checkout.print(id, .french)) == .printerMissing)
    }

    @Test func `The first print is none, the next a copy; a closure as well`() throws {
        let path = NSTemporaryDirectory() + "/paper-" + UUID().uuidString
        defer { try? Files.remove(path) }
        let printer = ReceiptPrinter(place: .file(path), width: .narrow, log: { _ in })
        let bench = try OrderBench(printer: printer)
        printer.start { [checkout = bench.checkout] in checkout.printerChanged() }
        defer { printer.stop() }
        let id = try bench.pay(1_250)
        #expect(bench.checkout.snapshot.printer == .idle)
        for _ in 0..<2 { #expect(refusal(bench.checkout.print(id, .french)) == nil) }
        #expect(printer.finish(atMost: .seconds(30)) == .idle)
        let reply = try bench.checkout.perform(.close(.day)).get()
        guard case .closed(_, let closing) = reply else { throw Failure.reply }
        #expect(refusal(bench.checkout.print(closing, .english)) == nil)
        #expect(printer.finish(atMost: .seconds(30)) == .idle)
        #expect(
            traces(bench) == [
                ReceiptTrace(entry: id, copy: 0), ReceiptTrace(entry: id, copy: 1),
                ReceiptTrace(entry: closing, copy: 0),
            ])
        let bytes = try Files.read(path, atMost: 1 << 24)
        #expect(bytes.prefix(2) == [0x1B, 0x40] && bytes.suffix(4) == [0x1D, 0x56, 66, 0])
        let unknown = bench.checkout.print(EntryID(milliseconds: 1), .french)
        #expect(refusal(unknown) == .noSuchOperation)
        #expect(bench.checkout.slip(closing)?.lastHash.count == 32)
        #expect(bench.checkout.nextSlip(.day)?.forbidden == .nothingToClose)
    }

    @Test func `A printer that hangs blocks no tap and no order`() throws {
        let line = try PseudoTerminal()
        let printer = ReceiptPrinter(
            place: .device(line.path), width: .wide,
            patience: PrinterPatience(
                answer: .milliseconds(100), stall: .seconds(300), job: .seconds(300)),
            log: { _ in })
        let bench = try OrderBench(printer: printer)
        printer.start { [checkout = bench.checkout] in checkout.printerChanged() }
        defer { printer.stop() }
        let first = try bench.pay(1_250)
        var refused: ControlRefusal?
        for _ in 0..<20 {
            refused = refusal(bench.checkout.print(first, .french)) ?? refused
        }
        #expect(refused == .printerBusy)
        var shown = bench.checkout.snapshot
        while shown.printer != .printing {
            shown = try #require(
                bench.checkout.snapshot(after: shown.version, atMost: .seconds(60)))
        }
        for cents in [100, 200, 300] as [Int64] { _ = try bench.pay(cents) }
        #expect(printer.state == .printing)
        #expect(bench.checkout.snapshot.printer == .printing)
    }

    private enum Failure: Error { case reply }
}

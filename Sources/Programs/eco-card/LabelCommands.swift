import Batches
import CommandLineTool
import Labels
import Linux

let labelCommands: [Command] = [
    Command(
        ["label", "print"], words: "FILE", "draw the labels of a batch as SVG, for printing",
        options: [
            .value("output", "FILE.svg", "the first page; the next ones are FILE-2.svg, …"),
            .value("paper", "NAME", "a4 (3 x 7 labels, L7160) or roll (62 mm) (a4)"),
            .value("start", "N", "the first free label of the sheet, from 1 (1)"),
            .value("address", "URL", "what stands before the number in the QR code"),
            .value("host", "HOST", "host name in that address (carte.eco.example)"),
        ],
        examples: [
            "eco-card label print box.csv --output sheet.svg",
            "eco-card label print box.csv --output roll.svg --paper roll --json",
        ], run: printLabels)
]

/// Numbers come from the state file: a batch is begun before its labels are drawn.
@Sendable private func printLabels(_ invocation: Invocation) throws {
    let output = try invocation.required("output")
    guard output.hasSuffix(".svg") else {
        throw Failure("--output ends with .svg", hint: "\(output) does not", code: .usage)
    }
    let paper: LabelPaper
    switch invocation.value("paper") ?? "a4" {
    case "a4": paper = .a4
    case "roll": paper = .roll
    case let other:
        throw Failure("there is no paper '\(other)'", hint: "a4 or roll", code: .usage)
    }
    let start = Int(try invocation.number("start", in: 1...21, default: 1))
    let address = invocation.value("address") ?? "https://\(host(invocation))/n/"
    let cards: [BatchCard]
    do throws(BatchError) { cards = try BatchStore.cards(of: invocation.words[0]) } catch {
        throw Failure(error)
    }
    let labels = cards.filter { $0.state != .spoiled }.map {
        Label(number: $0.number, text: $0.printLabel)
    }
    let pages: [String]
    do throws(LabelError) {
        pages = try LabelSheet(paper: paper, address: address, skipped: start - 1).pages(labels)
    } catch {
        throw Failure(
            "the address is too long for a QR code of this size", hint: "give a shorter --address",
            code: .usage)
    }
    var paths: [String] = []
    for (index, page) in pages.enumerated() {
        let path = index == 0 ? output : output.dropLast(4) + "-\(index + 1).svg"
        do { try Files.writeAtomically(Array(page.utf8), to: path, mode: 0o644) } catch {
            throw Failure("\(path) cannot be written: \(error)", hint: "check the folder")
        }
        paths.append(path)
    }
    invocation.print(
        .record([
            "schema": .text("eco.label-print.1"), "labels": .integer(Int64(labels.count)),
            "pages": .array(paths.map { .text($0) }),
        ]),
        ["\(labels.count) labels, pages: \(paths.joined(separator: ", "))"])
}

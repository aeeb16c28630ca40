// Receipts: what a person takes away of an operation or a closure, on a screen or on paper.
//
// Purpose: the content of a receipt as a value, its words in French and English, a short text for a
// QR symbol, paper as dots, ESC/POS, and a printer with a thread of its own.
// Promises:
//   C1  A receipt has no name, no whole card number, no VAT and no line of a sale; of a card it
//       says the last four digits.
//   C2  What is not at the ledger yet says so; training says FORMATION (TRAINING); every print but
//       the first says DUPLICATA with its number.
//   C3  A printer that is absent, slow, full or out of paper blocks nobody: orders only join a
//       queue of 8. A job that cannot be printed is dropped, and `state` says why in one word.
//   C4  A job's trace (`PrintJob.begin`) is made after the printer is known to be there and before
//       the first byte goes to it: what was traced may be on paper, what was not is not.
//   C5  A file gets whole jobs or, when it is full, none of one.
// Does not promise: that paper came out; most printers do not tell.
// Threads: values on any; "printer" is the printer's. Units: dots (203 to an inch), cents.

/// The languages receipts are in.
public enum ReceiptLanguage: String, CaseIterable, Sendable {
    case french = "fr"
    case english = "en"
}

/// Paper by the dots of a row.
public enum PaperWidth: Int, CaseIterable, Sendable {
    /// Rolls of 58 mm.
    case narrow = 384
    /// Rolls of 80 mm.
    case wide = 576
}

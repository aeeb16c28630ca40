// Batches: a box of cards, one manifest, one state file, from planned to registered.
//
// Purpose: read a manifest (CSV, RFC 4180), keep where each of its cards stands in a SQLite file
// beside it, prepare whatever card comes, hand finished cards to the ledger's register, report.
//
//     planned ─claim→ detected ─ChangeKey→ keysChanged ─last step→ written ─fresh read→ verified
//                                        verified ─line in the register→ registered
//     (from detected to written) ─spoil→ spoiled
//
// Promises:
//   B1  A row is given to one card, by UID, before anything is written to that card, and never to
//       another; no UID, number or alias stands in two rows; a row never goes back.
//   B2  Each step of a card is on disk (FULL) before its first APDU and after its last; killed at
//       any instant, the batch goes on with what the state file and the cards say.
//   B3  A card whose UID has an unfinished row is finished as that row; a card somebody began
//       elsewhere is refused and takes no row.
//   B4  "verified" is written only after the engine's fresh read.
//   B5  A register line is written once: the same card again adds nothing; a number or a UID that
//       stands there with another partner is refused.
//   B6  One process a manifest, by a lock. A manifest may grow; a row that was planned may neither
//       change nor go.
// Does not promise: order of cards (rows are given in their order to whatever card comes).
// Threads: one at a time; the reader's while it runs, the main thread before and after.
// Units: milliseconds since the Unix epoch; bytes.

public import SQLite

/// Why a batch cannot go on.
public enum BatchError: Error, Equatable, Sendable {
    /// The manifest or the register cannot be read or written: call and code.
    case file(String)
    /// A line of the manifest (from 1) is wrong; says how.
    case line(Int, String)
    /// Another process works on this manifest.
    case busy
    /// There is a state file already: resume.
    case alreadyBegun
    /// There is no state file: run.
    case notBegun
    /// The state file is of another version, or not one.
    case unknownState
    /// This row of the state is no longer in the manifest as it was planned.
    case rowChanged(Int)
    /// The state file refused: call and code.
    case storage(SQLiteError)
}

/// Where a row stands.
public enum BatchState: String, CaseIterable, Sendable {
    case planned
    case detected
    case keysChanged = "keys_changed"
    case written
    case verified
    case registered
    case spoiled

    /// Begun and not finished: its card is somewhere, half done.
    public var isHalfDone: Bool {
        switch self {
        case .detected, .keysChanged, .written: true
        case .planned, .verified, .registered, .spoiled: false
        }
    }

    /// A whole card.
    public var isDone: Bool { self == .verified || self == .registered }
}

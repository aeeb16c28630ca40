import Foundation
import Operations
import Terminal
import TestSupport

/// Stages, refusals and operations that tests show.
enum Samples {
    static let id = EntryID(milliseconds: 1_764_000_000_000)

    static func eco(_ cents: Int64) -> Amount { Amount(cents: cents) ?? .zero }

    static func armed(_ cents: Int64 = 1250) -> Armed {
        Armed(id: id, amount: eco(cents), deadline: ScriptedCheckout.now() + 42_000)
    }

    /// Every case once; `refusalsAreComplete` makes a new one a compile error.
    static let refusals: [Refusal] = [
        .notOurCard, .blocked, .expired, .issuerRevoked, .notAcceptedHere, .tokenAltered,
        .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch, .anotherCard, .alreadyPaid,
        .insufficient(missing: eco(320)), .overOfflineLimit(limit: eco(2000)),
        .cardLimitReached(left: eco(450)), .cardLimitReached(left: .zero), .terminalLimitReached,
        .tooLongOffline, .declined, .cardNeedsNetwork, .timedOut, .readerAbsent, .twoCards,
        .cardFault, .clockUntrusted, .noPolicy, .journalUnavailable, .ledgerRefusesTerminal,
        .readerServiceMissing, .diskFull, .diskReadOnly, .oldJournal, .ledgerForgot,
        .readerSilent,
        .rule(.needsNetwork), .rule(.entryUnknown), .rule(.wrongKind),
        .rule(.overRemainder(left: eco(450))), .rule(.otherCard), .rule(.alreadyReversed),
        .rule(.alreadyRefunded), .rule(.dayClosed), .rule(.trainingMismatch),
        .rule(.topUpOverLimit(limit: eco(10_000))), .rule(.topUpOverLimit(limit: .zero)),
        .rule(.actionUnknown), .rule(.quantityInvalid), .rule(.actionLimitReached(left: 2_500)),
        .rule(.actionLimitReached(left: 0)), .rule(.consentMissing), .rule(.sealingImpossible),
        .rule(.nothingToClose), .rule(.shorterPeriodOpen), .rule(.alreadyGiven),
        .rule(.otherNetwork), .rule(.cardUnfit), .rule(.oldCard),
    ]

    /// The place of a refusal in `refusals`' order of cases.
    static func index(_ refusal: Refusal) -> Int {
        switch refusal {
        case .notOurCard: 0
        case .blocked: 1
        case .expired: 2
        case .issuerRevoked: 3
        case .notAcceptedHere: 4
        case .tokenAltered: 5
        case .tokenCopied: 6
        case .wrongKeys: 7
        case .replayed: 8
        case .evidenceMismatch: 9
        case .anotherCard: 10
        case .alreadyPaid: 11
        case .insufficient: 12
        case .overOfflineLimit: 13
        case .cardLimitReached: 14
        case .terminalLimitReached: 15
        case .tooLongOffline: 16
        case .declined: 17
        case .cardNeedsNetwork: 18
        case .timedOut: 19
        case .readerAbsent: 20
        case .twoCards: 21
        case .cardFault: 22
        case .clockUntrusted: 23
        case .noPolicy: 24
        case .journalUnavailable: 25
        case .ledgerRefusesTerminal: 26
        case .readerServiceMissing: 27
        case .diskFull: 28
        case .diskReadOnly: 29
        case .oldJournal: 30
        case .ledgerForgot: 31
        case .readerSilent: 32
        case .rule: 33
        }
    }

    /// Number of cases of `index`.
    static let refusalCount = 34

    /// Named stages, M0 to M5 and their variants.
    static var stages: [(name: String, stage: Stage)] {
        [
            ("m0", .amountEntry),
            ("m1", .presentCard(armed())),
            ("m1-large", .presentCard(armed(99_999_999))),
            ("m2", .reading(armed(), step: 2)),
            ("m2b", .removedTooSoon(armed())),
            ("m2b-large", .removedTooSoon(armed(99_999_999))),
            ("m3", accepted(offline: false, cardPresent: true)),
            ("m3-removed", accepted(offline: false, cardPresent: false)),
            ("m3o", accepted(1_234_50, offline: true, cardPresent: true)),
            ("m3o-large", accepted(99_999_999, offline: true, cardPresent: true)),
            ("m4", .refused(id: id, amount: eco(1250), .insufficient(missing: eco(320)))),
            ("m4-bare", .refused(id: nil, amount: nil, .notOurCard)),
            ("m5", .unknownResult(armed())),
            ("service", .outOfService(.readerAbsent)),
            ("service-disk", .outOfService(.diskReadOnly)),
        ]
    }

    static func accepted(_ cents: Int64 = 1250, offline: Bool, cardPresent: Bool) -> Stage {
        .accepted(
            id: id, amount: eco(cents), offline: offline, lastFour: "4821",
            cardPresent: cardPresent)
    }

    /// A payment of this moment, milliseconds since 1970.
    static func operation(at time: UInt64) -> OperationLine {
        OperationLine(
            sequence: 1, id: id, time: time, amount: eco(1_250), lastFour: "4821",
            authorised: true, status: .settled)
    }

    /// Three operations of today, twenty of older days, the newest first.
    static var operations: [OperationLine] {
        Midnight.stayClear(of: .seconds(180))
        let now = UInt64(Date().timeIntervalSince1970 * 1000)
        return (0..<23).map { number in
            let status: OperationLine.Status =
                switch number {
                case 0, 1: .pending
                case 4: .rejected(code: "insufficient")
                default: .settled
                }
            let age = UInt64(number) * 1000 + (number < 3 ? 0 : 172_800_000)
            return OperationLine(
                sequence: UInt64(100 - number), id: id, time: now - age,
                amount: eco([1250, 345, 123_450, 80, 2000][number % 5]),
                lastFour: ["4821", "0037", "4855"][number % 3], authorised: number % 4 != 0,
                status: status)
        }
    }
}

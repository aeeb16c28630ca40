import Foundation
import Operations
import Terminal

@testable import Screen

/// Every scene of the customer display.
enum ClientSamples {
    struct Scene {
        let name: String
        var stage: Stage
        var change: @Sendable (inout Snapshot) -> Void = { _ in }
    }

    /// The catalogue a deployment starts from, in every language.
    static let catalogue: [CatalogueAction] = {
        struct Line: Decodable {
            let code: String
            let parcours: UInt64
            let unit: String
            let labels: [String: String]
            let purpose: [String: String]
        }
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "seeds/catalogue.json")
        let lines = (try? JSONDecoder().decode([Line].self, from: Data(contentsOf: file))) ?? []
        return lines.map { line in
            CatalogueAction(
                code: line.code, parcours: Parcours(rawValue: line.parcours) ?? .circulaireTextile,
                unit: line.unit == "piece" ? .piece : .kilogram, labels: Words(line.labels),
                purpose: Words(line.purpose), operationLimit: 1_000_000, dayLimit: 1_000_000,
                dayCount: 9)
        }
    }()

    static let near: [Opportunity] = [
        .action("textile-apporte"), .place("Coopérative du Canal de l’Ourcq"),
        .action("vetements-reemployes"),
    ]

    static func action(_ code: String, _ quantity: Int64) -> Purpose {
        .action(code: code, quantity: quantity)
    }

    static func completed(
        _ purpose: Purpose, _ cents: Int64 = 0, present: Bool = false,
        report: CardReport? = nil, near: [Opportunity] = []
    ) -> Stage {
        .completed(
            Completion(
                operation: Samples.armed(purpose, cents), lastFour: "4821", isOffline: false,
                report: report, isCardPresent: present, opportunities: near))
    }

    static let mending = action("vetements-repares", 2_000)
    static let rescuing = action("invendus-sauves", 12_500)

    static var scenes: [Scene] {
        let offline: @Sendable (inout Snapshot) -> Void = {
            $0.network = .offline(since: 1_764_000_000_000)
        }
        let training: @Sendable (inout Snapshot) -> Void = {
            $0.isTraining = true
            $0.network = .offline(since: nil)
        }
        let owed: @Sendable (inout Snapshot) -> Void = {
            $0.rest = Rest(first: Samples.id, missing: Samples.eco(1_234_50))
        }
        let check = completed(.cardCheck, report: Samples.report(), near: near)
        var scenes = [
            Scene(name: "welcome", stage: .amountEntry),
            Scene(name: "welcome-training", stage: .amountEntry, change: training),
            Scene(name: "present", stage: .presentCard(Samples.armed())),
            Scene(
                name: "present-large-training", stage: .presentCard(Samples.armed(99_999_999)),
                change: training),
            Scene(name: "present-offline", stage: .presentCard(Samples.armed()), change: offline),
            Scene(name: "reading", stage: .reading(Samples.armed(), step: 3)),
            Scene(name: "removed", stage: .removedTooSoon(Samples.armed())),
            Scene(name: "done", stage: Samples.accepted(offline: false, cardPresent: true)),
            Scene(
                name: "done-offline-large",
                stage: Samples.accepted(99_999_999, offline: true, cardPresent: true)),
            Scene(
                name: "done-rest", stage: Samples.accepted(offline: false, cardPresent: true),
                change: owed),
            Scene(name: "owed", stage: .amountEntry, change: owed),
            Scene(
                name: "again", stage: Samples.accepted(offline: false, cardPresent: false),
                change: { $0.isPresentedAgain = true }),
            Scene(name: "unknown", stage: .unknownResult(Samples.armed())),
            Scene(name: "service", stage: .outOfService(.readerAbsent)),
        ]
        for (name, purpose, cents) in [
            ("refund", Purpose.refund(of: Samples.id), Int64(1_250)),
            ("topup", .topUp(.cash), 2_000),
            ("check", .cardCheck, 0), ("enrolment", .enrolment(consents: [], sealed: nil), 0),
            ("mending", mending, 0), ("rescuing", rescuing, 0),
        ] {
            scenes.append(
                Scene(name: "\(name)-present", stage: .presentCard(Samples.armed(purpose, cents))))
            scenes.append(
                Scene(name: "\(name)-done", stage: completed(purpose, cents, present: true)))
        }
        return scenes + [
            Scene(name: "check-near", stage: check),
            Scene(name: "mending-near", stage: completed(mending, near: near)),
            Scene(
                name: "rescuing-near-training", stage: completed(rescuing, near: near),
                change: training),
            Scene(
                name: "check-blocked",
                stage: completed(.cardCheck, report: Samples.report(.blocked))),
        ]
    }
}

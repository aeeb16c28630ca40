import CommandLineTool
import LedgerBook
import Linux

/// `policy` and `catalogue`: what every terminal's policy starts from. A change is a new version of
/// the settings; each terminal gets a policy of its own, signed and numbered, with its next pull.
enum PolicyCommands {
    private static let here = "-d sqlite:ledger.sqlite"

    static let all = [
        Command(
            ["policy", "show"], "print the settings policies start from", options: [.database],
            examples: [
                "eco-ledger policy show \(here)", "eco-ledger policy show \(here) --json",
            ], run: show),
        Command(
            ["policy", "set"], words: "KEY VALUE", "change one setting, for all terminals",
            options: [.database],
            examples: [
                "eco-ledger policy set \(here) paymentCents 2500",
                "eco-ledger policy set \(here) languages fr,en,pt",
                "eco-ledger policy set \(here) rules.refundOffline true",
            ], run: set),
        Command(
            ["policy", "diff"], "what changed since a version, or against a policy.json",
            options: [
                .database, .value("since", "N", "a version; the last but one when absent"),
                .value("file", "FILE", "compare with this policy.json instead"),
            ],
            examples: [
                "eco-ledger policy diff \(here)", "eco-ledger policy diff \(here) --since 1",
                "eco-ledger policy diff \(here) --file seeds/policy.json --json",
            ], run: diff),
        Command(
            ["catalogue", "show"], "list the ecological actions", options: [.database],
            examples: [
                "eco-ledger catalogue show \(here)", "eco-ledger catalogue show \(here) --json",
            ], run: catalogue),
        Command(
            ["catalogue", "load"], words: "FILE", "put a catalogue.json in the old one's place",
            options: [.database],
            examples: [
                "eco-ledger catalogue load \(here) seeds/catalogue.json",
                "eco-ledger catalogue load \(here) seeds/catalogue.json --json",
            ], run: load),
    ]

    // MARK: knobs

    /// A setting that can be typed.
    private struct Knob {
        let name: String
        let read: (PolicySettings) -> String
        /// False: the text is no value for it.
        let write: (inout PolicySettings, String) -> Bool
    }

    private static func whole<T: FixedWidthInteger & LosslessStringConvertible>(
        _ name: String, _ path: WritableKeyPath<PolicySettings, T>
    ) -> Knob {
        Knob(name: name, read: { "\($0[keyPath: path])" }) { settings, text in
            guard let value = T(text), value >= 0 else { return false }
            settings[keyPath: path] = value
            return true
        }
    }

    private static func list<T: LosslessStringConvertible>(
        _ name: String, _ path: WritableKeyPath<PolicySettings, [T]>
    ) -> Knob {
        Knob(
            name: name,
            read: { $0[keyPath: path].map { "\($0)" }.joined(separator: ",") }
        ) { settings, text in
            let parts =
                text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
            let values = parts.compactMap { T(String($0)) }
            guard values.count == parts.count else { return false }
            settings[keyPath: path] = values
            return true
        }
    }

    private static func rule<T: LosslessStringConvertible>(
        _ name: String, _ path: WritableKeyPath<RulesSeed, T>
    ) -> Knob {
        Knob(
            name: "rules.\(name)",
            read: { $0.rules.map { "\($0[keyPath: path])" } ?? "(standard)" }
        ) { settings, text in
            guard let value = T(text), var rules = settings.rules else { return false }
            rules[keyPath: path] = value
            settings.rules = rules
            return true
        }
    }

    private static var replacementAtOnce: Knob {
        Knob(
            name: "rules.replacementAtOnce",
            read: { $0.rules.map { "\($0.replacementAtOnce ?? false)" } ?? "(standard)" }
        ) { settings, text in
            guard let value = Bool(text), settings.rules != nil else { return false }
            settings.rules?.replacementAtOnce = value
            return true
        }
    }

    /// Empty: none.
    private static var application: Knob {
        Knob(name: "application", read: { $0.application ?? "" }) { settings, text in
            settings.application = text.isEmpty ? nil : text
            return true
        }
    }

    private static var knobs: [Knob] {
        [
            whole("validDays", \.validDays), whole("paymentCents", \.paymentCents),
            whole("cardTotalCents", \.cardTotalCents), whole("cardCount", \.cardCount),
            whole("terminalTotalCents", \.terminalTotalCents),
            whole("terminalCount", \.terminalCount), whole("hours", \.hours),
            list("classes", \.classes), list("revokedIssuers", \.revokedIssuers),
            list("languages", \.languages), rule("refundOffline", \.refundOffline),
            rule("topUpOffline", \.topUpOffline), rule("enrolmentOffline", \.enrolmentOffline),
            rule("refundThresholdCents", \.refundThresholdCents),
            rule("topUpThresholdCents", \.topUpThresholdCents),
            rule("topUpLimitCents", \.topUpLimitCents), replacementAtOnce, application,
        ]
    }

    // MARK: commands

    private static func show(_ call: Invocation) throws {
        let (settings, versions) = try call.withBook {
            (try $0.settings(), try $0.settingVersions())
        }
        let version = versions.last?.version ?? 0
        call.print(
            .record([
                "version": .integer(version),
                "settings": .object(
                    knobs.map { JSONValue.Member($0.name, .text($0.read(settings))) }),
                "actions": .integer(Int64(settings.catalogue?.count ?? 0)),
                "consents": .integer(Int64(settings.consents?.count ?? 0)),
            ]),
            ["version \(version)"] + knobs.map { "\($0.name) \($0.read(settings))" } + [
                "catalogue \(settings.catalogue?.count ?? 0) actions",
                "consents \(settings.consents?.count ?? 0) texts",
            ])
    }

    private static func set(_ call: Invocation) throws {
        let (name, text) = (call.words[0], call.words[1])
        guard let knob = knobs.first(where: { $0.name == name }) else {
            throw Failure(
                "there is no setting '\(name)'", hint: "eco-ledger policy show lists them",
                code: .usage)
        }
        let changed = try call.withBook { book in
            try book.change(now: call.now) {
                (settings) throws(BookError) -> (old: PolicySettings, new: PolicySettings)? in
                let old = settings
                return knob.write(&settings, text) ? (old, settings) : nil
            }.result
        }
        guard let changed else {
            throw Failure(
                "'\(text)' is no value for \(name)",
                hint: "whole numbers, true or false, or a list with commas", code: .usage)
        }
        let (before, after) = (knob.read(changed.old), knob.read(changed.new))
        let risks = risks(from: changed.old, to: changed.new)
        call.print(
            .record([
                "key": .text(name), "before": .text(before), "after": .text(after),
                "warnings": .array(risks.map { .text($0) }),
            ]),
            [before == after ? "\(name) is \(after) already" : "\(name) \(before) -> \(after)"])
        warn(risks)
    }

    // MARK: what a change means

    /// What somebody who stole a terminal's key could do from now on and could not before.
    static func risks(from old: PolicySettings?, to new: PolicySettings) -> [String] {
        func moves(_ settings: PolicySettings?) -> Bool {
            settings?.rules?.replacementAtOnce ?? false
        }
        guard moves(new), !moves(old) else { return [] }
        return [
            "any terminal can now move any card's account to another card, and no person looks at "
                + "it; whoever has one terminal's key can empty every card. To take it back: "
                + "eco-ledger policy set rules.replacementAtOnce false"
        ]
    }

    static func warn(_ risks: [String]) {
        for risk in risks { Console.error("eco-ledger: WARNING: \(risk)") }
    }

    /// A setting that two have differently.
    struct Difference {
        let key: String
        let old: String
        let new: String

        var line: String { "\(key) \(old) -> \(new)" }
    }

    /// - Parameter isWhole: catalogue, texts and places are compared too.
    static func differences(
        from old: PolicySettings, to new: PolicySettings, isWhole: Bool
    ) -> [Difference] {
        var found = knobs.map { Difference(key: $0.name, old: $0.read(old), new: $0.read(new)) }
            .filter { $0.old != $0.new }
        guard isWhole else { return found }
        if old.catalogue != new.catalogue {
            found.append(Difference(key: "catalogue", old: codes(old), new: codes(new)))
        }
        if old.consents != new.consents {
            found.append(
                Difference(
                    key: "consents", old: "\(old.consents?.count ?? 0)",
                    new: "\(new.consents?.count ?? 0)"))
        }
        if old.places ?? [] != new.places ?? [] {
            found.append(Difference(key: "places", old: places(old), new: places(new)))
        }
        return found
    }

    private static func diff(_ call: Invocation) throws {
        let (now, versions) = try call.withBook { (try $0.settings(), try $0.settingVersions()) }
        let other: PolicySettings
        if let path = call.value("file") {
            do { other = try PolicySettings(json: try Files.read(path, atMost: 1 << 20)) } catch {
                throw (error as? BookError).map { Failure($0) }
                    ?? Failure("\(path) cannot be read: \(error)", hint: "check the path")
            }
        } else {
            let last = versions.last?.version ?? 1
            let since = try call.number("since", in: 1...max(1, last), default: max(1, last - 1))
            guard let found = versions.first(where: { $0.version == since }) else {
                throw Failure("there is no version \(since)", hint: "eco-ledger policy show")
            }
            other = found.settings
        }
        let found = differences(from: other, to: now, isWhole: call.value("file") == nil)
        call.print(
            .record([
                "changes": .array(
                    found.map {
                        .record([
                            "key": .text($0.key), "other": .text($0.old), "now": .text($0.new),
                        ])
                    })
            ]), found.isEmpty ? ["no difference"] : found.map(\.line))
    }

    private static func places(_ settings: PolicySettings) -> String {
        (settings.places ?? []).map(\.name).joined(separator: ",")
    }

    private static func codes(_ settings: PolicySettings) -> String {
        (settings.catalogue ?? []).map(\.code).joined(separator: ",")
    }

    private static func catalogue(_ call: Invocation) throws {
        let actions = try call.withBook { try $0.settings() }.catalogue ?? []
        call.print(
            .record([
                "actions": .array(
                    actions.map { action in
                        .record([
                            "code": .text(action.code),
                            "parcours": .integer(Int64(action.parcours)),
                            "unit": .text(action.unit),
                            "operationLimit": .integer(action.operationLimit),
                            "dayLimit": .integer(action.dayLimit),
                            "dayCount": .integer(Int64(action.dayCount)),
                            "label": .text(action.labels["fr"] ?? ""),
                        ])
                    })
            ]),
            actions.map { action in
                "\(action.parcours)  \(action.code)  \(action.unit)  "
                    + (action.labels["fr"] ?? action.labels.values.sorted().first ?? "")
            })
    }

    private static func load(_ call: Invocation) throws {
        let path = call.words[0]
        let bytes: [UInt8]
        do { bytes = try Files.read(path, atMost: 1 << 20) } catch {
            throw Failure("\(path) cannot be read: \(error)", hint: "check the path")
        }
        let (changed, (old, new)) = try call.withBook { book in
            try book.change(now: call.now) {
                (settings) throws(BookError) -> (Set<String>, Set<String>) in
                let old = Set((settings.catalogue ?? []).map(\.code))
                try settings.add(catalogue: bytes, consents: nil)
                // A merchant's theme does not outlive its action: no policy could name it.
                let kept = Set((settings.catalogue ?? []).map(\.code))
                settings.places = settings.places?.map { place in
                    var place = place
                    place.actions.removeAll { !kept.contains($0) }
                    return place
                }
                return (old, kept)
            }
        }
        let (added, removed) = (new.subtracting(old).sorted(), old.subtracting(new).sorted())
        call.print(
            .record([
                "actions": .integer(Int64(new.count)), "changed": .bool(changed),
                "added": .array(added.map { .text($0) }),
                "removed": .array(removed.map { .text($0) }),
            ]),
            [changed ? "\(new.count) actions" : "\(new.count) actions, as before"]
                + added.map { "added \($0)" } + removed.map { "removed \($0)" })
    }
}

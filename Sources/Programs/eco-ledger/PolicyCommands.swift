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
        let (before, after) = try call.withBook { book in
            var settings = try book.settings()
            let before = knob.read(settings)
            guard knob.write(&settings, text) else {
                throw Failure(
                    "'\(text)' is no value for \(name)",
                    hint: "whole numbers, true or false, or a list with commas", code: .usage)
            }
            _ = try book.change(settings, now: call.now)
            return (before, knob.read(settings))
        }
        call.print(
            .record(["key": .text(name), "before": .text(before), "after": .text(after)]),
            [before == after ? "\(name) is \(after) already" : "\(name) \(before) -> \(after)"])
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
        var lines = knobs.compactMap { knob -> (String, String, String)? in
            let (old, new) = (knob.read(other), knob.read(now))
            return old == new ? nil : (knob.name, old, new)
        }
        if call.value("file") == nil, other.catalogue != now.catalogue {
            lines.append(("catalogue", codes(other), codes(now)))
        }
        if call.value("file") == nil, other.consents != now.consents {
            lines.append(
                ("consents", "\(other.consents?.count ?? 0)", "\(now.consents?.count ?? 0)"))
        }
        call.print(
            .record([
                "changes": .array(
                    lines.map {
                        .record(["key": .text($0.0), "other": .text($0.1), "now": .text($0.2)])
                    })
            ]), lines.isEmpty ? ["no difference"] : lines.map { "\($0.0) \($0.1) -> \($0.2)" })
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
        let (old, new, changed) = try call.withBook { book in
            var settings = try book.settings()
            let old = Set((settings.catalogue ?? []).map(\.code))
            try settings.add(catalogue: bytes, consents: nil)
            // A merchant's theme does not outlive its action: no policy could name it.
            let kept = Set((settings.catalogue ?? []).map(\.code))
            settings.places = settings.places?.map { place in
                var place = place
                place.actions.removeAll { !kept.contains($0) }
                return place
            }
            let changed = try book.change(settings, now: call.now)
            return (old, kept, changed)
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

import CommandLineTool
import LedgerBook

/// `merchant`: where terminals stand, and what the customer display says of them.
enum MerchantCommands {
    private static let here = "-d sqlite:ledger.sqlite"

    static let all = [
        Command(
            ["merchant", "add"], words: "NAME", "add a merchant; nothing else is changed",
            options: [
                .database,
                .value("parcours", "LIST", "journeys it is near to, 1 or 2 or 1,2: displayed"),
                .value("actions", "LIST", "codes of actions that can be done there"),
            ],
            examples: [
                "eco-ledger merchant add \(here) 'Boulangerie du Canal'",
                "eco-ledger merchant add \(here) 'La Recyclerie' --parcours 2 "
                    + "--actions textile-apporte",
            ], run: add),
        Command(
            ["merchant", "list"], "list the merchants and their terminals", options: [.database],
            examples: [
                "eco-ledger merchant list \(here)", "eco-ledger merchant list \(here) --json",
            ], run: list),
    ]

    private static func parts(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map(String.init)
    }

    private static func add(_ call: Invocation) throws {
        let name = call.words[0]
        let parcours = parts(call.value("parcours")).compactMap { UInt64($0) }
        let actions = parts(call.value("actions"))
        guard parcours.count == parts(call.value("parcours")).count,
            parcours.allSatisfy({ (1...2).contains($0) }), Set(parcours).count == parcours.count,
            actions.isEmpty || !parcours.isEmpty
        else {
            throw Failure(
                "--parcours is 1, 2 or 1,2, and --actions goes with it",
                hint: "for example --parcours 1 --actions invendus-sauves", code: .usage)
        }
        let place =
            parcours.isEmpty
            ? nil : PlaceSeed(name: name, parcours: parcours, actions: actions)
        let (isNew, isDifferent) = try call.withBook {
            try $0.add(merchant: name, place: place, now: call.now)
        }
        call.print(
            .record([
                "merchant": .text(name), "added": .bool(isNew), "policyChanged": .bool(isDifferent),
            ]),
            [
                "\(name) is \(isNew ? "added" : "a merchant already")"
                    + (isDifferent ? "; customer displays learn it with their next policy" : "")
            ])
    }

    private static func list(_ call: Invocation) throws {
        let (names, terminals, places) = try call.withBook {
            (try $0.merchants(), try $0.terminals(), try $0.settings().places ?? [])
        }
        let lines = names.map { name in
            (
                name, terminals.filter { $0.merchant == name && $0.revoked == nil }.count,
                places.first { $0.name == name }
            )
        }
        call.print(
            .record([
                "merchants": .array(
                    lines.map { name, count, place in
                        .record([
                            "name": .text(name), "terminals": .integer(Int64(count)),
                            "parcours": .array(
                                (place?.parcours ?? []).map { .integer(Int64(clamping: $0)) }),
                            "actions": .array((place?.actions ?? []).map { .text($0) }),
                        ])
                    })
            ]),
            lines.map { name, count, place in
                let parcours = (place?.parcours ?? []).map { "\($0)" }.joined(separator: ",")
                return "\(name)  \(count) terminals"
                    + (parcours.isEmpty ? "" : "  parcours \(parcours)")
                    + (place?.actions.isEmpty ?? true
                        ? "" : "  \(place?.actions.joined(separator: ",") ?? "")")
            })
    }
}

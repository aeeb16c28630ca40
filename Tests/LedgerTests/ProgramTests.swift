import Crypto
import Foundation
import Glibc
import HTTPClient
import LedgerBook
import LedgerMessages
import Linux
import Operations
import TestSupport
import Testing
import Threads
import Tokens

@Suite(.serialized) struct ProgramTests {
    @Test(arguments: Store.all)
    func `an operator sets up a ledger and looks at it`(store: Store) throws {
        let deployment = try Deployment(store)
        let database = deployment.database
        #expect(try deployment.initialise().json["merchants"] as? Int == 5)
        let again = try deployment.initialise()
        #expect(again.code == 0 && (again.json["ledgerKey"] as? String)?.count == 64)
        let code = try deployment.run(
            "terminal", "code", "-d", database, "--merchant", "Café des Halles")
        #expect(code.code == 0 && code.out.count == 9)
        let nobody = try deployment.run("terminal", "code", "-d", database, "--merchant", "Nul")
        #expect(nobody.code == 1 && nobody.error.contains("'Nul'"))
        let card = try deployment.card(1, cents: 2_500)
        let list = try deployment.run("card", "list", "-d", database)
        #expect(list.out == "\(card.number)  25,00 ECO\n")
        #expect(try deployment.run("card", "block", card.number.digits, "-d", database).code == 0)
        let blocked = try deployment.run("card", "list", "-d", database)
        #expect(blocked.out == "\(card.number)  25,00 ECO  blocked\n")
        #expect(try deployment.run("terminal", "list", "-d", database).out.isEmpty)
        #expect(try deployment.run("held", "list", "-d", database, "--json").json["held"] != nil)
        let report = try deployment.run(
            "report", "-d", database, "--from", "2025-06-01", "--to", "2025-06-30", "--json")
        #expect(report.json["issuedCents"] as? Int == 2_500)
        let audit = try deployment.run("audit", "-d", database, "--json")
        #expect(audit.code == 0 && (audit.json["faults"] as? [String]) == [])
        #expect(try deployment.run("--help").out.contains("eco-ledger card topup NUMBER AMOUNT"))
    }

    @Test(arguments: Store.all)
    func `refusals have the exit codes of the table`(store: Store) throws {
        let deployment = try Deployment(store)
        let database = deployment.database
        #expect(try deployment.run("audit", "-d", database).code == 1)
        #expect(try deployment.initialise().code == 0)
        for address in ["postgresql://eco:hush@host/eco", "postgres:///eco?password=hush"] {
            let exposed = try deployment.run("audit", "-d", address)
            #expect(exposed.code == 2 && exposed.error.contains("PGPASSFILE"))
            #expect(!exposed.error.contains("hush"))
        }
        let nobody = try deployment.run("audit", "-d", "postgresql:///eco?host=/nowhere")
        #expect(nobody.code == 1 && nobody.error.contains("/nowhere"))
        for words in [
            ["audit"], ["audit", "-d", "ledger.sqlite"], ["nothing"],
            ["audit", "-d", "postgresql://host/eco?nothing=1"],
            ["init", "-d", "postgresql:///eco", "--seed", Deployment.seeds],
            ["card", "block", "123", "-d", database],
            ["card", "topup", "100000000016", "-5", "-d", database],
            ["report", "-d", database, "--from", "yesterday"],
            ["terminal", "revoke", "xyz", "-d", database],
            ["serve", "-d", database, "--listen", "here"] + deployment.keyOptions,
        ] {
            #expect(try deployment.run(words).code == 2, "\(words)")
        }
        #expect(try deployment.run("card", "block", "100000000016", "-d", database).code == 1)
        try Files.writeAtomically(Array("wrong".utf8), to: deployment.folder + "/pass")
        #expect(
            try deployment.run(
                ["serve", "-d", database, "--listen", "127.0.0.1:0"] + deployment.keyOptions
            ).code == 10)
        try Files.writeAtomically(Array("correct horse".utf8), to: deployment.folder + "/pass")
        try Files.remove(deployment.folder + "/ledger.sqlite.key")
        let lost = try deployment.initialise()
        #expect(lost.code == 10 && lost.error.contains("ledger.sqlite.key is not there"))
        let lines =
            "{\"number\":\"100000000016\",\"uid\":\"04112233445566\",\"epoch\":1,\"class\":1}\nx\n"
        let file = deployment.folder + "/cards.ndjson"
        try Files.writeAtomically(Array(lines.utf8), to: file)
        let partial = try deployment.run("card", "add", file, "-d", database)
        #expect(partial.code == 6 && partial.error.contains("line 2"))
        let sql = try deployment.place.outsider()
        try sql.unguard("postings")
        try sql.run("INSERT INTO transactions(id, entry, what, time) VALUES(1, NULL, 'theft', 0)")
        try sql.run("INSERT INTO postings(txn, account, cents) VALUES(1, 'card:100000000016', 5)")
        let audit = try deployment.run("audit", "-d", database)
        #expect(audit.code == 11 && audit.out.contains("does not sum to zero: 1"))
        #expect(audit.out.contains("a balance is not the sum of its postings, account: card:1000"))
    }

    @Test func `the seeds are what the program reads`() throws {
        struct DemonstrationCard: Decodable {
            let name: String
            let number: String
            let `class`: UInt64
            let topUpCents: Int64
        }
        let bytes = try Files.read(
            Deployment.seeds + "/demonstration-cards.json", atMost: 1 << 20)
        let cards = try JSONDecoder().decode([DemonstrationCard].self, from: Data(bytes))
        #expect(Set(cards.map(\.number)).count == cards.count)
        for card in cards {
            #expect(CardNumber(card.number) != nil, "\(card.name)")
            #expect(CardClass(rawValue: card.class) != nil, "\(card.name)")
            #expect(Amount(cents: card.topUpCents) != nil, "\(card.name)")
        }
        let policy = try PolicySettings(
            json: try Files.read(Deployment.seeds + "/policy.json", atMost: 1 << 20))
        #expect(policy.validDays == 14)
        var settings = policy
        try settings.add(
            catalogue: try Files.read(Deployment.seeds + "/catalogue.json", atMost: 1 << 20),
            consents: try Files.read(Deployment.seeds + "/consents.json", atMost: 1 << 20))
        let names = try settings.add(
            merchants: try Files.read(Deployment.seeds + "/merchants.json", atMost: 1 << 20))
        #expect(names.count == 5 && settings.places?.count == 5)
        // Every text in every language that a person may choose.
        let languages = Set(policy.languages)
        #expect(languages.count == 9)
        for action in settings.catalogue ?? [] {
            #expect(Set(action.labels.keys) == languages, "\(action.code)")
            #expect(Set(action.purpose.keys) == languages, "\(action.code)")
        }
        for consent in settings.consents ?? [] {
            #expect(Set(consent.texts.keys) == languages, "\(consent.version)")
        }
    }

    @Test func `merchants are names, or names with what they are near to`() throws {
        var settings = try PolicySettings(
            json: try Files.read(Deployment.seeds + "/policy.json", atMost: 1 << 20))
        let plain = Array(#"["Épicerie", {"name": "Café", "parcours": [1]}]"#.utf8)
        #expect(try settings.add(merchants: plain) == ["Épicerie", "Café"])
        #expect(settings.places?.map(\.name) == ["Café"])
        for wrong in [
            #"[""]"#, #"[{"parcours": [1]}]"#, #"[{"name": "A", "parcours": [3]}]"#,
            #"[{"name": "A", "parcours": [1], "actions": ["unknown"]}]"#, #"{"name": "A"}"#,
        ] {
            #expect(throws: BookError.self, "\(wrong)") {
                try settings.add(merchants: Array(wrong.utf8))
            }
        }
    }
}

/// The terminal's side of the wire.
struct Sender {
    let till: Till
    private let client = HTTPClient(
        timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 1 << 20)

    init(till: Till) { self.till = till }

    func pair(_ url: String, _ code: String) throws -> Ed25519PublicKey {
        let exchange = try client.send(
            method: "POST", url: url + "/v1/terminals",
            headers: [("Content-Type", "application/cbor")],
            body: PairingRequest(code: code, publicKey: till.signer.publicKey).encoded)
        return try PairingAnswer(exchange.body).ledgerKey
    }

    func post(_ url: String, _ batch: [UInt8]) throws -> HTTPExchange {
        let path = "/v1/terminals/\(till.id)/entries"
        let signed = till.signer.withKey {
            RequestSignature.headers(
                method: "POST", pathAndQuery: path, body: batch,
                created: Clock.realtimeMilliseconds() / 1_000, key: $0)
        }
        let answer = try client.send(
            method: "POST", url: url + path,
            headers: signed + [("Content-Type", "application/cbor-seq")], body: batch)
        if let fault = Contract.shared.fault("POST", path, answer) { Issue.record("\(fault)") }
        return answer
    }
}

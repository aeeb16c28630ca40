import Crypto
import Foundation
import HTTPClient
import LedgerBook
import LedgerMessages
import Linux
import Operations
import TestSupport
import Testing
import Tokens

/// The association's desk: what an operator types, at the real program.
@Suite(.serialized) struct DeskTests {
    private func book(_ deployment: Deployment) throws -> Book {
        try Book(deployment.place.address)
    }

    @Test(arguments: Store.all)
    func `init again leaves the policy as it is, and says what the seeds have otherwise`(
        store: Store
    ) throws {
        let deployment = try Deployment(store)
        let first = try deployment.initialise()
        #expect(first.json["policy"] as? String == "new")
        #expect((first.json["differences"] as? [Any])?.count == 0)
        let same = try deployment.initialise()
        #expect(same.json["policy"] as? String == "kept" && same.error.isEmpty)
        let here = ["-d", deployment.database]
        #expect(
            try deployment.run(["policy", "set", "revokedIssuers", "01020304"] + here).code == 0)
        let added = try deployment.run(
            ["merchant", "add", "Boulangerie du Canal", "--parcours", "1"]
                + ["--actions", "invendus-sauves"] + here)
        #expect(added.code == 0 && added.out.contains("next policy"))
        let kept = try deployment.initialise()
        #expect(kept.code == 0 && kept.json["policy"] as? String == "kept")
        let keys = (kept.json["differences"] as? [[String: Any]] ?? []).map { $0["key"] as? String }
        #expect(keys == ["revokedIssuers", "places"])
        let settings = try book(deployment).settings()
        #expect(settings.revokedIssuers == ["01020304"] && settings.places?.count == 6)
        #expect(try book(deployment).settingVersions().map(\.version) == [1, 2, 3])
        let told = try deployment.run(
            ["init", "--seed", Deployment.seeds] + here + deployment.keyOptions)
        #expect(told.out.contains("revokedIssuers 01020304 -> \n"))
        #expect(told.out.contains("--reset-policy puts them in its place"))
        let reset = try deployment.run(
            ["init", "--seed", Deployment.seeds, "--reset-policy", "--json"] + here
                + deployment.keyOptions)
        #expect(reset.code == 0 && reset.json["policy"] as? String == "reset")
        #expect(try book(deployment).settings().revokedIssuers == [])
        #expect(try book(deployment).settingVersions().count == 4, "what was before is kept")
        #expect(try book(deployment).merchants().contains("Boulangerie du Canal"))
        let code = try deployment.run(
            ["terminal", "code", "--merchant", "Boulangerie du Canal"] + here)
        #expect(code.code == 0)
        let list = try deployment.run(["merchant", "list"] + here)
        #expect(list.out.contains("La Ressourcerie  0 terminals  parcours 2  textile-apporte"))
        for words in [
            ["merchant", "add", "x", "--parcours", "3"],
            ["merchant", "add", "x", "--actions", "invendus-sauves"],
            ["merchant", "add"],
        ] {
            #expect(try deployment.run(words + here).code == 2, "\(words)")
        }
    }

    /// Whoever has a terminal's key can then move any account: nobody turns that on unwarned.
    @Test(arguments: Store.all)
    func `what lets terminals move accounts is said loudly, once`(store: Store) throws {
        let deployment = try Deployment(store)
        #expect(try deployment.initialise().error.isEmpty)
        func set(_ value: String) throws -> Programs.Result {
            try deployment.run(
                "policy", "set", "rules.replacementAtOnce", value, "-d", deployment.database,
                "--json")
        }
        let on = try set("true")
        #expect(on.code == 0 && on.error.hasPrefix("eco-ledger: WARNING: any terminal can now"))
        #expect((on.json["warnings"] as? [String])?.count == 1)
        for value in ["true", "false"] {
            let result = try set(value)
            #expect(result.code == 0 && result.error.isEmpty, "\(value)")
            #expect((result.json["warnings"] as? [String])?.count == 0)
        }
        #expect(try set("perhaps").code == 2)
        // Seeds that have it warn too.
        let seeds = deployment.folder + "/seeds"
        try FileManager.default.copyItem(atPath: Deployment.seeds, toPath: seeds)
        let policy = String(
            decoding: try Files.read(seeds + "/policy.json", atMost: 1 << 20), as: UTF8.self)
        let rules = policy.replacing(
            "\"topUpLimitCents\"", with: "\"replacementAtOnce\": true, \"topUpLimitCents\"")
        try Files.writeAtomically(Array(rules.utf8), to: seeds + "/policy.json")
        let left = try deployment.initialise(seed: seeds)
        #expect(left.code == 0 && left.error.isEmpty)
        let reset = try deployment.run(
            ["init", "-d", deployment.database, "--seed", seeds, "--reset-policy"]
                + deployment.keyOptions)
        #expect(reset.code == 0 && reset.error.hasPrefix("eco-ledger: WARNING: "))
    }

    @Test(arguments: Store.all)
    func `a top-up that is asked for again is told, not booked`(store: Store) throws {
        let deployment = try Deployment(store)
        #expect(try deployment.initialise().code == 0)
        let card = try deployment.card(1, cents: 2_500).number.digits
        func topUp(_ amount: String, _ more: String...) throws -> Programs.Result {
            try deployment.run(
                ["card", "topup", card, amount, "-d", deployment.database, "--json"] + more)
        }
        let first = try topUp("10", "--reference", "V-1", "--reason", "welcome")
        #expect(first.code == 0 && first.json["cents"] as? Int == 3_500)
        #expect(first.json["already"] as? Bool == false)
        let again = try topUp("10", "--reference", "V-1")
        #expect(again.code == 0 && again.json["cents"] as? Int == 3_500)
        #expect(again.json["addedCents"] as? Int == 0 && again.json["already"] as? Bool == true)
        let other = try topUp("11", "--reference", "V-1")
        #expect(other.code == 1 && other.error.contains("reference V-1: welcome, 10,00 ECO"))
        #expect(try topUp("1", "--reference", "").code == 2)
        let shown = try deployment.run("card", "show", card, "-d", deployment.database)
        #expect(shown.out.contains("  10,00 ECO  top-up of \(card), reference V-1: welcome\n"))
        #expect(try deployment.run("card", "block", card, "-d", deployment.database).code == 0)
        let blocked = try topUp("1")
        #expect(blocked.code == 1 && blocked.error.contains("is blocked; nothing was added"))
        #expect(try topUp("10", "--reference", "V-1").json["already"] as? Bool == true)
    }

    /// The server goes with the COMMIT: whether it was booked is not known then.
    @Test func `a top-up whose answer is lost is told how to be asked for again`() throws {
        let deployment = try Deployment(.postgreSQL)
        #expect(try deployment.initialise().code == 0)
        let card = try deployment.card(1, cents: 100).number.digits
        let sql = try deployment.place.outsider()
        try sql.run(
            """
            CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
            """)
        try sql.run(
            """
            CREATE CONSTRAINT TRIGGER leaves AFTER INSERT ON transactions
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()
            """)
        let words = ["card", "topup", card, "5", "-d", deployment.database]
        let lost = try deployment.run(words)
        #expect(lost.code == 75 && lost.error.contains("is not known"), "\(lost.error)")
        let parts = lost.error.split(separator: "'")
        let reference = try #require(parts.count == 3 ? String(parts[1]) : nil)
        try sql.run("DROP TRIGGER leaves ON transactions")
        let again = words + ["--reference", reference, "--json"]
        #expect(try deployment.run(again).json["addedCents"] as? Int == 500)
        #expect(try deployment.run(again).json["addedCents"] as? Int == 0)
        #expect(try deployment.run(again).json["cents"] as? Int == 600)
    }

    @Test(arguments: Store.all)
    func `the key that personal data is sealed to is replaced only when somebody says so`(
        store: Store
    ) throws {
        let deployment = try Deployment(store)
        #expect(try deployment.initialise().code == 0)
        let file = deployment.folder + "/ledger.sqlite.sealing"
        let ledger = try book(deployment)
        let card = try deployment.card(1, cents: 100)
        let till = Till()
        let code = try ledger.pairingCode(merchant: "La Ressourcerie", now: Sunday.noon)
        _ = try ledger.pair(code: code, key: till.signer.publicKey, now: Sunday.noon)
        let authority = Authority(signer: TestSigner(), keys: try TestKeys())
        func tell(_ words: String) throws {
            let named = try #require(try ledger.sealingCertificate())
            let sealed = try Envelope.seal(SecretBytes(Array(words.utf8)), certificate: named)
            let batch = try VerifiedBatch(
                till.enrol(card, sealed: sealed), key: till.signer.publicKey)
            _ = try ledger.book(batch, authority: authority, now: Sunday.noon)
        }
        func open() throws -> Programs.Result {
            var options = deployment.keyOptions
            options.removeFirst(2)
            return try deployment.run(["enrolment", "open", "-d", deployment.database] + options)
        }
        func renewed() throws -> Programs.Result {
            try deployment.run(
                [
                    "init", "-d", deployment.database, "--seed", Deployment.seeds,
                    "--new-sealing-key",
                ]
                    + deployment.keyOptions)
        }
        try tell("Awa")
        #expect(try open().out.contains("Awa"))
        let first = try ledger.sealingCertificate()
        try Files.move(file, to: file + ".before")
        let missing = try deployment.initialise()
        #expect(missing.code == 10 && missing.error.contains("sealing is not there"))
        #expect(!Files.exists(file))
        #expect(try ledger.sealingCertificate() == first)
        #expect(try open().code == 10)
        #expect(try renewed().code == 0)
        #expect(try ledger.sealingCertificate() != first)
        try tell("Bakary")
        let half = try open()
        #expect(half.code == 6 && half.out.contains("Bakary") && !half.out.contains("Awa"))
        #expect(half.error.contains("1 enrolments stay closed"))
        // The file of before is not what terminals seal to: not by itself, and never again.
        try Files.move(file, to: file + ".after")
        try FileManager.default.copyItem(atPath: file + ".before", toPath: file)
        let foreign = try deployment.initialise()
        #expect(foreign.code == 10 && foreign.error.contains("is not the key that terminals seal"))
        let back = try renewed()
        #expect(back.code == 10 && back.error.contains("was replaced by another key before"))
        #expect(try open().out.contains("Awa"), "but it opens what was sealed to it")
        try Files.move(file + ".after", to: file)
        #expect(try deployment.initialise().code == 0)
    }

    @Test func `turnover is shown beyond this machine only when somebody says so`() throws {
        let deployment = try Deployment(.sqlite)
        #expect(try deployment.initialise().code == 0)
        // Asked before the database, which is not there: nothing could listen meanwhile.
        func refused(_ options: [String]) throws -> Programs.Result {
            try deployment.run(
                ["serve", "-d", deployment.database + ".none", "--listen", "127.0.0.1:0"]
                    + deployment.keyOptions + options)
        }
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "127.0.0.1.2:0", "1270.0.0.1:0"] {
            let result = try refused(["--fleet", address])
            #expect(result.code == 2 && result.error.contains("--fleet-open"), "\(address)")
        }
        #expect(try refused(["--fleet-open"]).code == 2)
        for (address, isWarned) in [
            ("127.0.0.1:0", false), ("127.9.9.9:0", false), ("[::1]:0", false), ("0.0.0.0:0", true),
        ] {
            let talk = Pipe()
            let serving = try deployment.serve(
                ["--fleet", address] + (isWarned ? ["--fleet-open"] : []),
                errors: talk.fileHandleForWriting)
            serving.process.terminate()
            serving.process.waitUntilExit()
            try talk.fileHandleForWriting.close()
            let said = String(
                decoding: talk.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(said.contains("WARNING: whoever reaches") == isWarned, "\(address): \(said)")
        }
    }

    @Test(arguments: Store.all)
    func `a code that moves a terminal says what moves with it`(store: Store) throws {
        let deployment = try Deployment(store)
        #expect(try deployment.initialise().code == 0)
        let ledger = try book(deployment)
        let till = Till()
        let first = try ledger.pairingCode(
            merchant: "La Ressourcerie", now: Clock.realtimeMilliseconds())
        _ = try ledger.pair(
            code: first, key: till.signer.publicKey, now: Clock.realtimeMilliseconds())
        func code(_ words: String...) throws -> Programs.Result {
            try deployment.run(
                ["terminal", "code", "-d", deployment.database, "--merchant", "Café des Halles"]
                    + words)
        }
        let made = try code("--move", till.id, "--json")
        #expect(made.code == 0 && made.json["moves"] as? String == till.id)
        #expect(made.error.contains("0 payments, 0,00 ECO, until now for 'La Ressourcerie'"))
        let plain = try code("--json")
        #expect(!plain.error.contains("until now") && plain.json["moves"] is NSNull)
        #expect(try code("--move", "x").code == 2)
        #expect(try code("--move", "0011223344556677").code == 1)
        let words = try #require(made.json["code"] as? String)
        let moved = try ledger.pair(
            code: words, key: till.signer.publicKey, now: Clock.realtimeMilliseconds())
        #expect(moved.merchant == "Café des Halles")
    }

    /// The desk of an association where somebody rings up.
    @Test(arguments: Store.all)
    func `a card is shown with what it did, why it is blocked, and who has its account`(
        store: Store
    ) throws {
        let deployment = try Deployment(store)
        #expect(try deployment.initialise().code == 0)
        let (lost, fresh) = (
            try deployment.card(1, cents: 2_500), try deployment.card(2, cents: 100)
        )
        let ledger = try book(deployment)
        let till = Till()
        let code = try ledger.pairingCode(merchant: "La Ressourcerie", now: Sunday.noon)
        _ = try ledger.pair(code: code, key: till.signer.publicKey, now: Sunday.noon)
        let authority = Authority(signer: TestSigner(), keys: try TestKeys())
        let batch = try VerifiedBatch(
            till.enrol(fresh, replaces: lost), key: till.signer.publicKey)
        _ = try ledger.book(batch, authority: authority, now: Sunday.noon)
        func show(_ card: SoftwareCard, _ more: String...) throws -> Programs.Result {
            try deployment.run(
                ["card", "show", card.number.digits, "-d", deployment.database] + more)
        }
        let why = "terminal-replaced: another card claims its account (entry \(till.id) 1)"
        let waiting = try show(lost)
        #expect(waiting.code == 0 && waiting.out.hasPrefix("\(lost.number)  25,00 ECO\nclass 1, "))
        #expect(waiting.out.contains("blocked  since 2025-06-01T12:00:00Z  \(why)"))
        let blocked = try deployment.run("card", "list", "--blocked", "-d", deployment.database)
        #expect(blocked.out.contains(why))
        #expect(try show(fresh).out.contains("held: replacement  2025-06-01T12:00:00Z"))
        try ledger.decide(
            terminal: till.kid, sequence: 1, release: true, reason: "hers", now: Sunday.noon)
        #expect(
            try show(lost).out.contains("replaced by \(fresh.number), which has its account\n"))
        let shown = try show(fresh)
        #expect(shown.out.contains("replaces \(lost.number)\n"))
        #expect(
            shown.out.contains("  25,00 ECO  replacement  La Ressourcerie (entry \(till.id) 1)"))
        #expect(!shown.out.contains("held:") && !shown.out.contains("blocked"))
        let uid = Hexadecimal.text(fresh.uid)
        #expect(!shown.out.contains(uid))
        let object = try show(fresh, "--json", "--last", "1").json
        #expect(object["cents"] as? Int == 2_600 && object["uid"] as? String == uid)
        #expect((object["movements"] as? [Any])?.count == 1)
        #expect(object["replaces"] as? [String] == [lost.number.digits])
        #expect(try show(try SoftwareCard(serial: 77, keys: TestKeys())).code == 1)
    }
}

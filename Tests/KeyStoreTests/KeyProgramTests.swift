import Crypto
import Foundation
import KeyStore
import Linux
import PKCS11
import TestSupport
import Testing

/// The key commands of the real programs, as their people use them.
private final class Office {
    let folder = NSTemporaryDirectory() + "/office-" + UUID().uuidString

    init() throws {
        try Files.makeDirectory(folder)
        for name in ["pass", "one", "two", "other"] { try secret(name, name + " phrase") }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func callAsFunction(_ name: String) -> String { folder + "/" + name }

    func secret(_ name: String, _ text: String) throws {
        try Files.writeAtomically(Array(text.utf8), to: folder + "/" + name)
    }

    func run(
        _ program: String, _ words: [String], environment: [String: String] = [:]
    ) throws -> Programs.Result {
        try Programs.run(program, words, environment: environment)
    }

    /// Starts a program that goes on until it is ended; what it says goes into a file.
    func start(_ program: String, _ words: [String]) throws -> ChildProcess {
        try ChildProcess.start(
            Programs.path(program), words, output: self("out"), errors: self("errors"))
    }

    /// True as soon as the program started says `text`.
    func says(_ text: String) -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let said = (try? Files.read(self("out"), atMost: 1 << 16)) ?? []
            if String(decoding: said, as: UTF8.self).contains(text) { return true }
            usleep(20_000)
        }
        return false
    }

    func card(_ words: [String]) throws -> Programs.Result { try run("eco-card", words) }

    var sealed: [String] { ["--keys", self("keys"), "--passphrase-file", self("pass")] }
}

@Suite struct KeyProgramTests {
    @Test func `Two custodians make keys together, and neither opens them alone`() throws {
        let office = try Office()
        let both = ["--share-passphrase-files", office("one") + "," + office("two")]
        let made = try office.card(
            ["key", "init", "--keys", office("keys"), "--shares", "2"] + both)
        #expect(made.code == 0, "\(made.error)")
        #expect(!Files.exists(office("keys/terminal.keys")))
        let files = [office("keys/share-1.key"), office("keys/share-2.key")]
        let place = ["--keys", office("keys"), "--share-files"]
        let opened = try office.card(
            ["key", "list", "--json"] + place + [files.joined(separator: ",")] + both)
        #expect(opened.code == 0, "\(opened.error)")
        let alone = try office.card(
            ["key", "list"] + place + [files[0], "--share-passphrase-files", office("one")])
        #expect(alone.code == 10 && alone.error.contains("share 2 of 2 is missing"))
        let crossed = try office.card(
            ["key", "list"] + place + [files.reversed().joined(separator: ",")] + both)
        #expect(crossed.code == 10)
        #expect(crossed.error.contains("does not open the share \(files[1])"))
        let check = try office.card(
            [
                "key", "check", "--share-files", files[1], "--share-passphrase-files",
                office("two"), "--json",
            ])
        let share = try #require((check.json["shares"] as? [[String: Any]])?.first)
        #expect(share["number"] as? Int == 2 && share["count"] as? Int == 2)
        let value = try #require(share["check"] as? String)
        #expect(value.count == 6 && made.out.contains(value))
        let few = try office.card(
            ["key", "init", "--keys", office("k"), "--shares", "3"] + both)
        #expect(few.code == 2 && !Files.exists(office("k/issuer.keys")))
    }

    @Test func `A terminal's bundle goes from the issuer to the terminal by its public key`() throws
    {
        let office = try Office()
        #expect(try office.card(["key", "init"] + office.sealed).code == 0)
        let settings =
            "directory = \(office("till"))\nkeys = \(office("till.bundle"))\n"
            + "passphrase-file = \(office("one"))\n"
        try Files.writeAtomically(Array(settings.utf8), to: office("till.conf"))
        let shown = try office.run(
            "eco-terminal",
            ["key", "show", "-c", office("till.conf"), "--out", office("till.key"), "--json"])
        #expect(shown.code == 0, "\(shown.error)")
        let key = try #require(shown.json["sealing"] as? String)
        #expect(try Files.read(office("till.key"), atMost: 100) == Array((key + "\n").utf8))
        let words = ["key", "bundle", "--terminal", office("till.key")]
        let cut = try office.card(
            words + ["--out", office("till.bundle"), "--json"] + office.sealed)
        #expect(cut.code == 0, "\(cut.error)")
        let again = try office.card(words + ["--out", office("till.bundle")] + office.sealed)
        #expect(again.code == 10 && again.error.contains("is there already"))
        let own = try SigningKey.open(
            path: office("till/terminal.key"),
            passphrase: try passphrase(file: office("one")))
        let text = try #require(cut.json["issuer"] as? String)
        let issuer = try Ed25519PublicKey(try #require(Hexadecimal.bytes(text)))
        let keys = try TerminalKeys.open(
            path: office("till.bundle"), for: own, issuer: issuer)
        #expect(keys.epochs == [1])
        #expect(try !TerminalKeys.isPassphraseFile(office("till.bundle")))
        for wrong in ["00", office("none"), "passphrase:" + office("none")] {
            let refused = try office.card(
                ["key", "bundle", "--terminal", wrong, "--out", office("x")] + office.sealed)
            #expect([2, 10].contains(refused.code), "\(wrong)")
            #expect(!Files.exists(office("x")))
        }
    }

    @Test func `A terminal serves with its bundle, and not with another issuer's`() throws {
        let office = try Office()
        #expect(try office.card(["key", "init"] + office.sealed).code == 0)
        let issuer = String(
            decoding: try Files.read(office("keys/issuer.pub"), atMost: 100), as: UTF8.self)
        let other = Hexadecimal.text(try IssuerKeys.create(epoch: 1).issuerKey.bytes)
        for (name, key) in [("good.conf", issuer), ("bad.conf", other + "\n")] {
            let settings =
                "directory = \(office("till"))\nkeys = \(office("till.bundle"))\n"
                + "passphrase-file = \(office("one"))\nlisten = 127.0.0.1:0\nissuer = \(key)"
            try Files.writeAtomically(Array(settings.utf8), to: office(name))
        }
        let conf = ["-c", office("good.conf")]
        let shown = try office.run("eco-terminal", ["key", "show", "--json"] + conf)
        let key = try #require(shown.json["sealing"] as? String)
        let cut = ["key", "bundle", "--terminal", key, "--out", office("till.bundle")]
        #expect(try office.card(cut + office.sealed).code == 0)
        // A ledger that is out of reach: the terminal serves within its limits.
        let ledger = "http://127.0.0.1:9\n\(other)\n"
        try Files.writeAtomically(Array(ledger.utf8), to: office("till/ledger.conf"))
        let refused = try office.run("eco-terminal", ["serve", "-c", office("bad.conf")])
        #expect(refused.code == 10)
        #expect(refused.error.contains("issuer.pub"), "\(refused.error)")
        let terminal = try office.start("eco-terminal", ["serve"] + conf)
        #expect(office.says("Open http://127.0.0.1:"))
        terminal.signal(SIGTERM)
        #expect(terminal.wait() == 0)
    }

    @Test func `The ledger's bundle is sealed to the ledger, and a rotation makes a new one`()
        throws
    {
        let office = try Office()
        #expect(try office.card(["key", "init"] + office.sealed).code == 0)
        let book = ["-d", "sqlite:" + office("ledger"), "--passphrase-file", office("one")]
        let shown = try office.run("eco-ledger", ["key", "show", "--json"] + book)
        let key = try #require(shown.json["sealing"] as? String)
        let rotated = try office.card(["key", "rotate", "--json"] + office.sealed)
        #expect(rotated.json["epochs"] as? [Int] == [1, 2])
        #expect(Files.exists(office("keys/issuer.keys.previous")))
        let cut = try office.card(
            ["key", "bundle", "--ledger", key, "--epochs", "2", "--out", office("b"), "--json"]
                + office.sealed)
        #expect(cut.code == 0, "\(cut.error)")
        let seeds = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "seeds").path
        let begin = ["init", "--json", "--seed", seeds, "--keys", office("b")] + book
        let strange = try office.run(
            "eco-ledger", begin + ["--issuer", String(repeating: "00", count: 31) + "01"])
        #expect(strange.code == 10, "\(strange.error)")
        let issuer = try #require(cut.json["issuer"] as? String)
        let begun = try office.run("eco-ledger", begin + ["--issuer", issuer])
        #expect(begun.code == 0, "\(begun.error)")
        #expect(begun.json["epochs"] as? [Int] == [2])
        let retired = try office.card(["key", "rotate", "--retire", "1", "--json"] + office.sealed)
        #expect(retired.json["epochs"] as? [Int] == [2])
        let twice = try office.card(["key", "rotate", "--retire", "1"] + office.sealed)
        #expect(twice.code == 10)
    }
}

extension SoftTokenSuites {
    @Suite struct TokenProgramTests {
        @Test func `Every key command works with a token, and a wrong PIN changes nothing`() throws
        {
            let office = try Office()
            let soft = try SoftToken()
            try office.secret("pin", SoftToken.pin)
            let place = ["--pkcs11", soft.uri, "--pin-file", office("pin")]
            let wrong = ["--pkcs11", soft.uri, "--pin-file", office("other")]
            let refused = try office.card(["key", "init"] + wrong)
            #expect(refused.code == 10 && refused.error.contains("few tries are left"))
            #expect(try soft.session().objects([]).isEmpty)
            let made = try office.card(["key", "init", "--epoch", "3", "--json"] + place)
            #expect(made.code == 0, "\(made.error)")
            let issuer = try #require(made.json["issuer"] as? String)
            #expect(try office.card(["key", "init"] + place).code == 10)
            #expect(try office.card(["key", "rotate"] + wrong).code == 10)
            let list = try office.card(["key", "list", "--json"] + place)
            #expect(list.json["epochs"] as? [Int] == [3])
            #expect(list.json["issuer"] as? String == issuer)
            let rotated = try office.card(["key", "rotate", "--json"] + place)
            #expect(rotated.json["epochs"] as? [Int] == [3, 4])
            let cut = try office.card(
                ["key", "bundle", "--ledger", "passphrase:" + office("one"), "--out", office("l")]
                    + place)
            #expect(cut.code == 0, "\(cut.error)")
            let ledger = try LedgerKeys.open(
                path: office("l"), passphrase: try passphrase(file: office("one")))
            #expect(ledger.epochs == [3, 4])
            for (words, sentence) in [
                (["--pkcs11", "pkcs11:token=eco?module-path=/no.so"], "cannot be loaded"),
                (["--pkcs11", "pkcs11:token=no?module-path=" + SoftToken.module], "no token"),
                (["--pkcs11", soft.uri + "&pin-value=1"], "does not belong"),
            ] {
                let result = try office.card(
                    ["key", "list"] + words + ["--pin-file", office("pin")])
                #expect(result.code == 10 && result.error.contains(sentence), "\(result.error)")
            }
            let two = try office.card(["key", "list", "--agent", "x"] + place)
            #expect(two.code == 2)
        }

        @Test func `Two custodians hold a token's PIN between them`() throws {
            let office = try Office()
            let soft = try SoftToken()
            try office.secret("pin", SoftToken.pin)
            let both = ["--share-passphrase-files", office("one") + "," + office("two")]
            let token = ["--pkcs11", soft.uri]
            let made = try office.card(
                ["key", "init", "--keys", office("shares"), "--shares", "2"] + both + token + [
                    "--pin-file", office("pin"),
                ])
            #expect(made.code == 0, "\(made.error)")
            let shares = [office("shares/share-1.key"), office("shares/share-2.key")]
            let opened = try office.card(
                ["key", "list", "--share-files", shares.joined(separator: ",")] + both + token)
            #expect(opened.code == 0, "\(opened.error)")
            let old = try office.card(["key", "list", "--pin-file", office("pin")] + token)
            #expect(old.code == 10 && old.error.contains("the PIN is wrong"))
        }
    }
}

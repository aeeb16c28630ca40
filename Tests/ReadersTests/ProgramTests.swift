import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing

/// eco-card without a card.
@Suite struct ProgramTests {
    private static let commands = [
        "key init", "key list", "key rotate", "key bundle", "key check", "key agent",
        "card provision", "card info", "card read", "card verify", "card reset", "card rekey",
        "batch run", "batch resume", "batch report", "batch check", "batch spoil",
        "batch register", "label print", "reader list", "reader watch", "token show",
        "token verify",
    ]

    @Test func `Every command explains itself with two examples`() throws {
        let technician = try Technician()
        for command in Self.commands {
            let words = command.split(separator: " ").map(String.init)
            let help = try technician.run(words + ["--help"])
            #expect(help.code == 0)
            let examples = help.out.split(separator: "\n").drop { $0 != "Examples:" }.dropFirst()
            #expect(examples.count == 2, "\(command)")
            #expect(examples.allSatisfy { $0.hasPrefix("  eco-card \(command)") }, "\(command)")
        }
    }

    @Test func `Keys are made once, sealed, each bundle with its passphrase`() throws {
        let technician = try Technician()
        try Files.writeAtomically(Array("terminal".utf8), to: technician.folder + "/terminal.pass")
        let options = ["--terminal-passphrase-file", technician.folder + "/terminal.pass"]
        let made = try technician.run(["key", "init", "--json"] + technician.keys + options)
        #expect(made.code == 0)
        let key = try #require(made.json["issuer"] as? String)
        #expect(key.count == 64)
        let folder = technician.folder + "/keys"
        for name in ["issuer.keys", "terminal.keys", "ledger.keys"] {
            #expect(try Files.mode(folder + "/" + name) == 0o600)
        }
        #expect(try Files.read(folder + "/issuer.pub", atMost: 100) == Array((key + "\n").utf8))
        let list = try technician.run(["key", "list", "--json"] + technician.keys)
        #expect(list.json["issuer"] as? String == key)
        let again = try technician.run(["key", "init"] + technician.keys)
        #expect(again.code == 10 && again.out.isEmpty)
        #expect(again.error.contains("issuer.keys is there already"))
    }

    @Test func `Each refusal has its exit code, a sentence and a hint`() throws {
        let technician = try Technician()
        #expect(try technician.run(["key", "init"] + technician.keys).code == 0)
        let folder = technician.folder
        try Files.writeAtomically(Array("wrong".utf8), to: folder + "/wrong")
        try Files.writeAtomically(Array("correct horse".utf8), to: folder + "/open", mode: 0o644)
        try Files.writeAtomically([1, 2, 3], to: folder + "/token")
        let keys = ["--keys", folder + "/keys"]
        let provision = ["card", "provision", "--wait", "0"]
        let cases: [(Int32, [String])] = [
            (2, ["card", "eat"]), (2, provision + technician.keys), (2, ["key", "init"]),
            (2, provision + technician.keys + ["--number", "100000000009"]),
            (2, provision + technician.keys + ["--number", "100000000008", "--class", "king"]),
            (2, provision + technician.keys + ["--number", "100000000008", "--years", "11"]),
            (2, ["card", "reset"] + technician.keys), (2, ["key", "list"] + keys),
            (2, ["token", "show"]), (2, ["token", "verify", folder + "/token"]),
            (10, ["key", "list"] + keys + ["--passphrase-file", folder + "/wrong"]),
            (10, ["key", "list"] + keys + ["--passphrase-file", folder + "/open"]),
            (10, ["key", "list"] + keys + ["--passphrase-file", folder + "/none"]),
            (11, ["token", "show", folder + "/token"]), (1, ["token", "show", folder + "/none"]),
        ]
        for (code, words) in cases {
            let result = try technician.run(words)
            #expect(result.code == code, "\(words): \(result.error)")
            #expect(result.out.isEmpty)
            let lines = result.error.split(separator: "\n")
            #expect(lines.count == 2 && lines.last?.hasSuffix("(code \(code))") == true, "\(words)")
            #expect(!result.error.contains("correct horse"))
        }
    }
}

/// eco-card at a PN532 in software, through the real libnfc.
@Suite(.serialized) final class ChipProgramTests {
    private let line: LinePlace
    private let chip: VirtualPN532
    private var reader: [String] { ["--nfc", chip.connstring] }

    init() throws {
        line = try LinePlace()
        chip = try VirtualPN532(link: line.path)
    }

    deinit { chip.stop() }

    /// A command of the technician's at the chip.
    private func run(_ technician: Technician, _ words: [String]) throws -> Programs.Result {
        try LateChip.run { try technician.run(words + reader) }
    }

    @Test func `A card's life over libnfc: blank, provisioned, verified, reset`() throws {
        let technician = try Technician()
        let keys = technician.keys
        #expect(try technician.run(["key", "init"] + keys).code == 0)
        let list = try run(technician, ["reader", "list", "--json"])
        #expect((list.json["readers"] as? [String])?.first?.contains("pn532_uart") == true)
        #expect(try run(technician, ["card", "info", "--wait", "0"]).code == 4)
        chip.insert(try ntag(0x77))
        let blank = try run(technician, ["card", "info", "--json"])
        #expect(blank.json["kind"] as? String == "blank", "\(blank.error)")
        let provision = ["card", "provision", "--number", "100000000008"] + keys
        #expect(try run(technician, provision).code == 0)
        #expect(try run(technician, ["card", "verify"] + keys).code == 0)
        let info = try run(technician, ["card", "info", "--json"])
        #expect(info.json["kind"] as? String == "ours")
        #expect(try run(technician, ["card", "reset", "--yes"] + keys).code == 0)
        chip.second.insert(try ntag(0x78))
        #expect(try run(technician, ["card", "info"]).code == 4)
    }

    @Test func `Watching says who came and went`() throws {
        let technician = try Technician()
        let (watch, out) = try technician.start(["reader", "watch", "--json"] + reader)
        defer { watch.waitUntilExit() }
        defer { watch.terminate() }
        #expect(Technician.line(out).contains("\"event\":\"reader\""))
        chip.insert(try ntag())
        #expect(Technician.line(out).contains("\"event\":\"card\""))
        chip.remove()
        #expect(Technician.line(out).contains("\"event\":\"removed\""))
        chip.stop()
        #expect(Technician.line(out).contains("\"event\":\"reader-lost\""))
        watch.terminate()
        watch.waitUntilExit()
        #expect(watch.terminationStatus == 0)
    }

    @Test func `libnfc writes nothing anywhere, also when it is asked to`() throws {
        let technician = try Technician()
        chip.insert(try ntag(1, "mute@2"))
        let cases: [(Int32, [String])] = [
            (3, ["--nfc", "pn532_uart:/nowhere"]), (2, ["--nfc", "pcsc:ACS"]),
            (2, reader + ["-r", "1"]), (6, reader),
        ]
        for (code, words) in cases {
            let result = try LateChip.retried({ $0.code == 3 && code != 3 }) {
                try technician.run(
                    ["card", "info"] + words, environment: ["LIBNFC_LOG_LEVEL": "3"])
            }
            #expect(result.code == code, "\(words): \(result.error)")
            #expect(result.out.isEmpty)
            #expect(result.error.split(separator: "\n").count == 2, "\(result.error)")
        }
    }
}

extension LivePCSC {
    /// eco-card with a card on the reader.
    @Suite final class CardProgramTests {
        private let slot = VirtualReaderSlot()

        init() throws { try awaitEmptyReaders() }

        deinit { slot.stop() }

        @Test func `A card's life: blank, provisioned, read, verified, reset`() throws {
            let technician = try Technician()
            let keys = technician.keys
            let folder = technician.folder
            let issuer = try #require(
                try technician.run(["key", "init", "--json"] + keys).json["issuer"] as? String)
            #expect(try technician.run("card", "info", "--wait", "0").code == 4)
            slot.insert(try ntag(0x77))
            let blank = try technician.run("card", "info", "--json")
            #expect(blank.json["kind"] as? String == "blank", "\(blank.error)")
            #expect(blank.json["uid"] as? String == "04…0577")
            #expect(try technician.run("card", "read").code == 5)

            let provision = ["card", "provision", "--number", "100000000008", "--json"]
            let register = ["--register", folder + "/cards.ndjson"]
            let made = try technician.run(provision + keys + register)
            #expect(made.code == 0, "\(made.error)")
            #expect(made.json["number"] as? String == "100000000008")
            #expect(try Files.mode(folder + "/cards.ndjson") == 0o600)
            let line = try Files.read(folder + "/cards.ndjson", atMost: 1_000)
            #expect(String(decoding: line, as: UTF8.self).contains("\"uid\":\"04010203040577\""))
            let other = ["card", "provision", "--number", "100000000016"]
            #expect(try technician.run(other + keys).code == 5)

            let info = try technician.run("card", "info", "--show-uid", "--json")
            #expect(info.json["kind"] as? String == "ours")
            #expect(info.json["uid"] as? String == "04010203040577")
            #expect(try technician.run(["card", "verify"] + keys).code == 0)
            let token = folder + "/card.token"
            let read = try technician.run("card", "read", "--token", token, "--json")
            #expect((read.json["address"] as? String)?.hasPrefix("https://carte.eco") == true)
            #expect(try technician.run("token", "show", token).code == 0)
            let verify = ["token", "verify", token, "--issuer"]
            #expect(try technician.run(verify + [issuer]).code == 0)
            #expect(try technician.run(verify + [String(issuer.reversed())]).code != 0)

            #expect(try technician.run(["card", "reset"] + keys).code == 2)
            #expect(try technician.run(["card", "reset", "--yes"] + keys).code == 0)
            let after = try technician.run("card", "info", "--json")
            #expect(after.json["kind"] as? String == "blank")
        }

        @Test func `A card that leaves is a partial result, and the same command finishes it`()
            throws
        {
            let technician = try Technician()
            #expect(try technician.run(["key", "init"] + technician.keys).code == 0)
            let provision = ["card", "provision", "--number", "100000000008"] + technician.keys
            slot.insert(try ntag(1, "lost@45"))
            let torn = try technician.run(provision)
            #expect(torn.code == 6 && torn.error.contains("the card left too early"))
            let card = try #require(slot.remove())
            slot.insert(card)
            let finished = try technician.run(provision)
            #expect(finished.code == 0, "\(finished.error)")
            #expect(try technician.run(["card", "verify"] + technician.keys).code == 0)
        }

        @Test func `Both readers are listed, and watching says who came and went`() throws {
            let technician = try Technician()
            let readers = try technician.run("reader", "list", "--json")
            #expect((readers.json["readers"] as? [String])?.count == 2)
            let (watch, out) = try technician.start(["reader", "watch", "--json"])
            defer { watch.waitUntilExit() }
            defer { watch.terminate() }
            #expect(Technician.line(out).contains("\"event\":\"reader\""))
            slot.insert(try ntag())
            #expect(Technician.line(out).contains("\"event\":\"card\""))
            slot.remove()
            #expect(Technician.line(out).contains("\"event\":\"removed\""))
            watch.terminate()
            watch.waitUntilExit()
            #expect(watch.terminationStatus == 0)
        }
    }
}

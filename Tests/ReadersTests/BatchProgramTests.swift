import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import TestSupport
import Testing

extension LivePCSC {
    /// A box of cards through pcscd, with the real eco-card.
    @Suite final class BatchProgramTests {
        private let slot = VirtualReaderSlot()
        private let count =
            Int(ProcessInfo.processInfo.environment["ECO_BATCH_CARDS"] ?? "") ?? 60

        init() throws { try awaitEmptyReaders() }

        deinit { slot.stop() }

        /// The next event of a run about a card, or nil when the run has ended.
        private func cardEvent(_ out: FileHandle) -> [String: Any]? {
            while true {
                let line = Technician.line(out)
                if line.isEmpty { return nil }
                let json =
                    (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any]
                if json?["event"] as? String == "card" { return json }
            }
        }

        private func prepare(_ technician: Technician, rows: Int) throws -> [String] {
            #expect(try technician.run(["key", "init"] + technician.keys).code == 0)
            var text = "seq,alias,card_type,account_ref,print_label\n"
            for row in 1...rows { text += "\(row),porteur-\(row),ntag424,,Carte \(row)\n" }
            let path = technician.folder + "/box.csv"
            try Files.writeAtomically(Array(text.utf8), to: path)
            return [path] + technician.keys + ["--register", technician.folder + "/cards.ndjson"]
        }

        @Test func `A box of cards is prepared although the program is killed in between`() throws {
            let technician = try Technician()
            let box = try prepare(technician, rows: count)
            var (process, out) = try technician.start(["batch", "run"] + box)
            defer { process.terminate() }
            // A batch is begun once this is told; from here on any instant will do.
            #expect(Technician.line(out).contains("\"event\":\"begin\""))
            var (kills, commands, milliseconds, resumed) = (0, 0, 0, 0)
            let killed = Set((1...count).shuffled().prefix(min(20, count / 3)))
            let start = ContinuousClock.now
            for index in 1...count {
                let card = SoftwareNTAG424(
                    try .factory(uid: [0x04, 0xEC, 1, 0, 0, UInt8(index >> 8), UInt8(index & 255)]))
                #expect(slot.insert(card))
                if killed.contains(index) {
                    #expect(slot.wait(for: .powered, atMost: .seconds(10)))
                    // Any instant of the conversation.
                    Clock.sleep(.microseconds(Int.random(in: 0...120_000)))
                    kill(process.processIdentifier, SIGKILL)
                    process.waitUntilExit()
                    kills += 1
                    (process, out) = try technician.start(["batch", "resume"] + box)
                }
                guard let event = cardEvent(out) else {
                    // Killed after the last row was recorded: the resumed run finds nothing to do.
                    try #require(index == count && killed.contains(index))
                    resumed += 1
                    slot.remove()
                    break
                }
                let result = event["result"] as? String ?? ""
                #expect(["finished", "resumed", "already"].contains(result), "\(event)")
                if result != "finished" { resumed += 1 }
                if result == "finished" {
                    commands = event["commands"] as? Int ?? 0
                    milliseconds += event["milliseconds"] as? Int ?? 0
                }
                slot.remove()
            }
            process.waitUntilExit()
            let time = ContinuousClock.now - start
            #expect(process.terminationStatus == 0)
            try checkReport(technician)
            Console.error(
                "pcscd box of \(count): \(kills) kills, \(resumed) cards resumed or found ready, "
                    + "\(Int(Double(count) * 60 / Double(time.components.seconds))) cards/min with "
                    + "the changing of cards, \(milliseconds / max(1, count - resumed)) ms and "
                    + "\(commands) APDUs a card")
        }

        private func checkReport(_ technician: Technician) throws {
            let folder = technician.folder
            let report = [
                "batch", "report", folder + "/box.csv", "--output", folder + "/report.csv",
                "--sign",
                folder + "/report.key", "--sign-passphrase-file", folder + "/pass", "--json",
            ]
            let told = try technician.run(report)
            let cards = try #require(told.json["cards"] as? [[String: Any]])
            #expect(cards.count == count)
            #expect(cards.allSatisfy { $0["state"] as? String == "registered" })
            #expect(Set(cards.compactMap { $0["number"] as? String }).count == count)
            let lines = try Files.read(folder + "/cards.ndjson", atMost: 1 << 20)
                .split(separator: 0x0A)
            #expect(lines.count == count && Set(lines).count == count)
            let signer = try #require(told.json["signer"] as? String)
            let check = ["batch", "check", folder + "/report.csv", "--signer"]
            #expect(try technician.run(check + [signer]).code == 0)
            try Files.append([0x20], to: folder + "/report.csv")
            #expect(try technician.run(check + [signer]).code == 11)
            let labels = ["label", "print", folder + "/box.csv", "--output", folder + "/s.svg"]
            #expect(try technician.run(labels + ["--json"]).json["labels"] as? Int == count)
        }

        @Test func `Ctrl-C stops cleanly, a torn card is told and resumed, codes 130, 6 and 4`()
            throws
        {
            let technician = try Technician()
            let box = try prepare(technician, rows: 2)
            let (first, out) = try technician.start(["batch", "run"] + box)
            slot.insert(try ntag(1, "lost@35"))
            #expect(cardEvent(out)?["result"] as? String == "failed")
            first.interrupt()
            first.waitUntilExit()
            #expect(first.terminationStatus == 130)
            let torn = try #require(slot.remove())
            // Nobody lays a card down: the run ends by itself and says what is open.
            let idle = try technician.run(["batch", "resume"] + box + ["--wait", "1"])
            #expect(idle.code == 6 && idle.error.contains("1 cards are half done"))
            let (second, words) = try technician.start(["batch", "resume"] + box)
            slot.insert(torn)
            #expect(cardEvent(words)?["result"] as? String == "resumed")
            second.interrupt()
            second.waitUntilExit()
            #expect(second.terminationStatus == 130)
            slot.remove()
            #expect(try technician.run(["batch", "resume"] + box + ["--wait", "1"]).code == 4)
            #expect(try technician.run(["batch", "run"] + box).code == 2)
        }

        @Test func `On a terminal there is a line and a bell a card, and a summary`() throws {
            let technician = try Technician()
            let box = try prepare(technician, rows: 2)
            let program = Programs.path("eco-card")
            let words = (["batch", "run"] + box).joined(separator: " ")
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/script")
            process.arguments = ["-qec", "\(program) \(words)", "/dev/null"]
            process.standardInput = FileHandle.nullDevice
            let out = Pipe()
            process.standardOutput = out
            try process.run()
            var text = ""
            for last: UInt8 in [1, 2] {
                slot.insert(try ntag(last, last == 1 ? nil : "lost@35"))
                while !text.contains(last == 1 ? "✓" : "✗") {
                    let part = out.fileHandleForReading.availableData
                    try #require(!part.isEmpty, "\(text)")
                    text += String(decoding: part, as: UTF8.self)
                }
                let card = try #require(slot.remove())
                if last == 2 { slot.insert(card) }
            }
            text += String(
                decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(text.contains("[1/2] 04…0501  ✓ 0,"), "\(text)")
            #expect(text.contains("[1/2] 04…0502  ✗ 0,"), "\(text)")
            #expect(
                text.contains("Carte retirée trop tôt : reposez la même. Ligne 2, à reprendre."))
            #expect(text.contains("[2/2] 04…0502  ✓ 0,"))
            #expect(text.contains("échecs 1") && text.contains("reste ~"))
            #expect(text.count { $0 == "\u{7}" } == 5)
            #expect(text.contains("Boîte terminée : 2 cartes prêtes sur 2, 2 transmises"))
            #expect(!text.contains("eco.batch-event"))
        }

        @Test func `A card changes its epoch only under keys of both, and the plan needs no card`()
            throws
        {
            let technician = try Technician()
            #expect(try technician.run(["key", "init"] + technician.keys).code == 0)
            slot.insert(try ntag(3))
            let number = ["--number", "100000000008"]
            let register = ["--register", technician.folder + "/cards.ndjson"]
            for _ in 1...2 {
                let made = try technician.run(
                    ["card", "provision"] + number + technician.keys + register)
                #expect(made.code == 0)
            }
            let lines = try Files.read(technician.folder + "/cards.ndjson", atMost: 1_000)
            #expect(lines.split(separator: 0x0A).count == 1)
            let rekey = ["card", "rekey", "--epoch", "2"]
            #expect(try technician.run(rekey + technician.keys).code == 10)
            let info = try technician.run(["card", "info", "--json"] + technician.keys)
            #expect(info.json["key-3"] as? String == "open")
            #expect(info.json["number"] as? String == "100000000008")
            for words in [["provision"] + number, ["rekey", "--epoch", "2"], ["reset"]] {
                let plan = try technician.run(["card"] + words + ["--dry-run", "--json"])
                #expect(plan.code == 0, "\(plan.error)")
                #expect((plan.json["commands"] as? [Any])?.isEmpty == false)
            }
            #expect(try technician.run(["card", "verify"] + technician.keys).code == 0)
            #expect(try technician.run(["key", "rotate"] + technician.keys).code == 0)
            let moved = try technician.run(rekey + technician.keys + register + ["--json"])
            #expect(moved.code == 0, "\(moved.error)")
            #expect(moved.json["epoch"] as? Int == 2 && moved.json["found"] as? Int == 0)
            #expect(try technician.run(["card", "verify"] + technician.keys).code == 0)
            let after = try technician.run(["card", "info", "--json"])
            #expect(after.json["epoch"] as? Int == 2)
            let both = try Files.read(technician.folder + "/cards.ndjson", atMost: 1_000)
            #expect(both.split(separator: 0x0A).count == 2)
        }
    }
}

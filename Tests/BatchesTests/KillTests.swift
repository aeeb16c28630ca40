import CardEmulation
import Cards
import Crypto
import Foundation
import KeyStore
import Linux
import Provisioning
import TestSupport
import Testing
import Tokens

@testable import Batches

extension Alone {
    /// A box of 500 cards prepared by a process that is killed again and again.
    @Suite struct KillTests {
        private static let program = Programs.path("eco-bench")

        @Test func `A runner killed at 20 random instants makes 500 cards, each once`() throws {
            let count = 500
            let box = try Box(rows: count)
            let words = ["batch", "--directory", box.folder, "--json"]
            var random = Seed.dice()
            var (kills, midCard) = (0, 0)
            var previous = 0
            while kills < 20 {
                let child = try ChildProcess.start(
                    Self.program, words, output: box.folder + "/out", errors: box.folder + "/err")
                // Once it works; every fourth time at any instant from its start.
                if kills % 4 != 3 { try awaitWork(box, child) }
                Clock.sleep(.milliseconds(Int.random(in: 0...80, using: &random)))
                try #require(child.hasExited() == nil, "it ended before it was killed")
                child.signal(SIGKILL)
                #expect(child.wait() == 128 + SIGKILL)
                kills += 1
                guard let cards = try? BatchStore.cards(of: box.manifest) else { continue }
                let done = cards.count { $0.state.isDone }
                midCard += cards.contains { $0.state.isHalfDone } ? 1 : 0
                #expect(done >= previous)
                previous = done
            }
            #expect(previous < count, "the kills came too late")
            let code = try ChildProcess.start(
                Self.program, words, output: box.folder + "/last", errors: box.folder + "/err"
            ).wait()
            let errors = {
                (try? String(contentsOfFile: box.folder + "/err", encoding: .utf8)) ?? ""
            }
            try #require(code == 0, "\(errors())")
            try check(box, count)
            let line = try String(contentsOfFile: box.folder + "/last", encoding: .utf8)
            let figures = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(figures["registered"] as? Int == count)
            #expect(midCard > 0)
            let rate = figures["cards-per-minute"] ?? "?"
            let commands = figures["commands-per-card"] ?? "?"
            Console.error(
                "batch of \(count): \(kills) kills, \(midCard) in the middle of a card, "
                    + "\(previous) ready before the last run; then \(rate) cards/min, "
                    + "\(commands) APDUs/card")
        }

        /// Until the run has finished a card.
        private func awaitWork(_ box: Box, _ child: borrowing ChildProcess) throws {
            let size = { (try? Files.read(box.registerPath, atMost: 1 << 20).count) ?? 0 }
            let before = size()
            let end = ContinuousClock.now + .seconds(60)
            while size() == before, child.hasExited() == nil {
                try #require(ContinuousClock.now < end, "no card within 30 s")
                Clock.sleep(.milliseconds(1))
            }
        }

        /// 500 rows, numbers, UIDs and lines, all different; every card verifies as its row.
        private func check(_ box: Box, _ count: Int) throws {
            let cards = try BatchStore.cards(of: box.manifest)
            #expect(cards.count == count && cards.allSatisfy { $0.state == .registered })
            #expect(Set(cards.map(\.number)).count == count)
            #expect(Set(cards.compactMap(\.uid)).count == count)
            let lines = try Files.read(box.registerPath, atMost: 1 << 20).split(separator: 0x0A)
            #expect(lines.count == count && Set(lines).count == count)
            var phrase = Array("software cards only".utf8)
            let keys = try IssuerKeys.open(
                path: box.folder + "/issuer.keys", passphrase: SecretBytes(consuming: &phrase))
            let rows = Dictionary(
                uniqueKeysWithValues: cards.compactMap { card in
                    card.uid.map { ($0, card.number) }
                })
            var verified = 0
            for index in 1...count {
                var channel = ImageChannel(
                    card: try SoftwareNTAG424(
                        storage: ImageStorage(path: "\(box.folder)/\(index).card")))
                channel.card.powerOn()
                let claims = try Verification(keys: keys).run(&channel)
                if rows[claims.uid] == claims.number { verified += 1 }
            }
            #expect(verified == count)
        }

        private struct ImageChannel: CardChannel {
            var card: SoftwareNTAG424
            mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
                card.respond(to: command)
            }
        }
    }
}

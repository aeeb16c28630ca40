import COSE
import CardEmulation
import Cards
import Crypto
import KeyStore
import Linux
import Provisioning
import SQLite
import Testing
import Tokens

@testable import Batches

extension Alone {
    /// One card after another, and the rules of the state file.
    @Suite struct RunnerTests {
        @Test func `Cards take rows in order and end verified, then registered`() throws {
            let box = try Box()
            let store = try box.begin(first: CardNumber("100000000008"))
            let register = try RegisterFile(box.registerPath)
            for last: UInt8 in 1...3 {
                let laid = try Laid(last)
                guard
                    case .finished(let card, isResumed: false, fault: nil) = laid.meet(
                        box.runner(store, register))
                else {
                    Issue.record("card \(last)")
                    return
                }
                #expect(card.sequence == Int(last) && card.state == .registered)
                #expect(card.keysChanged == 31 && card.isOriginal == false)
                #expect(try laid.verify(box.keys).number == card.number)
            }
            #expect(try store.cards().map(\.number.digits).first == "100000000008")
            #expect(try store.counts().isComplete)
            let laid = try Laid(9)
            let before = laid.memory
            #expect(laid.meet(box.runner(store, register)) == .full)
            #expect(laid.memory?.files == before?.files && laid.memory?.keys == before?.keys)
            let lines = try Files.read(box.registerPath, atMost: 10_000).split(separator: 0x0A)
            #expect(lines.count == 3 && Set(lines).count == 3)
            #expect(try Files.mode(box.registerPath) == 0o600)
        }

        @Test func `A card torn anywhere keeps its row and finishes as that row`() throws {
            let whole = try Laid(1)
            let first = try Box()
            _ = whole.meet(first.runner(try first.begin()))
            var (torn, resumed) = (0, 0)
            for fate in ["tear", "lost", "gone"] {
                for command in 1...whole.commands {
                    let box = try Box(rows: 2)
                    let laid = try Laid(1, "\(fate)@\(command)")
                    var store: BatchStore? = try box.begin()
                    let outcome = laid.meet(box.runner(try #require(store)))
                    if case .refused(nil, .card(.removed)) = outcome { torn += 1 }
                    if case .failed = outcome { torn += 1 }
                    store = nil
                    // Another process, another card first: it must not take the row.
                    let next = try box.resume()
                    _ = try Laid(2).meet(box.runner(next))
                    laid.again()
                    switch laid.meet(box.runner(next)) {
                    case .finished(let card, let isResumed, fault: nil):
                        if isResumed { resumed += 1 }
                        #expect(isResumed == (card.sequence == 1), "\(fate)@\(command)")
                        #expect(try laid.verify(box.keys).number == card.number)
                    case .already: #expect(fate == "gone" && command == whole.commands)
                    case let other: Issue.record("\(fate)@\(command): \(other)")
                    }
                    #expect(try next.counts().isComplete)
                }
            }
            #expect(torn == 3 * whole.commands - 1)
            Console.error(
                "batch: \(3 * whole.commands) tears, \(torn) torn, \(resumed) resumed rows")
        }

        @Test func `The row tells which keys are changed, also one whose answer was lost`() throws {
            let box = try Box(rows: 1)
            let store = try box.begin()
            let laid = try Laid(1, "lost@35")
            guard case .failed(let first, .card(.removed)) = laid.meet(box.runner(store)) else {
                Issue.record("it was not torn")
                return
            }
            #expect(first.state == .keysChanged && first.keysChanged == 0b10)
            #expect(laid.memory?.keys[2].version == 1)
            // Found by its version; the next change is torn as well.
            laid.again("lost@30")
            guard case .failed(let second, .card(.removed)) = laid.meet(box.runner(store)) else {
                Issue.record("it was not torn")
                return
            }
            #expect(second.keysChanged == 0b110 && second.failures == 2)
            laid.again()
            guard case .finished(let last, isResumed: true, _) = laid.meet(box.runner(store)) else {
                Issue.record("it did not finish")
                return
            }
            #expect(last.keysChanged == 0b11111 && last.state == .verified)
        }

        @Test func `Cards begun or finished elsewhere take no row`() throws {
            let box = try Box()
            let store = try box.begin()
            let elsewhere = try Box()
            let finished = try Laid(1)
            _ = finished.meet(box.runner(try elsewhere.begin()))
            finished.again()
            guard case .refused(_, .alreadyOurs) = finished.meet(box.runner(store)) else {
                Issue.record("a finished card took a row")
                return
            }
            let begun = try Laid(2, "lost@35")
            _ = begun.meet(box.runner(try elsewhere.resume()))
            begun.again()
            guard case .refused(_, .alreadyOurs) = begun.meet(box.runner(store)) else {
                Issue.record("a begun card took a row")
                return
            }
            let foreign = try Laid(3)
            let other = try Box()
            _ = foreign.meet(other.runner(try other.begin()))
            foreign.again()
            guard case .refused(_, .foreign) = foreign.meet(box.runner(store)) else {
                Issue.record("a foreign card took a row")
                return
            }
            #expect(try store.counts().planned == 3)
        }

        @Test func `A row given up is never used again, and its card is told apart`() throws {
            let box = try Box(rows: 2)
            let store = try box.begin()
            let broken = try Laid(1, "lost@35")
            _ = broken.meet(box.runner(store))
            #expect(try store.spoil(sequence: 1))
            #expect(try !store.spoil(sequence: 1) && !store.spoil(sequence: 2))
            broken.again()
            guard case .spoiled = broken.meet(box.runner(store)) else {
                Issue.record("a spoiled row was used")
                return
            }
            guard case .finished(let card, _, _) = try Laid(2).meet(box.runner(store)) else {
                Issue.record("no card")
                return
            }
            #expect(card.sequence == 2)
            #expect(try store.counts().isComplete)
        }

        @Test func `With a full disk nothing is sent that is not written down`() throws {
            let box = try Box(rows: 30)
            let store = try box.begin()
            #expect(try Files.mode(BatchStore.path(of: box.manifest)) == 0o600)
            var limit = try #require(
                try store.database.rows("PRAGMA page_count").first?.first?.integer)
            var failed = 0
            for last: UInt8 in 1...30 {
                let laid = try Laid(last)
                // The disk is full again and again, and each time a page grows free.
                while limit < 1_000 {
                    try store.database.run("PRAGMA max_page_count = \(limit)")
                    let outcome = laid.meet(box.runner(store))
                    try expectRecorded(laid, store)
                    if case .finished = outcome { break }
                    switch outcome {
                    case .broken(.storage(let error)): #expect(error.isFull)
                    case .failed(_, .notRecorded): break
                    case let other: Issue.record("\(other)")
                    }
                    failed += 1
                    limit += 1
                    laid.again()
                }
                _ = try laid.verify(box.keys)
            }
            #expect(failed > 2)
            #expect(try store.counts().isComplete)
        }

        /// Every key that is changed on the card stands in the steps.
        private func expectRecorded(_ laid: Laid, _ store: BatchStore) throws {
            let memory = try #require(laid.memory)
            let recorded = try store.database.rows(
                "SELECT step FROM steps JOIN cards USING(seq) WHERE phase = 'will' AND uid = ?",
                [.blob(memory.uid)]
            ).compactMap { $0[0].text }
            for (number, key) in memory.keys.enumerated() where !key.isFactory {
                #expect(recorded.contains("key\(number)"))
            }
        }

        @Test func `One process a manifest, begun once, and a planned row may not change`() throws {
            let box = try Box()
            #expect(throws: BatchError.notBegun) { try box.resume() }
            var store: BatchStore? = try box.begin()
            #expect(throws: BatchError.busy) { try box.resume() }
            let numbers = try #require(store).cards().map(\.number)
            #expect(Set(numbers).count == 3)
            store = nil
            #expect(throws: BatchError.alreadyBegun) { try box.begin() }
            try box.write(Box.text(4))
            #expect(try box.resume().cards().map(\.number).prefix(3) == numbers[...])
            try box.write(Box.text(2))
            #expect(throws: BatchError.rowChanged(3)) { try box.resume() }
        }

        @Test func `The state file itself refuses what must not happen`() throws {
            let box = try Box(rows: 2)
            var store: BatchStore? = try box.begin()
            _ = try Laid(1).meet(box.runner(try #require(store)))
            store = nil
            let file = try Database(path: BatchStore.path(of: box.manifest), access: .readWrite)
            for statement in [
                "DELETE FROM cards WHERE seq = 2",
                "UPDATE cards SET uid = x'04010203040599' WHERE seq = 1",
                "UPDATE cards SET state = 'detected' WHERE seq = 1",
                "UPDATE cards SET number = '1' WHERE seq = 2", "DELETE FROM steps",
                "UPDATE steps SET phase = 'did'", "UPDATE cards SET state = 'lost'",
                "UPDATE cards SET state = 'written' WHERE seq = 2",
                "UPDATE cards SET uid = x'04010203040501', state = 'detected' WHERE seq = 2",
                "UPDATE cards SET alias = 'porteur-1' WHERE seq = 2",
            ] {
                #expect(throws: SQLiteError.self, "\(statement)") { try file.run(statement) }
            }
        }

        @Test func `A register line stands once, a torn one is dropped, another partner refused`()
            throws
        {
            let box = try Box()
            let path = box.registerPath
            let number = try #require(CardNumber("100000000008"))
            let other = try #require(CardNumber("100000000016"))
            let uid: [UInt8] = [4, 1, 2, 3, 4, 5, 6]
            func add(_ number: CardNumber, _ uid: [UInt8], _ epoch: UInt8 = 1) throws -> Bool {
                try RegisterFile(path).add(
                    number: number, uid: uid, epoch: epoch, cardClass: .member)
            }
            #expect(try add(number, uid))
            #expect(try !add(number, uid))
            try Files.append(Array("{\"number\":\"1000".utf8), to: path)
            #expect(try !add(number, uid))
            #expect(throws: RegisterError.conflict(other)) { try add(other, uid) }
            #expect(throws: RegisterError.conflict(number)) { try add(number, [4, 9] + uid[2...]) }
            #expect(try add(number, uid, 2))
            let text = String(decoding: try Files.read(path, atMost: 1_000), as: UTF8.self)
            #expect(
                text == """
                    {"number":"100000000008","uid":"04010203040506","epoch":1,"class":1}
                    {"number":"100000000008","uid":"04010203040506","epoch":2,"class":1}

                    """)
            let held = try RegisterFile(path)
            #expect(throws: RegisterError.busy) { try RegisterFile(path) }
            #expect(try !held.add(number: number, uid: uid, epoch: 1, cardClass: .member))
        }

        @Test func `A report tells states without keys or full UIDs, and a changed byte is seen`()
            throws
        {
            let box = try Box(rows: 2)
            let store = try box.begin()
            let laid = try Laid(0x77)
            _ = laid.meet(box.runner(store))
            let report = BatchReport(try store.cards()).csv
            let lines = report.split(separator: "\r\n")
            #expect(lines.count == 3 && lines[1].contains("verified,04…0577,no"))
            #expect(lines[2].contains(",planned,,,0,"))
            #expect(!report.contains("04010203040577"))
            for number: UInt8 in 0...4 {
                let key = try box.keys.cardKey(number, uid: [4, 1, 2, 3, 4, 5, 0x77], epoch: 1)
                #expect(!report.contains(key.withBytes { Hexadecimal.text($0) }))
            }
            let bytes = Array(report.utf8)
            let key = try SigningKey.create()
            let signature = key.sign(payload: BatchReport.payload(of: bytes)).bytes
            #expect(BatchReport.verifies(bytes, signature: signature, by: key.publicKey))
            #expect(!BatchReport.verifies(bytes + [0], signature: signature, by: key.publicKey))
            let bare = key.sign(payload: sha256(bytes)).bytes
            #expect(!BatchReport.verifies(bytes, signature: bare, by: key.publicKey))
        }
    }
}

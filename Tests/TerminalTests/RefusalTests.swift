import COSE
import CardEmulation
import Cards
import Crypto
import KeyStore
import Operations
import Terminal
import Testing
import Tokens

/// Every card that must not pay, each refused by its own code, with nothing booked.
@Suite struct RefusalTests {
    /// Taps a card that must be refused, and checks that nothing was booked.
    private func expect(
        _ code: String, _ bench: Bench, _ card: SoftwareNTAG424,
        alter: ((Int, [UInt8]) -> [UInt8])? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) {
        var card = card
        let result = bench.tap(&card, bench.arm(), alter: alter)
        #expect(result.code == code, "\(result.outcome)", sourceLocation: location)
        #expect(bench.entries == 0, sourceLocation: location)
    }

    @Test func `A factory card, or another application, is not ours`() throws {
        let bench = try Bench()
        let blank = SoftwareNTAG424(try CardMemory.factory(uid: BenchIssuer.uid(1)))
        expect("C01", bench, blank)
        var memory = try CardMemory.factory(uid: BenchIssuer.uid(1))
        memory.setContent([0, 5, 0xd1, 1, 1, 0x55, 4], file: 2)
        expect("C01", bench, SoftwareNTAG424(memory))
        expect("C01", bench, try bench.card()) { number, answer in
            number == 1 ? [0x6a, 0x82] : answer
        }
    }

    @Test func `A token copied to another card is told from wrong keys`() throws {
        let bench = try Bench()
        let token = try bench.issuer.sign(token: bench.token(uid: BenchIssuer.uid(1))).bytes
        // Another card of the same issuer with the token of card 1: its own K3 differs.
        expect(
            "C32", bench,
            try BenchIssuer.card(uid: BenchIssuer.uid(2), token: token, keys: bench.issuer))
        // The right UID, but the keys of another issuer.
        let stranger = try IssuerKeys.create(epoch: BenchIssuer.epoch)
        expect(
            "C33", bench,
            try BenchIssuer.card(uid: BenchIssuer.uid(1), token: token, keys: stranger))
        // A blank with the image alone: factory keys.
        var memory = try CardMemory.factory(uid: BenchIssuer.uid(3))
        let image = try NDEFImage(host: BenchIssuer.host, token: token)
        memory.setContent(image.bytes, file: 2)
        expect("C32", bench, SoftwareNTAG424(memory))
    }

    @Test func `A recording of a good tap is refused, for the same operation or another`() throws {
        let bench = try Bench()
        var card = try bench.card()
        let operation = bench.arm()
        let good = bench.tap(&card, operation)
        #expect(good.isAccepted)
        #expect(bench.play(good.answers, bench.arm()).code == "C34")
        #expect(bench.play(good.answers, operation).code == "C34")
        #expect(bench.entries == 1)
        // Each answer alone, and the recording from each place on, goes no further either.
        for start in good.answers.indices {
            let result = bench.play(Array(good.answers[start...]), bench.arm())
            #expect(result.code != nil)
        }
        #expect(bench.entries == 1)
    }

    @Test func `One recorded answer played into a live tap is refused from the handshake on`()
        throws
    {
        let bench = try Bench()
        var card = try bench.card()
        let good = bench.tap(&card, bench.arm())
        for place in 3...9 {
            let result = bench.tap(&card, bench.arm()) { number, answer in
                number == place ? good.answers[place - 1] : answer
            }
            // A write's or a SELECT's bare 9000 or 9100 is no different from the live one.
            let isBare = good.answers[place - 1].count == 2
            #expect(result.isAccepted == isBare, "answer \(place)")
        }
    }

    @Test func `Expired, early, revoked, foreign and unaccepted tokens have their codes`() throws {
        let bench = try Bench()
        let uid = BenchIssuer.uid(1)
        let good = try bench.card()
        expect("C04", bench, try bench.card(bench.token(uid: uid, expires: Bench.now)))
        let late = Bench.now + TokenRules.skew + 1
        expect("C04", bench, try bench.card(bench.token(uid: uid, issued: late, expires: late)))
        expect("C06", bench, try bench.card(bench.token(uid: uid, cardClass: .professional)))
        expect("C06", bench, try bench.card(bench.token(uid: uid, cardClass: .training)))
        expect("C06", bench, try bench.card(bench.token(uid: uid, epoch: 2)))
        let kid = Array(bench.issuer.issuerKey.kid.prefix(4))
        bench.world.set { $0.policy?.revokedKids = [kid] }
        expect("C05", bench, good)
        bench.world.set { script in
            script.policy?.revokedKids = []
            script.policy?.issuers = []
        }
        expect("C01", bench, good)
    }

    @Test func `An altered token, a denied number and a missing key have their codes`() throws {
        let bench = try Bench()
        let uid = BenchIssuer.uid(1)
        let token = bench.token(uid: uid)
        var altered = try bench.issuer.sign(token: token).bytes
        altered[altered.count - 1] ^= 1
        expect("C31", bench, try BenchIssuer.card(uid: uid, token: altered, keys: bench.issuer))
        let good = try bench.card(token)
        bench.world.set { $0.denied = [token.number] }
        expect("C02", bench, good)
        bench.world.set { script in
            script.denied = []
            script.hasKeys = false
        }
        expect("C06", bench, good)
        bench.world.set { script in
            script.hasKeys = true
            script.policy = nil
        }
        expect("T02", bench, good)
    }

    @Test func `A policy ends at its second`() throws {
        let bench = try Bench()
        var card = try bench.card()
        bench.world.set { $0.policy?.expires = Bench.now }
        #expect(bench.tap(&card, bench.arm()).code == "T02")
        bench.world.set { $0.policy?.expires = Bench.now + 1 }
        #expect(bench.tap(&card, bench.arm()).isAccepted)
    }

    @Test func `A digest that does not come back is refused`() throws {
        let bench = try Bench()
        let card = try bench.card()
        for place in [0, 1, 31] {
            expect("C35", bench, card) { number, answer in
                guard number == 9 else { return answer }
                var changed = answer
                changed[place] = changed[place] == 0x30 ? 0x31 : 0x30
                return changed
            }
        }
    }

    @Test func `Evidence altered on its way is none for the ledger`() throws {
        let bench = try Bench()
        var card = try bench.card()
        for place in [35, 66, 70, 85] {
            let operation = bench.arm(1)
            let result = bench.tap(&card, operation) { number, answer in
                guard number == 9 else { return answer }
                var changed = answer
                changed[place] = changed[place] == 0x30 ? 0x31 : 0x30
                return changed
            }
            // No terminal holds K1 or K2: it books what it got, and the ledger holds it.
            #expect(result.isAccepted)
            let payment = try #require(try bench.payment(operation.id))
            let digest = bench.digest(operation, payment.card)
            let uid = card.memory.uid
            #expect(
                try bench.verifyEvidence(payment.evidence, digest: digest, uid: uid) == nil,
                "character \(place)")
        }
    }

    @Test func `The reason of a suspected fraud is noted, without a number or a UID`() throws {
        let bench = try Bench()
        let token = try bench.issuer.sign(token: bench.token(uid: BenchIssuer.uid(1))).bytes
        expect(
            "C32", bench,
            try BenchIssuer.card(uid: BenchIssuer.uid(2), token: token, keys: bench.issuer))
        let notes = bench.world.notes
        #expect(notes.count == 1 && notes[0].hasPrefix("C32 "))
        for number in [1, 2] as [UInt8] {
            #expect(!notes[0].lowercased().contains(Hexadecimal.text(BenchIssuer.uid(number))))
        }
    }
}

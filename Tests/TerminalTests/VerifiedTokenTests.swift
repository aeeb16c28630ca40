import COSE
import CardEmulation
import Cards
import Crypto
import KeyStore
import Operations
import Testing
import Tokens

@testable import Terminal

/// A regular's signature is not verified again; everything else is asked at every tap.
@Suite struct VerifiedTokenTests {
    @Test func `A signature is remembered for exactly these bytes and this key`() throws {
        let bench = try Bench()
        let issuer = bench.issuer
        let other = try IssuerKeys.create(epoch: BenchIssuer.epoch)
        let tokens = try (0..<2).map { _ in
            try CarriedToken(issuer.sign(token: bench.token(uid: BenchIssuer.uid(1))).bytes)
        }
        let verified = VerifiedTokens()
        #expect(!verified.knows(tokens[0], issuer.issuerKey))
        verified.remember(tokens[0], issuer.issuerKey)
        #expect(verified.knows(tokens[0], issuer.issuerKey))
        #expect(!verified.knows(tokens[0], other.issuerKey))
        #expect(!verified.knows(tokens[1], issuer.issuerKey))
    }

    @Test func `A card that was taken before is refused all the same once it may not pay`() throws {
        let bench = try Bench()
        let verified = VerifiedTokens()
        let token = bench.token(uid: BenchIssuer.uid(1))
        var card = try bench.card(token)
        func code() -> String? {
            let tap = Tap(
                operation: bench.arm(1), binding: nil, world: bench.world, verified: verified,
                progress: { _ in }, bind: { _ in })
            var profile = NTAG424Card(BenchChannel(card))
            let outcome = tap.run(&profile)
            card = profile.end().remove()
            guard case .refused(let refusal) = outcome else { return nil }
            return refusal.code
        }
        #expect(code() == nil && bench.entries == 1)
        let kid = Array(bench.issuer.issuerKey.kid.prefix(4))
        let now = Bench.now
        for (expected, change, back) in [
            ("C02", { $0.denied = [token.number] }, { $0.denied = [] }),
            ("C04", { $0.now = token.expires }, { $0.now = now }),
            ("C05", { $0.policy?.revokedKids = [kid] }, { $0.policy?.revokedKids = [] }),
            ("C06", { $0.policy?.classes = [] }, { $0.policy?.classes = [.member] }),
        ] as [(String, (inout BenchWorld.Script) -> Void, (inout BenchWorld.Script) -> Void)] {
            bench.world.set(change)
            #expect(code() == expected)
            bench.world.set(back)
        }
        #expect(code() == nil && bench.entries == 2)
    }
}

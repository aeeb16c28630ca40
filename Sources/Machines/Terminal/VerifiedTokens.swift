import Crypto
import Threads
import Tokens

/// Tokens whose signature this terminal has verified since it started: a regular's card is not
/// verified again. Only the signature is remembered; dates, class, epoch, revocation and deny-list
/// are asked at every tap.
public final class VerifiedTokens: Sendable {
    /// Tokens kept; the oldest is forgotten first.
    static let countMax = 4_096

    private struct State {
        var known: Set<[UInt8]> = []
        var order: [[UInt8]] = []
        var next = 0
    }

    private let state = Monitor(State())

    /// Remembers nothing yet.
    public init() {}

    /// True when exactly these bytes verified with exactly this key. 64 bytes name both.
    func knows(_ token: CarriedToken, _ issuer: Ed25519PublicKey) -> Bool {
        let name = token.hash + issuer.bytes
        return state.read { $0.known.contains(name) }
    }

    /// Remembers a token that has just verified.
    func remember(_ token: CarriedToken, _ issuer: Ed25519PublicKey) {
        let name = token.hash + issuer.bytes
        state.read { state in
            guard state.known.insert(name).inserted else { return }
            if state.order.count < Self.countMax {
                state.order.append(name)
            } else {
                state.known.remove(state.order[state.next])
                state.order[state.next] = name
                state.next = (state.next + 1) % Self.countMax
            }
        }
    }
}

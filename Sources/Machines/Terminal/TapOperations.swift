import Cards
import Operations
import Tokens

/// The ways of a tap that is no payment. The card proves itself as for money, its state is left
/// alone, and its word covers kind and quantity: 7 APDUs, 4 for an enrolment.
extension Tap {
    func other(
        _ card: inout some CardProfile & ~Copyable, _ claims: CardToken, _ hash: [UInt8],
        _ policy: Policy
    ) throws -> TapOutcome {
        try allow(claims, policy)
        try authenticate(&card, claims)
        progress(2)
        let isOffline = !world.isReachable
        func proof(_ kind: EntryKind, _ quantity: Int64) throws -> CardProof {
            progress(3)
            let evidence = try evidence(&card, of: claims.number, kind, quantity)
            return CardProof(card: claims.number, tokenHash: hash, evidence: evidence)
        }
        let body: EntryBody
        switch operation.purpose {
        case .refund(let payment):
            body = .refund(
                Refund(
                    amount: operation.amount, proof: try proof(.refund, operation.amount.cents),
                    payment: payment))
        case .topUp(let means):
            body = .topUp(
                TopUp(
                    amount: operation.amount, proof: try proof(.topUp, operation.amount.cents),
                    means: means))
        case .action(let code, let quantity):
            let parcours = try ruled { () throws(RuleRefusal) in try policy.action(code).parcours }
            body = .action(
                EcoAction(
                    code: code, quantity: quantity, proof: try proof(.action, quantity),
                    parcours: parcours))
        case .enrolment(let consents, let sealed, let replaces):
            body = .enrolment(
                Enrolment(
                    card: claims.number, tokenHash: hash, consents: consents, sealed: sealed,
                    replaces: replaces))
        case .payment, .cardCheck: throw Refusal.cardFault
        }
        return try commit(body, claims, isOffline: isOffline)
    }

    /// The rules that need the card, asked again at the card: time has passed since the order.
    private func allow(_ claims: CardToken, _ policy: Policy) throws {
        let rules = policy.rules
        // A tap torn after its entry was written is presented again: it is recorded already.
        if world.standing(operation.id) != nil { return }
        try ruled { () throws(RuleRefusal) in
            switch operation.purpose {
            case .refund(let payment):
                let paid = try checkRefund(
                    of: world.standing(payment), amount: operation.amount,
                    isTraining: operation.isTraining)
                guard paid.card == claims.number else { throw .otherCard }
                try online(rules.refundOffline)
            case .topUp:
                try policy.checkTopUp(operation.amount)
                try online(rules.topUpOffline)
            case .action(let code, let quantity):
                let done = world.actions(
                    code, of: claims.number, isTraining: operation.isTraining)
                try policy.action(code).check(quantity: quantity, after: done)
            case .enrolment(let consents, let sealed, let replaces):
                try policy.check(consents: consents, tellsAnything: sealed != nil)
                try online(rules.enrolmentOffline)
                guard replaces != claims.number else { throw .oldCard }
                guard !world.isGiven(claims.number, isTraining: operation.isTraining) else {
                    throw .alreadyGiven
                }
            case .payment, .cardCheck: break
            }
        }
    }

    /// What a refusal is called here: whoever gives cards out of a box wants to know what to do
    /// with this one, not why. The reason is in the log.
    func told(_ refusal: Refusal) -> Refusal {
        guard case .enrolment = operation.purpose else { return refusal }
        switch refusal {
        case .notOurCard, .notAcceptedHere: return .rule(.otherNetwork)
        case .blocked, .expired, .issuerRevoked, .tokenAltered, .tokenCopied, .wrongKeys,
            .replayed, .evidenceMismatch, .cardFault:
            return .rule(.cardUnfit)
        default: return refusal
        }
    }

    private func online(_ mayBeOffline: Bool) throws(RuleRefusal) {
        guard mayBeOffline || operation.isTraining || world.isReachable else {
            throw .needsNetwork
        }
    }

    private func ruled<R>(_ body: () throws(RuleRefusal) -> R) throws -> R {
        do throws(RuleRefusal) { return try body() } catch { throw Refusal.rule(error) }
    }

    /// A card check: everything that can be said of a genuine card, whatever it may do here.
    func check(
        _ card: inout some CardProfile & ~Copyable, _ token: CarriedToken, _ policy: Policy
    ) throws -> TapOutcome {
        let standing: CardReport.Standing
        do throws(TokenRefusal) {
            _ = try policy.tokenRules.verify(
                token, now: world.now, isDenied: world.isDenied, signature: isSigned)
            standing = .valid
        } catch {
            switch error {
            case .expired, .notYetValid: standing = .expired
            case .denied: standing = .blocked
            case .revokedIssuer, .classNotAccepted, .epochNotAccepted: standing = .notAcceptedHere
            case .malformed, .unknownIssuer: throw Refusal.notOurCard
            case .badSignature: throw Refusal.tokenAltered
            }
            world.note(.rule(.wrongKind), reason: "checked: token \(error)")
        }
        let claims = token.claims
        bind(token.hash)
        progress(1)
        guard standing == .valid else {
            return .checked(report(claims, standing, balance: nil, allowance: nil))
        }
        let pending = world.balance(of: claims.number)
        try authenticate(&card, claims)
        progress(2)
        let state = try authenticated(.replayed) { () throws(CardError) in try card.state() }
        progress(3)
        return .checked(
            report(
                claims, standing, balance: pending?.value(), allowance: state.current?.allowance))
    }

    private func report(
        _ claims: CardToken, _ standing: CardReport.Standing, balance: Int64?,
        allowance: CardAllowance?
    ) -> CardReport {
        CardReport(
            number: claims.number, cardClass: claims.cardClass, standing: standing,
            expires: claims.expires, balance: balance, spentOffline: allowance)
    }
}

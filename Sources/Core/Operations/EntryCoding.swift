public import COSE
import Tokens

extension Entry {
    /// The payload's CBOR (FORMATS §2).
    public var item: CBOR {
        .record([
            1: .unsigned(sequence), 2: .bytes(id.bytes), 3: .bytes(previous),
            4: .unsigned(time), 5: .unsigned(clockTrust.rawValue),
            6: .unsigned(body.kind.rawValue), 7: body.item,
            8: operatorCode.map { CBOR.bytes($0) }, 9: isTraining ? CBOR.bool(true) : nil,
            10: setAside?.item,
        ])
    }

    /// Reads a payload whose signature has been verified.
    /// - Throws: `OperationError.malformed`.
    public init(payload: [UInt8]) throws(OperationError) {
        let item: CBOR
        do { item = try CBOR.decode(payload, limit: Entry.sizeMax) } catch {
            throw .malformed("CBOR")
        }
        guard let pairs = item.map, pairs.allSatisfy({ (1...10).contains($0.key.integer ?? 0) })
        else { throw .malformed("fields") }
        guard let sequence = item[1]?.unsigned, sequence >= 1, sequence <= UInt64(Int64.max) else {
            throw .malformed("seq")
        }
        guard let id = item[2]?.bytes.flatMap({ EntryID($0) }) else { throw .malformed("id") }
        guard let previous = item[3]?.bytes, previous.count == 32 else {
            throw .malformed("previous")
        }
        guard let time = item[4]?.unsigned, time <= UInt64(Int64.max) else {
            throw .malformed("time")
        }
        guard let trust = item[5]?.unsigned.flatMap(ClockTrust.init(rawValue:)) else {
            throw .malformed("clock trust")
        }
        guard let kind = item[6]?.unsigned.flatMap(EntryKind.init(rawValue:)) else {
            throw .malformed("kind")
        }
        let operatorCode = item[8]?.bytes
        guard item[8] == nil || (operatorCode.map { $0.count <= 16 } ?? false) else {
            throw .malformed("operator")
        }
        guard item[9] == nil || item[9]?.bool != nil else { throw .malformed("training") }
        self.init(
            sequence: sequence, id: id, previous: previous, time: time, clockTrust: trust,
            body: try EntryBody(kind: kind, item: item[7]), operatorCode: operatorCode,
            isTraining: item[9]?.bool ?? false, setAside: try item[10].map(SetAside.init(_:)))
        guard setAside == nil || body.isRecoverable else { throw .malformed("set aside") }
    }
}

extension SetAside {
    /// 1 number, 2 hash, 3 time, 4 clock trust.
    var item: CBOR {
        .record([
            1: .unsigned(sequence), 2: .bytes(hash), 3: .unsigned(time),
            4: .unsigned(clockTrust.rawValue),
        ])
    }

    init(_ item: CBOR) throws(OperationError) {
        guard item.map?.count == 4, let sequence = item[1]?.unsigned, sequence >= 1,
            sequence <= UInt64(Int64.max), let hash = item[2]?.bytes, hash.count == 32,
            let time = item[3]?.unsigned, time <= UInt64(Int64.max),
            let trust = item[4]?.unsigned.flatMap(ClockTrust.init(rawValue:))
        else { throw .malformed("set aside") }
        self.init(sequence: sequence, hash: hash, time: time, clockTrust: trust)
    }
}

extension EntryBody {
    /// The body's CBOR. Payment: 1 amount, 2 card number, 3 token hash, 4 evidence, 5 mode,
    /// 6 authorisation id, 7 label, 8 the payment it completes. Technical event: 1 code, 2 details.
    var item: CBOR {
        switch self {
        case .payment(let payment):
            .record([
                1: .integer(payment.amount.cents), 2: .text(payment.card.digits),
                3: .bytes(payment.tokenHash), 4: payment.evidence.item,
                5: .unsigned(payment.authorisation == nil ? 0 : 1),
                6: payment.authorisation.map { CBOR.bytes($0) },
                7: payment.label.map { CBOR.text($0) },
                8: payment.completes.map { CBOR.bytes($0.bytes) },
            ])
        case .refund(let body): body.item
        case .reversal(let body): body.item
        case .topUp(let body): body.item
        case .action(let body): body.item
        case .enrolment(let body): body.item
        case .cardEvent(let body): body.item
        case .closure(let body): body.item
        case .technicalEvent(let event):
            .record([1: .text(event.code), 2: .text(event.details)])
        }
    }

    init(kind: EntryKind, item: CBOR?) throws(OperationError) {
        guard let item, item.map != nil else { throw .malformed("body") }
        switch kind {
        case .payment: self = .payment(try Payment(item))
        case .technicalEvent:
            guard let code = item[1]?.text, let details = item[2]?.text,
                code.utf8.count <= 64, details.utf8.count <= 256, item.map?.count == 2
            else { throw .malformed("technical event") }
            self = .technicalEvent(TechnicalEvent(code: code, details: details))
        case .refund: self = .refund(try Refund(item))
        case .reversal: self = .reversal(try Reversal(item))
        case .topUp: self = .topUp(try TopUp(item))
        case .action: self = .action(try EcoAction(item))
        case .enrolment: self = .enrolment(try Enrolment(item))
        case .cardEvent: self = .cardEvent(try CardEvent(item))
        case .closure: self = .closure(try Closure(item))
        }
    }
}

extension Payment {
    init(_ item: CBOR) throws(OperationError) {
        guard let amount = item[1]?.integer.flatMap({ Amount(cents: $0) }), amount > .zero else {
            throw .malformed("amount")
        }
        guard let digits = item[2]?.text, let card = CardNumber(digits), card.digits == digits
        else { throw .malformed("card number") }
        guard let hash = item[3]?.bytes, hash.count == 32 else { throw .malformed("token hash") }
        let authorisation = item[6]?.bytes
        guard item[5] == .unsigned(authorisation == nil ? 0 : 1),
            item[6] == nil || authorisation?.count == 16
        else { throw .malformed("mode") }
        let label = item[7]?.text
        guard item[7] == nil || (label.map { $0.utf8.count <= 64 } ?? false) else {
            throw .malformed("label")
        }
        guard let pairs = item.map, pairs.allSatisfy({ (1...8).contains($0.key.integer ?? 0) })
        else { throw .malformed("payment fields") }
        let completes = item[8]?.bytes.flatMap { EntryID($0) }
        guard item[8] == nil || completes != nil else { throw .malformed("completes") }
        self.init(
            amount: amount, card: card, tokenHash: hash, evidence: try Evidence(item[4]),
            authorisation: authorisation, label: label, completes: completes)
    }
}

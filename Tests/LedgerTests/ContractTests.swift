import COSE
import Crypto
import Foundation
import HTTPClient
import LedgerBook
import LedgerMessages
import Operations
import PythonTools
import SQLite
import Testing
import Tokens

@testable import LedgerService

/// openapi.json and the service, held against each other: what the file says is provoked, and
/// `Running.send` lets nothing pass that it does not say.
@Suite struct ContractTests {
    private typealias Provoke = (Running) throws -> HTTPExchange
    private static let cbor = [("Content-Type", "application/cbor")]
    private static let seq = "application/cbor-seq"
    private static let tooLong = ["Content-Length: 4194305"]
    private static let chunked = ["Transfer-Encoding: chunked"]

    @Test(arguments: Store.all) func `every path, method and status of the file is provoked`(
        store: Store
    ) throws {
        var samples: [String] = []
        let provocations = try Self.provocations()
        #expect(Set(provocations.keys) == Contract.shared.all)
        for (name, provoke) in provocations.sorted(by: { $0.key < $1.key }) {
            let words = name.split(separator: " ").map(String.init)
            let running = try words[2] == "503" ? Running(store, trouble: { _ in }) : Running(store)
            let answer = try provoke(running)
            #expect("\(answer.status)" == words[2], "\(name)")
            if let rule = Contract.shared.rule(words[0], words[1], status: answer.status) {
                samples.append("\(rule) \(Hexadecimal.text(answer.body))")
            }
        }
        print("contract: \(provocations.count) answers provoked")
        guard Python.has("cbor2", "pycddl") else { return }
        let file = Contract.file.appending(path: "carte-eco.cddl").path
        let said = try Python.run(
            "check_cddl", of: "LedgerTests", input: [file] + samples + Self.requests(store))
        #expect(said.hasSuffix(" bodies\n") && said.split(separator: "\n").count == 1, "\(said)")
        print("contract: CDDL fits \(said)")
    }

    @Test(arguments: Store.all)
    func `the file is OpenAPI 3.1, served as it stands, and names the routes there are`(
        store: Store
    )
        throws
    {
        let running = try Running(store)
        for (name, path) in [
            ("openapi.json", "/openapi.json"), ("carte-eco.cddl", "/carte-eco.cddl"),
        ] {
            let served = try running.send("GET", path)
            #expect(try served.body == Array(Data(contentsOf: Contract.file.appending(path: name))))
        }
        #expect(Contract.shared.templates == Set(Route.allCases.map(\.rawValue)))
        guard Python.has("openapi_spec_validator") else { return }
        let file = Contract.file.appending(path: "openapi.json").path
        #expect(try Python.run("check_openapi", of: "LedgerTests", input: [file]) == "3.1.0\n")
    }

    @Test func `an answer the file does not know is noticed`() {
        func fault(_ method: String, _ path: String, _ status: Int, _ body: String = "") -> String?
        {
            let answer = HTTPExchange(
                status: status,
                headers: [("content-type", "application/problem+json"), ("www-authenticate", "x")],
                body: Array(body.utf8))
            return Contract.shared.fault(method, path, answer)
        }
        func problem(_ status: Int, _ code: String) -> String {
            """
            {"type":"about:blank","title":"x","status":\(status),"detail":"x","code":"\(code)",\
            "retryable":false}
            """
        }
        let head = "/v1/terminals/0011223344556677/entries/head"
        #expect(fault("GET", head, 401, problem(401, "signature")) == nil)
        #expect(fault("GET", head, 401, problem(401, "other")) != nil)
        #expect(fault("GET", head, 401, problem(403, "signature")) != nil)
        #expect(fault("GET", head, 418) != nil)
        #expect(fault("GET", head, 200) != nil)
        #expect(fault("GET", "/v1/nothing", 200) != nil)
        #expect(fault("DELETE", head, 405, problem(405, "method")) != nil, "without Allow")
        #expect(fault("GET", head, 401, "{}") != nil)
    }

    // MARK: how each answer is provoked

    private static func get(_ path: @escaping (Till) -> String) -> Provoke {
        { running in
            let till = try running.ledger.till()
            return try running.get(till, path(till))
        }
    }

    private static func send(
        _ method: String, _ path: @escaping (Till) -> String, _ body: [UInt8] = [0xA0],
        type: String? = "application/cbor"
    ) -> Provoke {
        { running in
            let till = try running.ledger.till()
            let headers = running.signed(till, method, path(till), body, type: type)
            return try running.send(method, path(till), body, headers)
        }
    }

    /// What every signed call answers to strangers, other terminals, and without its database.
    private static func signed(
        _ method: String, _ template: String, _ path: @escaping (Till) -> String,
        type: String? = nil
    ) -> [String: Provoke] {
        let body: [UInt8]? = method == "GET" ? nil : []
        let headers = type.map { [("Content-Type", $0)] } ?? []
        var found: [String: Provoke] = [
            "401": { try $0.send(method, path(Till()), body, headers) },
            "503": { running in
                let till = try running.ledger.till()
                try running.ledger.sql().run("ALTER TABLE terminals RENAME TO gone")
                return try running.send(
                    method, path(till), body, running.signed(till, method, path(till), type: type))
            },
        ]
        if template.contains("{id}") {
            found["403"] = { running in
                let (till, other) = (try running.ledger.till(), try running.ledger.till())
                return try running.send(
                    method, path(till), body,
                    running.signed(other, method, path(till), type: type))
            }
        }
        if method != "GET" {
            found["411"] = { try $0.raw(method, path(Till()), chunked) }
            found["413"] = { try $0.raw(method, path(Till()), tooLong) }
            found["415"] = send(method, path, type: "text/plain")
        }
        return Dictionary(
            uniqueKeysWithValues: found.map { ("\(method) \(template) \($0.key)", $0.value) })
    }

    /// What was asked for is what the terminal has.
    private static func unchanged(_ path: @escaping (Till) -> String) -> Provoke {
        { running in
            let till = try running.ledger.till()
            let tag = try #require(try running.get(till, path(till)).header("etag"))
            return try running.get(till, path(till), [("If-None-Match", tag)])
        }
    }

    private static func provocations() throws -> [String: Provoke] {
        var all = pairing().merging(open()) { $1 }
        func add(
            _ method: String, _ template: String, type: String? = nil,
            _ path: @escaping (Till) -> String, _ more: [Int: Provoke]
        ) {
            all.merge(signed(method, template, path, type: type)) { $1 }
            for (status, provoke) in more { all["\(method) \(template) \(status)"] = provoke }
        }
        let query = { (path: @escaping (Till) -> String) in get { path($0) + "?x=1" } }
        let entries = { (till: Till) in "/v1/terminals/\(till.id)/entries" }
        let head = { (till: Till) in "/v1/terminals/\(till.id)/entries/head" }
        let policy = { (till: Till) in "/v1/terminals/\(till.id)/policy" }
        let verdicts = { (till: Till) in "/v1/terminals/\(till.id)/verdicts" }
        let status = { (till: Till) in "/v1/terminals/\(till.id)/status" }
        add("GET", "/v1/terminals/{id}/entries/head", head, [200: get(head), 400: query(head)])
        add(
            "POST", "/v1/terminals/{id}/entries", type: seq, entries,
            [
                200: batch,
                400: {
                    try $0.raw("POST", entries(Till()), ["Content-Length: 1", "Content-Length: 2"])
                },
                409: { running in
                    let till = try running.ledger.till()
                    _ = till.event()
                    return try running.post(till, [till.event()])
                },
                422: send("POST", entries, type: seq),
            ])
        add(
            "GET", "/v1/terminals/{id}/policy", policy,
            [
                200: get(policy), 400: query(policy),
                304: unchanged(policy),
            ])
        add(
            "GET", "/v1/terminals/{id}/verdicts", verdicts,
            [
                200: decided, 400: query(verdicts),
                304: unchanged(verdicts),
            ])
        add(
            "PUT", "/v1/terminals/{id}/status", type: "application/cbor", status,
            [204: send("PUT", status, Self.status.encoded), 400: send("PUT", status)])
        add(
            "POST", "/v1/authorizations", type: "application/cbor", { _ in "/v1/authorizations" },
            [200: authorisation, 400: send("POST", { _ in "/v1/authorizations" })])
        add(
            "GET", "/v1/deny-list", { _ in "/v1/deny-list?since=0" },
            [
                200: denied, 400: get { _ in "/v1/deny-list" },
            ])
        add(
            "GET", "/v1/cards/{number}/balance", { _ in "/v1/cards/000000000000/balance" },
            [
                200: { running in
                    let card = try running.ledger.card()
                    let till = try running.ledger.till()
                    return try running.get(till, "/v1/cards/\(card.number.digits)/balance")
                }, 400: get { _ in "/v1/cards/1/balance" },
                404: get { _ in "/v1/cards/000000000000/balance" },
            ])
        return all
    }

    private static func batch(_ running: Running) throws -> HTTPExchange {
        let (till, card) = (try running.ledger.till(), try running.ledger.card(100))
        return try running.post(
            till, [till.event(), try till.pay(card, 90), try till.pay(card, 1, counter: 1)])
    }

    /// Two held entries, one released, one refused.
    private static func decided(_ running: Running) throws -> HTTPExchange {
        let (till, card) = (try running.ledger.till(), try running.ledger.card(100))
        _ = try running.ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        _ = try running.post(till, [try till.pay(card, 90), try till.pay(card, 1)])
        for sequence in [1, 2] as [UInt64] {
            try running.ledger.book.decide(
                terminal: till.kid, sequence: sequence, release: sequence == 1, reason: "seen",
                now: Sunday.noon)
        }
        return try running.get(till, "/v1/terminals/\(till.id)/verdicts")
    }

    private static func denied(_ running: Running) throws -> HTTPExchange {
        let card = try running.ledger.card()
        _ = try running.ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        return try running.get(try running.ledger.till(), "/v1/deny-list?since=0")
    }

    private static let status = TerminalStatus(
        last: 9, unsentCents: 1_200, oldest: Sunday.noon, version: "0.1.0", clock: Sunday.noon)

    private static func authorisation(_ running: Running) throws -> HTTPExchange {
        let (till, card) = (try running.ledger.till(), try running.ledger.card())
        let body = request(card, try card.read(digest: [UInt8](repeating: 0, count: 16)))
        let headers = running.signed(
            till, "POST", "/v1/authorizations", body, type: "application/cbor")
        return try running.send("POST", "/v1/authorizations", body, headers)
    }

    private static func request(_ card: SoftwareCard, _ sun: Evidence) -> [UInt8] {
        AuthorisationRequest(
            entry: EntryID(milliseconds: Sunday.noon), card: card.number,
            amount: Amount(cents: 100) ?? .zero, sun: sun
        ).encoded
    }

    private static func pairing() -> [String: Provoke] {
        let path = "/v1/terminals"
        func pair(_ running: Running, _ code: String, _ till: Till = Till()) throws -> HTTPExchange
        {
            try running.send(
                "POST", path,
                PairingRequest(code: code, publicKey: till.signer.publicKey).encoded, cbor)
        }
        func code(_ running: Running) throws -> String {
            try running.ledger.book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        }
        return [
            "POST \(path) 201": { try pair($0, code($0)) },
            "POST \(path) 400": { try $0.send("POST", path, [0xA0], cbor) },
            "POST \(path) 401": { running in
                let till = try running.ledger.till()
                try running.ledger.book.revoke(kid: till.kid, now: Sunday.noon)
                return try pair(running, try code(running), till)
            },
            "POST \(path) 403": { try pair($0, "ABCDEFGH") },
            "POST \(path) 411": { try $0.raw("POST", path, chunked) },
            "POST \(path) 413": { try $0.raw("POST", path, tooLong) },
            "POST \(path) 415": { try $0.send("POST", path, [0xA0]) },
            "POST \(path) 429": { running in
                for _ in 0..<10 { _ = try pair(running, "ABCDEFGH") }
                return try pair(running, "ABCDEFGH")
            },
            "POST \(path) 503": { running in
                try running.ledger.sql().run("ALTER TABLE pairing_codes RENAME TO gone")
                return try pair(running, "ABCDEFGH")
            },
        ]
    }

    private static func open() -> [String: Provoke] {
        func page(_ evidence: Evidence) -> String {
            guard case .sdm(let picc, let mac, let digest) = evidence else { return "/c" }
            let hex = [digest, picc, mac].map { Hexadecimal.text($0).uppercased() }
            return "/c?d=\(hex[0])&e=\(hex[1])&c=\(hex[2])"
        }
        let zeros = [UInt8](repeating: 0, count: 16)
        let forged = page(
            .sdm(piccData: zeros, mac: [UInt8](repeating: 0, count: 8), digest: zeros))
        func broken(_ path: String, _ table: String) -> Provoke {
            { running in
                try running.ledger.sql().run("ALTER TABLE \(table) RENAME TO gone")
                return try running.send("GET", path)
            }
        }
        return [
            "GET /v1/time 200": { try $0.send("GET", "/v1/time") },
            "GET /healthz 200": { try $0.send("GET", "/healthz") },
            "GET /readyz 200": { try $0.send("GET", "/readyz") },
            "GET /readyz 503": broken("/readyz", "settings"),
            "GET /metrics 200": { try $0.send("GET", "/metrics") },
            "GET /metrics 503": broken("/metrics", "entries"),
            "GET /openapi.json 200": { try $0.send("GET", "/openapi.json") },
            "GET /carte-eco.cddl 200": { try $0.send("GET", "/carte-eco.cddl") },
            "GET /c 200": { try $0.send("GET", page(try $0.ledger.card().read(digest: zeros))) },
            "GET /c 400": { try $0.send("GET", "/c?d=00") },
            "GET /c 404": { try $0.send("GET", forged) },
            "GET /c 503": { running in
                let good = page(try running.ledger.card().read(digest: zeros))
                try running.ledger.sql().run("ALTER TABLE cards RENAME TO gone")
                return try running.send("GET", good)
            },
        ]
    }

    /// Bodies of requests, as "rule hexadecimal": one of each, and an entry of every kind.
    private static func requests(_ store: Store) throws -> [String] {
        let ledger = try TestLedger(store)
        let (till, card) = (try ledger.till(), try ledger.card())
        let evidence = try card.read(digest: [UInt8](repeating: 0, count: 16))
        let id = EntryID(milliseconds: Sunday.noon)
        let proof = CardProof(
            card: card.number, tokenHash: [UInt8](repeating: 1, count: 32), evidence: evidence)
        let amount = Amount(cents: 100) ?? .zero
        var totals = PeriodTotals.none
        totals.enrolments = 2
        let authorisation = [UInt8](repeating: 2, count: 16)
        let bodies: [EntryBody] = [
            .payment(till.payment(card, 100, evidence, authorisation: authorisation)),
            .refund(Refund(amount: amount, proof: proof, payment: id)),
            .reversal(Reversal(entry: id, reason: .wrongEntry)),
            .topUp(TopUp(amount: amount, proof: proof, means: .cash)),
            .action(
                EcoAction(
                    code: "repas", quantity: 1_000, proof: proof,
                    parcours: .cuisinesContributives)),
            .enrolment(
                Enrolment(
                    card: card.number, tokenHash: proof.tokenHash,
                    consents: [Consent(textVersion: "v1", time: Sunday.noon)], sealed: [1, 2])),
            .cardEvent(CardEvent(card: card.number, what: .lost, reporter: .merchant)),
            .closure(
                Closure(
                    period: .day, number: 1, from: 1, to: 7, totals: totals, perpetual: 100,
                    unsent: 0)),
            .technicalEvent(TechnicalEvent(code: "start")),
        ]
        let sequence = bodies.flatMap { till.append($0) }
        let sun = try card.read(digest: [UInt8](repeating: 0, count: 16))
        return [
            "entry " + Hexadecimal.text(sequence),
            "terminal-status " + Hexadecimal.text(status.encoded),
            "authorisation-request " + Hexadecimal.text(request(card, sun)),
            "pairing-request "
                + Hexadecimal.text(
                    PairingRequest(code: "ABCDEFGH", publicKey: till.signer.publicKey).encoded),
        ]
            + [
                AuthorisationAnswer.useOfflineRules, .insufficient(missing: amount),
                .declined(code: "card-blocked"),
                .approved(id: [UInt8](repeating: 1, count: 16), rearm: true),
            ].map { "authorisation-answer " + Hexadecimal.text($0.encoded) }
    }
}

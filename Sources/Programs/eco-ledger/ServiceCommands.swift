import CommandLineTool
import Crypto
import FoundationEssentials
import Glibc
import KeyStore
import LedgerBook
import LedgerService
import Linux

/// `init` and `serve`.
enum ServiceCommands {
    static let all = [
        Command(
            ["init"], "create a ledger from the seeds; an existing one keeps its settings",
            options: [
                .database, .value("seed", "DIR", "where policy.json and merchants.json are"),
                .flag(
                    "reset-policy", "put the seeds in the place of an existing ledger's settings"),
                .flag("new-sealing-key", "the sealing key is lost: seal to another from now on"),
                .ownKeys, .keys, .issuer, .passphrase,
            ],
            examples: [
                "eco-ledger init --database sqlite:ledger.sqlite --seed seeds "
                    + "--keys ledger.keys --passphrase-file pass",
                "eco-ledger init -d sqlite:ledger.sqlite --seed seeds --keys ledger.keys "
                    + "--passphrase-file pass   # again: says what the seeds have otherwise",
                "PGPASSFILE=/etc/eco-ledger/pgpass eco-ledger init -d postgresql://eco@db/ledger "
                    + "--own-keys /etc/eco-ledger/ledger --seed seeds --keys ledger.keys "
                    + "--passphrase-file pass",
            ], run: initialise),
        Command(
            ["serve"], "serve the API until SIGTERM",
            options: [
                .database, .ownKeys, .keys, .issuer, .passphrase,
                .value("listen", "ADDRESS:PORT", "where to listen; port 0 takes a free one"),
                .value("fleet", "ADDRESS:PORT", "where to show the association's view, /fleet"),
                .flag("fleet-open", "it may be elsewhere than on this machine's loopback"),
                .values("fleet-host", "NAME", "a name, beside addresses, its Host may have"),
            ],
            examples: [
                "eco-ledger serve --database sqlite:ledger.sqlite --keys ledger.keys "
                    + "--passphrase-file pass --listen 127.0.0.1:8080",
                "eco-ledger serve -d sqlite:ledger.sqlite --keys ledger.keys "
                    + "--passphrase-file pass --listen '[::1]:8080' --json",
                "eco-ledger serve -d sqlite:ledger.sqlite --keys ledger.keys "
                    + "--passphrase-file pass --listen 0.0.0.0:8080 --fleet 127.0.0.1:8081",
                "PGPASSFILE=/etc/eco-ledger/pgpass eco-ledger serve "
                    + "-d 'postgresql://eco@db1,db2/ledger?target_session_attrs=read-write' "
                    + "--own-keys /etc/eco-ledger/ledger --keys ledger.keys "
                    + "--passphrase-file pass --listen 127.0.0.1:8080   # as many as wanted",
            ], run: serve),
        Command(
            ["key", "show"], "print the ledger's public keys; make them when there are none",
            options: [.database, .ownKeys, .passphrase],
            examples: [
                "eco-ledger key show -d sqlite:ledger.sqlite --passphrase-file pass",
                "eco-ledger key show -d sqlite:ledger.sqlite --passphrase-file pass --json",
            ], run: showKeys),
    ]

    /// The ledger's own signing key rests sealed: one for all instances.
    private static func keyPath(_ ownKeys: String) -> String { ownKeys + ".key" }

    private static func seed(_ name: String, in folder: String) throws -> [UInt8] {
        do { return try Files.read(folder + "/" + name, atMost: 1 << 20) } catch {
            throw Failure("\(folder)/\(name) cannot be read: \(error)", hint: "check --seed")
        }
    }

    private static func optionalSeed(_ name: String, in folder: String) throws -> [UInt8]? {
        Files.exists(folder + "/" + name) ? try seed(name, in: folder) : nil
    }

    private static func initialise(_ call: Invocation) throws {
        let (database, ownKeys) = (try call.database, try call.ownKeys)
        let folder = try call.required("seed")
        var settings: PolicySettings
        let merchants: [String]
        do {
            settings = try PolicySettings(json: try seed("policy.json", in: folder))
            try settings.add(
                catalogue: try optionalSeed("catalogue.json", in: folder),
                consents: try optionalSeed("consents.json", in: folder))
            merchants = try settings.add(merchants: try seed("merchants.json", in: folder))
        } catch {
            throw (error as? BookError).map { Failure($0) } ?? error
        }
        // Keys first: a book without its keys would be of no use.
        let phrase = try call.passphrase()
        // Terminals believe one ledger key for good: a lost one is never replaced in silence.
        let isNew = try !isThere(database)
        let signer = try call.signer(keyPath(ownKeys), phrase, mayCreate: isNew)
        let keys = try call.bundle(phrase, signer)
        let named =
            isNew ? nil : try call.withBook(create: true) { try $0.sealingCertificate() }
        let sealing = try SealingKey.certificate(
            of: ownKeys, passphrase: phrase, seconds: call.now / 1_000, named: named,
            mayReplace: call.flag("new-sealing-key"))
        let (before, added) = try call.withBook(create: true) { book in
            try book.setSealingCertificate(sealing, now: call.now)
            // One that was replaced before is never named again.
            guard try book.sealingCertificate() == sealing else {
                throw Failure(
                    "\(ownKeys).sealing was replaced by another key before",
                    hint: "put that one back, or move this one away for a fresh one", code: .keys)
            }
            let added = try book.add(merchants: merchants)
            if try book.begin(settings, now: call.now) { return (PolicySettings?.none, added) }
            return (try book.settings(), added)
        }
        if before != nil, call.flag("reset-policy") {
            _ = try call.withBook { try $0.change(settings, now: call.now) }
        }
        let key = Hexadecimal.text(signer.publicKey.bytes)
        tell(
            call, settings, before: before,
            [
                .init("database", .text(name(database))), .init("ledgerKey", .text(key)),
                .init("epochs", .array(keys.epochs.map { .integer(Int64($0)) })),
                .init("merchants", .integer(Int64(merchants.count))),
                .init("added", .array(added.map { .text($0) })),
            ],
            [
                "ledger \(name(database)), \(merchants.count) merchants, policies of "
                    + "\((before ?? settings).validDays) days",
                "ledger key \(key)",
            ] + (before == nil ? [] : added.map { "added \($0)" }))
    }

    /// - Parameter before: what an existing ledger had; nil for a new one.
    private static func tell(
        _ call: Invocation, _ seeds: PolicySettings, before: PolicySettings?,
        _ object: [JSONValue.Member], _ lines: [String]
    ) {
        let isReset = call.flag("reset-policy")
        let found = before.map {
            PolicyCommands.differences(from: $0, to: seeds, isWhole: true)
        }
        let differing: [String] =
            switch found {
            case nil: []
            case .some(let found) where found.isEmpty: ["the seeds say nothing else"]
            case .some(let found):
                found.map(\.line) + [
                    isReset
                        ? "the seeds are the policy now; eco-ledger policy diff shows it again"
                        : "the policy stays as it was: this is what the seeds say otherwise; "
                            + "--reset-policy puts them in its place"
                ]
            }
        let state = before == nil ? "new" : isReset ? "reset" : "kept"
        call.print(
            .object(
                object + [
                    .init("policy", .text(state)),
                    .init(
                        "differences",
                        .array(
                            (found ?? []).map {
                                .record([
                                    "key": .text($0.key), "ledger": .text($0.old),
                                    "seeds": .text($0.new),
                                ])
                            })),
                ]), lines + differing)
        if before == nil || isReset {
            PolicyCommands.warn(PolicyCommands.risks(from: before, to: seeds))
        }
    }

    private static func isThere(_ database: StoreAddress) throws -> Bool {
        do throws(BookError) { return try database.holdsBook() } catch { throw Failure(error) }
    }

    private static func name(_ database: StoreAddress) -> String {
        switch database {
        case .sqlite(let path): path
        case .postgreSQL(let text): text
        }
    }

    /// The bundle of `eco-card key bundle --ledger` is sealed to the first of them.
    private static func showKeys(_ call: Invocation) throws {
        let signer = try call.signer(
            keyPath(try call.ownKeys), try call.passphrase(),
            mayCreate: try !isThere(try call.database))
        let sealing = Hexadecimal.text(signer.sealingKey?.bytes ?? [])
        let signing = Hexadecimal.text(signer.publicKey.bytes)
        call.print(
            .record(["sealing": .text(sealing), "signing": .text(signing)]),
            [
                "sealing key (for eco-card key bundle --ledger) \(sealing)",
                "ledger key \(signing)",
            ])
    }

    private static func serve(_ call: Invocation) throws {
        // Before any thread starts, so that all of them inherit it.
        Signals.block([SIGTERM, SIGINT])
        let database = try call.database
        let (address, port) = try endpoint(try call.required("listen"))
        let fleetPlace = try fleetPlace(call)
        let phrase = try call.passphrase()
        let signer = try call.signer(keyPath(try call.ownKeys), phrase, mayCreate: false)
        let authority = Authority(
            signer: signer, keys: BundleKeys(bundle: try call.bundle(phrase, signer)))
        let lock = try lock(database)
        let service: LedgerService
        do throws(LedgerServiceError) {
            service = try LedgerService(
                database: database, authority: authority, address: address, port: port,
                clock: { Clock.realtimeMilliseconds() },
                trouble: { Console.error("eco-ledger: \($0)") })
        } catch {
            switch error {
            case .book(let cause): throw Failure(cause)
            case .server(let cause):
                throw Failure("cannot listen: \(cause)", hint: "check --listen")
            }
        }
        let fleet = try fleetPlace.map { try openView(call, database, $0) }
        let place = name(address, service.port)
        Console.error("eco-ledger: listening on \(place)")
        let view = fleet.map { name($0.address, $0.service.port) }
        if let view { Console.error("eco-ledger: the association's view is at \(view)/fleet") }
        if call.isJSON {
            Console.out(
                JSONValue.record([
                    "listening": .text(place), "fleet": view.map { .text($0) } ?? .null,
                ]).text)
        }
        let supervision = Supervision(
            address: address, port: service.port, isPutBack: { service.isPutBack })
        supervision.ready()
        var signal: Int32?
        while signal == nil {
            supervision.round()
            signal = Signals.wait([SIGTERM, SIGINT], atMost: supervision.pause)
        }
        supervision.stopping()
        service.stop()
        fleet?.service.stop()
        lock?.release()
        if signal == SIGINT {
            throw Failure("interrupted", hint: "all batches taken are booked", code: .interrupted)
        }
    }

    private static func name(_ address: String, _ port: UInt16) -> String {
        (address.contains(":") ? "[\(address)]" : address) + ":\(port)"
    }

    /// Where the association's view shall be; nil: nowhere.
    private static func fleetPlace(
        _ call: Invocation
    ) throws -> (address: String, port: UInt16)? {
        guard let text = call.value("fleet") else {
            guard call.values("fleet-host").isEmpty, !call.flag("fleet-open") else {
                throw Failure(
                    "--fleet-host and --fleet-open go with --fleet", hint: "name an address too",
                    code: .usage)
            }
            return nil
        }
        let (address, port) = try endpoint(text)
        guard !isLoopback(address) else { return (address, port) }
        guard call.flag("fleet-open") else {
            throw Failure(
                "--fleet \(text) shows turnover to whoever reaches that address",
                hint: "use 127.0.0.1 behind a proxy that asks who comes; or, where the network "
                    + "itself keeps others out, say --fleet-open",
                code: .usage)
        }
        Console.error(
            "eco-ledger: WARNING: whoever reaches \(text) sees turnover, without a password")
        return (address, port)
    }

    private static func openView(
        _ call: Invocation, _ database: StoreAddress, _ place: (address: String, port: UInt16)
    ) throws -> (address: String, service: FleetService) {
        do throws(LedgerServiceError) {
            return (
                place.address,
                try FleetService(
                    database: database, address: place.address, port: place.port,
                    hosts: call.values("fleet-host"), clock: { Clock.realtimeMilliseconds() },
                    trouble: { Console.error("eco-ledger: \($0)") })
            )
        } catch {
            throw Failure("the view cannot listen: \(error)", hint: "check --fleet")
        }
    }

    /// 127.0.0.0/8 and ::1 as they are mostly written; another way to write them is none.
    static func isLoopback(_ address: String) -> Bool {
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        return address == "::1"
            || (parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil })
    }

    /// One process serves a file; a server is there for many.
    private static func lock(_ database: StoreAddress) throws -> FileLock? {
        guard case .sqlite(let path) = database else { return nil }
        do { return try FileLock(path + ".lock") } catch {
            throw Failure(
                "another eco-ledger serves this database",
                hint: "stop it first, or choose another database", code: .tryAgain)
        }
    }

    private static func endpoint(_ text: String) throws -> (String, UInt16) {
        let failure = Failure(
            "'\(text)' is not ADDRESS:PORT", hint: "for example 127.0.0.1:8080 or [::1]:8080",
            code: .usage)
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { throw failure }
        var address = text[..<colon]
        if address.hasPrefix("["), address.hasSuffix("]") {
            address = address.dropFirst().dropLast()
        } else if address.contains(":") {
            throw failure
        }
        guard !address.isEmpty else { throw failure }
        return (String(address), port)
    }
}

extension Invocation {
    fileprivate func signer(
        _ path: String, _ passphrase: borrowing SecretBytes, mayCreate: Bool
    ) throws -> SigningKey {
        do throws(KeyStoreError) {
            if mayCreate, !Files.exists(path) {
                let key = try SigningKey.create()
                try key.seal(to: path, passphrase: passphrase)
                return key
            }
            return try SigningKey.openComplete(path: path, passphrase: passphrase)
        } catch { throw Failure(error) }
    }

    /// What proves evidence, of `--keys`; nil without that option.
    func evidenceKeys() throws -> BundleKeys? {
        guard value("keys") != nil else { return nil }
        let phrase = try passphrase()
        let own = try signer(try ownKeys + ".key", phrase, mayCreate: false)
        return BundleKeys(bundle: try bundle(phrase, own))
    }

    /// Sealed to the ledger's own key, or by the passphrase.
    fileprivate func bundle(
        _ passphrase: borrowing SecretBytes, _ own: SigningKey
    ) throws -> LedgerKeys {
        let path = try required("keys")
        do {
            if try LedgerKeys.isPassphraseFile(path) {
                return try LedgerKeys.open(path: path, passphrase: passphrase)
            }
            let text = try required("issuer")
            guard let issuer = Hexadecimal.bytes(text).flatMap({ try? Ed25519PublicKey($0) })
            else {
                throw Failure(
                    "--issuer is no public key",
                    hint: "64 hexadecimal digits, as issuer.pub holds them", code: .usage)
            }
            return try LedgerKeys.open(path: path, for: own, issuer: issuer)
        } catch let error as KeyStoreError { throw Failure(error) }
    }
}

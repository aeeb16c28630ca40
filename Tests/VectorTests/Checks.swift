import Crypto
import Testing

@testable import Cards

/// One check an operation. Fields a vector does not state are not compared.
enum Checks {
    static func same(
        _ vector: Vector, _ field: String, _ got: [UInt8],
        location: SourceLocation = #_sourceLocation
    ) {
        guard let wanted = vector.wanted(field) else { return }
        #expect(
            Hexadecimal.text(got) == Hexadecimal.text(wanted), "\(vector.id): \(field)",
            sourceLocation: location)
    }

    static func cmac(_ vector: Vector) throws {
        let mac = try AES128Key(vector.bytes("key")).cmac(vector.bytes("msg"))
        same(vector, "mac", mac)
        same(vector, "mact", truncated(mac))
    }

    static func diversification(_ vector: Vector) throws {
        let key = try an10922(master: AES128Key(vector.bytes("key")), vector.bytes("m"))
        same(vector, "diversified", key.withBytes { $0 })
    }

    static func iv(_ vector: Vector) throws {
        let session = EV2Session(
            keyNumber: 0, encryption: try AES128Key(vector.bytes("ses_enc")),
            authentication: .zero(), transaction: try vector.bytes("ti"),
            counter: UInt16(try vector.number("cmd_ctr")))
        let isCommand = try vector.text("direction") == "command"
        same(vector, "iv", try session.iv(isCommand ? [0xA5, 0x5A] : [0x5A, 0xA5]))
    }

    // MARK: sessions

    static func authentication(_ vector: Vector, isFirst: Bool) throws {
        let key = try AES128Key(vector.bytes("key"))
        let cryptogram = try vector.bytes("enc_rndb")
        let rndB = try key.decryptCBC(cryptogram)
        same(vector, "rndb", rndB)
        // RndA is printed, or stands in the printed part 2.
        let rndA =
            vector.has("rnda")
            ? try vector.bytes("rnda")
            : Array(try key.decryptCBC(vector.bytes("part2_cmd_data")).prefix(16))
        let authentication = try EV2Authentication(
            key: key.duplicate(), keyNumber: 0, cryptogram: cryptogram, rndA: rndA)
        same(vector, "part2_cmd_data", try authentication.challenge())
        let given = vector.has("part2_resp_data") ? try vector.bytes("part2_resp_data") : []
        let answer = vector.wanted("part2_resp_data") ?? given
        let session: EV2Session
        if isFirst {
            session = try authentication.session(first: answer)
        } else {
            session = try authentication.session(
                following: answer, transaction: [0, 0, 0, 0], counter: 0)
        }
        if isFirst {
            if vector.has("ti") {
                let transaction = session.transaction
                #expect(try transaction == vector.bytes("ti"))
            }
            same(vector, "ti", session.transaction)
        }
        // The keys themselves stay inside: what they make is compared.
        if let encryption = vector.wanted("ses_enc"), let mac = vector.wanted("ses_mac") {
            let stated = EV2Session(
                keyNumber: 0, encryption: try AES128Key(encryption),
                authentication: try AES128Key(mac), transaction: session.transaction, counter: 0)
            #expect(
                try session.command(0x8D, header: [1], data: [2, 3], mode: .full)
                    == stated.command(0x8D, header: [1], data: [2, 3], mode: .full))
        }
    }

    /// A session with the vector's keys, or derived from its random numbers.
    static func session(_ vector: Vector, keyNumber: UInt8 = 0) throws -> EV2Session {
        let counter = UInt16(try vector.number("cmd_ctr"))
        let transaction = try vector.bytes("ti")
        if vector.has("key") {
            let key = try AES128Key(vector.bytes("key"))
            let rndA = try vector.bytes("rnda")
            let answer = try key.encryptCBC(Array(rndA[1...]) + [rndA[0]])
            return try EV2Authentication(
                key: key.duplicate(), keyNumber: keyNumber,
                cryptogram: vector.bytes("enc_rndb"), rndA: rndA
            ).session(following: answer, transaction: transaction, counter: counter)
        }
        return EV2Session(
            keyNumber: keyNumber,
            encryption: vector.has("ses_enc") ? try AES128Key(vector.bytes("ses_enc")) : .zero(),
            authentication: try AES128Key(vector.bytes("ses_mac")), transaction: transaction,
            counter: counter)
    }

    static func mode(_ text: String) -> CommMode {
        switch text.uppercased() {
        case "MAC": .mac
        case "FULL": .full
        default: .plain
        }
    }

    static func exchange(_ vector: Vector) throws {
        var session = try session(vector)
        let ins = try vector.bytes("ins")
        let command = try session.command(
            ins[0], header: vector.bytes("header"), data: vector.bytes("data"),
            mode: mode(vector.text("cmd_mode")))
        same(vector, "c_apdu", command)
        if let mac = vector.wanted("mact") {
            #expect(command.dropLast().suffix(8) == mac[...], "\(vector.id)")
        }
        guard let wire = try wire(vector) else { return }
        let answer = try #require(CardAnswer(wire))
        let plain = try session.open(
            answer, expecting: answer.status, mode: mode(vector.text("resp_mode")),
            during: vector.id)
        #expect(try plain == vector.bytes("resp_data"), "\(vector.id)")
        try refusesFlips(vector, wire)
    }

    /// The answer as printed, or put together from its printed parts.
    private static func wire(_ vector: Vector) throws -> [UInt8]? {
        if let wire = vector.wanted("r_apdu") { return wire }
        guard let mac = vector.wanted("resp_mact") else { return nil }
        return try vector.bytes("resp_data") + mac + [0x91, vector.bytes("resp_rc")[0]]
    }

    /// Each bit of a protected answer matters.
    private static func refusesFlips(_ vector: Vector, _ wire: [UInt8]) throws {
        let mode = mode(try vector.text("resp_mode"))
        guard mode != .plain else { return }
        for bit in 0..<((wire.count - 2) * 8) {
            var changed = wire
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            var session = try session(vector)
            let answer = try #require(CardAnswer(changed))
            let opened = try? session.open(
                answer, expecting: answer.status, mode: mode, during: "")
            #expect(opened == nil, "\(vector.id): bit \(bit)")
            let isDead = !session.isAlive
            #expect(isDead)
        }
    }

    static func readSignature(_ vector: Vector) throws {
        var session = try session(vector)
        same(vector, "c_apdu", try session.command(0x3C, header: [0], mode: .full))
        let body = try vector.bytes("resp_body")
        let answer = try #require(CardAnswer(body + [0x91, 0x90]))
        let signature = try session.open(
            answer, expecting: .signatureSuccess, mode: .full, during: vector.id)
        #expect(signature.count == 56)
        #expect(vector.wantedFlag("mac_ok") == true)
    }

    static func changeKey(_ vector: Vector) throws {
        let number = UInt8(try vector.number("key_no"))
        let isOwn = try vector.number("auth_key_no") == vector.number("key_no")
        let session = try session(vector, keyNumber: UInt8(vector.number("auth_key_no")))
        let old = vector.has("old_key") ? try AES128Key(vector.bytes("old_key")) : .zero()
        let data = NTAG424.keyData(
            isOwn: isOwn, old: old, new: try AES128Key(vector.bytes("new_key")),
            version: try vector.bytes("new_version")[0])
        same(vector, "key_data_padded", padded(data))
        same(vector, "crc32", CRC32.jam(try vector.bytes("new_key")))
        same(vector, "iv_cmd", try session.iv([0xA5, 0x5A]))
        same(
            vector, "c_apdu",
            try session.command(0xC4, header: [number], data: data, mode: .full))
    }

    static func settings(_ vector: Vector) throws {
        let bytes = try vector.bytes("settings")
        let settings = try FileSettings(bytes)
        let access = settings.access
        let got: [String: Int?] = [
            "comm_mode": Int(settings.commMode.rawValue), "size": settings.size,
            "rw": Int(access.readWrite.nibble), "change": Int(access.change.nibble),
            "read": Int(access.read.nibble), "write": Int(access.write.nibble),
            "meta": settings.sdm.map { Int($0.metaRead.nibble) },
            "file_read": settings.sdm.map { Int($0.fileRead.nibble) },
            "ctr_ret": settings.sdm.map { Int($0.counterRetrieval.nibble) },
            "picc_off": settings.sdm?.piccDataOffset, "mac_in_off": settings.sdm?.macInputOffset,
            "enc_off": settings.sdm?.encryptedOffset, "enc_len": settings.sdm?.encryptedLength,
            "mac_off": settings.sdm?.macOffset, "consumed": bytes.count,
        ]
        for (field, value) in got {
            guard let wanted = vector.wantedNumber(field) else { continue }
            #expect(value == wanted, "\(vector.id): \(field)")
        }
        #expect((settings.sdm != nil) == vector.wantedFlag("sdm"))
        same(vector, "opt", settings.sdm.map { [$0.options] } ?? [])
        let size = (0..<3).map { UInt8(settings.size >> (8 * $0) & 0xff) }
        let parts = [settings.changeBytes.prefix(3), size[...], settings.changeBytes.dropFirst(3)]
        #expect([0] + parts.joined() == bytes)
    }

    // MARK: SDM, originality, plain

    static func sdmKeys(_ vector: Vector) throws {
        let keys = try SDM.sessionKeys(
            fileReadKey: AES128Key(vector.bytes("file_read_key")), uid: vector.bytes("uid"),
            counter: vector.bytes("read_ctr_lsb"))
        same(vector, "ses_enc", keys.encryption.withBytes { $0 })
        same(vector, "ses_mac", keys.mac.withBytes { $0 })
    }

    static func sdmMessage(_ vector: Vector) throws {
        var uid = vector.has("uid") ? try vector.bytes("uid") : []
        var counter = vector.has("read_ctr_lsb") ? try vector.bytes("read_ctr_lsb") : []
        if vector.has("picc_enc") {
            let data = try #require(
                SDM.decrypt(
                    piccData: try vector.bytes("picc_enc"),
                    metaReadKey: try AES128Key(vector.bytes("meta_read_key"))))
            same(vector, "picc_data", data.plain)
            same(vector, "tag", [data.plain[0]])
            same(vector, "uid", data.uid)
            uid = data.uid
            if let read = data.readCounter {
                if let wanted = vector.wantedNumber("read_ctr") { #expect(Int(read) == wanted) }
                counter = (0..<3).map { UInt8(read >> (8 * UInt32($0)) & 0xff) }
            }
        }
        let key = try AES128Key(vector.bytes("file_read_key"))
        let keys = try SDM.sessionKeys(fileReadKey: key, uid: uid, counter: counter)
        same(vector, "ses_enc", keys.encryption.withBytes { $0 })
        same(vector, "ses_mac", keys.mac.withBytes { $0 })
        let input =
            vector.has("mac_input_ascii") ? Array(try vector.text("mac_input_ascii").utf8) : []
        let full = keys.mac.cmac(input)
        same(vector, "sdmmac_full", full)
        same(vector, "sdmmac", truncated(full))
        if vector.has("enc_file") {
            let iv = try keys.encryption.encryptBlock(
                counter + [UInt8](repeating: 0, count: 16 - counter.count))
            same(vector, "iv_file", iv)
            same(
                vector, "file_data",
                try keys.encryption.decryptCBC(vector.bytes("enc_file"), iv: iv))
        }
    }

    static func originality(_ vector: Vector) throws {
        let valid = OriginalitySignature.verifies(
            try vector.bytes("signature"), uid: try vector.bytes("uid"),
            publicKey: try vector.bytes("public_key"))
        #expect(valid == vector.wantedFlag("valid"), "\(vector.id)")
    }

    static func curvePoint(_ vector: Vector) throws {
        let onCurve = OriginalitySignature.isKey(try vector.bytes("public_key"))
        #expect(onCurve == vector.wantedFlag("on_curve"), "\(vector.id)")
    }

    static func plain(_ vector: Vector) throws {
        func byte(_ field: String) throws -> UInt8 { try vector.bytes(field)[0] }
        let le = vector.has("le") ? try? byte("le") : nil
        let data = vector.has("data") ? try vector.bytes("data") : []
        if try byte("cla") == 0x90, le == 0 {
            same(vector, "c_apdu", APDU.native(try byte("ins"), data))
        }
        same(
            vector, "c_apdu",
            APDU.iso(
                cla: try byte("cla"), ins: try byte("ins"), p1: try byte("p1"),
                p2: try byte("p2"), data: data, le: le))
    }
}

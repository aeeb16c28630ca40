import COSE
import CommandLineTool
import Crypto
import Linux
import Tokens

let tokenCommands: [Command] = [
    Command(
        ["token", "show"], words: "FILE", "show the claims of a token file; nothing is believed",
        examples: ["eco-card token show card.token", "eco-card token show card.token --json"],
        run: { invocation in
            let token = try readToken(invocation.words[0])
            show(token, isVerified: nil, invocation)
        }),
    Command(
        ["token", "verify"], words: "FILE", "verify a token file with the issuer's public key",
        options: [.value("issuer", "HEX", "the issuer's public key, 64 hexadecimal characters")],
        examples: [
            "eco-card token verify card.token --issuer 9f3c…",
            "eco-card token verify card.token --issuer 9f3c… --json",
        ],
        run: { invocation in
            guard
                let key = Hexadecimal.bytes(try invocation.required("issuer"))
                    .flatMap({ try? Ed25519PublicKey($0) })
            else {
                throw Failure(
                    "--issuer is no public key", hint: "64 hexadecimal characters",
                    code: .usage)
            }
            let token = try readToken(invocation.words[0])
            guard (try? token.message.verified(by: key)) != nil else {
                throw Failure(
                    "the token does not verify",
                    hint: "it is altered, or another issuer signed it", code: .integrity)
            }
            show(token, isVerified: true, invocation)
        }),
]

private func readToken(_ path: String) throws -> CarriedToken {
    let bytes: [UInt8]
    do { bytes = try Files.read(path, atMost: 4_096) } catch {
        throw Failure("\(path) cannot be read: \(error)", hint: "check the path")
    }
    do { return try CarriedToken(bytes) } catch {
        throw Failure(
            "\(path) is no card token", hint: "a COSE_Sign1 of at most 128 bytes",
            code: .integrity)
    }
}

private func show(_ token: CarriedToken, isVerified: Bool?, _ invocation: Invocation) {
    let claims = token.claims
    let verified = isVerified == true
    invocation.print(
        .record([
            "schema": .text("eco.token.1"), "number": .text(claims.number.digits),
            "class": .text(name(claims.cardClass)), "epoch": .integer(Int64(claims.epoch)),
            "issued": .text(date(claims.issued)), "expires": .text(date(claims.expires)),
            "bytes": .integer(Int64(token.message.bytes.count)), "verified": .bool(verified),
        ]),
        [
            "Card \(claims.number), \(name(claims.cardClass)), key epoch \(claims.epoch)",
            "Issued \(date(claims.issued)), valid until \(date(claims.expires)), "
                + "\(token.message.bytes.count) bytes",
            verified ? "The signature verifies." : "The signature was not checked.",
        ])
}

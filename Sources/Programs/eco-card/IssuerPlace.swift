import CommandLineTool
import Crypto
import KeyStore
import Linux

/// A secret that several calls may use.
final class Secret {
    let bytes: SecretBytes
    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}

/// Where a command line says that the issuer's keys are, and what opens them.
enum IssuerPlace {
    case folder(String, Secret)
    case token(String, Secret)
    case agent(String)

    /// True when the command line says where: for commands that do without keys, too.
    static func isNamed(_ invocation: Invocation) -> Bool {
        ["keys", "pkcs11", "agent"].contains { invocation.value($0) != nil }
    }

    /// - Throws: `Failure`, also when two places are named.
    init(_ invocation: Invocation) throws {
        let places = ["agent", "pkcs11"].filter { invocation.value($0) != nil }
        guard places.count < 2 else {
            throw Failure(
                "the keys are said to be in two places", hint: "choose --pkcs11 or --agent",
                code: .usage)
        }
        if let path = invocation.value("agent") {
            self = .agent(path)
        } else if let uri = invocation.value("pkcs11") {
            self = .token(uri, try Self.pin(invocation))
        } else {
            guard let folder = invocation.value("keys") else {
                throw Failure(
                    "it is not said where the keys are", hint: "give --keys, --pkcs11 or --agent",
                    code: .usage)
            }
            self = .folder(folder, try Self.passphrase(invocation))
        }
    }

    func open() throws -> IssuerKeys {
        do throws(KeyStoreError) {
            switch self {
            case .folder(let path, let secret):
                return try IssuerKeys.open(path: Self.file(path), passphrase: secret.bytes)
            case .token(let uri, let secret):
                return try IssuerKeys.open(token: uri, pin: secret.bytes)
            case .agent(let path): return try IssuerKeys.open(agent: path)
            }
        } catch { throw Failure(error) }
    }

    static func file(_ folder: String) -> String { folder + "/issuer.keys" }

    /// What opens the folder's file: its passphrase, or the key its custodians share.
    private static func passphrase(_ invocation: Invocation) throws -> Secret {
        if let key = try sharedKey(invocation) { return key }
        return try secret(invocation, "passphrase-file", "Passphrase: ", "the passphrase")
    }

    private static func pin(_ invocation: Invocation) throws -> Secret {
        if let key = try sharedKey(invocation) { return Secret(KeyStore.pin(of: key.bytes)) }
        return try secret(invocation, "pin-file", "PIN of the token: ", "the PIN")
    }

    /// A secret from a file that an option names, or asked on a terminal, a new one twice; never
    /// an argument.
    static func secret(
        _ invocation: Invocation, _ option: String, _ prompt: String, _ name: String,
        isNew: Bool = false
    ) throws -> Secret {
        if let path = invocation.value(option) { return try read(path) }
        guard Console.errorIsTerminal(), var typed = Console.readSecret(prompt: prompt),
            !typed.isEmpty
        else {
            throw Failure("\(name) is missing", hint: "give --\(option)", code: .usage)
        }
        let secret = Secret(SecretBytes(consuming: &typed))
        if isNew {
            var again = Console.readSecret(prompt: "Again. " + prompt) ?? []
            guard SecretBytes(consuming: &again).equals(secret.bytes) else {
                throw Failure(
                    "\(name) was typed in two ways", hint: "nothing was made; begin again",
                    code: .usage)
            }
        }
        return secret
    }

    static func read(_ path: String) throws -> Secret {
        do { return Secret(try KeyStore.passphrase(file: path)) } catch { throw Failure(error) }
    }

    /// "a,b" as its parts.
    static func list(_ text: String) -> [String] {
        text.split(separator: ",").map(String.init)
    }

    /// One passphrase a custodian, from files or asked one after another.
    static func custodians(
        _ invocation: Invocation, count: Int, areNew: Bool = false
    ) throws -> [Secret] {
        if let files = invocation.value("share-passphrase-files").map(list) {
            guard files.count == count else {
                throw Failure(
                    "\(count) shares need \(count) passphrases", hint: "\(files.count) given",
                    code: .usage)
            }
            return try files.map(read)
        }
        return try (1...count).map { number in
            try secret(
                invocation, "share-passphrase-files", "Passphrase of custodian \(number): ",
                "the passphrase of custodian \(number)", isNew: areNew)
        }
    }

    static func shares(_ invocation: Invocation) throws -> [KeyShare]? {
        guard let files = invocation.value("share-files").map(list), !files.isEmpty else {
            return nil
        }
        let secrets = try custodians(invocation, count: files.count)
        return try zip(files, secrets).map(share)
    }

    private static func share(_ path: String, _ secret: Secret) throws -> KeyShare {
        do { return try KeyShare.open(path: path, passphrase: secret.bytes) } catch {
            guard error == .wrongPassphrase else { throw Failure(error) }
            throw Failure(
                "the passphrase does not open the share \(path)",
                hint: "shares and passphrases stand in the same order", code: .keys)
        }
    }

    private static func sharedKey(_ invocation: Invocation) throws -> Secret? {
        guard let shares = try shares(invocation) else { return nil }
        do { return Secret(try KeyShare.key(shares)) } catch { throw Failure(error) }
    }
}

/// The issuer's keys a command line names.
func openIssuer(_ invocation: Invocation) throws -> IssuerKeys {
    try IssuerPlace(invocation).open()
}

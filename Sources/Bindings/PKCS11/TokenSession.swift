import CP11Kit
import Synchronization

/// An object of a session, valid as long as the session.
public struct TokenObject: Equatable, Sendable {
    let handle: UInt
}

/// What a token tells of its user PIN (`CK_TOKEN_INFO.flags`).
public enum TokenPINState: Equatable, Sendable {
    /// Nothing wrong since the last login.
    case normal
    /// At least one wrong PIN since the last login.
    case low
    /// The next wrong PIN locks it.
    case finalTry
    /// Locked: only the security officer can set a new one.
    case locked
    /// The security officer has not set one yet.
    case missing
}

/// A read-write session with one token. It ends with the value.
public final class TokenSession: Sendable {
    private let module: TokenModule
    private let slot: CK_SLOT_ID
    private let session: CK_SESSION_HANDLE
    private let lock = Mutex<Void>(())

    /// The longest PIN and the longest answer of a call, in bytes.
    public static let sizeMax = 65_536

    /// Opens a session with the token a URI names; without `module-path` it is looked for in
    /// every module that p11-kit is configured with.
    /// - Throws: `PKCS11Error`; `isModuleMissing`, `isTokenGone` when there is none.
    /// Calls `C_OpenSession`.
    public init(_ uri: borrowing TokenURI) throws(PKCS11Error) {
        var opened: (TokenModule, CK_SLOT_ID)?
        if let path = uri.modulePath {
            let module = try TokenModule(path: path)
            if let slot = try module.slot(uri) { opened = (module, slot) }
        } else {
            for path in TokenModule.configured() where opened == nil {
                guard let module = try? TokenModule(path: path) else { continue }
                if let slot = try module.slot(uri) { opened = (module, slot) }
            }
        }
        guard let (module, slot) = opened else {
            throw PKCS11Error(call: "C_GetSlotList", code: UInt(CKR_TOKEN_NOT_PRESENT))
        }
        var session: CK_SESSION_HANDLE = 0
        let flags = UInt(CKF_SERIAL_SESSION) | UInt(CKF_RW_SESSION)
        try check(
            "C_OpenSession",
            module.functions.pointee.C_OpenSession(slot, flags, nil, nil, &session))
        self.module = module
        self.slot = slot
        self.session = session
    }

    // The error is ignored: the session ends with its module at the latest.
    deinit { _ = module.functions.pointee.C_CloseSession(session) }

    private func locked<T>(
        _ body: (borrowing CK_FUNCTION_LIST) throws(PKCS11Error) -> T
    ) throws(PKCS11Error) -> T {
        try lock.withLock { (_: inout Void) throws(PKCS11Error) -> T in
            try body(module.functions.pointee)
        }
    }

    /// The token's label without its padding.
    public var label: String {
        var token = CK_TOKEN_INFO()
        let code = lock.withLock { _ in module.functions.pointee.C_GetTokenInfo(slot, &token) }
        guard code == CK_RV(CKR_OK) else { return "" }
        let bytes = withUnsafeBytes(of: token.label) { Array($0) }
        return String(decoding: bytes.reversed().drop { $0 == 32 }.reversed(), as: UTF8.self)
    }

    /// What the token tells of its PIN. Calls `C_GetTokenInfo`.
    public var pinState: TokenPINState {
        var token = CK_TOKEN_INFO()
        let code = lock.withLock { _ in module.functions.pointee.C_GetTokenInfo(slot, &token) }
        guard code == CK_RV(CKR_OK) else { return .normal }
        let flags = UInt(token.flags)
        if flags & UInt(CKF_USER_PIN_INITIALIZED) == 0 { return .missing }
        if flags & UInt(CKF_USER_PIN_LOCKED) != 0 { return .locked }
        if flags & UInt(CKF_USER_PIN_FINAL_TRY) != 0 { return .finalTry }
        if flags & UInt(CKF_USER_PIN_COUNT_LOW) != 0 { return .low }
        return .normal
    }

    /// Logs in as the user; being logged in already by another session of this process is no
    /// error, and the PIN is then not compared. Calls `C_Login`.
    public func login(pin: [UInt8]) throws(PKCS11Error) {
        let copy = PIN(pin)
        try locked { (functions) throws(PKCS11Error) in
            let code = functions.C_Login(session, UInt(CKU_USER), copy.pointer, copy.count)
            if code != CK_RV(CKR_USER_ALREADY_LOGGED_IN) { try check("C_Login", code) }
        }
    }

    /// Changes the PIN of the user who is logged in. Calls `C_SetPIN`.
    public func changePIN(from old: [UInt8], to new: [UInt8]) throws(PKCS11Error) {
        let before = PIN(old)
        let after = PIN(new)
        try locked { (functions) throws(PKCS11Error) in
            try check(
                "C_SetPIN",
                functions.C_SetPIN(
                    session, before.pointer, before.count, after.pointer, after.count))
        }
    }

    /// The objects that carry all of these attributes, at most 1,024.
    /// Calls `C_FindObjects`.
    public func objects(_ attributes: [TokenAttribute]) throws(PKCS11Error) -> [TokenObject] {
        let template = Template(attributes)
        return try locked { (functions) throws(PKCS11Error) in
            try check(
                "C_FindObjectsInit",
                functions.C_FindObjectsInit(session, template.pointer, template.count))
            defer { _ = functions.C_FindObjectsFinal(session) }
            var handles = [CK_OBJECT_HANDLE](repeating: 0, count: 1_024)
            var found: UInt = 0
            try check(
                "C_FindObjects",
                functions.C_FindObjects(session, &handles, UInt(handles.count), &found))
            return handles.prefix(Int(min(found, 1_024))).map { TokenObject(handle: UInt($0)) }
        }
    }

    /// An attribute's value. Calls `C_GetAttributeValue`.
    public func value(
        _ type: TokenAttributeType, of object: TokenObject
    ) throws(PKCS11Error) -> [UInt8] {
        try locked { (functions) throws(PKCS11Error) in
            var row = CK_ATTRIBUTE(type: CK_ATTRIBUTE_TYPE(type.raw), pValue: nil, ulValueLen: 0)
            try check(
                "C_GetAttributeValue",
                functions.C_GetAttributeValue(session, CK_OBJECT_HANDLE(object.handle), &row, 1))
            let count = row.ulValueLen
            guard count != eco_p11_unavailable(), count <= UInt(Self.sizeMax) else {
                throw PKCS11Error(
                    call: "C_GetAttributeValue", code: UInt(CKR_ATTRIBUTE_TYPE_INVALID))
            }
            var bytes = [UInt8](repeating: 0, count: Int(count))
            let code = bytes.withUnsafeMutableBytes { buffer in
                row.pValue = buffer.baseAddress
                return functions.C_GetAttributeValue(
                    session, CK_OBJECT_HANDLE(object.handle), &row, 1)
            }
            try check("C_GetAttributeValue", code)
            return bytes
        }
    }

    /// An attribute that is true or false.
    public func flag(
        _ type: TokenAttributeType, of object: TokenObject
    ) throws(PKCS11Error) -> Bool {
        try value(type, of: object).contains { $0 != 0 }
    }

    /// Makes an object from given values. Calls `C_CreateObject`.
    public func create(_ attributes: [TokenAttribute]) throws(PKCS11Error) -> TokenObject {
        let template = Template(attributes)
        return try locked { (functions) throws(PKCS11Error) in
            var handle: CK_OBJECT_HANDLE = 0
            try check(
                "C_CreateObject",
                functions.C_CreateObject(session, template.pointer, template.count, &handle))
            return TokenObject(handle: UInt(handle))
        }
    }

    /// Removes an object. Calls `C_DestroyObject`.
    public func destroy(_ object: TokenObject) throws(PKCS11Error) {
        try locked { (functions) throws(PKCS11Error) in
            try check(
                "C_DestroyObject",
                functions.C_DestroyObject(session, CK_OBJECT_HANDLE(object.handle)))
        }
    }

    /// A fresh secret key of the token's own randomness. Calls `C_GenerateKey`.
    public func generate(
        _ mechanism: TokenMechanism, _ attributes: [TokenAttribute]
    ) throws(PKCS11Error) -> TokenObject {
        let template = Template(attributes)
        return try locked { (functions) throws(PKCS11Error) in
            var kind = CK_MECHANISM(mechanism.raw)
            var handle: CK_OBJECT_HANDLE = 0
            try check(
                "C_GenerateKey",
                functions.C_GenerateKey(
                    session, &kind, template.pointer, template.count, &handle))
            return TokenObject(handle: UInt(handle))
        }
    }

    /// A fresh key pair. Calls `C_GenerateKeyPair`.
    public func generatePair(
        _ mechanism: TokenMechanism, publicHalf: [TokenAttribute], privateHalf: [TokenAttribute]
    ) throws(PKCS11Error) -> (publicKey: TokenObject, privateKey: TokenObject) {
        let open = Template(publicHalf)
        let closed = Template(privateHalf)
        return try locked { (functions) throws(PKCS11Error) in
            var kind = CK_MECHANISM(mechanism.raw)
            var first: CK_OBJECT_HANDLE = 0
            var second: CK_OBJECT_HANDLE = 0
            try check(
                "C_GenerateKeyPair",
                functions.C_GenerateKeyPair(
                    session, &kind, open.pointer, open.count, closed.pointer, closed.count,
                    &first, &second))
            return (TokenObject(handle: UInt(first)), TokenObject(handle: UInt(second)))
        }
    }

    /// Signs or MACs a message. Calls `C_SignInit` and `C_Sign`.
    public func sign(
        _ message: [UInt8], _ mechanism: TokenMechanism, key: TokenObject
    ) throws(PKCS11Error) -> [UInt8] {
        try locked { (functions) throws(PKCS11Error) in
            var kind = CK_MECHANISM(mechanism.raw)
            try check(
                "C_SignInit", functions.C_SignInit(session, &kind, CK_OBJECT_HANDLE(key.handle)))
            var message = message
            var output = [UInt8](repeating: 0, count: 512)
            var count = UInt(output.count)
            try check(
                "C_Sign",
                functions.C_Sign(session, &message, UInt(message.count), &output, &count))
            return Array(output.prefix(Int(min(count, 512))))
        }
    }

    /// A key, encrypted on the token under another. Calls `C_WrapKey`.
    public func wrap(
        _ key: TokenObject, _ mechanism: TokenMechanism, under wrapping: TokenObject
    ) throws(PKCS11Error) -> [UInt8] {
        try locked { (functions) throws(PKCS11Error) in
            var kind = CK_MECHANISM(mechanism.raw)
            var output = [UInt8](repeating: 0, count: 512)
            var count = UInt(output.count)
            try check(
                "C_WrapKey",
                functions.C_WrapKey(
                    session, &kind, CK_OBJECT_HANDLE(wrapping.handle),
                    CK_OBJECT_HANDLE(key.handle), &output, &count))
            return Array(output.prefix(Int(min(count, 512))))
        }
    }
}

extension CK_MECHANISM {
    /// A mechanism without a parameter.
    init(_ type: UInt) {
        self.init(
            mechanism: CK_MECHANISM_TYPE(type), pParameter: nil, ulParameterLen: 0)
    }
}

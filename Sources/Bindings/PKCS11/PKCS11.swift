// PKCS11: a token's objects and operations, through p11-kit.
//
// Purpose: find a token by an RFC 7512 URI, log in, find, make, wrap and destroy objects, sign.
// It knows no word of the product.
//
// Promises: every refused call is a `PKCS11Error` with the call's name and its CKR code; a PIN and
// a template's values are copied once, into memory that is zeroed; sessions end and the module is
// let go when a `TokenSession` goes; a URI may not carry a PIN.
//
// Does not promise: slots with several application threads; vendor mechanisms; that the module
// itself keeps keys out of this process: a module that is a library (SoftHSM) works inside it.
//
// Threads: any; one call at a time holds a session (a lock).
// Units: bytes; handles and types are the module's numbers.

import CP11Kit

/// A call of the module that was refused.
public struct PKCS11Error: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C call, e.g. "C_Login".
    public let call: String
    /// What it answered: a `CK_RV`, kept also when it is unknown.
    public let code: UInt

    /// An error of `call` with the answer `code`.
    public init(call: String, code: UInt) {
        self.call = call
        self.code = code
    }

    /// "C_Login: CKR_PIN_INCORRECT".
    public var description: String { "\(call): \(name)" }

    /// The code's name in PKCS #11 (v3.0 §6.1), or its number.
    public var name: String {
        Self.names[code] ?? "CKR 0x" + String(code, radix: 16)
    }

    /// The PIN is not the token's.
    public var isWrongPIN: Bool {
        [UInt(CKR_PIN_INCORRECT), UInt(CKR_PIN_LEN_RANGE), UInt(CKR_PIN_INVALID)].contains(code)
    }
    /// Too many wrong PINs.
    public var isPINLocked: Bool { code == UInt(CKR_PIN_LOCKED) }
    /// The token is not there, or no longer.
    public var isTokenGone: Bool {
        [
            UInt(CKR_TOKEN_NOT_PRESENT), UInt(CKR_DEVICE_REMOVED), UInt(CKR_SLOT_ID_INVALID),
            UInt(CKR_SESSION_HANDLE_INVALID), UInt(CKR_SESSION_CLOSED),
        ].contains(code)
    }
    /// The token has no room.
    public var isTokenFull: Bool { code == UInt(CKR_DEVICE_MEMORY) }
    /// There is no module, or it does not start.
    public var isModuleMissing: Bool { call == Self.loading }

    static let loading = "p11_kit_module_load"

    private static let names: [UInt: String] = [
        UInt(CKR_CANCEL): "CKR_CANCEL", UInt(CKR_HOST_MEMORY): "CKR_HOST_MEMORY",
        UInt(CKR_SLOT_ID_INVALID): "CKR_SLOT_ID_INVALID",
        UInt(CKR_GENERAL_ERROR): "CKR_GENERAL_ERROR",
        UInt(CKR_FUNCTION_FAILED): "CKR_FUNCTION_FAILED",
        UInt(CKR_ARGUMENTS_BAD): "CKR_ARGUMENTS_BAD",
        UInt(CKR_ATTRIBUTE_READ_ONLY): "CKR_ATTRIBUTE_READ_ONLY",
        UInt(CKR_ATTRIBUTE_SENSITIVE): "CKR_ATTRIBUTE_SENSITIVE",
        UInt(CKR_ATTRIBUTE_TYPE_INVALID): "CKR_ATTRIBUTE_TYPE_INVALID",
        UInt(CKR_ATTRIBUTE_VALUE_INVALID): "CKR_ATTRIBUTE_VALUE_INVALID",
        UInt(CKR_DATA_INVALID): "CKR_DATA_INVALID",
        UInt(CKR_DATA_LEN_RANGE): "CKR_DATA_LEN_RANGE",
        UInt(CKR_DEVICE_ERROR): "CKR_DEVICE_ERROR",
        UInt(CKR_DEVICE_MEMORY): "CKR_DEVICE_MEMORY",
        UInt(CKR_DEVICE_REMOVED): "CKR_DEVICE_REMOVED",
        UInt(CKR_FUNCTION_NOT_SUPPORTED): "CKR_FUNCTION_NOT_SUPPORTED",
        UInt(CKR_KEY_HANDLE_INVALID): "CKR_KEY_HANDLE_INVALID",
        UInt(CKR_KEY_TYPE_INCONSISTENT): "CKR_KEY_TYPE_INCONSISTENT",
        UInt(CKR_KEY_FUNCTION_NOT_PERMITTED): "CKR_KEY_FUNCTION_NOT_PERMITTED",
        UInt(CKR_KEY_NOT_WRAPPABLE): "CKR_KEY_NOT_WRAPPABLE",
        UInt(CKR_KEY_UNEXTRACTABLE): "CKR_KEY_UNEXTRACTABLE",
        UInt(CKR_MECHANISM_INVALID): "CKR_MECHANISM_INVALID",
        UInt(CKR_OBJECT_HANDLE_INVALID): "CKR_OBJECT_HANDLE_INVALID",
        UInt(CKR_PIN_INCORRECT): "CKR_PIN_INCORRECT", UInt(CKR_PIN_INVALID): "CKR_PIN_INVALID",
        UInt(CKR_PIN_LEN_RANGE): "CKR_PIN_LEN_RANGE", UInt(CKR_PIN_LOCKED): "CKR_PIN_LOCKED",
        UInt(CKR_SESSION_CLOSED): "CKR_SESSION_CLOSED",
        UInt(CKR_SESSION_HANDLE_INVALID): "CKR_SESSION_HANDLE_INVALID",
        UInt(CKR_SESSION_READ_ONLY): "CKR_SESSION_READ_ONLY",
        UInt(CKR_TEMPLATE_INCONSISTENT): "CKR_TEMPLATE_INCONSISTENT",
        UInt(CKR_TOKEN_NOT_PRESENT): "CKR_TOKEN_NOT_PRESENT",
        UInt(CKR_TOKEN_NOT_RECOGNIZED): "CKR_TOKEN_NOT_RECOGNIZED",
        UInt(CKR_TOKEN_WRITE_PROTECTED): "CKR_TOKEN_WRITE_PROTECTED",
        UInt(CKR_USER_ALREADY_LOGGED_IN): "CKR_USER_ALREADY_LOGGED_IN",
        UInt(CKR_USER_NOT_LOGGED_IN): "CKR_USER_NOT_LOGGED_IN",
        UInt(CKR_USER_PIN_NOT_INITIALIZED): "CKR_USER_PIN_NOT_INITIALIZED",
    ]
}

/// Throws unless the answer is `CKR_OK`.
func check(_ call: String, _ code: CK_RV) throws(PKCS11Error) {
    if code != CK_RV(CKR_OK) { throw PKCS11Error(call: call, code: UInt(code)) }
}

/// One attribute of an object: its type (`CKA_…`) and its value as the module takes it.
public struct TokenAttribute: Sendable {
    let type: UInt
    let value: [UInt8]

    private init(_ type: some BinaryInteger, _ value: [UInt8]) {
        self.type = UInt(type)
        self.value = value
    }

    private static func flag(_ type: some BinaryInteger, _ value: Bool) -> TokenAttribute {
        TokenAttribute(type, [value ? 1 : 0])
    }

    private static func number(_ type: some BinaryInteger, _ value: some BinaryInteger)
        -> TokenAttribute
    {
        TokenAttribute(type, withUnsafeBytes(of: UInt(value)) { Array($0) })
    }

    /// `CKA_CLASS`: a secret key.
    public static let secretKey = number(CKA_CLASS, CKO_SECRET_KEY)
    /// `CKA_CLASS`: a public key.
    public static let publicKey = number(CKA_CLASS, CKO_PUBLIC_KEY)
    /// `CKA_CLASS`: a private key.
    public static let privateKey = number(CKA_CLASS, CKO_PRIVATE_KEY)
    /// `CKA_KEY_TYPE`: AES.
    public static let aes = number(CKA_KEY_TYPE, CKK_AES)
    /// `CKA_KEY_TYPE`: an Edwards curve.
    public static let edwards = number(CKA_KEY_TYPE, CKK_EC_EDWARDS)
    /// `CKA_TOKEN`: stays on the token, or goes with the session.
    public static func permanent(_ value: Bool) -> TokenAttribute { flag(CKA_TOKEN, value) }
    /// `CKA_PRIVATE`: seen only after login.
    public static func hidden(_ value: Bool) -> TokenAttribute { flag(CKA_PRIVATE, value) }
    /// `CKA_SENSITIVE`: its value is never told.
    public static func sensitive(_ value: Bool) -> TokenAttribute { flag(CKA_SENSITIVE, value) }
    /// `CKA_EXTRACTABLE`: may leave the token wrapped.
    public static func extractable(_ value: Bool) -> TokenAttribute {
        flag(CKA_EXTRACTABLE, value)
    }
    /// `CKA_SIGN`.
    public static func signs(_ value: Bool) -> TokenAttribute { flag(CKA_SIGN, value) }
    /// `CKA_VERIFY`.
    public static func verifies(_ value: Bool) -> TokenAttribute { flag(CKA_VERIFY, value) }
    /// `CKA_ENCRYPT`.
    public static func encrypts(_ value: Bool) -> TokenAttribute { flag(CKA_ENCRYPT, value) }
    /// `CKA_DECRYPT`.
    public static func decrypts(_ value: Bool) -> TokenAttribute { flag(CKA_DECRYPT, value) }
    /// `CKA_WRAP`.
    public static func wraps(_ value: Bool) -> TokenAttribute { flag(CKA_WRAP, value) }
    /// `CKA_UNWRAP`.
    public static func unwraps(_ value: Bool) -> TokenAttribute { flag(CKA_UNWRAP, value) }
    /// `CKA_DERIVE`.
    public static func derives(_ value: Bool) -> TokenAttribute { flag(CKA_DERIVE, value) }
    /// `CKA_MODIFIABLE`.
    public static func modifiable(_ value: Bool) -> TokenAttribute { flag(CKA_MODIFIABLE, value) }
    /// `CKA_VALUE_LEN`, bytes.
    public static func size(_ count: Int) -> TokenAttribute { number(CKA_VALUE_LEN, count) }
    /// `CKA_LABEL`.
    public static func label(_ text: String) -> TokenAttribute {
        TokenAttribute(CKA_LABEL, Array(text.utf8))
    }
    /// `CKA_ID`.
    public static func identifier(_ bytes: [UInt8]) -> TokenAttribute {
        TokenAttribute(CKA_ID, bytes)
    }
    /// `CKA_VALUE`: a key given from outside.
    public static func value(_ bytes: [UInt8]) -> TokenAttribute {
        TokenAttribute(CKA_VALUE, bytes)
    }
    /// `CKA_EC_PARAMS`, DER.
    public static func curve(_ parameters: [UInt8]) -> TokenAttribute {
        TokenAttribute(CKA_EC_PARAMS, parameters)
    }
}

/// What may be read of an object.
public enum TokenAttributeType: Sendable {
    case label
    case identifier
    case point
    case sensitive
    case extractable

    var raw: UInt {
        switch self {
        case .label: UInt(CKA_LABEL)
        case .identifier: UInt(CKA_ID)
        case .point: UInt(CKA_EC_POINT)
        case .sensitive: UInt(CKA_SENSITIVE)
        case .extractable: UInt(CKA_EXTRACTABLE)
        }
    }
}

/// What a key is used with.
public enum TokenMechanism: Sendable {
    /// `CKM_AES_CMAC`: 16 bytes.
    case aesCMAC
    /// `CKM_EDDSA`: 64 bytes with edwards25519.
    case eddsa
    /// `CKM_AES_KEY_WRAP` (RFC 3394).
    case aesKeyWrap
    /// `CKM_AES_KEY_GEN`.
    case aesKeyGeneration
    /// `CKM_EC_EDWARDS_KEY_PAIR_GEN`.
    case edwardsKeyPairGeneration

    var raw: UInt {
        switch self {
        case .aesCMAC: UInt(CKM_AES_CMAC)
        case .eddsa: UInt(CKM_EDDSA)
        case .aesKeyWrap: UInt(CKM_AES_KEY_WRAP)
        case .aesKeyGeneration: UInt(CKM_AES_KEY_GEN)
        case .edwardsKeyPairGeneration: UInt(CKM_EC_EDWARDS_KEY_PAIR_GEN)
        }
    }
}

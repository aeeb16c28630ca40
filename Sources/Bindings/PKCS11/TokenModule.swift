import CP11Kit
import Glibc

/// A loaded module; let go with the value. Loading the same one twice is counted by p11-kit.
final class TokenModule: @unchecked Sendable {  // because the table is never changed
    let functions: UnsafeMutablePointer<CK_FUNCTION_LIST>
    private let path: String

    /// Calls `p11_kit_module_load` and `p11_kit_module_initialize`.
    init(path: String) throws(PKCS11Error) {
        guard let functions = p11_kit_module_load(path, 0) else {
            throw PKCS11Error(call: PKCS11Error.loading, code: UInt(CKR_GENERAL_ERROR))
        }
        let code = p11_kit_module_initialize(functions)
        guard code == CK_RV(CKR_OK) else {
            p11_kit_module_release(functions)
            throw PKCS11Error(call: PKCS11Error.loading, code: UInt(code))
        }
        self.functions = functions
        self.path = path
    }

    // The error is ignored: the module is let go whatever it answers.
    deinit {
        p11_kit_module_finalize(functions)
        p11_kit_module_release(functions)
    }

    /// The files of the modules that p11-kit is configured with.
    /// Calls `p11_kit_modules_load` and `p11_kit_module_get_filename`.
    static func configured() -> [String] {
        guard let modules = p11_kit_modules_load(nil, 0) else { return [] }
        defer { p11_kit_modules_release(modules) }
        var paths: [String] = []
        var next = modules
        while let module = next.pointee {
            if let name = p11_kit_module_get_filename(module) {
                paths.append(String(cString: name))
                free(name)
            }
            next += 1
        }
        return paths
    }

    /// The slot of the one token the URI names.
    /// Calls `C_GetSlotList` and `C_GetTokenInfo`.
    func slot(_ uri: borrowing TokenURI) throws(PKCS11Error) -> CK_SLOT_ID? {
        var count: UInt = 0
        try check("C_GetSlotList", functions.pointee.C_GetSlotList(1, nil, &count))
        guard count > 0 else { return nil }
        var slots = [CK_SLOT_ID](repeating: 0, count: Int(min(count, 1_024)))
        count = UInt(slots.count)
        try check("C_GetSlotList", functions.pointee.C_GetSlotList(1, &slots, &count))
        var found: [CK_SLOT_ID] = []
        for slot in slots.prefix(Int(count)) {
            var token = CK_TOKEN_INFO()
            guard functions.pointee.C_GetTokenInfo(slot, &token) == CK_RV(CKR_OK),
                token.flags & UInt(CKF_TOKEN_INITIALIZED) != 0
            else { continue }
            if uri.names(&token) { found.append(slot) }
        }
        if found.count > 1 {
            throw PKCS11Error(call: "C_GetSlotList", code: UInt(CKR_ARGUMENTS_BAD))
        }
        return found.first
    }
}

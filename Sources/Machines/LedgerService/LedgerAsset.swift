import CLedgerAssets

/// One file the ledger serves as it is.
struct LedgerAsset: Sendable {
    /// The `Content-Type`.
    let type: String
    let bytes: [UInt8]

    /// Every file by its path. Calls `ledger_assets`.
    static let embedded: [String: LedgerAsset] = {
        var found: [String: LedgerAsset] = [:]
        guard var row = unsafe ledger_assets() else { return found }
        while let path = unsafe row.pointee.path, let type = unsafe row.pointee.type {
            let bytes = unsafe UnsafeBufferPointer(
                start: row.pointee.bytes, count: row.pointee.count)
            let asset = unsafe LedgerAsset(type: String(cString: type), bytes: Array(bytes))
            found[unsafe String(cString: path)] = asset
            unsafe row += 1
        }
        return found
    }()
}

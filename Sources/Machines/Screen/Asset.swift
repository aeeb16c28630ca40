import CWebAssets

/// One file of the embedded page.
struct Asset: Sendable {
    /// The `Content-Type`.
    let type: String
    let bytes: [UInt8]

    /// Every file by the path a browser asks for. Calls `web_assets`.
    static func embedded() -> [String: Asset] {
        var found: [String: Asset] = [:]
        guard var row = unsafe web_assets() else { return found }
        while let path = unsafe row.pointee.path, let type = unsafe row.pointee.type {
            let bytes = unsafe UnsafeBufferPointer(
                start: row.pointee.bytes, count: row.pointee.count)
            let asset = unsafe Asset(type: String(cString: type), bytes: Array(bytes))
            found[unsafe String(cString: path)] = asset
            unsafe row += 1
        }
        return found
    }
}

import CPostgreSQL

/// How a connection is written: libpq's URI or "keyword=value" form.
public enum ConnectionText {
    /// Whether `text` holds a password, which must not stand on a command line (every process can
    /// read it there). Nil: libpq cannot read the text. Its complaint may quote a secret, so it is
    /// not told. Calls `PQconninfoParse`.
    public static func holdsPassword(_ text: String) -> Bool? {
        var complaint: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(text, &complaint)
        if let complaint { PQfreemem(complaint) }
        guard let options else { return nil }
        defer { PQconninfoFree(options) }
        var isFound = false
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            if ["password", "sslpassword"].contains(name), option.pointee.val != nil {
                isFound = true
            }
            option += 1
        }
        return isFound
    }
}

import Crypto

/// One version of what policies start from.
public struct SettingVersion: Equatable, Sendable {
    /// 1, 2, 3 …
    public let version: Int64
    /// Since when, milliseconds; 0 for one that is older than the book's memory of them.
    public let time: UInt64
    /// The settings.
    public let settings: PolicySettings
}

extension Book {
    /// Sets what policies start from, when nothing was set before: true. Else changes nothing.
    /// - Throws: `BookError.malformed`, `.storage`.
    public func begin(_ settings: PolicySettings, now: UInt64) throws(BookError) -> Bool {
        let json = try Self.json(settings)
        return try transaction { () throws(BookError) in
            let isFirst = try changes(
                "INSERT INTO settings(id, json) VALUES(1, $1) ON CONFLICT DO NOTHING",
                [.text(json)])
            guard isFirst == 1 else { return false }
            _ = try keep(settings, now: now)
            return true
        }
    }

    /// Sets what policies start from and keeps the version before; terminals get a new policy,
    /// signed, with their next pull. False when nothing is different.
    /// - Throws: `BookError.malformed`, `.storage`.
    public func change(_ settings: PolicySettings, now: UInt64) throws(BookError) -> Bool {
        try transaction { () throws(BookError) in try keep(settings, now: now) }
    }

    /// The same of what stands now: nobody else changes it meanwhile, so two who come at once lose
    /// nothing. `edit` may be asked more than once.
    /// - Throws: `BookError.settingsMissing`, `.malformed`, `.storage`, and what `edit` throws.
    public func change<R>(
        now: UInt64, _ edit: (inout PolicySettings) throws(BookError) -> R
    ) throws(BookError) -> (isDifferent: Bool, result: R) {
        try transaction { () throws(BookError) in try edited(now: now, edit) }
    }

    /// The same, within a transaction.
    func edited<R>(
        now: UInt64, _ edit: (inout PolicySettings) throws(BookError) -> R
    ) throws(BookError) -> (isDifferent: Bool, result: R) {
        var settings = try settings(locked: true)
        let result = try edit(&settings)
        return (try keep(settings, now: now), result)
    }

    /// Within a transaction. The row of the settings is this transaction's once it is written, so
    /// the version found after it is the last one.
    private func keep(_ settings: PolicySettings, now: UInt64) throws(BookError) -> Bool {
        let json = try Self.json(settings)
        // What is read back is what was meant, or nothing is changed.
        _ = try PolicySettings(json: Array(json.utf8)).localPlaces()
        try set(settings)
        let last = try rows(
            "SELECT version, json FROM setting_versions ORDER BY version DESC LIMIT 1"
        ).first
        guard json != last?[1].text else { return false }
        try run(
            "INSERT INTO setting_versions(version, time, json) VALUES($1, $2, $3)",
            [.integer((last?[0].integer ?? 0) + 1), .clamped(now), .text(json)])
        return true
    }

    /// Every version, oldest first.
    /// - Throws: `BookError.storage`.
    public func settingVersions() throws(BookError) -> [SettingVersion] {
        var found: [SettingVersion] = []
        for row in try rows("SELECT version, time, json FROM setting_versions ORDER BY version") {
            found.append(
                SettingVersion(
                    version: row[0].integer ?? 0, time: UInt64(clamping: row[1].integer ?? 0),
                    settings: try PolicySettings(json: Array((row[2].text ?? "").utf8))))
        }
        return found
    }

    static func terminalID(_ kid: [UInt8]) -> String { Hexadecimal.text(kid) }
}

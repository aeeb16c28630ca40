import Foundation
import Linux
import TestSupport
import Testing

/// `journal unsent` where there is nothing to look at: a package is removed by what it says, so
/// what cannot be seen is not empty.
@Suite struct UnsentTests {
    private struct Place: ~Copyable {
        let path = FileManager.default.temporaryDirectory.path + "/eco-unsent-" + UUID().uuidString
        var file: String { path + "/terminal.conf" }
        var directory: String { path + "/terminal" }

        init() throws {
            try Files.makeDirectory(path, mode: 0o755)
            try Files.makeDirectory(directory)
            try Files.writeAtomically(
                Array("directory = \(directory)\n".utf8), to: file, mode: 0o644)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func ask(_ before: [String] = []) throws -> Programs.Result {
            let words =
                before + [
                    Programs.path("eco-terminal"), "journal", "unsent", "-c", file, "--json",
                ]
            return try Programs.run("/usr/bin/env", words)
        }
    }

    private func expectUnknown(
        _ result: Programs.Result, _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(result.code == 11, "\(result.out)", sourceLocation: sourceLocation)
        let sentence = "nobody can tell what was sent: " + text
        #expect(
            result.error.contains(sentence), "\(result.error)", sourceLocation: sourceLocation)
        #expect(result.json["operations"] == nil, sourceLocation: sourceLocation)
    }

    @Test func `A folder that the settings name and that is not there is not empty`() throws {
        let place = try Place()
        #expect(try place.ask().code == 0)
        try Files.remove(place.directory)
        expectUnknown(try place.ask(), "\(place.directory) opendir: ENOENT")
    }

    @Test func `A set-aside journal whose archive is gone is told, not passed over`() throws {
        let place = try Place()
        let aside = place.directory + "/set-aside-1"
        try Files.makeDirectory(aside)
        #expect(try place.ask().code == 0, "an empty folder")
        try Files.writeAtomically([0], to: aside + "/journal.sqlite")
        expectUnknown(try place.ask(), "the journal cannot be read")
        try Files.remove(aside + "/journal.sqlite")
        try Files.writeAtomically(Array("no archive".utf8), to: aside + "/old.eco-archive")
        expectUnknown(try place.ask(), "the journal cannot be read")
    }

    @Test(.enabled(if: getuid() == 0, "needs root to become another user"))
    func `Another user than the service's is not told that all is sent`() throws {
        let place = try Place()
        let other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        expectUnknown(try place.ask(other), "\(place.directory) opendir: EACCES")
        #expect(try place.ask().code == 0)
    }

    @Test(.enabled(if: getuid() == 0, "needs root for mounts of its own"))
    func `A partition of the table that is not mounted is not empty, mounted it is`() throws {
        let place = try Place()
        let table = place.path + "/fstab"
        let line = "LABEL=carte-eco \(place.directory) ext4 noatime,nofail 0 2\n"
        try Files.writeAtomically(Array(line.utf8), to: table, mode: 0o644)
        func inside(_ more: String) throws -> Programs.Result {
            try place.ask([
                "unshare", "--mount", "sh", "-c",
                "mount --bind '\(table)' /etc/fstab \(more) && exec \"$@\"", "sh",
            ])
        }
        expectUnknown(try inside(""), "nothing is mounted at \(place.directory)")
        let mounted = try inside("&& mount -t tmpfs tmpfs '\(place.directory)'")
        #expect(mounted.code == 0, "\(mounted.error)")
    }
}

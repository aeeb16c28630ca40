import Foundation
import Linux
import Terminal
import TestSupport
import Testing

/// The service's events in a real systemd-journald of their own (root, for the mount name space).
@Suite(.enabled(if: getuid() == 0, "needs root")) struct JournalStreamTests {
    /// $1 configuration, $2 program. Stderr becomes the journal's stream as systemd makes it.
    private static let script = """
        set -e
        mount --make-rprivate /
        mount -t tmpfs tmpfs /run/systemd && mkdir -p /run/systemd/journal
        mkdir -p /run/log && mount -t tmpfs tmpfs /run/log && mkdir -p /run/log/journal
        /lib/systemd/systemd-journald 2>/dev/null &
        journald=$!
        for _ in $(seq 1200); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.05; done
        systemd-cat sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) \
            exec "$2" serve --stay -c "$1"' sh "$1" "$2" &
        service=$!
        for _ in $(seq 1200); do
            found=$(journalctl --directory=/run/log/journal -o json ECO_EVENT=fault 2>/dev/null)
            [ -n "$found" ] && break
            sleep 0.05
        done
        printf '%s' "$found"
        kill $service $journald
        wait $service || true
        """

    @Test func `An event is an entry with its message id, its fields, and its sentence as message`()
        throws
    {
        let folder = FileManager.default.temporaryDirectory.path + "/eco-log-" + UUID().uuidString
        try Files.makeDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/terminal.conf"
        try Files.writeAtomically(
            Array("listen = 127.0.0.1:0\nlangauge = fr\n".utf8), to: file)
        let (process, out) = (Process(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/unshare")
        process.arguments = [
            "--mount", "sh", "-c", Self.script, "sh", file,
            Programs.folder.appending(path: "eco-terminal").path,
        ]
        process.standardOutput = out
        try process.run()
        let data = out.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let line = data.split(separator: 10).first.map { Data($0) } ?? Data()
        let entry = try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:]
        #expect(entry["MESSAGE_ID"] as? String == LogEvent.Kind.fault.messageID)
        #expect(entry["PRIORITY"] as? String == "3")
        #expect(entry["ECO_CODE"] as? String == "start")
        #expect(entry["SYSLOG_IDENTIFIER"] as? String == "eco-terminal")
        let detail = entry["ECO_DETAIL"] as? String
        #expect(detail == "line 2 of \(file): there is no setting 'langauge'")
        let message = entry["MESSAGE"] as? String
        #expect(message?.hasPrefix("La ligne 2 de \(file) n’est pas comprise") == true)
    }
}

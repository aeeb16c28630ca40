import Foundation
import Linux
import SQLite

/// A disk on its way out: the journal takes no entry any more, and cannot be opened either.
struct FailingDisk {
    private let path: String
    private static let suffixes = ["", "-wal", "-shm"]

    init(_ path: String) throws {
        self.path = path
        let raw = try Database(path: path, access: .readWrite)
        try raw.script(
            """
            CREATE TRIGGER broken BEFORE INSERT ON entries
            BEGIN SELECT RAISE(ABORT, 'broken'); END
            """)
        raw.close()
        for suffix in Self.suffixes where Files.exists(path + suffix) {
            try FileManager.default.moveItem(atPath: path + suffix, toPath: path + ".away" + suffix)
        }
        try Files.makeDirectory(path)
    }

    func mend() throws {
        try FileManager.default.removeItem(atPath: path)
        // The terminal has closed what it had open: the log is in the file.
        let raw = try Database(path: path + ".away", access: .readWrite)
        try raw.run("DROP TRIGGER broken")
        raw.close()
        for suffix in Self.suffixes where Files.exists(path + ".away" + suffix) {
            try FileManager.default.moveItem(atPath: path + ".away" + suffix, toPath: path + suffix)
        }
    }
}

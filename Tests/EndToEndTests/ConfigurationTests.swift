import Foundation
import Linux
import TestSupport
import Testing

/// `config check` and `config show`: each mistake by file and line, with what to do.
@Suite struct ConfigurationTests {
    private struct Folder: ~Copyable {
        let path = FileManager.default.temporaryDirectory.path + "/eco-config-" + UUID().uuidString
        var file: String { path + "/terminal.conf" }

        init(_ text: String, dropIns: [(name: String, text: String)] = []) throws {
            try Files.makeDirectory(path + "/terminal.conf.d")
            try Files.writeAtomically(Array(text.utf8), to: file)
            for (name, text) in dropIns {
                try Files.writeAtomically(
                    Array(text.utf8), to: path + "/terminal.conf.d/" + name)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    static let mistakes: [(text: String, line: Int, says: String)] = [
        ("# a\nlangauge = fr\n", 2, "there is no setting 'langauge' → did you mean 'language'?"),
        ("colour = green\n", 1, "there is no setting 'colour' → there is: directory"),
        ("\n\nreader 1\n", 3, "no '=' follows 'reader' → a line is NAME = VALUE"),
        ("passphrase hunter2\n", 1, "this line is no setting → a line is NAME = VALUE"),
        ("hunter2\n", 1, "this line is no setting"),
        ("aHVudGVyMg==\n", 1, "no setting has this name → there is: directory"),
        ("language = fr\nlanguage = en\n", 2, "'language' stands twice → line 1 sets it already"),
        ("listen = 8787\n", 1, "'listen' does not take '8787' → it takes: ADDRESS:PORT"),
        ("listen = 127.0.0.1:99999\n", 1, "does not take"),
        ("listen = 127.0.0.1:1:2\n", 1, "does not take"),
        ("reader-place = top\n", 1, "it takes: left | right | below"),
        ("issuer = 12\n", 1, "it takes: 64 hexadecimal digits"),
        ("directory =\n", 1, "it takes: folder"),
    ]

    @Test(arguments: mistakes)
    func `Each mistake is told with its line and what to do`(
        text: String, line: Int, says: String
    ) throws {
        let folder = try Folder(text)
        let result = try Programs.run("eco-terminal", ["config", "check", folder.file])
        #expect(result.code == 2)
        #expect(result.out.hasPrefix("\(folder.file):\(line): "), "\(result.out)")
        #expect(result.out.contains(says), "\(result.out)")
        #expect(result.error.contains("one line is wrong"))
        #expect(!(result.out + result.error).contains(/hunter2|aHVudGVy/), "\(result.out)")
        let show = try Programs.run("eco-terminal", ["config", "show", "-c", folder.file])
        #expect(show.code == 2 && show.error.contains("line \(line) of \(folder.file)"))
    }

    @Test func `All mistakes are told at once, those of the drop-ins too`() throws {
        let folder = try Folder(
            "a = b\nc\n", dropIns: [("20.conf", "language = xx\n"), ("README", "no setting")])
        let result = try Programs.run("eco-terminal", ["config", "check", folder.file, "--json"])
        let object = try JSONSerialization.jsonObject(with: Data(result.out.utf8))
        let whole = object as? [String: Any]
        #expect(whole?["well"] as? Bool == false)
        let faults = whole?["faults"] as? [[String: Any]] ?? []
        #expect(faults.map { $0["line"] as? Int } == [1, 2, 1])
        #expect(faults.last?["file"] as? String == folder.file + ".d/20.conf")
        #expect(result.code == 2)
    }

    @Test(arguments: ["", "\u{feff}"])
    func `Line ends of another system are line ends`(mark: String) throws {
        let text = mark + "# the settings\r\nlanguage = en # a comment\r\n\r\nreader = nfc:x y\r\n"
        let folder = try Folder(text, dropIns: [("10.conf", "# more\r\nlangauge = fr\r\n")])
        let check = try Programs.run("eco-terminal", ["config", "check", folder.file])
        #expect(check.code == 2, "\(check.out)")
        #expect(check.out.hasPrefix("\(folder.file).d/10.conf:2: there is no setting"))
        try Files.remove(folder.path + "/terminal.conf.d/10.conf")
        let show = try Programs.run("eco-terminal", ["config", "show", "-c", folder.file])
        #expect(show.out.contains("language         = en  # \(folder.file):2\n"), "\(show.out)")
        #expect(show.out.contains("reader           = nfc:x y  # \(folder.file):4\n"))
    }

    @Test func `A later file wins, and show says where each value stands`() throws {
        let folder = try Folder(
            "language = fr # a comment\nreader-place=left\n",
            dropIns: [("10.conf", "language = en\n"), ("05.conf", "language = fr\n")])
        let check = try Programs.run("eco-terminal", ["config", "check", folder.file])
        #expect(check.code == 0)
        #expect(check.out == "\(folder.file) is understood: 2 settings in 3 files.\n")
        let show = try Programs.run("eco-terminal", ["config", "show", "-c", folder.file])
        #expect(show.out.contains("language         = en  # \(folder.file).d/10.conf:1\n"))
        #expect(show.out.contains("reader-place     = left  # \(folder.file):2\n"))
        #expect(show.out.contains("directory        = /var/lib/carte-eco  # default\n"))
    }

    @Test func `A credential is what systemd hands over; without it the hint says how`() throws {
        let folder = try Folder("directory = \(FileManager.default.temporaryDirectory.path)/none\n")
        let without = try Programs.run("eco-terminal", ["selftest", "-c", folder.file])
        #expect(without.out.contains("no credential 'passphrase' was handed over"))
        let program = Programs.folder.appending(path: "eco-terminal").path
        let phrase = folder.path + "/passphrase"
        try Files.writeAtomically(Array("of a test\n".utf8), to: phrase, mode: 0o440)
        let log = folder.path + "/log"
        // A tmpfs of systemd shows its access list as the group's bit.
        let child = try ChildProcess.start(
            "env",
            ["CREDENTIALS_DIRECTORY=" + folder.path, program, "selftest", "-c", folder.file],
            output: log, errors: log)
        _ = child.wait()
        let text = String(decoding: try Files.read(log, atMost: 1 << 16), as: UTF8.self)
        #expect(text.contains("the terminal's key cannot be opened: there is no file"), "\(text)")
        // The same file is refused where anybody may have put it.
        let bare = try Folder("directory = /nowhere\npassphrase-file = \(phrase)\n")
        let exposed = try Programs.run("eco-terminal", ["selftest", "-c", bare.file])
        #expect(exposed.out.contains("others can read it"), "\(exposed.out)")
    }
}

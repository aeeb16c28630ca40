import CommandLineTool
import Foundation
import TestSupport
import Testing

extension PackageSuites {
    /// The packages before anybody installs them.
    @Suite struct PackageFileTests {
        private let packages = BuiltPackages()

        /// Paths in a package, without folders, with their modes.
        private func contents(_ name: String) throws -> [String: String] {
            var found: [String: String] = [:]
            for line in try packages.ask(name, "--contents").split(separator: "\n") {
                let words = line.split(separator: " ", omittingEmptySubsequences: true)
                guard words.count >= 6, !words[5].hasSuffix("/") else { continue }
                #expect(words[1] == "root/root", "\(line)")
                found[String(words[5].dropFirst(2))] = String(words[0])
            }
            return found
        }

        @Test(arguments: BuiltPackages.names)
        func `A package holds what the table says, its program, and nothing else`(name: String)
            throws
        {
            let table = try String(
                contentsOfFile: BuiltPackages.repository + "/systemd/files", encoding: .utf8)
            var wanted = Set(
                table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                    .filter { $0[0] == name }.map { words in
                        words[2] + (words[2].hasPrefix("usr/share/man/") ? ".gz" : "")
                    })
            #expect(wanted.count > 2)
            let documents = "usr/share/doc/\(name)/"
            wanted.formUnion([documents + "copyright", documents + "changelog.gz"])
            if BuiltPackages.programs.contains(name) {
                wanted.formUnion([
                    "usr/bin/\(name)", "usr/share/man/man1/\(name).1.gz",
                    "usr/share/bash-completion/completions/\(name)",
                ])
            }
            let overrides = "usr/share/lintian/overrides/\(name)"
            let found = try contents(name)
            #expect(Set(found.keys).subtracting([overrides]) == wanted)
            for (path, mode) in found {
                let isProgram =
                    path.hasPrefix("usr/bin/") || path.hasPrefix("usr/sbin/")
                    || path == "usr/lib/carte-eco/kiosk"
                #expect(mode == (isProgram ? "-rwxr-xr-x" : "-rw-r--r--"), "\(path)")
            }
            let conffiles = try Programs.run(
                "/usr/bin/dpkg-deb", ["--info", packages.file(name), "conffiles"]
            ).out
            #expect(
                Set(conffiles.split(separator: "\n").map { String($0.dropFirst()) })
                    == wanted.filter { $0.hasPrefix("etc/") })
        }

        @Test(arguments: BuiltPackages.programs)
        func `A program brings Swift along, and its symbols lie in a package of their own`(
            name: String
        ) throws {
            let tree = FileManager.default.temporaryDirectory.path + "/eco-deb-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: tree) }
            let symbols = try packages.file(name + "-dbgsym")
            for file in [try packages.file(name), symbols] {
                let result = try Programs.run("/usr/bin/dpkg-deb", ["-x", file, tree])
                try #require(result.code == 0, "\(result.error)")
            }
            func read(_ option: String, _ path: String) throws -> String {
                try Programs.run("/usr/bin/readelf", ["--wide", option, path]).out
            }
            let program = tree + "/usr/bin/" + name
            let dynamic = try read("--dynamic", program)
            #expect(dynamic.contains("libc.so.6") && !dynamic.contains("libswift"), "\(dynamic)")
            #expect(dynamic.contains("BIND_NOW"))
            let sections = try read("--sections", program)
            #expect(!sections.contains(".debug_info") && sections.contains(".gnu_debuglink"))
            let note = try read("--notes", program)
            let id = try #require(note.firstMatch(of: /Build ID: ([0-9a-f]{40})/)?.1)
            let debug = tree + "/usr/lib/debug/.build-id/\(id.prefix(2))/\(id.dropFirst(2)).debug"
            #expect(try read("--sections", debug).contains(".debug_info"))
            // What a dying program leaves is read with these symbols: a name and a line of ours.
            #expect(try read("--symbols", debug).contains("main"))
            let bytes = try Data(contentsOf: URL(filePath: debug))
            #expect(bytes.range(of: Data(BuiltPackages.repository.utf8)) == nil)
            #expect(
                try Data(contentsOf: URL(filePath: program)).range(
                    of: Data(BuiltPackages.repository.utf8)) == nil)
        }

        @Test func `Versions are the programs' own and the commit's`() throws {
            for name in BuiltPackages.names {
                let version = try packages.ask(name, "--field", "Version")
                #expect(version.hasPrefix(Program.version + "+20"), "\(version)")
                #expect(version.contains(/\+\d{8}\.\d{6}\.[0-9a-f]{8}/), "\(version)")
            }
            let depends = try packages.ask("eco-terminal", "--field", "Depends")
            for library in ["libpcsclite1 (>=", "libsqlite3-0 (>=", "libssl3 (>=", "pcscd"] {
                #expect(depends.contains(library), "\(depends)")
            }
        }

        @Test(
            arguments: BuiltPackages.programs.map { [$0, "man1/\($0).1"] }
                + [["eco-terminal", "man8/eco-caisse.8"]])
        func `The manual page is one that groff reads without a word`(page: [String]) throws {
            let script = """
                dpkg-deb --fsys-tarfile '\(try packages.file(page[0]))' |
                    tar -xO ./usr/share/man/\(page[1]).gz | gunzip |
                    groff -man -Kutf8 -Tutf8 -ww -z 2>&1
                """
            let result = try Programs.run("/bin/sh", ["-c", script])
            #expect(result.code == 0 && result.out.isEmpty, "\(result.out)")
        }

        @Test func `lintian has nothing to say`() throws {
            let changes = try packages.file("carte-eco", suffix: ".changes")
            let result = try Programs.run(
                "/usr/bin/lintian",
                ["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", changes])
            #expect(result.code == 0, "\(result.out)\(result.error)")
        }
    }
}

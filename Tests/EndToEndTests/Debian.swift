import Foundation
import TestSupport
import Testing

/// Suites about our packages: beside a Debian of their own (`Hardware/private-debian`), in the
/// order they stand in.
@Suite(
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["ECO_DEBIAN"] != nil,
        "needs Hardware/private-debian"))
struct PackageSuites {}

/// The booted Debian, seen from beside it. This process shares its network and nothing else.
struct Debian {
    /// Its root, seen from here.
    let root: String
    private let first: String

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        root = try #require(environment["ECO_DEBIAN"])
        first = try #require(environment["ECO_DEBIAN_PID"])
    }

    /// Runs a line of shell as root inside, without a terminal.
    func run(_ line: String) throws -> Programs.Result {
        try Programs.run(
            "/usr/bin/nsenter",
            [
                "--target", first, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                "--root", "--wd", "/usr/bin/env", "-i", "LC_ALL=C.UTF-8", "HOME=/",
                "SYSTEMD_PAGER=",
                "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c",
                line,
            ])
    }

    /// What a line prints; it must succeed.
    @discardableResult
    func must(
        _ line: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let result = try run(line)
        try #require(
            result.code == 0, "\(line): \(result.code)\n\(result.out)\n\(result.error)",
            sourceLocation: sourceLocation)
        return result.out.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// True when a line succeeds, asked again for two minutes.
    func wait(_ line: String) throws -> Bool {
        try Programs.wait(120, every: 0.2) { try run(line).code == 0 }
    }

    /// A unit's property.
    func property(_ name: String, _ unit: String) throws -> String {
        try must("systemctl show --property=\(name) --value \(unit)")
    }

    /// Runs a program of ours as its service would: the user, the folder and the secrets of a unit.
    func asService(_ unit: String, _ line: String) throws -> Programs.Result {
        let text = try must("cat /usr/lib/systemd/system/\(unit).service")
        let wanted = ["User=", "StateDirectory", "LoadCredentialEncrypted=", "UMask="]
        let properties = text.split(separator: "\n").filter { text in
            wanted.contains { text.hasPrefix($0) }
        }.map { "-p '\($0)'" }.joined(separator: " ")
        return try run("systemd-run --quiet --pipe --wait --collect \(properties) \(line)")
    }
}

extension Programs.Result {
    /// apt passes on what maintainer scripts say on either stream.
    var both: String { out + error }
}

/// The packages as files, as Hardware/deb left them.
struct BuiltPackages {
    static let names = ["eco-terminal", "eco-card", "eco-ledger", "eco-kiosk"]
    /// Those with a program.
    static let programs = ["eco-terminal", "eco-card", "eco-ledger"]
    static let repository = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    let folder: String

    init() {
        folder =
            ProcessInfo.processInfo.environment["ECO_PACKAGES"]
            ?? Self.repository + "/.build/packages"
    }

    /// The one file of a package.
    func file(_ name: String, suffix: String = ".deb") throws -> String {
        let found = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasPrefix(name + "_") && $0.hasSuffix(suffix)
        }
        #expect(found.count == 1, "\(name): \(found)")
        return folder + "/" + (try #require(found.first))
    }

    /// What `dpkg-deb` says of a package.
    func ask(_ name: String, _ words: String...) throws -> String {
        let result = try Programs.run(
            "/usr/bin/dpkg-deb", [words[0], file(name)] + words.dropFirst())
        try #require(result.code == 0, "\(result.error)")
        return result.out.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The same package under another version, everything else untouched.
    func raised(_ name: String, to version: String, in place: String) throws -> String {
        let tree = FileManager.default.temporaryDirectory.path + "/eco-deb-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: tree) }
        var result = try Programs.run("/usr/bin/dpkg-deb", ["-R", file(name), tree])
        let control = tree + "/DEBIAN/control"
        let text = try String(contentsOfFile: control, encoding: .utf8)
        try text.replacing(/(?m)^Version: .*$/, with: "Version: " + version).write(
            toFile: control, atomically: true, encoding: .utf8)
        let path = "\(place)/\(name)_\(version).deb"
        result = try Programs.run(
            "/usr/bin/dpkg-deb", ["-Znone", "--root-owner-group", "-b", tree, path])
        try #require(result.code == 0, "\(result.error)")
        return path
    }
}

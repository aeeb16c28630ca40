import Foundation
import Terminal
import Testing

/// The files of `systemd/`, judged by systemd's own tools in a tree of their own.
@Suite struct UnitTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "systemd").path
    /// Drop-ins that bind a device, and all of them.
    static let devices = [
        "pn532-uart", "pn532-usb-serial", "pn532-spi", "pn532-i2c", "receipt-printer",
    ]
    static let variants = devices + ["usb-stick"]

    /// What exposure a unit may have, in tenths.
    static let exposures: [(unit: String, tenths: Int)] = [
        ("eco-terminal.service", 11), ("eco-ledger.service", 13), ("eco-key-agent.service", 13),
        ("eco-reader-seen.service", 17),
        // A browser with its own sandbox, on the devices of a seat.
        ("eco-kiosk@.service", 75),
    ]

    @Test func `Every unit is clean, with what it names beside it`() throws {
        let root = try InstalledTree()
        let units = root.paths.filter { $0.hasPrefix("usr/lib/systemd/system/") }.map {
            $0.split(separator: "/").last.map(String.init)?.replacing("@.", with: "@tty1.") ?? ""
        }
        #expect(units.count == 7)
        let result = try run(
            "systemd-analyze", ["verify", "--man=no", "--root=" + root.path] + units)
        #expect(result.code == 0 && result.text.isEmpty, "\(result.text)")
    }

    @Test func `A unit that is not clean is told`() throws {
        let root = try InstalledTree()
        let path = root.path + "/usr/lib/systemd/system/eco-terminal.service"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacing("WatchdogSec=20", with: "WatchdogSec=often").write(
            toFile: path, atomically: false, encoding: .utf8)
        let result = try run(
            "systemd-analyze",
            ["verify", "--man=no", "--root=" + root.path, "eco-terminal.service"])
        #expect(result.text.contains("Failed to parse sec value"), "\(result.text)")
    }

    @Test(arguments: exposures)
    func `A service is hardened as far as it can be`(unit: String, tenths: Int) throws {
        try expectHardened(Self.folder + "/" + unit, tenths)
    }

    @Test(arguments: variants)
    func `The checkout with a chip, a printer or a stick is hardened as far`(
        variant: String
    ) throws {
        let tree = try TemporaryTree()
        let unit = tree.path + "/eco-terminal.service"
        let files = FileManager.default
        try files.createDirectory(atPath: unit + ".d", withIntermediateDirectories: true)
        try files.copyItem(atPath: Self.folder + "/eco-terminal.service", toPath: unit)
        try files.copyItem(
            atPath: "\(Self.folder)/\(variant).conf", toPath: "\(unit).d/\(variant).conf")
        try expectHardened(unit, 11)
        // The device of the drop-in is let through, and no other but the TPM of the credentials.
        let all = try run("systemd-analyze", ["security", "--offline=true", "--no-pager", unit])
        let text = try String(
            contentsOfFile: "\(Self.folder)/\(variant).conf", encoding: .utf8)
        let device = text.split(separator: "\n").first { $0.hasPrefix("DeviceAllow=") }
        let name = device?.dropFirst("DeviceAllow=".count).prefix { $0 != " " }
        #expect((name != nil) == Self.devices.contains(variant))
        if let name { #expect(all.text.contains("\(name):rw"), "\(all.text)") }
    }

    /// All drop-ins together, beside every other file of ours.
    @Test func `The checkout with every drop-in is clean`() throws {
        let root = try InstalledTree()
        let folder = root.path + "/etc/systemd/system/eco-terminal.service.d"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        for variant in Self.variants {
            try FileManager.default.copyItem(
                atPath: "\(Self.folder)/\(variant).conf", toPath: "\(folder)/\(variant).conf")
        }
        let result = try run(
            "systemd-analyze",
            ["verify", "--man=no", "--root=" + root.path, "eco-terminal.service"])
        #expect(result.code == 0 && result.text.isEmpty, "\(result.text)")
        let broken = folder + "/receipt-printer.conf"
        try "[Service]\nDeviceAllow=lp0 rw\nBindPaths=usb\n".write(
            toFile: broken, atomically: false, encoding: .utf8)
        let told = try run(
            "systemd-analyze",
            ["verify", "--man=no", "--root=" + root.path, "eco-terminal.service"])
        #expect(told.text.contains("receipt-printer.conf"), "\(told.text)")
    }

    /// What the drop-ins bind into the service's tree is made at every start of the machine.
    @Test func `Folders that drop-ins name are made, and are root's`() throws {
        let lines = try String(contentsOfFile: Self.folder + "/tmpfiles.conf", encoding: .utf8)
        for (variant, path) in [("receipt-printer", "/dev/usb"), ("usb-stick", "/media/ECO")] {
            let text = try String(
                contentsOfFile: "\(Self.folder)/\(variant).conf", encoding: .utf8)
            #expect(text.contains("Paths=-\(path)\n"))
            #expect(lines.contains("\nd \(path) 0755 root root -\n"))
        }
        let mount = try String(contentsOfFile: Self.folder + "/media-ECO.mount", encoding: .utf8)
        #expect(mount.contains("\nWhere=/media/ECO\n"))
    }

    private func expectHardened(_ unit: String, _ tenths: Int) throws {
        let result = try run(
            "systemd-analyze", ["security", "--offline=true", "--threshold=\(tenths)", unit])
        #expect(result.code == 0, "\(result.text.split(separator: "\n").suffix(1))")
    }

    @Test func `Every event of the code is explained in the catalogue, and nothing else`() throws {
        let root = try InstalledTree()
        let update = try run("journalctl", ["--update-catalog", "--root=" + root.path])
        #expect(update.code == 0, "\(update.text)")
        let list = try run("journalctl", ["--list-catalog", "--root=" + root.path])
        let ids = list.text.split(separator: "\n").compactMap { line in
            line.split(separator: " ").first.map(String.init)
        }
        #expect(Set(ids) == Set(LogEvent.Kind.allCases.map(\.messageID)), "\(list.text)")
        for kind in LogEvent.Kind.allCases {
            let dump = try run(
                "journalctl", ["--dump-catalog", "--root=" + root.path, kind.messageID])
            #expect(dump.text.contains("Subject: "), "\(kind)")
        }
    }

    @Test func `Users and folders are made as the units name them`() throws {
        let root = try InstalledTree()
        let users = try run("systemd-sysusers", ["--root=" + root.path])
        #expect(users.code == 0, "\(users.text)")
        let passwd = try String(contentsOfFile: root.path + "/etc/passwd", encoding: .utf8)
        let groups = try String(contentsOfFile: root.path + "/etc/group", encoding: .utf8)
        for unit in root.paths where unit.hasSuffix(".service") {
            let text = try String(contentsOfFile: root.path + "/" + unit, encoding: .utf8)
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1)
                if parts.first == "User" { #expect(passwd.contains("\(parts[1]):x:"), "\(unit)") }
                if parts.first == "Group" { #expect(groups.contains("\(parts[1]):x:"), "\(unit)") }
            }
        }
        let polkit = try String(contentsOfFile: Self.folder + "/polkit.rules", encoding: .utf8)
        #expect(polkit.contains("subject.user == \"carte-eco\""))
        let tmpfiles = try run("systemd-tmpfiles", ["--create", "--root=" + root.path])
        #expect(!tmpfiles.text.contains("tmpfiles.d/eco-"), "\(tmpfiles.text)")
        #expect(FileManager.default.fileExists(atPath: root.path + "/etc/credstore.encrypted"))
    }

    @Test func `Every file here has a place in the system, and every place a file`() throws {
        let known: Set<String> = ["README.md", "files"]
        let there = Set(try FileManager.default.contentsOfDirectory(atPath: Self.folder))
        let placed = Set(try InstalledTree.table().map(\.file))
        #expect(there.subtracting(known) == placed.filter { !$0.hasPrefix("../") })
    }

    @Test func `The example of the settings is what the program says of them`() throws {
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "eco-terminal").path
        let shown = try run(program, ["config", "show", "--defaults"])
        let kept = try String(
            contentsOfFile: Self.folder + "/terminal.conf.example", encoding: .utf8)
        #expect(shown.code == 0 && shown.text == kept)
        let check = try run(program, ["config", "check", Self.folder + "/terminal.conf.example"])
        #expect(check.code == 0, "\(check.text)")
        // Each default, switched on, is taken.
        let tree = try TemporaryTree()
        let on = kept.split(separator: "\n").filter { $0.hasPrefix("#") && $0.contains("=") }
            .map { $0.dropFirst() }.filter { !$0.hasPrefix(" ") && !$0.hasSuffix("=") }
        #expect(on.count >= 6)
        try on.joined(separator: "\n").write(
            toFile: tree.path + "/all.conf", atomically: false, encoding: .utf8)
        let all = try run(program, ["config", "check", tree.path + "/all.conf"])
        #expect(all.code == 0 && all.text.contains("\(on.count) settings"), "\(all.text)")
    }

    @Test func `The browser of the kiosk may go to the page and nowhere else`() throws {
        let data = try Data(contentsOf: URL(filePath: Self.folder + "/chromium-policy.json"))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        #expect(object["URLBlocklist"] as? [String] == ["*"])
        #expect(object["URLAllowlist"] as? [String] == ["127.0.0.1:8787"])
        #expect(object["DeveloperToolsAvailability"] as? Int == 2)
        let socket = try String(
            contentsOfFile: Self.folder + "/eco-terminal.socket", encoding: .utf8)
        #expect(socket.contains("ListenStream=127.0.0.1:8787"))
    }
}

import Foundation
import TestSupport
import Testing

/// The kiosk's session with Debian's own cage, weston and Chromium, on screens that are not there.
/// What is asked: that windows come, of the screen's size, under the names that place them. What a
/// Pi's graphics draw is not seen here.
@Suite(.serialized, .enabled(if: Kiosk.isInstalled)) struct KioskTests {
    @Test func `One screen: cage makes the merchant's page as large as it`() throws {
        let kiosk = try Kiosk(screens: ["HDMI-A-1"])
        defer { kiosk.end() }
        #expect(kiosk.sees(Kiosk.merchant), "\(kiosk.log)")
        #expect(kiosk.sees("set_window_geometry(0, 0, 1280, 720)"), "\(kiosk.log)")
        #expect(!kiosk.log.contains(Kiosk.client))
    }

    @Test func `Two screens: weston has both pages under the names its settings place`() throws {
        let kiosk = try Kiosk(screens: ["HDMI-A-1", "DSI-1"])
        defer { kiosk.end() }
        #expect(kiosk.sees(Kiosk.merchant) && kiosk.sees(Kiosk.client), "\(kiosk.log)")
        #expect(kiosk.sees("set_window_geometry(0, 0, 800, 480)"), "\(kiosk.log)")
        let settings = try String(
            contentsOfFile: kiosk.folder + "/weston.ini", encoding: .utf8)
        // The board's own panel is the merchant's.
        let places = settings.split(separator: "\n").map(String.init).filter {
            $0.hasPrefix("name=") || $0.hasPrefix("app-ids=")
        }
        #expect(
            places == [
                "name=DSI-1", "app-ids=" + Kiosk.merchant, "name=HDMI-A-1",
                "app-ids=" + Kiosk.client,
            ])
    }

    @Test func `The customer's page comes again when its browser ends`() throws {
        let kiosk = try Kiosk(screens: ["HDMI-A-1", "HDMI-A-2"])
        defer { kiosk.end() }
        #expect(kiosk.sees(Kiosk.client), "\(kiosk.log)")
        #expect(try Programs.run("/usr/bin/pkill", ["-f", kiosk.folder + "/client "]).code == 0)
        #expect(kiosk.sees(Kiosk.client, times: 2), "\(kiosk.log)")
    }

    @Test func `An output of one's choice is the merchant's`() throws {
        let kiosk = try Kiosk(screens: [])
        defer { kiosk.end() }
        for (chosen, first) in [("", "DSI-1"), ("HDMI-A-2", "HDMI-A-2")] {
            let drm = try kiosk.drm(["HDMI-A-2", "DSI-1"])
            let result = try Programs.run(
                "/bin/sh", [kiosk.folder + "/kiosk", "screens"],
                environment: ["ECO_DRM": drm, "ECO_MERCHANT_OUTPUT": chosen])
            #expect(result.out.split(separator: "\n").first.map(String.init) == first)
            #expect(result.out.split(separator: "\n").count == 2, "\(result.out)")
        }
    }
}

/// A session in a folder of its own, by a user without rights where that is possible.
private final class Kiosk {
    static let merchant = "chrome-127.0.0.1__-Default"
    static let client = "chrome-127.0.0.1__client-Default"
    static let isInstalled = ["cage", "weston", "Xwayland", "chromium"].allSatisfy {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0)
    }

    let folder: String
    private var session: Process?

    /// No screens: nothing is started.
    init(screens: [String]) throws {
        folder = "/var/tmp/eco-kiosk-" + UUID().uuidString
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try files.copyItem(atPath: UnitTests.folder + "/kiosk", toPath: folder + "/kiosk")
        if screens.isEmpty { return }
        // weston on a screen in memory, else as the script starts it.
        try """
        #!/bin/sh
        exec /usr/bin/weston --backend=headless-backend.so --use-pixman \\
            --width=800 --height=480 "$@"
        """.write(toFile: folder + "/weston", atomically: false, encoding: .utf8)
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/weston")
        let environment = [
            "RUNTIME_DIRECTORY": folder, "HOME": folder, "ECO_DRM": try drm(screens),
            "XDG_RUNTIME_DIR": "/run/user/0", "WAYLAND_DEBUG": "1", "WLR_BACKENDS": "headless",
            "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1",
            "PATH": folder + ":/usr/bin:/bin",
        ]
        var words = ["/bin/sh", folder + "/kiosk"]
        if getuid() == 0 {
            // As the unit's PrivateTmp=: the sockets of X lie in /tmp.
            words =
                [
                    "unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /tmp && exec \"$@\"",
                    "sh", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                ] + words
            _ = try Programs.run("/bin/chown", ["-R", "65534:65534", folder])
        }
        try Data().write(to: URL(filePath: folder + ".log"))
        let log = try FileHandle(forWritingTo: URL(filePath: folder + ".log"))
        session = try Programs.start(
            "/usr/bin/setsid", ["--wait"] + words, environment: environment, output: log,
            errors: log)
    }

    /// A folder as the kernel's, with these outputs connected and another that is not.
    func drm(_ screens: [String]) throws -> String {
        let drm = folder + "/drm"
        for name in screens + ["HDMI-A-9"] {
            let output = "\(drm)/card1-\(name)"
            try FileManager.default.createDirectory(
                atPath: output, withIntermediateDirectories: true)
            try (name == "HDMI-A-9" ? "disconnected\n" : "connected\n").write(
                toFile: output + "/status", atomically: false, encoding: .utf8)
        }
        return drm
    }

    /// What compositor and browsers said: with WAYLAND_DEBUG every request.
    var log: String {
        let data = FileManager.default.contents(atPath: folder + ".log") ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    /// Whether browsers asked for it, each time one did.
    func sees(_ words: String, times: Int = 1) -> Bool {
        Programs.wait(every: 0.25) {
            let requests = log.split(separator: "\n").filter {
                $0.contains("-> xdg_") && $0.contains(words)
            }
            return requests.count >= times
        }
    }

    /// Ends all that bears the folder's name in its words, then the rest of the session.
    func end() {
        _ = try? Programs.run("/usr/bin/pkill", ["-KILL", "-f", folder])
        session?.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
        try? FileManager.default.removeItem(atPath: folder + ".log")
    }
}

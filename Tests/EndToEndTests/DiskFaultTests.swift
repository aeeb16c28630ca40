import Foundation
import Linux
import TestSupport
import Testing

private let isRoot = getuid() == 0

/// A file system of its own at a path, for as long as it is held.
private final class Disk {
    struct Refused: Error { let words: [String] }
    let path: String

    init(at path: String, options: String) throws {
        self.path = path
        try Self.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path])
    }

    deinit { try? Self.run(["umount", "--lazy", path]) }

    static func run(_ words: [String]) throws {
        let child = try ChildProcess.start(words[0], Array(words.dropFirst()))
        guard child.wait() == 0 else { throw Refused(words: words) }
    }
}

/// Faults of the machine under a checkout that runs or starts. Root, for mounts.
@Suite(.serialized, .enabled(if: isRoot, "needs root")) struct DiskFaultTests {
    private func isInService(_ page: Page) -> Bool {
        Programs.wait { page.open() && (try? page.stage().name) == "amountEntry" }
    }

    private func refuses(_ page: Page, _ code: String) -> Bool {
        Programs.wait {
            let stage = try? page.stage()
            return stage?.name == "outOfService" && stage?.code == code
        }
    }

    private static let full =
        "Le disque est plein : libérez de la place, la caisse reprend toute seule."

    /// A terminal's folder on a file system of eight megabytes.
    private static func smallDisk(at folder: String) throws -> Disk {
        let files = try Files.list(folder).map { name in
            (name, try Files.read(folder + "/" + name, atMost: 1 << 20))
        }
        let disk = try Disk(at: folder, options: "size=8m,mode=0700")
        for (name, bytes) in files { try Files.writeAtomically(bytes, to: folder + "/" + name) }
        return disk
    }

    /// Writes until the kernel itself says that there is no room left.
    private static func fill(_ ballast: String) {
        let part = [UInt8](repeating: 7, count: 65_536)
        let full = #expect(throws: LinuxError.self) {
            while true { try Files.append(part, to: ballast) }
        }
        #expect(full?.code == ENOSPC)
    }

    @Test func `A disk that fills up stops the sale before a card is asked, and room resumes it`()
        throws
    {
        let site = try FaultTests.Site()
        let folder = site.bench.folder + "/terminal"
        let disk = try Self.smallDisk(at: folder)
        #expect(try site.start(until: "event=reader-changed present=true"))
        let page = Page(port: site.port)
        #expect(isInService(page))
        let ballast = folder + "/ballast"
        Self.fill(ballast)
        #expect(refuses(page, "T05"))
        #expect(site.says("STATUS=" + Self.full))
        #expect(site.bench.serveSays("event=fault code=disk-full: " + Self.full))
        #expect(try !page.arm(100))
        try Files.remove(ballast)
        #expect(site.bench.serveSays("event=mended code=disk-full"))
        #expect(isInService(page))
        #expect(try page.arm(100))
        site.bench.stopTerminal()
        _ = try site.bench.must("eco-terminal", ["journal", "verify"] + site.bench.configuration)
        _ = disk
    }

    @Test func `A disk that is full at the start: the sentence, and service once there is room`()
        throws
    {
        let site = try FaultTests.Site()
        let folder = site.bench.folder + "/terminal"
        let disk = try Self.smallDisk(at: folder)
        let ballast = folder + "/ballast"
        Self.fill(ballast)
        #expect(try site.start(until: "event=fault code="))
        #expect(site.says("STATUS=" + Self.full))
        let page = Page(port: site.port)
        #expect(site.shows(Self.full))
        try Files.remove(ballast)
        #expect(site.says("READY=1"))
        #expect(isInService(page))
        #expect(try page.arm(100))
        site.bench.stopTerminal()
        _ = try site.bench.must("eco-terminal", ["journal", "verify"] + site.bench.configuration)
        _ = disk
    }

    @Test func `A read-only disk at the start and later: the sentence, and service by itself`()
        throws
    {
        let site = try FaultTests.Site()
        let folder = site.bench.folder + "/terminal"
        try Disk.run(["mount", "--bind", folder, folder])
        defer { try? Disk.run(["umount", "--lazy", folder]) }
        try Disk.run(["mount", "-o", "remount,ro,bind", folder])
        let sentence =
            "Le disque est en lecture seule : remontez-le en écriture (mount -o remount,rw)"
        #expect(try site.start(until: "event=fault code=start"))
        #expect(site.shows(sentence))
        try Disk.run(["mount", "-o", "remount,rw,bind", folder])
        #expect(site.says("READY=1"))
        let page = Page(port: site.port)
        #expect(isInService(page))
        // A file system goes read-only under open files only by an error of its device; what the
        // checkout looks at, the path, does it here by another one on top.
        var above: Disk? = try Disk(at: folder, options: "size=4m")
        try Files.writeAtomically([], to: folder + "/journal.sqlite")
        try Disk.run(["mount", "-o", "remount,ro", folder])
        #expect(above != nil)
        #expect(refuses(page, "T06"))
        #expect(site.bench.serveSays("event=fault code=disk-read-only: " + sentence))
        above = nil
        #expect(site.bench.serveSays("event=mended code=disk-read-only"))
        #expect(isInService(page))
        site.bench.stopTerminal()
    }

    @Test func `Without pcscd the page says that readers are not served, until it runs`() throws {
        let site = try FaultTests.Site()
        try site.write(reader: "")
        // A mount name space without the daemon's socket.
        let inside = "mount --make-rprivate / && mount -t tmpfs tmpfs /run/pcscd && exec \"$@\""
        try Files.makeDirectory("/run/pcscd", mode: 0o755)
        #expect(
            try site.start(
                until: "event=fault code=reader-service-missing",
                around: ["unshare", "--mount", "sh", "-c", inside, "sh"]))
        let sentence = "Le service des lecteurs ne tourne pas : systemctl start pcscd.socket."
        #expect(site.says("STATUS=" + sentence))
        #expect(site.bench.serveSays("code=reader-service-missing: " + sentence))
        let page = Page(port: site.port)
        #expect(Programs.wait { page.open() } && refuses(page, "R03"))
        let daemon = try ChildProcess.start(
            "nsenter",
            ["--mount", "--target", "\(site.bench.terminalProcess)", "pcscd", "--foreground"],
            output: site.bench.folder + "/pcscd.log", errors: site.bench.folder + "/pcscd.log")
        #expect(site.bench.serveSays("event=mended code=reader-service-missing"))
        // The daemon is asked again; there it finds the virtual reader, or says that none is there.
        #expect(
            Programs.wait {
                let stage = try? page.stage()
                return stage?.name == "amountEntry" || stage?.code == "R01"
            })
        site.bench.stopTerminal()
        daemon.signal(SIGTERM)
        _ = daemon.wait()
    }
}

import Foundation
import Linux
import TestSupport
import Testing

/// Files that are there and not the service's to read: the program runs as another user, as it does
/// under systemd. Root, to become that user.
@Suite(.serialized, .enabled(if: getuid() == 0, "needs root to become another user"))
struct RightsFaultTests {
    private static let user = "65534"
    private static let become = [
        "setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups",
    ]

    /// All that the terminal has belongs to the other user.
    private func handOver(_ bench: TerminalBench) throws {
        let child = try ChildProcess.start("chown", ["-R", Self.user, bench.folder])
        #expect(child.wait() == 0)
    }

    static let files = ["/pass", "/keys/terminal.keys", "/terminal/terminal.key"]

    @Test(arguments: files)
    func `A key that is not the service's to read is told, and taken once it is`(
        file: String
    ) throws {
        let site = try FaultTests.Site()
        let path = site.bench.folder + file
        try handOver(site.bench)
        chown(path, 0, 0)
        let sentence =
            file == "/pass"
            ? "Le fichier de la phrase secrète \(path) ne va pas"
            : "Le fichier de clés \(path) ne peut pas être lu : rendez-le à la caisse"
        #expect(try site.start(until: "event=fault code=start", around: Self.become))
        #expect(site.bench.serveSays(": " + sentence))
        #expect(site.shows(sentence))
        let status = site.manager.line { $0.hasPrefix("STATUS=") }
        #expect(status?.hasPrefix("STATUS=" + sentence) == true, "\(status ?? "")")
        let user = try #require(UInt32(Self.user))
        chown(path, user, user)
        #expect(site.says("READY=1"))
        #expect(site.isOpen)
        #expect(site.bench.serveSays("event=mended code=start"))
        site.bench.stopTerminal()
    }

    /// Nobody can read where the page is to be: systemd's socket is the page's place.
    @Test(arguments: ["", ".d/more.conf"])
    func `Settings that cannot be read are told, and taken once they can`(more: String) throws {
        let site = try FaultTests.Site()
        let bench = site.bench
        let path = bench.folder + "/terminal.conf" + more
        if !more.isEmpty {
            try Files.makeDirectory(bench.folder + "/terminal.conf.d", mode: 0o755)
            try Files.writeAtomically(Array("language = en\n".utf8), to: path)
        }
        try handOver(bench)
        chown(path, 0, 0)
        let log = bench.folder + "/serve.log"
        let activator = try ChildProcess.start(
            "systemd-socket-activate",
            ["--listen=127.0.0.1:\(site.port)", "--fdname=page"] + Self.become + [
                Programs.path("eco-terminal"), "serve", "--stay",
            ] + bench.configuration, output: log, errors: log)
        let sentence = "La configuration \(path) ne peut pas être lue : vérifiez"
        #expect(site.shows(sentence))
        #expect(bench.serveSays(": " + sentence))
        let user = try #require(UInt32(Self.user))
        chown(path, user, user)
        #expect(site.isOpen)
        #expect(bench.serveSays("event=mended code=start"))
        activator.signal(SIGTERM)
        #expect(activator.wait() == 0)
    }
}

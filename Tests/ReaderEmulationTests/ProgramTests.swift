import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import Testing

/// The program `eco-sim` as people run it; the driver is played by the test.
@Suite struct ProgramTests {
    private static let write: [UInt8] = [
        0x90, 0x8D, 0, 0, 0x0F, 2, 0, 0, 0, 8, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0,
    ]

    @Test func `A new card is made once, shown without keys, and never overwritten`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let image = simulator.path("one.card")
        let made = try simulator.run(["new", "--image", image, "--uid", "04518DFAA96180"])
        #expect(made.code == 0)
        #expect(made.text == "\(image): NTAG 424 DNA 04518dfaa96180, as delivered\n")
        var memory = try CardMemory(image: try Files.read(image, atMost: 4_096))
        try memory.setKey(3, Array("a very secret 16".utf8), version: 7)
        try Files.writeAtomically(memory.image, to: image)
        let shown = try simulator.run(["show", "--image", image])
        #expect(shown.code == 0)
        #expect(shown.text.contains("NTAG 424 DNA 04518dfaa96180"))
        #expect(shown.text.contains("key 3: version 7\n"))
        #expect(shown.text.contains("key 4: version 0, factory\n"))
        let object = try simulator.run(["show", "--image", image, "--json"])
        let parsed = try JSONSerialization.jsonObject(with: Data(object.text.utf8))
        #expect((parsed as? [String: Any])?["uid"] as? String == "04518dfaa96180")
        for text in [shown.text, object.text] {
            #expect(!text.contains("6120766572"), "the key in hexadecimal")
        }
        #expect(try simulator.run(["new", "--image", image]).code == 2)
        #expect(try Files.read(image, atMost: 4_096) == memory.image)
    }

    @Test func `What cannot be done is refused with a sentence and its code`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let image = simulator.path("one.card")
        _ = try simulator.run(["new", "--image", image, "--uid", "04112233445566"])
        try Files.writeAtomically([1, 2, 3], to: simulator.path("bad"))
        let cases: [([String], Int32, String)] = [
            (
                ["card", "--profile", "desfire", "--image", image], 2,
                "desfire cannot be played yet"
            ),
            (["card", "--pn532", image, "--image", image], 1, "EEXIST"),
            (
                ["card", "--pn532", "x", "--vpcd", "127.0.0.1:1", "--image", image], 2,
                "two readers"
            ),
            (["card", "--pn532", "x", "--baud", "300", "--image", image], 2, "--baud takes"),
            (["card", "--baud", "9600", "--image", image], 2, "--baud paces a PN532"),
            (["card"], 2, "--image is missing"),
            (["card", "--image", image, "--fault", "burn@1"], 2, "'burn@1' is no fault"),
            (["card", "--image", image, "--air-rate", "9600"], 2, "9600 is no air rate"),
            (
                ["card", "--image", image, "--uid", "04112233445567"], 2,
                "is the card 04112233445566"
            ),
            (["card", "--image", image, "--vpcd", "nowhere"], 2, "nowhere is no HOST:PORT"),
            (["card", "--image", simulator.path("bad")], 11, "this is no card image"),
            (["new", "--image", simulator.path("x"), "--uid", "0411"], 2, "0411 is no UID"),
            (["show", "--image", simulator.path("none")], 1, "ENOENT"),
            (["tap", "anne", "--directory", simulator.folder], 4, "no box"),
            (["present", "anne", "--directory", simulator.folder], 4, "no box"),
            (["remove", "--directory", simulator.folder], 4, "no box"),
        ]
        for (arguments, code, text) in cases {
            let result = try simulator.run(arguments)
            #expect(result.code == code, "\(arguments)")
            #expect(result.text.contains(text), "\(arguments): \(result.text)")
        }
    }

    @Test func `A card is played until a signal, by one process alone`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let listener = try TCPListener(port: 0)
        let arguments = [
            "card", "--image", simulator.path("one.card"), "--vpcd", "127.0.0.1:\(listener.port)",
            "--fault", "tear@2",
        ]
        let child = try simulator.start(arguments)
        let peer = try DriverPeer(listener)
        #expect(try simulator.run(arguments).code == 75)
        try peer.powerOn()
        #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
        #expect(try peer.exchange(getKeyVersion) == nil, "torn")
        let again = try DriverPeer(listener)
        try again.powerOn()
        #expect(try again.exchange(selectApplication) == [0x90, 0x00])
        child.signal(SIGTERM)
        #expect(child.wait() == 0)
        #expect(simulator.waits(for: "left the reader; it is laid there again"))
        #expect(simulator.waits(for: "taken away after 3 APDUs"))
        #expect(try again.receive() == nil)
    }

    @Test func `A killed player leaves a whole image, and what it acknowledged`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let listener = try TCPListener(port: 0)
        let image = simulator.path("one.card")
        for round in UInt8(0)..<12 {
            let child = try simulator.start(
                ["card", "--image", image, "--vpcd", "127.0.0.1:\(listener.port)"])
            let peer = try DriverPeer(listener)
            try peer.powerOn()
            #expect(try peer.exchange(selectApplication) == [0x90, 0x00])
            var command = Self.write
            for index in 12..<20 { command[index] = round &* 16 }
            #expect(try peer.exchange(command) == [0x91, 0x00])
            // The next write is in flight when the process dies.
            for index in 12..<20 { command[index] = round &* 16 &+ 1 }
            try peer.send(command)
            child.signal(SIGKILL)
            _ = child.wait()
            let memory = try CardMemory(image: try Files.read(image, atMost: 4_096))
            let first = memory.files[1].content[0]
            #expect(first == round &* 16 || first == round &* 16 &+ 1)
            #expect(memory.files[1].content[..<8].allSatisfy { $0 == first })
        }
    }

    @Test func `A box lays cards down and takes them away as asked`() throws {
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let listener = try TCPListener(port: 0)
        for (name, uid) in [("anne", "04112233445566"), ("basile", "04112233445577")] {
            _ = try simulator.run(["new", "--image", simulator.path("\(name).card"), "--uid", uid])
        }
        let desk = ["--directory", simulator.folder]
        let box = try simulator.start(["box", "--vpcd", "127.0.0.1:\(listener.port)"] + desk)
        #expect(simulator.waits(for: "ready for"))
        #expect(try simulator.run(["box"] + desk).code == 75)

        let tap = try simulator.start(["tap", "anne", "--for", "0"] + desk, log: "tap")
        let peer = try DriverPeer(listener)
        #expect(tap.hasExited() == nil)
        try peer.powerOn()
        #expect(try peer.receive() == nil, "taken away again")
        #expect(tap.wait() == 0)

        #expect(try simulator.run(["present", "basile"] + desk).code == 0)
        #expect(try simulator.run(["present", "anne"] + desk).code == 1)
        #expect(try simulator.run(["tap", "anne"] + desk).text.contains("another card lies"))
        let next = try DriverPeer(listener)
        try next.powerOn()
        #expect(try next.exchange([0x90, 0x60, 0, 0, 0])?.count == 9)
        #expect(try next.exchange([0x90, 0xAF, 0, 0, 0])?.count == 9)
        let third = try #require(try next.exchange([0x90, 0xAF, 0, 0, 0]))
        #expect(third.starts(with: [0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x77]))
        #expect(try simulator.run(["remove"] + desk).code == 0)
        #expect(try next.receive() == nil)
        #expect(try simulator.run(["remove"] + desk).text.contains("no card lies"))
        for name in ["nobody", "../anne", ".hidden", "", "anne\n"] {
            #expect(try simulator.run(["tap", name] + desk).code == 1)
        }
        try Files.writeAtomically([0x7B], to: simulator.path("control/1.request"))
        #expect(try simulator.run(["remove"] + desk).code == 1, "nonsense does not stop it")
        box.signal(SIGINT)
        #expect(box.wait() == 0)
        #expect(try simulator.run(["tap", "anne"] + desk).code == 4)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["ECO_PCSCD"] == "private"))
    func `When pcscd is killed and another one starts, the card is there again`() throws {
        // In name spaces of its own: other suites need their pcscd alive.
        let simulator = try Simulator()
        defer { simulator.removeFolder() }
        let script = """
            set -eu
            "$1" card --image "$2/one.card" & card=$!
            see() { for _ in $(seq 100); do
                opensc-tool -r 0 -s 00A4040007D276000085010100 2>&1 | grep -q SW1=0x90 && return
                sleep 0.1
            done; exit 1; }
            see
            kill -KILL "$ECO_PCSCD_PID"
            rm -f /run/pcscd/*
            pcscd --foreground >/dev/null 2>&1 & pcscd=$!
            see
            kill -INT "$card"; wait "$card"
            kill "$pcscd"
            echo seen twice
            """
        let result = try simulator.run(
            ["bash", "-c", script, "bash", Simulator.program, simulator.folder],
            program: Simulator.root + "/Hardware/private-pcscd")
        #expect(result.code == 0, "\(result.text)")
        #expect(result.text.contains("seen twice"))
    }
}

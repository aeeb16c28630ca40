import Foundation
import Linux
import TestSupport
import Testing

/// What people see when they work with the programs, word for word.
@Suite(.serialized) struct TranscriptTests {
    /// Where the real session is left when it differs.
    private static let artifacts = Session.folder.deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Artifacts").path

    @Test(arguments: Session.all)
    func `A session goes as it is written down`(_ session: Session) throws {
        let play = try LateChip.retried({ $0.metLateChip(session) }) { try Play(session) }
        let differing = zip(session.steps, play.steps).filter {
            !Session.matches($0.output[...], $1.output[...])
        }
        if !differing.isEmpty {
            let text = play.text(session.title)
            try Files.makeDirectory(Self.artifacts)
            try Files.writeAtomically(
                Array(text.utf8), to: Self.artifacts + "/" + session.name + ".session")
            let commands = differing.map { "$ " + $0.0.command.joined(separator: "\n> ") }
            Issue.record(
                "differs at\n\(commands.joined(separator: "\n"))\nthe real session:\n\(text)")
        }
        let (uids, others) = try play.secrets()
        for step in play.steps {
            let printed = step.output.joined(separator: "\n").lowercased()
            let command = step.command.joined(separator: " ")
            for secret in others {
                #expect(!printed.contains(secret), "\(command) prints a key or passphrase")
            }
            guard !command.contains("--show-uid") else { continue }
            for uid in uids { #expect(!printed.contains(uid), "\(command) prints a UID") }
        }
    }

    @Test func `There are sessions, and each has commands`() {
        #expect(Session.all.count >= 8)
        for session in Session.all { #expect(!session.steps.isEmpty, "\(session.name)") }
    }

    @Test(arguments: [
        ("one\n…\nlast", "one\ntwo\nlast", true), ("a … c", "a b c", true),
        ("a … c", "a b d", false), ("a … c … e", "a b c d e", true),
        ("a … c … e", "a d e", false), ("one\n⋮\nlast", "one\nlast", true),
        ("one\n⋮\nlast", "one\n2\n3\nlast", true), ("one\n⋮\nlast", "one\n2\n3", false),
        ("one", "one\ntwo", false), ("one\ntwo", "one", false), ("…", "", true),
        ("04…0405", "04…0405", true),
    ])
    func `Dots stand for any text in a line, colons for any lines`(
        expected: String, printed: String, isSame: Bool
    ) {
        let (left, right) = (
            expected.components(separatedBy: "\n"), printed.components(separatedBy: "\n")
        )
        #expect(Session.matches(left[...], right[...]) == isSame)
    }

    @Test func `A secret that is printed is found, and a code that differs too`() throws {
        let session = Session(
            name: "leak",
            text: """
                About leaks.
                $ echo secret-words > pass
                $ cat pass
                secret-words
                $ eco-sim new --image one.card --uid 04a1b2c3d4e5f6
                $ false
                $ echo one \\
                > two
                one two
                """)
        #expect(session.title == ["About leaks."] && session.steps.count == 5)
        let play = try Play(session)
        #expect(try play.secrets().uids == ["04a1b2c3d4e5f6"])
        #expect(try play.secrets().others == ["secret-words"])
        #expect(play.steps[1].output == ["secret-words"] && play.steps[3].output == ["[1]"])
        #expect(play.steps[2].output.joined().contains("04a1b2c3d4e5f6"))
        #expect(play.steps[4].output == ["one two"])
        #expect(play.text(session.title).hasPrefix("About leaks.\n$ echo secret-words"))
    }
}

// eco-messages: the message tables, checked while the product is built.
//
//     eco-messages FOLDER OUTPUT
//
// FOLDER holds languages.json and the tables it names: LANG.json for the merchant's languages,
// person/LANG.json for the person's. OUTPUT becomes Swift: the languages. Each fault is one line on
// stderr: "messages/person/tr.json lacks done.thanks".
//
// Promises:
//   W1  Each table has exactly the keys of its group's first language, each of them once.
//   W2  No sentence is empty, and its {values} are those of the first language.
//   W3  A sentence is translated: it is not word for word that of the group's first language or of
//       English, and a language of another script holds letters of that script.
//   W4  A sentence in plain French (FALC) has 12 words at most.
//
// Does not promise: that a translation is right.
// Exits: 0, or 1 with what is wrong on stderr and nothing written.

import FoundationEssentials
import Glibc

@main
enum Command {
    static func main() throws {
        do throws(Failure) {
            let arguments = CommandLine.arguments
            guard arguments.count == 3 else { throw Failure(text: "eco-messages FOLDER OUTPUT") }
            let languages = try Languages(folder: arguments[1])
            let faults = try languages.faults()
            guard faults.isEmpty else { throw Failure(text: faults.joined(separator: "\n")) }
            let output = URL(filePath: arguments[2])
            guard (try? Data(languages.source.utf8).write(to: output)) != nil else {
                throw Failure(text: "cannot write \(arguments[2])")
            }
        } catch {
            try Data((error.text + "\n").utf8).write(to: URL(filePath: "/dev/stderr"))
            exit(1)
        }
    }
}

/// What is wrong, a line a fault.
struct Failure: Error { let text: String }

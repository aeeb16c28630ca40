import Batches
import Cards
import CommandLineTool
import Linux
import Provisioning
import Tokens

/// What a run says: one line a card on a terminal, one JSON object a card for programs.
struct BatchTalk: Sendable {
    /// Objects go to stdout: it is a program's, or was asked to be.
    let streams: Bool
    /// Lines go to stderr: somebody looks at it.
    let talks: Bool
    let isQuiet: Bool

    private func say(_ line: String) {
        if talks { Console.error(line) }
    }

    private func event(_ name: String, _ members: [JSONValue.Member]) {
        guard streams else { return }
        let head: [JSONValue.Member] = [
            .init("schema", .text("eco.batch-event.1")), .init("event", .text(name)),
        ]
        Console.out(JSONValue.object(head + members).text)
    }

    private func members(_ counts: BatchCounts) -> [JSONValue.Member] {
        [
            .init("done", .integer(Int64(counts.done))),
            .init("total", .integer(Int64(counts.total))),
            .init("half-done", .integer(Int64(counts.halfDone))),
            .init("spoiled", .integer(Int64(counts.spoiled))),
        ]
    }

    func begin(_ counts: BatchCounts) {
        event("begin", members(counts))
        say(
            "Lot de \(counts.total) cartes : \(counts.done) prêtes, \(counts.halfDone) à "
                + "reprendre, \(counts.planned) à faire.")
        if counts.halfDone > 0 { say("Posez d'abord les cartes à reprendre.") }
    }

    func reader(_ name: String?) {
        event("reader", [.init("name", name.map { .text($0) } ?? .null)])
        say(
            name.map { "Lecteur : \($0). Posez une carte." } ?? "Lecteur débranché : rebranchez-le."
        )
    }

    func several() {
        event("several", [])
        say("Deux cartes détectées : n'en laissez qu'une.")
    }

    func next() {
        event("removed", [])
    }

    /// "[ 37/200] 04…5E80  ✓ 1,8 s  reste ~7 min  échecs 2", and the bell: one stroke for a whole
    /// card, three for any other.
    func card(_ outcome: BatchOutcome, _ pace: BatchPace, time: Duration, commands: Int) {
        let told = Told(outcome)
        let seconds = time.components
        let milliseconds = seconds.seconds * 1_000 + seconds.attoseconds / 1_000_000_000_000_000
        var list: [JSONValue.Member] = [
            .init("result", .text(told.word)),
            .init("seq", told.card.map { .integer(Int64($0.sequence)) } ?? .null),
            .init("number", told.card.map { .text($0.number.digits) } ?? .null),
            .init("uid", told.uid.map { .text($0) } ?? .null),
            .init("milliseconds", .integer(milliseconds)),
            .init("commands", .integer(Int64(commands))),
        ]
        list += members(pace.counts)
        list.append(.init("failures", .integer(Int64(pace.failures))))
        if !told.sentence.isEmpty { list.append(.init("text", .text(told.sentence))) }
        event("card", list)
        say(line(told, pace, milliseconds))
    }

    private func line(_ told: Told, _ pace: BatchPace, _ milliseconds: Int64) -> String {
        let total = String(pace.counts.total)
        let done = String(pace.counts.done)
        let pad = String(repeating: " ", count: max(0, total.count - done.count))
        let tenths = (milliseconds + 50) / 100
        var line =
            "[\(pad)\(done)/\(total)] \(told.uid ?? "carte")  \(told.isGood ? "✓" : "✗") "
            + "\(tenths / 10),\(tenths % 10) s"
        if let minutes = pace.minutesLeft { line += "  reste ~\(minutes) min" }
        line += "  échecs \(pace.failures)"
        if !told.sentence.isEmpty { line += "\n    \(told.sentence)" }
        let bell = told.isGood ? "\u{7}" : "\u{7}\u{7}\u{7}"
        return line + (isQuiet ? "" : bell)
    }

    func end(_ pace: BatchPace, open: [Int]) {
        let counts = pace.counts
        event(
            "end",
            members(counts) + [
                .init("registered", .integer(Int64(counts.registered))),
                .init("failures", .integer(Int64(pace.failures))),
                .init("open", .array(open.map { .integer(Int64($0)) })),
                .init(
                    "cards-per-minute",
                    pace.perMinute.map { .integer(Int64($0.rounded())) } ?? .null),
            ])
        say(
            "\(counts.isComplete ? "Boîte terminée" : "Arrêt") : \(counts.done) cartes prêtes sur "
                + "\(counts.total), \(counts.registered) transmises, \(counts.spoiled) perdues, "
                + "\(counts.planned) à faire, échecs \(pace.failures)"
                + (pace.perMinute.map { ", \(Int($0.rounded())) cartes/min" } ?? "") + ".")
        if !open.isEmpty {
            say(
                "À reprendre : lignes \(open.map { String($0) }.joined(separator: ", ")). "
                    + "eco-card batch resume les termine.")
        }
    }
}

/// An outcome in words, in the language of the people at the bench.
private struct Told {
    var word: String
    var isGood: Bool
    var sentence: String
    var card: BatchCard?
    var uid: String?

    init(_ outcome: BatchOutcome) {
        (word, isGood, sentence) = ("finished", true, "")
        switch outcome {
        case .finished(let card, let isResumed, let fault):
            self.card = card
            if isResumed { (word, sentence) = ("resumed", "Carte reprise et terminée.") }
            if let fault {
                sentence = "Carte prête, mais non transmise (\(fault.words)). batch register."
            }
        case .already(let card):
            self.card = card
            (word, sentence) = ("already", "Déjà prête, ligne \(card.sequence) : rien à faire.")
        case .refused(let uid, let error):
            (word, isGood) = ("refused", false)
            sentence = Self.sentence(error)
            self.uid = uid.map(BatchReport.masked)
        case .spoiled(let card):
            self.card = card
            (word, isGood) = ("spoiled", false)
            sentence = "Ligne \(card.sequence) abandonnée : écartez cette carte."
        case .full:
            (word, isGood) = ("full", false)
            sentence = "Plus de ligne libre : cette carte attend le prochain lot."
        case .failed(let card, let error):
            self.card = card
            (word, isGood) = ("failed", false)
            sentence = Self.sentence(error) + " Ligne \(card.sequence), à reprendre."
        case .broken(let error):
            (word, isGood) = ("broken", false)
            sentence = Failure(error).sentence
        }
        if uid == nil { uid = card?.uid.map(BatchReport.masked) }
    }

    private static func sentence(_ error: ProvisioningError) -> String {
        switch error {
        case .card(.removed), .card(.timedOut): "Carte retirée trop tôt : reposez la même."
        case .card(.refused(.authenticationError, _)):
            "Les clés d'usine n'y sont pas : écartez-la, puis batch spoil."
        case .card: "La carte n'a pas bien répondu : reposez la même."
        case .notNTAG424: "Ce n'est pas une NTAG 424 DNA : écartez-la."
        case .hidesUID: "Cette carte cache son numéro de série : écartez-la."
        case .foreign: "Carte d'un autre réseau : écartez-la, rien n'a été écrit."
        case .alreadyOurs(let number): "C'est déjà la Carte ECO \(number), hors de ce lot."
        case .unfinished: "Carte commencée ailleurs : eco-card card info dit comment la finir."
        case .notOriginal: "Puce non signée par NXP : écartez-la."
        case .lockedOut: "Carte verrouillée après trop d'essais : laissez-la, puis reposez-la."
        case .keys: "Clé absente : vérifiez --keys."
        case .layout: "Adresse trop longue : --host."
        case .notRecorded: "L'avancement ne peut pas être noté : vérifiez le disque."
        case .verification(let what): "La relecture échoue (\(what)) : ne donnez pas cette carte."
        case .keyVersion(let key, _, _):
            "La carte ne signe pas la version qu'elle annonce (clé \(key)) : essayez un autre "
                + "lecteur, sinon écartez-la."
        case .fileRights(let file):
            "La carte ne signe pas les droits qu'elle annonce (fichier \(file)) : essayez un autre "
                + "lecteur, sinon écartez-la."
        }
    }
}

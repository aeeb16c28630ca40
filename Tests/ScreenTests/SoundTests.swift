import Foundation
import Operations
import Terminal
import Testing
import WebDriver

/// What the merchant's page really plays and flashes: its own AudioContext writes down each note.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct SoundTests {
    private static let recorder = """
        window.notes = [];
        const Context = window.AudioContext;
        window.AudioContext = class extends Context {
          createOscillator() {
            const made = super.createOscillator();
            const note = {begun: performance.now()};
            const {frequency} = made;
            const [set, ramp] = [frequency.setValueAtTime, frequency.exponentialRampToValueAtTime];
            frequency.setValueAtTime = (f, t) => {
              note.from = f; return set.call(frequency, f, t); };
            frequency.exponentialRampToValueAtTime = (f, t) => {
              note.to = f; return ramp.call(frequency, f, t); };
            const [start, stop] = [made.start, made.stop];
            made.start = at => { note.at = at; start.call(made, at); };
            made.stop = at => { note.end = at; window.notes.push(note); stop.call(made, at); };
            return made;
          }
        };
        window.flashes = [];
        addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
          if (document.querySelector('#flash').className.includes('on'))
            window.flashes.push(performance.now());
        }).observe(document.querySelector('#flash'), {attributeFilter: ['class']}));
        """

    private struct Note {
        let start: Double
        let length: Double
        let isRising: Bool
    }

    private func session(volume: String = "2") throws -> PageSession {
        let page = try PageSession()
        try page.browser.prepare(Self.recorder)
        try page.browser.run("localStorage.setItem('eco.volume', arguments[0])", [volume])
        try page.browser.reload()
        try #require(try page.waitForPage())
        return page
    }

    /// Notes since the last question, in seconds from the first of them.
    private func notes(_ page: PageSession) throws -> [Note] {
        let found =
            try page.browser.run(
                """
                const played = window.notes.splice(0);
                const first = Math.min(...played.map(note => note.at));
                return played.map(n => [n.at - first, n.end - n.at, n.to - n.from]);
                """) as? [[Double]] ?? []
        return found.map { Note(start: $0[0], length: $0[1], isRising: $0[2] > 0) }
    }

    private static let decisions: [(name: String, stage: Stage)] = [
        ("accepted", Samples.accepted(offline: false, cardPresent: true)),
        ("refused", .refused(id: Samples.id, amount: Samples.eco(5), .blocked)),
        ("removed", .removedTooSoon(Samples.armed())),
        ("read", .reading(Samples.armed(), step: 4)),
    ]

    @Test func `Each decision has a rhythm of its own, heard without pitch`() throws {
        let page = try session()
        var rhythms: [String: [Int]] = [:]
        for (name, stage) in Self.decisions {
            try page.show(.presentCard(Samples.armed()))
            #expect(try notes(page).isEmpty, "presenting is no decision")
            try page.show(stage)
            let played = try notes(page)
            // Click, short or long, in order.
            rhythms[name] = played.map { $0.length < 0.08 ? 0 : $0.length < 0.2 ? 1 : 2 }
            for (one, next) in zip(played, played.dropFirst()) {
                #expect(next.start >= one.start + one.length, "\(name): notes run together")
            }
            #expect(name != "accepted" || played.allSatisfy(\.isRising))
        }
        try page.show(Samples.accepted(offline: false, cardPresent: false))
        _ = try notes(page)
        page.service.checkout.change { $0.snapshot.isPresentedAgain = true }
        try #require(try page.waitForPage())
        rhythms["again"] = try notes(page).map { $0.length < 0.1 ? 0 : 2 }
        #expect(
            rhythms == [
                "accepted": [2], "refused": [2, 2], "removed": [1, 1, 1], "read": [0],
                "again": [0, 0],
            ])
        #expect(try page.words().contains("C’est déjà payé."))
        #expect(try page.browser.text("document.querySelector('#take').hidden") == "false")
    }

    @Test func `A reload, a card that leaves and a card that is read say nothing`() throws {
        let page = try session()
        try page.show(Samples.accepted(offline: false, cardPresent: true))
        _ = try notes(page)
        try page.show(Samples.accepted(offline: false, cardPresent: false))
        #expect(try notes(page).isEmpty)
        try page.browser.reload()
        try #require(try page.waitForPage())
        #expect(try notes(page).isEmpty)
        try page.show(.amountEntry)
        try page.show(.presentCard(Samples.armed()))
        try page.show(.reading(Samples.armed(), step: 1))
        #expect(try notes(page).isEmpty)
    }

    @Test func `Mute plays nothing and still flashes, at most three times a second`() throws {
        let page = try session(volume: "0")
        for _ in 0..<3 {
            for (_, stage) in Self.decisions {
                try page.show(.presentCard(Samples.armed()))
                try page.show(stage)
            }
        }
        // Three decisions of four flash, each at least once in each round.
        #expect(try page.browser.waitUntil("window.flashes.length >= 9"))
        #expect(try notes(page).isEmpty)
        let flashes = try page.browser.run("return window.flashes") as? [Double] ?? []
        for (first, fourth) in zip(flashes, flashes.dropFirst(3)) {
            #expect(fourth - first > 1_000, "four flashes in \(fourth - first) ms")
        }
    }

    @Test func `Louder is louder`() throws {
        // The gain is the envelope's: what the page asks of the speaker at its three steps.
        var loudest: [Double] = []
        for volume in ["1", "2"] {
            let page = try session(volume: volume)
            try page.browser.run(
                """
                window.gains = [];
                const make = BaseAudioContext.prototype.createGain;
                BaseAudioContext.prototype.createGain = function () {
                  const made = make.call(this);
                  const ramp = made.gain.exponentialRampToValueAtTime;
                  made.gain.exponentialRampToValueAtTime = (v, t) => {
                    window.gains.push(v); return ramp.call(made.gain, v, t); };
                  return made;
                };
                """)
            try page.show(Samples.accepted(offline: false, cardPresent: true))
            let gains = try page.browser.run("return window.gains") as? [Double] ?? []
            loudest.append(gains.max() ?? 0)
        }
        #expect(loudest.count == 2 && loudest[0] > 0 && loudest[0] < loudest[1])
    }

    @Test func `The merchant's lights tell the same`() throws {
        let page = try PageSession()
        let lit = "document.querySelectorAll('.ready [data-lights] .on').length"
        for (stage, count) in [
            (Stage.amountEntry, 1), (.presentCard(Samples.armed()), 1),
            (.reading(Samples.armed(), step: 3), 3), (.reading(Samples.armed(), step: 4), 4),
            (Samples.accepted(offline: false, cardPresent: true), 4),
            (.refused(id: nil, amount: nil, .blocked), 0),
        ] {
            try page.show(stage)
            #expect(try page.browser.text(lit) == "\(count)", "\(stage)")
        }
    }
}

import Foundation
import Linux
import ReaderEmulation
import SQLite
import TestSupport
import Testing
import WebDriver

extension StallSuites {
    /// What a person tells and what a role types is nowhere on the terminal afterwards.
    @Suite(.enabled(if: Browser.isInstalled, "needs chromium-driver"))
    struct PrivacyTests {
        private static let name = "Zénaïde Quillivéré"
        private static let contact = "z.quillivere@exemple.fr"
        /// Long enough to be found nowhere by chance.
        private static let pin = "73920518"

        /// As a page, a log, a browser or a form might have written it.
        private static func spellings(_ text: String) -> [[UInt8]] {
            let bytes = Array(text.utf8)
            let wide = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            let escaped = text.unicodeScalars.map { scalar in
                scalar.isASCII ? "\(scalar)" : "\\u" + String(format: "%04x", scalar.value)
            }.joined()
            let percent = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
            let texts = [
                bytes.map { "\($0)" }.joined(separator: ","),
                bytes.map { String(format: "%02x", $0) }.joined(),
                Data(bytes).base64EncodedString(), escaped, percent,
            ]
            // Sixty-four bytes of one are enough to find it by.
            return [bytes, wide] + texts.map { Array($0.utf8.prefix(64)) }
        }

        private static let needles = [name, contact, pin].flatMap(spellings)

        @Test(.timeLimit(.minutes(20)))
        func `A name, a contact and a PIN are found nowhere, and a planted word is`() throws {
            let stall = try Stall()
            try stall.setPIN(Self.pin, role: "enroller")
            let hands = try Merchant(stall)
            try signIn(hands)
            try enrol(hands)
            #expect(try stall.allSent())
            try hands.rest()
            try hands.press("*")
            try hands.sees(.panel("operations"))
            try hands.reads("Carte remise")
            try search(hands, "while the terminal runs")
            // What a cut leaves behind: the write-ahead log, and whatever was not yet swept.
            stall.killTerminal()
            #expect(try MemorySearch.found(Self.needles, below: stall.terminalFolder) == [])
            try controls(stall)
            try checkSealed(stall)
        }

        /// On the page, by touch.
        private func signIn(_ hands: Merchant) throws {
            try hands.openMenu("role")
            try hands.touch("#form-choices [data-value='enroller']")
            try hands.enterPIN(Self.pin)
            try hands.sees(.panel("menu"))
        }

        /// As a person tells it at the stand: texts agreed to by touch, words typed, a card laid.
        private func enrol(_ hands: Merchant) throws {
            try hands.touch("#tiles-grid [data-act='enrol']")
            try hands.sees(.panel("stand"))
            try hands.touch("[data-value='one']")
            try hands.sees(.panel("consent"))
            try hands.touch("#consent-acts [data-value='yes']")
            try hands.reads("2/2")
            try hands.touch("#consent-acts [data-value='yes']")
            try hands.sees(.panel("contact"))
            try hands.press("\(Self.name), \(Self.contact)")
            let typed = try hands.browser.text("document.getElementById('contact').value")
            #expect(typed == "\(Self.name), \(Self.contact)")
            try hands.press(key: Key.enter)
            try hands.sees(.pay("presentCard"))
            try hands.stall.lay()
            try hands.reads("Carte prête")
            try hands.photograph("enrol-1-given")
            hands.stall.slot.remove()
            _ = try hands.stall.page.order("acknowledge")
        }

        private func search(_ hands: Merchant, _ when: Comment) throws {
            let stall = hands.stall
            // Terminal, ledger, logs, and what Chromium keeps of the page.
            #expect(try MemorySearch.found(Self.needles, below: stall.folder) == [], when)
            var said = try hands.browser.text("document.documentElement.outerHTML")
            said += try hands.browser.text(
                "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")
            for path in ["/", "/api/snapshot", "/api/journal?limit=100", "/api/operations"] {
                said += try stall.page.text(path)
            }
            said += try hands.browser.complaints().joined()
            let bytes = Array(said.utf8)
            #expect(MemorySearch.search(Self.needles, bytes, bytes.count) == [], when)
        }

        /// The search finds what is there: in a file of its own, and in the log of a database.
        private func controls(_ stall: Stall) throws {
            let known = [Array("Café des Halles".utf8), Array("training-on".utf8)]
            #expect(
                try MemorySearch.found(known, below: stall.terminalFolder) == [0],
                "the policy's words are there, others are not")
            let path = stall.terminalFolder + "/planted"
            for (index, needle) in Self.needles.enumerated() {
                let noise = [UInt8](repeating: 0xA5, count: 70_000)
                try Files.writeAtomically(noise + needle + noise, to: path)
                let found = try MemorySearch.found(Self.needles, below: stall.terminalFolder)
                #expect(found.contains(index), "\(index)")
            }
            try Files.remove(path)
        }

        /// The ledger alone reads it, by its own command.
        private func checkSealed(_ stall: Stall) throws {
            let sealed = try stall.ledgerRows("SELECT length(sealed) FROM enrolments")
            #expect((sealed.first?.first?.integer ?? 0) > 100)
            let told = try stall.must(
                "eco-ledger",
                ["enrolment", "open", "--passphrase-file", stall.folder + "/pass"]
                    + stall.database)
            #expect(told.contains(Self.name) && told.contains(Self.contact))
        }
    }
}

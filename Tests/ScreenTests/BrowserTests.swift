import Foundation
import Screen
import Testing
import WebDriver

/// Browsers wait for the next test instead of being started for each.
@Suite(.enabled(if: Browser.isInstalled)) struct BrowserTests {
    private static let stores = """
        JSON.stringify([{...localStorage}, {...sessionStorage},
          document.cookie.includes('planted'), Boolean(window.planted), innerWidth,
          performance.getEntriesByName(location.origin + '/app.js')[0]?.transferSize > 0])
        """

    /// Alone in a run it gets the very browser it had; among others it may get theirs.
    @Test func `A browser used again knows nothing of who used it before`() throws {
        let service = try Service()
        let address = "http://127.0.0.1:\(service.screen.port)/"
        var before = ""
        try ending {
            let browser = try Browser()
            try browser.open(address)
            before = try browser.text(Self.stores)
            try browser.resize(PanelSize(width: 720, height: 1_280))
            try browser.run(
                """
                localStorage.setItem('planted', '1');
                sessionStorage.setItem('planted', '1');
                document.cookie = 'planted=1';
                window.planted = true;
                console.error('planted');
                """)
            #expect(try browser.text(Self.stores).contains("planted"))
        }
        let again = try Browser()
        try again.open(address)
        #expect(try again.text(Self.stores) == before)
        #expect(try again.complaints().filter { $0.contains("planted") } == [])
    }

    /// What `body` made has ended when this returns.
    private func ending(_ body: () throws -> Void) rethrows { try body() }
}

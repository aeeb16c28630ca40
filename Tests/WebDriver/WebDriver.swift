// WebDriver: a page as a person sees and touches it, for the suites that drive one.
//
// 1. The browser is Debian's Chromium without a window, driven over WebDriver (W3C): fingers and
//    keys are its input events, never calls into the page.
// 2. A browser that ends forgets all it knew and waits for the next one; a profile that was asked
//    for stays. `crash` is as if the power had gone. All of them end with the process.
// 3. `PageChecks` measures what is drawn by the rules of the design; it knows no screen by name.
// 4. Pictures go to Tests/Artifacts, which git ignores: of what breaks a rule, and of every screen
//    where ECO_PHOTOGRAPHS is set.
//
// Not promised: speed, other browsers, frames or windows beside the first. One thread at a time.
// Sizes are CSS pixels.
import Foundation

/// A panel the terminal is built with, or another window.
public struct PanelSize: Sendable, CustomStringConvertible {
    /// Pixels.
    public let width: Int
    public let height: Int

    /// The three panels of the design; the first is the smallest.
    public static let all = [
        PanelSize(width: 800, height: 480), PanelSize(width: 1280, height: 720),
        PanelSize(width: 720, height: 1280),
    ]

    /// A size in pixels.
    public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

    /// "800x480".
    public var description: String { "\(width)x\(height)" }
}

/// Keys of a USB numeric keypad, as WebDriver names them.
public enum Key {
    /// The screen's first act.
    public static let enter = "\u{E007}"
    /// Corrects.
    public static let backspace = "\u{E003}"
    public static let delete = "\u{E017}"
    /// Gives up.
    public static let escape = "\u{E00C}"
    /// Walks from button to button.
    public static let tab = "\u{E004}"
}

/// Where pictures and reports of test runs land.
public enum Artifacts {
    /// Tests/Artifacts.
    public static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Artifacts").path

    /// A picture of every screen, not only of those with a fault.
    static let areWanted = ProcessInfo.processInfo.environment["ECO_PHOTOGRAPHS"] != nil
}

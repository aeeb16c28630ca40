import Receipts
import Screen

/// One setting of the configuration: its name, what it stands for when absent, and what it takes.
struct Setting: Sendable {
    let name: String
    /// What holds when no file sets it; nil: nothing, and only some terminals need it.
    let standard: String?
    /// The unit, or the kind of value.
    let unit: String
    /// What it is for, in lines of at most 90 characters.
    let help: [String]
    /// Whether a value is one.
    let takes: @Sendable (String) -> Bool

    /// Every setting, in the order of the example.
    static let all: [Setting] = [
        Setting(
            name: "directory", standard: "/var/lib/carte-eco", unit: "folder",
            help: ["Where journal, policy, deny-list and the terminal's own key rest."],
            takes: { !$0.isEmpty }),
        Setting(
            name: "passphrase-file", standard: "credential:passphrase",
            unit: "file, or credential:NAME",
            help: [
                "The passphrase that opens the key files. systemd hands a credential over",
                "(LoadCredentialEncrypted=); a file must be its owner's only (chmod 600).",
            ], takes: { !$0.isEmpty }),
        Setting(
            name: "keys", standard: "credential:card-keys", unit: "file, or credential:NAME",
            help: ["The card keys: a bundle of eco-card key bundle."], takes: { !$0.isEmpty }),
        Setting(
            name: "issuer", standard: nil, unit: "64 hexadecimal digits",
            help: [
                "The issuer's public key (issuer.pub), when the bundle is cut for this terminal."
            ],
            takes: { $0.count == 64 && $0.allSatisfy(\.isHexDigit) }),
        Setting(
            name: "reader", standard: "", unit: "name, number, or nfc:CONNECTION",
            help: [
                "Which reader: how its PC/SC name begins, its number from 0, or",
                "nfc:pn532_uart:/dev/ttyAMA0 for a PN532. Empty: the first one.",
            ], takes: { _ in true }),
        Setting(
            name: "listen", standard: "127.0.0.1:8787", unit: "ADDRESS:PORT",
            help: [
                "Where the page is served, when systemd hands no socket over",
                "(eco-terminal.socket). Only this machine is answered.",
            ], takes: { listenPlace($0) != nil }),
        Setting(
            name: "reader-place", standard: "right",
            unit: ScreenConfiguration.ReaderPlace.allCases.map(\.rawValue).joined(separator: " | "),
            help: ["Where the reader lies, seen from the screen: the page points there."],
            takes: { ScreenConfiguration.ReaderPlace(rawValue: $0) != nil }),
        Setting(
            name: "language", standard: "fr",
            unit: ScreenConfiguration.Language.allCases.map(\.rawValue).joined(separator: " | "),
            help: ["The language of the page until a person chooses another one."],
            takes: { ScreenConfiguration.Language(rawValue: $0) != nil }),
        Setting(
            name: "receipt-printer", standard: "", unit: "device, or file:PATH",
            help: [
                "Where receipts are printed (ESC/POS): a device such as /dev/usb/lp0, or a file",
                "that they are added to. Empty: no printer.",
            ], takes: { $0.isEmpty || PrinterPlace($0) != nil }),
        Setting(
            name: "receipt-width", standard: "\(PaperWidth.narrow.rawValue)",
            unit: PaperWidth.allCases.map { "\($0.rawValue)" }.joined(separator: " | ") + " dots",
            help: ["The printer's row: 384 for rolls of 58 mm, 576 for rolls of 80 mm."],
            takes: { Int($0).flatMap { PaperWidth(rawValue: $0) } != nil }),
        Setting(
            name: "export-directory", standard: "", unit: "folder",
            help: [
                "Where closures are exported to, e.g. a USB stick; made when it is missing.",
                "Empty: export in directory.",
            ], takes: { _ in true }),
        Setting(
            name: "status-socket", standard: "", unit: "socket, at most 107 bytes",
            help: [
                "Where /metrics, /healthz and /readyz are answered to the owner and root:",
                "curl --unix-socket FILE http://localhost/metrics. Empty: status in the service's",
                "run folder (/run/carte-eco), or in directory where systemd makes none.",
            ], takes: { $0.utf8.count <= 107 }),
    ]

    /// The setting of this name.
    static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

    /// Address and port of "127.0.0.1:8787".
    static func listenPlace(_ text: String) -> (address: String, port: UInt16)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty, let port = UInt16(parts[1]) else { return nil }
        return (parts[0], port)
    }

    /// The example file: every setting at its default, switched off.
    static var example: [String] {
        var lines = [
            "# eco-terminal's settings. A line is NAME = VALUE; # begins a comment.",
            "# Lines that begin with # show the defaults: take the # away to change one.",
            "# Files terminal.conf.d/*.conf beside this one are read after it; a later one wins.",
            "# No secret stands here. Check it with: eco-terminal config check",
        ]
        for setting in all {
            lines.append("")
            lines.append("# \(setting.name): \(setting.unit)")
            for line in setting.help { lines.append("# \(line)") }
            let value = setting.standard.map { $0.isEmpty ? "" : " " + $0 } ?? ""
            lines.append("#\(setting.name) =\(value)")
        }
        return lines
    }

    /// The known name that a mistyped one is nearest to; nil when none is near.
    static func nearest(_ name: String) -> String? {
        let found = all.map { (name: $0.name, distance: distance(name, $0.name)) }.min {
            $0.distance < $1.distance
        }
        guard let found, found.distance <= max(2, name.count / 3) else { return nil }
        return found.name
    }

    /// How many letters to insert, remove or change to make one word the other.
    private static func distance(_ one: String, _ other: String) -> Int {
        let (letters, others) = (Array(one.lowercased().prefix(64)), Array(other))
        var row = Array(0...others.count)
        for (index, letter) in letters.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (place, wanted) in others.enumerated() {
                let changed = diagonal + (letter == wanted ? 0 : 1)
                diagonal = row[place + 1]
                row[place + 1] = min(changed, row[place] + 1, diagonal + 1)
            }
        }
        return row[others.count]
    }
}

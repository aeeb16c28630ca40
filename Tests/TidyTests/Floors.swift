/// The house, from the ground up: what each target may import (Sources/README.md holds the
/// picture).
enum Floors {
    static let names = [
        "CLibraries", "Bindings", "Core", "Services", "Machines", "Emulation", "Programs",
        "Plugins",
    ]

    /// Project modules a target of a floor may import, by floor.
    static let allowed: [String: Set<String>] = [
        "CLibraries": [],
        "Bindings": ["CLibraries"],
        "Core": ["CLibraries", "Core"],
        "Services": ["Bindings", "Core", "Services"],
        "Machines": ["CLibraries", "Bindings", "Core", "Services", "Machines"],
        "Emulation": ["Bindings", "Core", "Emulation"],
        "Programs": [
            "Bindings", "Core", "Services", "Machines", "Emulation", "Programs",
        ],
        "Plugins": [],
    ]

    /// Who may import the emulation floor.
    static let emulationUsers: Set<String> = ["eco-sim", "eco-bench", "ReaderEmulation"]

    /// A C library has one owner.
    static let owners: [String: Set<String>] = [
        "CPCSC": ["PCSC"], "CNFC": ["NFC"], "CSQLite": ["SQLite"],
        "CPostgreSQL": ["PostgreSQL"], "COpenSSL": ["Crypto"], "CSodium": ["Crypto"],
        "CCBOR": ["COSE"], "CP11Kit": ["PKCS11"], "CQREncode": ["QRCode"],
        "CPango": ["TextImage"],
        "CSystemd": ["Systemd"],
        "CMicroHTTPD": ["HTTPServer"], "CCurl": ["HTTPClient"],
        "CLinux": ["Linux", "Threads", "CommandLineTool"], "CWebAssets": ["Screen"],
        "CLedgerAssets": ["LedgerService"],
    ]

    /// Core is pure: these may not even import a system module.
    static let systemModules: Set<String> = ["Glibc", "Foundation", "FoundationEssentials"]

    /// Targets outside Bindings that may say `unsafe`: each is itself the border to a C library.
    static let borders: Set<String> = ["Crypto", "COSE", "LedgerService", "Screen"]
}

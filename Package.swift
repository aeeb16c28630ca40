// swift-tools-version: 6.2
// Carte ECO terminal. Floors and arrows: Sources/README.md. No Swift package dependency.
import PackageDescription

let bound: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let pure: [SwiftSetting] = bound + [.strictMemorySafety()]

/// A system C library: a module map and `static inline` shims, no logic.
func library(_ name: String, _ pkgConfig: String, apt: String) -> Target {
    .systemLibrary(
        name: name, path: "Sources/CLibraries/\(name)", pkgConfig: pkgConfig,
        providers: [.apt([apt])])
}

func floor(
    _ floor: String, _ settings: [SwiftSetting]
) -> (_ name: String, _ imports: [String]) -> Target {
    { name, imports in
        .target(
            name: name, dependencies: imports.map { .byName(name: $0) },
            path: "Sources/\(floor)/\(name)", swiftSettings: settings)
    }
}

func machine(_ name: String, _ imports: [String], plugins: [Target.PluginUsage] = []) -> Target {
    let target = floor("Machines", pure)(name, imports)
    target.plugins = plugins
    return target
}

let binding = floor("Bindings", bound)
let core = floor("Core", pure)
let service = floor("Services", pure)
let emulation = floor("Emulation", pure)

func program(_ name: String, _ imports: [String]) -> Target {
    .executableTarget(
        name: name, dependencies: (["CommandLineTool"] + imports).map { .byName(name: $0) },
        path: "Sources/Programs/\(name)", swiftSettings: pure)
}

/// What several test suites share; imported by tests only.
func support(_ name: String, _ imports: [String]) -> Target {
    .target(
        name: name, dependencies: imports.map { .byName(name: $0) },
        path: "Tests/\(name)", swiftSettings: bound)
}

func tests(_ name: String, _ imports: [String]) -> Target {
    .testTarget(
        name: name, dependencies: imports.map { .byName(name: $0) },
        path: "Tests/\(name)",
        exclude: [
            "InteropTests": ["Scripts"], "LedgerTests": ["Scripts"],
            "TranscriptTests": ["Sessions"],
        ][name] ?? [],
        swiftSettings: bound)
}

let package = Package(
    name: "carte-eco",
    products: [
        .executable(name: "eco-terminal", targets: ["eco-terminal"]),
        .executable(name: "eco-card", targets: ["eco-card"]),
        .executable(name: "eco-ledger", targets: ["eco-ledger"]),
        .executable(name: "eco-sim", targets: ["eco-sim"]),
        .executable(name: "eco-bench", targets: ["eco-bench"]),
    ],
    targets: [
        // CLibraries
        library("CPCSC", "libpcsclite", apt: "libpcsclite-dev"),
        library("CNFC", "libnfc", apt: "libnfc-dev"),
        library("CSQLite", "sqlite3", apt: "libsqlite3-dev"),
        library("CPostgreSQL", "libpq", apt: "libpq-dev"),
        library("COpenSSL", "libcrypto", apt: "libssl-dev"),
        library("CSodium", "libsodium", apt: "libsodium-dev"),
        library("CCBOR", "libcbor", apt: "libcbor-dev"),
        library("CMicroHTTPD", "libmicrohttpd", apt: "libmicrohttpd-dev"),
        library("CCurl", "libcurl", apt: "libcurl4-openssl-dev"),
        library("CP11Kit", "p11-kit-1", apt: "libp11-kit-dev"),
        library("CQREncode", "libqrencode", apt: "libqrencode-dev"),
        library("CSystemd", "libsystemd", apt: "libsystemd-dev"),
        .target(name: "CLinux", path: "Sources/CLibraries/CLinux"),
        .target(name: "CPango", path: "Sources/CLibraries/CPango"),
        .target(name: "CWebAssets", path: "Sources/CLibraries/CWebAssets", exclude: ["web"]),
        .target(
            name: "CLedgerAssets", path: "Sources/CLibraries/CLedgerAssets", exclude: ["files"]),

        // Bindings
        binding("PCSC", ["CPCSC"]),
        binding("NFC", ["CNFC"]),
        binding("SQLite", ["CSQLite"]),
        binding("PostgreSQL", ["CPostgreSQL"]),
        binding("HTTPServer", ["CMicroHTTPD"]),
        binding("HTTPClient", ["CCurl"]),
        binding("PKCS11", ["CP11Kit"]),
        binding("QRCode", ["CQREncode"]),
        binding("TextImage", ["CPango"]),
        binding("Systemd", ["CSystemd"]),
        binding("Linux", ["CLinux"]),
        binding("Threads", ["CLinux"]),

        // Core
        core("Crypto", ["COpenSSL", "CSodium"]),
        core("COSE", ["CCBOR", "Crypto"]),
        core("Tokens", ["COSE", "Crypto"]),
        core("Operations", ["COSE", "Crypto", "Tokens"]),
        core("LedgerMessages", ["COSE", "Crypto", "Operations", "Tokens"]),
        core("Cards", ["COSE", "Crypto", "Operations", "Tokens"]),
        core("Proofs", ["COSE", "Crypto", "LedgerMessages", "Operations"]),

        // Services
        service(
            "Journal",
            [
                "COSE", "Crypto", "LedgerMessages", "Linux", "Operations", "SQLite", "Threads",
                "Tokens",
            ]),
        service(
            "LedgerClient",
            [
                "COSE", "Crypto", "HTTPClient", "Journal", "LedgerMessages", "Linux",
                "Operations", "Threads", "Tokens",
            ]),
        service("Readers", ["Cards", "NFC", "PCSC", "Threads"]),
        service("KeyStore", ["COSE", "Cards", "Crypto", "Linux", "PKCS11", "Tokens"]),
        service(
            "LedgerBook",
            [
                "COSE", "Cards", "Crypto", "LedgerMessages", "Linux", "Operations", "PostgreSQL",
                "SQLite", "Tokens",
            ]),

        // Machines
        machine(
            "Receipts",
            [
                "Crypto", "Journal", "Linux", "Operations", "QRCode", "TextImage", "Threads",
                "Tokens",
            ]),
        machine(
            "Terminal",
            [
                "COSE", "Cards", "Crypto", "Journal", "KeyStore", "LedgerClient",
                "LedgerMessages", "Linux", "Operations", "Readers", "Receipts", "Threads",
                "Tokens",
            ]),
        machine(
            "Screen",
            [
                "CWebAssets", "Crypto", "HTTPServer", "Journal", "Linux", "Operations", "QRCode",
                "Receipts", "Terminal", "Threads", "Tokens",
            ], plugins: ["MessageTables"]),
        machine(
            "Provisioning",
            ["COSE", "Cards", "Crypto", "KeyStore", "Operations", "Readers", "Tokens"]),
        machine(
            "Batches",
            [
                "COSE", "Cards", "Crypto", "KeyStore", "Linux", "Provisioning", "SQLite", "Tokens",
            ]),
        machine("Labels", ["Crypto", "Linux", "QRCode", "Tokens"]),
        machine(
            "LedgerService",
            [
                "CLedgerAssets", "COSE", "Crypto", "HTTPServer", "LedgerBook", "LedgerMessages",
                "Operations",
                "Threads", "Tokens",
            ]),

        // Plugins: at work while the rest is built
        .plugin(
            name: "MessageTables", capability: .buildTool(), dependencies: ["eco-messages"],
            path: "Sources/Plugins/MessageTables"),
        .executableTarget(
            name: "eco-messages", path: "Sources/Plugins/eco-messages", swiftSettings: pure),

        // Emulation
        emulation("CardEmulation", ["Crypto", "Linux"]),
        emulation("ReaderEmulation", ["CardEmulation", "Linux", "Threads"]),
        emulation("MerchantEmulation", ["HTTPClient", "Linux"]),

        // Programs
        .target(
            name: "CommandLineTool", dependencies: ["Linux"],
            path: "Sources/Programs/CommandLineTool", swiftSettings: pure),
        program(
            "eco-terminal",
            [
                "COSE", "Cards", "Crypto", "HTTPClient", "Journal", "KeyStore", "LedgerClient",
                "LedgerMessages", "Linux", "Operations", "Readers", "Receipts", "Screen",
                "Systemd", "Terminal", "Threads", "Tokens",
            ]),
        program(
            "eco-card",
            [
                "Batches", "COSE", "Cards", "Crypto", "KeyStore", "Labels", "Linux", "Operations",
                "Provisioning", "Readers", "Systemd", "Threads", "Tokens",
            ]),
        program(
            "eco-ledger",
            [
                "Crypto", "HTTPClient", "KeyStore", "LedgerBook", "LedgerMessages",
                "LedgerService", "Linux", "Operations", "Proofs", "Systemd", "Tokens",
            ]),
        program(
            "eco-sim",
            [
                "CardEmulation", "Crypto", "Linux", "MerchantEmulation", "ReaderEmulation",
                "Threads",
            ]),
        program(
            "eco-bench",
            [
                "Batches", "COSE", "CardEmulation", "Cards", "Crypto", "Journal", "KeyStore",
                "LedgerBook", "LedgerClient", "LedgerMessages", "Linux", "MerchantEmulation",
                "Operations", "PCSC", "PostgreSQL", "Provisioning", "ReaderEmulation", "SQLite",
                "Terminal", "Threads",
                "Tokens",
            ]),

        // Tests
        support("PythonTools", []),
        support("TestSupport", ["Linux", "PostgreSQL", "Readers"]),
        support("WebDriver", ["Linux", "TestSupport"]),
        tests(
            "EndToEndTests",
            [
                "COSE", "CardEmulation", "Cards", "CommandLineTool", "Crypto", "HTTPClient",
                "Journal", "KeyStore", "Linux", "Operations", "Provisioning", "ReaderEmulation",
                "SQLite", "Terminal", "TestSupport", "Threads", "Tokens", "WebDriver",
                "eco-bench", "eco-card",
                "eco-ledger", "eco-sim",
                "eco-terminal",
            ]),
        tests(
            "InteropTests",
            [
                "COSE", "CardEmulation", "Cards", "Crypto", "KeyStore", "Linux", "Provisioning",
                "PythonTools", "ReaderEmulation", "Tokens",
            ]),
        tests(
            "TranscriptTests",
            [
                "CardEmulation", "Crypto", "Linux", "TestSupport", "eco-bench", "eco-card",
                "eco-ledger",
                "eco-sim", "eco-terminal",
            ]),
        tests("CryptoTests", ["Crypto"]),
        tests("VectorTests", ["Cards", "Crypto"]),
        tests("TidyTests", []),
        tests("UnitTests", ["Terminal", "TestSupport", "eco-terminal"]),
        tests(
            "ScreenTests",
            [
                "CWebAssets", "Crypto", "HTTPServer", "Journal", "LedgerBook", "LedgerMessages",
                "LedgerService", "Linux", "Operations", "Receipts", "Screen", "Terminal",
                "TestSupport", "Threads", "Tokens", "WebDriver", "eco-messages",
            ]),
        tests(
            "ReceiptTests",
            [
                "Journal", "Linux", "Operations", "Receipts", "TestSupport", "TextImage", "Threads",
                "Tokens",
            ]),
        tests(
            "BindingsTests",
            [
                "CommandLineTool", "HTTPClient", "HTTPServer", "Linux", "PCSC", "SQLite",
                "Systemd", "TestSupport", "Threads",
            ]),
        tests(
            "LedgerTests",
            [
                "COSE", "Cards", "Crypto", "HTTPClient", "HTTPServer", "Journal", "KeyStore",
                "LedgerBook",
                "LedgerClient", "LedgerMessages", "LedgerService", "Linux", "Operations",
                "PostgreSQL", "Proofs", "PythonTools", "SQLite", "TestSupport", "Threads", "Tokens",
                "eco-ledger",
            ]),
        tests("CardEmulationTests", ["CardEmulation", "Crypto", "Linux"]),
        tests(
            "ReaderEmulationTests",
            [
                "CardEmulation", "Linux", "NFC", "PCSC", "ReaderEmulation", "TestSupport",
                "eco-sim",
            ]),
        tests("COSETests", ["COSE", "Crypto", "TestSupport", "Tokens"]),
        tests(
            "JournalTests",
            [
                "COSE", "Crypto", "Journal", "KeyStore", "LedgerMessages", "Linux", "Operations",
                "SQLite", "TestSupport", "Threads", "Tokens",
            ]),
        tests(
            "TerminalTests",
            [
                "COSE", "CardEmulation", "Cards", "Crypto", "HTTPClient", "HTTPServer", "Journal",
                "KeyStore", "LedgerClient", "LedgerMessages", "Linux", "Operations",
                "ReaderEmulation", "Readers", "Receipts", "SQLite", "Screen", "Terminal",
                "TestSupport", "Threads", "Tokens",
            ]),
        tests("OperationsTests", ["COSE", "Crypto", "Operations", "Tokens"]),
        tests(
            "KeyStoreTests",
            [
                "COSE", "CardEmulation", "Cards", "Crypto", "KeyStore", "Linux", "PKCS11",
                "Provisioning", "TestSupport", "Tokens", "eco-card", "eco-ledger", "eco-terminal",
            ]),
        tests(
            "ProvisioningTests",
            [
                "COSE", "CardEmulation", "Cards", "Crypto", "KeyStore", "Linux", "Operations",
                "PCSC", "Provisioning", "ReaderEmulation", "Readers", "TestSupport", "Tokens",
            ]),
        tests(
            "BatchesTests",
            [
                "Batches", "COSE", "CardEmulation", "Cards", "Crypto", "KeyStore", "Labels",
                "Linux", "Provisioning", "SQLite", "TestSupport", "Tokens", "eco-bench",
            ]),
        tests(
            "ReadersTests",
            [
                "CardEmulation", "Cards", "Linux", "NFC", "PCSC", "ReaderEmulation", "Readers",
                "TestSupport", "Threads", "eco-card",
            ]),
    ],
    swiftLanguageModes: [.v6]
)

import CardEmulation
import CommandLineTool
import Crypto

/// A card's memory in words, without any key.
enum CardReport {
    static func object(_ memory: CardMemory) -> JSONValue {
        .record([
            "schema": .text("eco.sim-card.1"), "profile": .text("ntag424"),
            "uid": .text(Hexadecimal.text(memory.uid)),
            "originalitySignature": .bool(hasSignature(memory)),
            "randomIdentifier": .bool(memory.configuration.usesRandomIdentifier),
            "readCounter": .integer(Int64(memory.readCounter)),
            "keys": .array(
                memory.keys.map { key in
                    .record([
                        "version": .integer(Int64(key.version)), "factory": .bool(key.isFactory),
                        "failures": .integer(Int64(key.totalFailures)),
                    ])
                }),
            "files": .array(
                memory.files.enumerated().map { index, file in
                    .record([
                        "number": .integer(Int64(index + 1)),
                        "bytes": .integer(Int64(file.content.count)),
                        "mode": .text(mode(file.settings.mode)),
                        "read": .text(right(file.settings.read)),
                        "write": .text(right(file.settings.write)),
                        "readWrite": .text(right(file.settings.readWrite)),
                        "change": .text(right(file.settings.change)),
                        "mirrored": .bool(file.settings.mirroring != nil),
                        "used": .integer(Int64(used(file))),
                    ])
                }),
        ])
    }

    static func lines(_ memory: CardMemory) -> [String] {
        var lines = [
            "NTAG 424 DNA \(Hexadecimal.text(memory.uid))"
                + (memory.configuration.usesRandomIdentifier ? ", random identifier" : ""),
            hasSignature(memory) ? "originality signature: there" : "originality signature: none",
            "read counter: \(memory.readCounter)",
        ]
        for (number, key) in memory.keys.enumerated() {
            lines.append(
                "key \(number): version \(key.version)" + (key.isFactory ? ", factory" : "")
                    + (key.totalFailures > 0 ? ", \(key.totalFailures) failures" : ""))
        }
        for (index, file) in memory.files.enumerated() {
            let settings = file.settings
            lines.append(
                "file \(index + 1): \(used(file)) of \(file.content.count) bytes used, "
                    + "\(mode(settings.mode)), read \(right(settings.read)), "
                    + "write \(right(settings.write)), both \(right(settings.readWrite)), "
                    + "change \(right(settings.change))"
                    + (settings.mirroring == nil ? "" : ", mirrored"))
        }
        return lines
    }

    private static func hasSignature(_ memory: CardMemory) -> Bool {
        memory.originalitySignature.contains { $0 != 0 }
    }

    private static func used(_ file: CardFile) -> Int {
        (file.content.lastIndex { $0 != 0 } ?? -1) + 1
    }

    private static func mode(_ mode: CommunicationMode) -> String {
        switch mode {
        case .plain: "plain"
        case .mac: "MAC"
        case .full: "full"
        }
    }

    private static func right(_ condition: AccessCondition) -> String {
        switch condition {
        case .key(let number): "key \(number)"
        case .free: "free"
        case .never: "never"
        }
    }
}

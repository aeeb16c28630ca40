import Foundation
import Testing

/// Properties of the source text itself. Each rule names the file and line it does not like.
@Suite struct TidyTests {
    @Test func `Imports go down the floors only`() {
        var faults = Faults()
        let floors = Dictionary(
            SourceFile.sources.map { ($0.target, $0.floor) },
            uniquingKeysWith: { first, _ in first })
        for file in SourceFile.sources {
            for module in file.imports {
                let floor = floors[module] ?? (Floors.owners[module] == nil ? nil : "CLibraries")
                guard let floor else { continue }
                let isAllowed = Floors.allowed[file.floor]?.contains(floor) == true
                faults.unless(isAllowed, "\(file.path) imports \(module) of \(floor)")
                if floor == "Emulation" {
                    faults.unless(
                        Floors.emulationUsers.contains(file.target),
                        "\(file.path) imports \(module)")
                }
                if let owners = Floors.owners[module] {
                    faults.unless(owners.contains(file.target), "\(file.path) imports \(module)")
                }
            }
        }
        #expect(faults.list == [])
    }

    @Test func `Core is pure`() {
        var faults = Faults()
        for file in SourceFile.sources where file.floor == "Core" {
            for module in file.imports {
                faults.unless(
                    !Floors.systemModules.contains(module), "\(file.path) imports \(module)")
            }
        }
        #expect(faults.list == [])
    }

    @Test func `Products never import full Foundation, nor anybody's package`() {
        var faults = Faults()
        let known = Floors.systemModules.union(["Synchronization", "Testing", "PackagePlugin"])
        let ours = Set(SourceFile.sources.map(\.target)).union(Floors.owners.keys)
        for file in SourceFile.sources {
            for module in file.imports {
                #expect(module != "Foundation", "\(file.path)")
                faults.unless(
                    known.contains(module) || ours.contains(module),
                    "\(file.path) imports \(module)")
            }
        }
        #expect(faults.list == [])
    }

    @Test func `A file fits one sitting, a function one screen, a line one hundred columns`() {
        var faults = Faults()
        for file in SourceFile.sources + SourceFile.tests {
            faults.unless(file.lines.count <= 401, "\(file.path): \(file.lines.count) lines")
            for (index, line) in file.lines.enumerated() {
                faults.unless(line.count <= 100, "\(file.path):\(index + 1): \(line.count) columns")
            }
            for function in file.functions {
                faults.unless(
                    function.count <= 70, "\(file.path):\(function.line): \(function.count) lines")
            }
        }
        #expect(faults.list == [])
    }

    @Test func `Nothing is left open`() {
        var faults = Faults()
        let words = [
            "TO" + "DO", "FIX" + "ME", "XX" + "X", "not imple" + "mented", "fatal" + "Error(",
        ]
        for file in SourceFile.sources + SourceFile.tests {
            for (index, line) in file.lines.enumerated() {
                for word in words {
                    faults.unless(!line.contains(word), "\(file.path):\(index + 1): \(word)")
                }
            }
        }
        #expect(faults.list == [])
    }

    @Test func `Libraries do not print, and unsafe stays at the border`() {
        var faults = Faults()
        for file in SourceFile.sources {
            for (index, line) in file.lines.enumerated() {
                let code = SourceFile.code(line)
                let words = code.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }
                )
                let place = "\(file.path):\(index + 1)"
                // `Invocation.print` is the programs' own door to stdout.
                let printing = code.contains("print(") && !code.contains(".print(")
                faults.unless(!printing || code.contains("func print("), "\(place) prints")
                if words.contains("unsafe"), file.floor != "Bindings" {
                    faults.unless(Floors.borders.contains(file.target), "\(place) says unsafe")
                }
            }
        }
        #expect(faults.list == [])
    }

    @Test func `Whoever silences the compiler says why`() {
        var faults = Faults()
        for file in SourceFile.sources {
            for (index, line) in file.lines.enumerated() {
                let code = SourceFile.code(line)
                guard code.contains("@unchecked Sendable") || code.contains("nonisolated(unsafe)")
                else { continue }
                faults.unless(line.contains("// because "), "\(file.path):\(index + 1)")
            }
        }
        #expect(faults.list == [])
    }

    @Test func `Everything public has a sentence`() {
        var faults = Faults()
        let kinds = ["func", "var", "let", "struct", "enum", "class", "protocol", "init", "case"]
        for file in SourceFile.sources where file.floor != "Programs" {
            for (index, line) in file.lines.enumerated() {
                let words = line.split(separator: " ").map(String.init)
                guard words.first == "public", words.count > 1,
                    kinds.contains(where: { kind in
                        words.dropFirst().prefix(4).contains { $0.hasPrefix(kind) }
                    })
                else { continue }
                faults.unless(
                    isDocumented(file, index), "\(file.path):\(index + 1) has no sentence")
            }
        }
        #expect(faults.list == [])
    }

    /// A doc comment above; attributes between are fine; a run of stored properties shares the
    /// sentence above its first; what a protocol or an operator requires is documented there.
    private func isDocumented(_ file: SourceFile, _ index: Int) -> Bool {
        let line = file.lines[index]
        if line.contains("static func ==") || line.contains("static func <") { return true }
        var above = index - 1
        while above >= 0 {
            let text = file.lines[above].trimmingCharacters(in: .whitespaces)
            if text.hasPrefix("///") { return true }
            let isStored = text.hasPrefix("public var ") || text.hasPrefix("public let ")
            guard text.hasPrefix("@") || (isStored && !text.hasSuffix("{")) else { break }
            above -= 1
        }
        return fulfilsRequirement(file, index)
    }

    /// Inside `extension X: P` or a type that names protocols, a requirement needs no second
    /// sentence.
    private func fulfilsRequirement(_ file: SourceFile, _ index: Int) -> Bool {
        let name = Self.declared(file.lines[index])
        return Self.requirements.contains(name)
    }

    private static func declared(_ line: String) -> String {
        let words = line.split(whereSeparator: { " (:<".contains($0) }).map(String.init)
        guard let at = words.firstIndex(where: { $0 == "func" || $0 == "var" }),
            words.count > at + 1
        else { return "" }
        return words[at + 1]
    }

    /// Names that a protocol of ours or of the standard library documents.
    private static let requirements: Set<String> = {
        var names: Set<String> = ["description", "debugDescription", "hash", "enqueue"]
        for file in SourceFile.sources {
            var isInside = false
            for line in file.lines {
                if line.contains("protocol "), line.hasSuffix("{") { isInside = true }
                if line == "}" { isInside = false }
                if isInside { names.insert(declared(line)) }
            }
        }
        return names.subtracting([""])
    }()

    @Test func `Every target opens with its manual`() throws {
        let targets = Set(
            SourceFile.sources.filter { $0.floor != "Programs" }.map { "\($0.floor)/\($0.target)" })
        for target in targets {
            let name = target.split(separator: "/")[1]
            let file = SourceFile.sources.first { $0.path == "Sources/\(target)/\(name).swift" }
            let first = try #require(file, "\(target) has no \(name).swift").lines.first ?? ""
            #expect(first.hasPrefix("// \(name)"), "\(target): \(first)")
        }
    }

    @Test func `The tree holds no path of a development machine and no package dependency`() throws
    {
        var faults = Faults()
        let manifest = try String(
            contentsOf: SourceFile.root.appending(path: "Package.swift"), encoding: .utf8)
        #expect(!manifest.contains(".package("))
        let patterns = ["/wo" + "rk/", "/ro" + "ot/", "/fa" + "rm/"]
        for file in SourceFile.sources + SourceFile.tests {
            for (index, line) in file.lines.enumerated() {
                for pattern in patterns {
                    faults.unless(!line.contains(pattern), "\(file.path):\(index + 1)")
                }
            }
        }
        #expect(faults.list == [])
    }
}

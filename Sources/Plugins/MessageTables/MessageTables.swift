// MessageTables: a build-tool plugin; it runs `eco-messages` over the message tables whenever one
// of them changed, and gives `Screen` the Swift file that tool writes.
//
// Promises:
//   M1  `swift build` fails while a table lacks a key, has one too many, or holds a sentence that
//       is empty or not translated, with one line a fault.
//
// Does not promise: that a translation is right.

import FoundationEssentials
import PackagePlugin

@main
struct MessageTables: BuildToolPlugin {
    func createBuildCommands(
        context: PluginContext, target: any Target
    ) throws -> [Command] {
        let tables = context.package.directoryURL.appending(
            path: "Sources/CLibraries/CWebAssets/web/messages")
        let made = context.pluginWorkDirectoryURL.appending(path: "Languages.swift")
        let files = try FileManager.default.subpathsOfDirectory(atPath: tables.path)
            .filter { $0.hasSuffix(".json") }.sorted()
        return [
            .buildCommand(
                displayName: "Message tables",
                executable: try context.tool(named: "eco-messages").url,
                arguments: [tables.path, made.path],
                inputFiles: files.map { tables.appending(path: $0) }, outputFiles: [made])
        ]
    }
}

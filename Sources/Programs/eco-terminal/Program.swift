// eco-terminal: the checkout of a merchant.

import CommandLineTool
import Glibc

@main struct EcoTerminal {
    static func main() {
        let commands: [[Command]] = [
            [serveCommand, pairCommand, keyCommand, selfTestCommand], configCommands,
            [supportCommand], upkeepCommands, journalCommands, archiveCommands, yearCommands,
            [recoverCommand, claimCommand], roleCommands, receiptCommands,
        ]
        let program = Program(
            "eco-terminal", "eco-terminal takes Carte ECO payments at a checkout.",
            commands: commands.flatMap { $0 })
        exit(program.run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}

// eco-card: the technician's command line.

import CommandLineTool
import Glibc

@main struct EcoCard {
    static func main() {
        let commands: [[Command]] = [
            keyCommands, cardCommands, infoCommands, epochCommands, batchCommands, reportCommands,
            labelCommands, readerCommands, tokenCommands,
        ]
        let program = Program(
            "eco-card", "eco-card prepares, checks and resets Carte ECO cards.",
            commands: commands.flatMap { $0 })
        exit(program.run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}

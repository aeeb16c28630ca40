// eco-sim: cards and readers in software, and a whole network to try.

import CommandLineTool
import Glibc

@main struct EcoSim {
    static func main() {
        let program = Program(
            "eco-sim", "eco-sim plays cards and readers in software.",
            commands: [
                demoCommand, tapCommand, presentCommand, removeCommand, cardCommand, boxCommand,
                newCommand, showCommand,
            ])
        exit(program.run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}

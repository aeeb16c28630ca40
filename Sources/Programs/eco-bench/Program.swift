// eco-bench: figures beside their anchor, measured in one run.

import CommandLineTool
import Glibc

@main struct EcoBench {
    static func main() {
        let program = Program(
            "eco-bench", "eco-bench measures the product beside an anchor, in one run.",
            commands: [
                tapCommand, journalCommand, appendCommand, loadCommand, closuresCommand,
                batchCommand, ledgerCommand, startCommand, memoryCommand,
            ])
        exit(program.run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}

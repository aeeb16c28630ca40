import CommandLineTool
import Glibc

// eco-ledger: the reference central ledger. Flags and wiring; the book is LedgerBook's, the API
// LedgerService's. Dates and days are UTC. Amounts are typed "12,50" and printed so.

@main
enum EcoLedger {
    static func main() {
        let commands: [[Command]] = [
            ServiceCommands.all, MerchantCommands.all, RegisterCommands.all, HeldCommands.all,
            ReportCommands.all, PolicyCommands.all, AuditCommands.all, RestoreCommands.all,
            EnrolmentCommands.all,
        ]
        let program = Program(
            "eco-ledger", "The reference central ledger of the Carte ECO.",
            commands: commands.flatMap { $0 })
        exit(program.run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}

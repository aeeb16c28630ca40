import CommandLineTool
import Crypto
import Journal
import Linux
import Operations

/// What was set aside and nobody has claimed: money that is in no book.
struct SelfTestSetAside {
    private let path: String
    private var operations: UnclaimedOperations?
    private var fault: Failure?
    /// What was purged of the chain since; to be told after all its entries.
    var archived: JournalVerification.Archived?

    /// One for each archive in a terminal's folder.
    static func look(
        _ directory: String, _ own: Ed25519PublicKey
    ) throws(LinuxError) -> [SelfTestSetAside] {
        try SetAsideFolder.archives(in: directory).map { SelfTestSetAside($0, own) }
    }

    private init(_ path: String, _ own: Ed25519PublicKey) {
        self.path = path
        do {
            let bytes = try Files.read(path, atMost: JournalArchive.sizeMax)
            operations = try UnclaimedOperations(archive: bytes, terminal: own)
        } catch let error as ArchiveError { fault = failure(error, path) } catch {
            fault = Failure(
                "\(path) cannot be read: \(error)",
                hint: "check its rights; if it is gone, put it back")
        }
    }

    /// To be told every entry of the chain.
    mutating func see(_ entry: Entry) { operations?.see(entry) }

    func finding() throws -> (Void, Finding) {
        if let fault { throw fault }
        guard let total = operations?.total(after: archived) else {
            return ((), .good("\(path) is older than the years that are here"))
        }
        guard total.count > 0 else { return ((), .good("all of \(path) is in the journal")) }
        let sum = (Amount(cents: total.sum) ?? .zero).text
        let bundled = "operations in no book: \(total.count)"
        let failure = Failure(
            bundled + ", payments of \(sum) ECO among them",
            hint: "before selling, stop eco-terminal serve (as a service: systemctl stop "
                + "eco-terminal.socket eco-terminal), then: eco-terminal journal claim " + path,
            code: .integrity)
        return ((), .fault(failure, bundled: bundled))
    }
}

import Linux

/// A file that a command writes where there was none: nothing of anybody's is overwritten.
public struct NewFile {
    private let path: String

    /// Refuses a path where something is, before the work whose result goes there.
    /// - Throws: `Failure` with `ExitCode.usage`.
    public init(_ path: String) throws {
        guard !Files.exists(path) else {
            throw Failure("\(path) is there already", hint: "choose another file", code: .usage)
        }
        self.path = path
    }

    /// Writes it whole and durably, for its owner alone.
    /// - Throws: `Failure`.
    public func write(_ bytes: [UInt8]) throws {
        do { try Files.writeAtomically(bytes, to: path) } catch {
            throw Failure("\(path) cannot be written: \(error)", hint: "check rights and space")
        }
    }
}

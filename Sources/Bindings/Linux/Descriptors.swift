import Glibc

/// File descriptors that travel as numbers: sockets that are handed over.
public enum Descriptors {
    /// Gives one back. Calls `close`.
    public static func close(_ descriptor: Int32) { Glibc.close(descriptor) }
}

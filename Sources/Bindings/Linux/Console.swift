import Glibc

/// The three standard streams. Data goes to `out`, talk to `error`.
public enum Console {
    /// The longest line read from stdin, in bytes; more is cut off.
    public static let lineLimit = 4096

    /// Writes a line to stdout; an error (closed pipe) is ignored. Calls `write`.
    public static func out(_ line: String) { try? writeAll(Array(line.utf8) + [10], to: 1) }

    /// Writes a line to stderr; an error is ignored. Calls `write`.
    public static func error(_ line: String) { try? writeAll(Array(line.utf8) + [10], to: 2) }

    /// Calls `isatty`.
    public static func errorIsTerminal() -> Bool { isatty(2) == 1 }

    /// The next line of stdin without its newline, at most `lineLimit` bytes; nil at the end.
    /// Calls `read`.
    public static func readLine() -> String? {
        readBytes().map { String(decoding: $0, as: UTF8.self) }
    }

    /// A secret line of stdin, at most `lineLimit` bytes. On a terminal it prompts on stderr and
    /// does not echo; from a pipe it reads in silence. Nil at the end, or on ctrl-C.
    /// The caller wipes the bytes. Calls `tcsetattr`.
    public static func readSecret(prompt: String) -> [UInt8]? {
        var before = termios()
        guard isatty(0) == 1, tcgetattr(0, &before) == 0 else { return readBytes() }
        try? writeAll(Array(prompt.utf8), to: 2)
        var silent = before
        // Without ISIG, ctrl-C is a byte: the terminal cannot be left without its echo.
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        tcsetattr(0, TCSAFLUSH, &silent)
        let bytes = readBytes()
        tcsetattr(0, TCSAFLUSH, &before)
        error("")
        return bytes?.contains(3) == true ? nil : bytes
    }

    /// One byte at a time, so that nothing of the next line is taken.
    private static func readBytes() -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(lineLimit)
        var byte: UInt8 = 0
        while let count = try? check("read", { read(0, &byte, 1) }), count == 1 {
            if byte == 10 {
                if bytes.last == 13 { bytes.removeLast() }
                return bytes
            }
            if bytes.count < lineLimit { bytes.append(byte) }
        }
        return bytes.isEmpty ? nil : bytes
    }
}

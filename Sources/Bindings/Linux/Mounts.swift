import Glibc

/// What the system's table of file systems wants, beside what is mounted.
public enum Mounts {
    private static let sizeMax = 1 << 20

    /// The place at `path` or above it where `/etc/fstab` wants a file system and none is mounted;
    /// nil where all is as the table says, or where there is no table. What lies at `path` then
    /// lies beside the file system that is meant. Calls `realpath` and `read`.
    public static func missing(for path: String) throws(LinuxError) -> String? {
        let table: [UInt8]
        do throws(LinuxError) { table = try Files.read("/etc/fstab", atMost: sizeMax) } catch {
            guard error.isMissing else { throw error }
            return nil
        }
        let mounted = try Files.read("/proc/self/mountinfo", atMost: sizeMax)
        // What is not there is looked for under the name that it was given.
        return missing(for: resolved(path) ?? path, table: table, mounted: mounted)
    }

    /// The same, from the bytes of both tables.
    static func missing(for path: String, table: [UInt8], mounted: [UInt8]) -> String? {
        let there = Set(fields(mounted, 4))
        return fields(table, 1).first { place in
            place.hasPrefix("/") && place != "/" && !there.contains(place)
                && (path + "/").hasPrefix(place + "/")
        }
    }

    /// One field of each line that is no comment; blanks in it are written in octal.
    private static func fields(_ table: [UInt8], _ index: Int) -> [String] {
        table.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard words.count > index, words[0].first != UInt8(ascii: "#") else { return nil }
            return String(decoding: plain(words[index]), as: UTF8.self)
        }
    }

    private static func plain(_ word: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = word
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3).map { $0 &- UInt8(ascii: "0") }
            guard byte == UInt8(ascii: "\\"), digits.count == 3, digits[0] < 4,
                digits.allSatisfy({ $0 < 8 })
            else {
                bytes.append(byte)
                continue
            }
            bytes.append(digits[0] << 6 | digits[1] << 3 | digits[2])
            rest = rest.dropFirst(3)
        }
        return bytes
    }

    private static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}

import Foundation
import Glibc
import Linux

/// Looks for bytes where a process could have left them. Needles of at most 64 bytes.
public enum MemorySearch {
    /// Which of `needles` stand in the readable memory of a process. Root, or the same user.
    public static func found(_ needles: [[UInt8]], inProcess number: Int32) throws -> Set<Int> {
        let maps = try String(contentsOfFile: "/proc/\(number)/maps", encoding: .utf8)
        let file = open("/proc/\(number)/mem", O_RDONLY)
        guard file >= 0 else { throw LinuxError(call: "open", code: errno) }
        defer { close(file) }
        var found: Set<Int> = []
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ")
            let ends = words[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, words[1].hasPrefix("r"), !line.hasSuffix("[vvar]"),
                !line.hasSuffix("[vsyscall]")
            else { continue }
            found.formUnion(search(needles, file, ends[0], ends[1]))
        }
        return found
    }

    private static func search(
        _ needles: [[UInt8]], _ file: Int32, _ start: UInt64, _ end: UInt64
    ) -> Set<Int> {
        var found: Set<Int> = []
        let size = 1 << 20
        var part = [UInt8](repeating: 0, count: size)
        var next = start
        while next < end {
            let count = pread(file, &part, min(size, Int(end - next)), off_t(next))
            if count <= 0 { break }
            found.formUnion(search(needles, part, count))
            // A needle across the border is whole in the next piece.
            next += UInt64(count == size ? size - 64 : count)
        }
        return found
    }

    /// Which of `needles` stand in the first `count` bytes.
    public static func search(_ needles: [[UInt8]], _ text: [UInt8], _ count: Int) -> Set<Int> {
        var found: Set<Int> = []
        text.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            for (index, needle) in needles.enumerated() {
                var next = 0
                while count - next >= needle.count,
                    let hit = memchr(base + next, Int32(needle[0]), count - next - needle.count + 1)
                {
                    if memcmp(hit, needle, needle.count) == 0 {
                        found.insert(index)
                        break
                    }
                    next = UnsafeRawPointer(hit) - base + 1
                }
            }
        }
        return found
    }

    /// Which of `needles` stand in a file below a folder; what cannot be read is an error.
    public static func found(_ needles: [[UInt8]], below folder: String) throws -> Set<Int> {
        var found: Set<Int> = []
        let names = FileManager.default.enumerator(atPath: folder)
        while let name = names?.nextObject() as? String {
            guard names?.fileAttributes?[.type] as? FileAttributeType == .typeRegular else {
                continue
            }
            let bytes: [UInt8]
            do { bytes = try Files.read(folder + "/" + name, atMost: 1 << 28) } catch {
                // A file that was taken away since is no place for anything.
                guard error.code == ENOENT else { throw error }
                continue
            }
            found.formUnion(search(needles, bytes, bytes.count))
        }
        return found
    }
}

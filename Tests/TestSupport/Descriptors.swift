import Foundation
import Glibc
import Linux

/// Copies of what this process has open at a path: a program that is being started has them until
/// it runs. The caller closes them.
public func copiedDescriptors(of path: String) throws -> [Int32] {
    let files = FileManager.default
    let place = URL(filePath: path).resolvingSymlinksInPath().path
    let found = try Files.list("/proc/self/fd").filter { name in
        (try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)) == place
    }
    return found.compactMap { Int32($0).map { dup($0) } }
}

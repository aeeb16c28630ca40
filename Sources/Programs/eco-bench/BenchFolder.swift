import Linux

/// Where a wait for the disk costs nothing.
let volatileFolder = "/dev/shm"

/// Removes a folder with what is in it, folders of files included, as far as it can.
func removeFolder(_ folder: String) {
    for name in (try? Files.list(folder)) ?? [] {
        for file in (try? Files.list(folder + "/" + name)) ?? [] {
            try? Files.remove(folder + "/" + name + "/" + file)
        }
        try? Files.remove(folder + "/" + name)
    }
    try? Files.remove(folder)
}

/// Copies the files of a journal that nobody has open from a folder into another.
func copyJournal(from source: String, to target: String) throws {
    for name in try Files.list(source) where name.hasSuffix(".sqlite") {
        try Files.writeAtomically(
            try Files.read(source + "/" + name, atMost: 1 << 31), to: target + "/" + name)
    }
}

import Linux

/// What a process holds in memory, from /proc/PID/status; kilobytes.
struct ProcessMemory {
    /// VmRSS: all that is resident, pages of shared libraries too.
    let resident: Int
    /// RssAnon: what is its own.
    let anonymous: Int
    /// VmHWM: the most that was resident so far.
    let peak: Int
    /// Threads.
    let threads: Int

    /// Nil when there is no such process.
    init?(_ process: Int32) { self.init("/proc/\(process)/status") }

    /// Of this process.
    static var own: ProcessMemory? { ProcessMemory("/proc/self/status") }

    private init?(_ path: String) {
        guard let bytes = try? Files.read(path, atMost: 1 << 16) else { return nil }
        var values: [Substring: Int] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let number = parts[1].drop { !$0.isNumber }.prefix { $0.isNumber }
            values[parts[0]] = Int(number)
        }
        guard let resident = values["VmRSS"], let anonymous = values["RssAnon"],
            let peak = values["VmHWM"]
        else { return nil }
        self.resident = resident
        self.anonymous = anonymous
        self.peak = peak
        threads = values["Threads"] ?? 0
    }
}

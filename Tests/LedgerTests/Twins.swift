import Foundation
import Glibc
import Testing

/// Two PostgreSQL servers, one a synchronous standby of the other, driven by a shell that ends
/// both and removes their folder when its standard input ends.
final class Twins {
    let folder: String
    private let input: FileHandle
    private let output: FileHandle

    private static let script = #"""
        set -u
        programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
        folder=$(mktemp -d -p /tmp)
        user=()
        if [ "$(id -u)" = 0 ]; then
            user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
            chown postgres "$folder"
        fi
        cd "$folder"
        pid() { head -n 1 "$folder/$1/postmaster.pid" 2>/dev/null; }
        trap 'kill -QUIT $(pid a) $(pid b) 2>/dev/null; wait; rm -rf "$folder"' EXIT
        ask() { "$programs/psql" -h "$folder/socket-$1" -U postgres -qAtc "$2"; }
        until_true() {
            for _ in $(seq 600); do [ "$("$@" 2>/dev/null)" = t ] && return 0; sleep 0.05; done
            return 1
        }
        create() {
            "${user[@]}" "$programs/initdb" --no-sync -A trust -U postgres -D "$folder/$1" \
                > log 2>&1
        }
        start() {
            "${user[@]}" mkdir -p "$folder/socket-$1"
            "${user[@]}" "$programs/postgres" -D "$folder/$1" -k "$folder/socket-$1" \
                -c listen_addresses= -c max_connections=50 >> log 2>&1 &
            until_true ask "$1" 'SELECT true'
        }
        clone() {
            rm -rf "${folder:?}/$2"
            "${user[@]}" "$programs/pg_basebackup" -h "$folder/socket-$1" -U postgres \
                -D "$folder/$2" -c fast -R --no-sync >> log 2>&1
        }
        pair() {
            ask "$1" "ALTER SYSTEM SET synchronous_standby_names = '*'" > /dev/null
            ask "$1" 'SELECT pg_reload_conf()' > /dev/null
            until_true ask "$1" "SELECT count(*) = 1 FROM pg_stat_replication
                WHERE sync_state = 'sync'"
        }
        crash() { local one; one=$(pid "$1"); kill -QUIT "$one"; wait "$one" || true; }
        promote() {
            "${user[@]}" "$programs/pg_ctl" promote -s -w -D "$folder/$1" &&
                ask "$1" 'ALTER SYSTEM RESET synchronous_standby_names' > /dev/null &&
                ask "$1" 'SELECT pg_reload_conf()' > /dev/null
        }
        echo "$folder"
        while read -r line; do
            if $line; then echo ok; else tail -n 3 log; fi
        done
        """#

    init() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-c", Self.script]
        let (input, output) = (Pipe(), Pipe())
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.standardInput = input.fileHandleForReading
        process.standardOutput = output
        try process.run()
        self.input = input.fileHandleForWriting
        self.output = output.fileHandleForReading
        let line = String(decoding: self.output.availableData, as: UTF8.self)
        folder = line.trimmingCharacters(in: .whitespacesAndNewlines)
        for command in ["create a", "start a", "clone a b", "start b", "pair a"] {
            try run(command)
        }
    }

    deinit { try? input.close() }

    /// Whichever of the two takes writes.
    var address: String {
        "postgresql://postgres@/postgres?host=\(folder)/socket-a,\(folder)/socket-b"
            + "&target_session_attrs=read-write"
    }

    func run(_ command: String) throws {
        try input.write(contentsOf: Array("\(command)\n".utf8))
        let answer = String(decoding: output.availableData, as: UTF8.self)
        try #require(answer == "ok\n", "\(command): \(answer)")
    }

    /// The primary dies, the standby takes its place, a new standby is made of the dead one.
    func failOver(_ primary: String, to standby: String) throws {
        for command in [
            "crash \(primary)", "promote \(standby)", "clone \(standby) \(primary)",
            "start \(primary)", "pair \(standby)",
        ] { try run(command) }
    }
}

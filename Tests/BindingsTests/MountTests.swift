import Testing

@testable import Linux

/// The table of file systems beside what is mounted.
@Suite struct MountTests {
    private static let table = """
        # <place> <folder> <type>
        /dev/sda1 / ext4 defaults 0 1
        LABEL=carte-eco\t/var/lib/carte-eco  ext4 noatime,nofail 0 2
        LABEL=x /mnt/a\\040b auto defaults 0 2
        UUID=1 none swap sw 0 0
        """
    private static let root = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"

    private func missing(_ path: String, _ mounted: String = "") -> String? {
        Mounts.missing(
            for: path, table: Array(Self.table.utf8), mounted: Array((Self.root + mounted).utf8))
    }

    @Test func `What the table wants at a folder or above it is missing until it is mounted`() {
        let place = "/var/lib/carte-eco"
        #expect(missing(place) == place)
        #expect(missing(place + "/terminal") == place)
        #expect(missing("/mnt/a b/c") == "/mnt/a b")
        for other in ["/var/lib/carte-eco-ledger", "/var/lib", "/", "none", ""] {
            #expect(missing(other) == nil, "\(other)")
        }
        #expect(missing(place, "30 22 8:2 / \(place) rw - ext4 /dev/sda2 rw\n") == nil)
        #expect(missing("/mnt/a b", "31 22 8:3 / /mnt/a\\040b rw - ext4 /dev/sdb rw\n") == nil)
        #expect(missing(place, "30 22 8:2 / /var/lib rw - ext4 /dev/sda2 rw\n") == place)
    }

    @Test func `Where nothing is mounted beside the root, nothing is missing on this machine`()
        throws
    {
        #expect(try Mounts.missing(for: "/proc/self") == nil)
    }
}

import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import Synchronization
import TestSupport
import Testing

extension PackageSuites {
    /// A life of the packages on a Debian 12 whose process 1 is systemd: each test goes on where
    /// the one before ended. The programs, units and scripts are the installed ones; the card is
    /// software, at the real pcscd inside.
    @Suite(.serialized) struct InstalledTests {
        private let debian: Debian
        private let page = Page(port: 8787)
        private static let number = "100000000024"
        private static let books =
            "--database sqlite:/var/lib/carte-eco-ledger/ledger.sqlite"
        private static let keys = "--keys /srv/keys --passphrase-file /srv/pass"

        /// The last test that went through.
        private static let told = Mutex(0)

        init() throws { debian = try Debian() }

        /// The story goes on only where the part before came to its end.
        private func begin(_ part: Int) throws {
            let last = Self.told.withLock(\.self)
            try #require(last == part - 1, "part \(last + 1) did not come to its end")
        }

        private func end(_ part: Int) { Self.told.withLock { $0 = part } }

        /// The card lies on the reader while `body` runs.
        private func withCard<Result>(_ body: () throws -> Result) throws -> Result {
            let path = debian.root + "/packages/card.image"
            var storage = ImageStorage(path: path)
            if !Files.exists(path) {
                try storage.commit(try CardMemory.factory(uid: [4, 0x5A, 9, 8, 7, 6, 5]))
            }
            let slot = VirtualReaderSlot()
            defer { slot.stop() }
            slot.insert(try SoftwareNTAG424(storage: storage))
            return try body()
        }

        private func pay(_ cents: Int64) throws {
            try #require(page.waitUntilReady(network: nil))
            try #require(try page.arm(cents))
            let stage = try withCard { try page.wait(for: ["accepted", "refused"]) }
            #expect(stage.name == "accepted", "\(stage)")
            #expect(try page.wait(for: ["amountEntry"]).name == "amountEntry")
        }

        private func expectActive() throws {
            let isActive = try debian.wait("systemctl is-active eco-terminal")
            let log = try debian.run("journalctl --lines=30 -u eco-terminal").out
            try #require(isActive, "\(log)")
        }

        private func unsent() throws -> (code: Int32, operations: Int) {
            let result = try debian.run("eco-terminal journal unsent --json")
            return (result.code, result.json["operations"] as? Int ?? -1)
        }

        /// The terminal's package under a higher version, inside.
        private func raised(_ more: String) throws -> String {
            let version = try BuiltPackages().ask("eco-terminal", "--field", "Version")
            let path = try BuiltPackages().raised(
                "eco-terminal", to: version + more, in: debian.root + "/packages")
            return String(path.dropFirst(debian.root.count))
        }

        @Test
        func `1. apt installs them, enabled as they should be, and the page asks for the rest`()
            throws
        {
            try begin(1)
            try debian.must(
                """
                apt-get -q -y install /packages/eco-terminal_*.deb /packages/eco-card_*.deb \
                    /packages/eco-ledger_*.deb vsmartcard-vpcd
                """)
            try debian.must("dpkg --verify eco-terminal eco-card eco-ledger")
            #expect(try debian.must("dpkg --audit").isEmpty)
            for program in BuiltPackages.programs {
                #expect(!(try debian.must("ldd /usr/bin/\(program)")).contains("not found"))
                #expect(try debian.must("\(program) --version").hasPrefix(program))
            }
            try debian.must("systemctl is-enabled eco-terminal.service eco-terminal.socket")
            for unit in ["eco-ledger", "eco-key-agent"] {
                #expect(try debian.run("systemctl is-enabled \(unit)").out == "disabled\n")
                #expect(try debian.property("ActiveState", unit) == "inactive")
            }
            #expect(try debian.property("ActiveState", "eco-terminal.socket") == "active")
            for user in ["carte-eco", "carte-eco-ledger", "carte-eco-keys"] {
                #expect(try debian.must("getent passwd \(user)").hasSuffix("/nologin"))
            }
            #expect(try debian.must("stat -c %a /etc/credstore.encrypted") == "700")
            // Nothing is set up: it is there, starting, and says what it misses.
            let isTold = try debian.wait("systemctl status eco-terminal | grep -q secret")
            let status = try debian.run("systemctl status eco-terminal").out
            #expect(isTold, "\(status)")
            #expect(try debian.property("ActiveState", "eco-terminal") == "activating")
            let text = try page.text("/")
            #expect(text.contains("secret"), "\(text.prefix(2_000))")
            #expect(try debian.must("journalctl -x -u eco-terminal").contains("Il manque quelque"))
            end(1)
        }

        @Test func `2. The kiosk's dependencies are Debian's own`() throws {
            try begin(2)
            let result = try debian.run("apt-get -q -s install /packages/eco-kiosk_*.deb")
            #expect(result.code == 0, "\(result.error)")
            for name in ["cage", "chromium", "eco-kiosk"] {
                #expect(result.out.contains("Inst \(name) "), "\(result.out)")
            }
            if ProcessInfo.processInfo.environment["ECO_DEBIAN_KIOSK"] != nil {
                try debian.must("apt-get -q -y install /packages/eco-kiosk_*.deb")
                #expect(try debian.run("systemctl is-enabled eco-kiosk@tty1").out == "disabled\n")
                #expect(try debian.must("id --groups --name carte-eco-kiosk").contains("video"))
                try debian.must("apt-get -q -y purge eco-kiosk")
            }
            end(2)
        }

        @Test func `3. The ledger's unit serves, with secrets sealed to the machine`() throws {
            try begin(3)
            try debian.must(
                """
                umask 077; echo 'a phrase for the packages' >/srv/pass
                eco-card key init \(Self.keys)
                for who in carte-eco carte-eco-ledger; do
                    systemd-creds encrypt --name=passphrase /srv/pass \
                        /etc/credstore.encrypted/$who.passphrase
                done
                systemd-creds encrypt --name=keys /srv/keys/ledger.keys \
                    /etc/credstore.encrypted/carte-eco-ledger.keys
                systemd-creds encrypt --name=card-keys /srv/keys/terminal.keys \
                    /etc/credstore.encrypted/carte-eco.card-keys
                """)
            let made = try debian.asService(
                "eco-ledger",
                """
                sh -c 'exec eco-ledger init \(Self.books) --seed /usr/share/carte-eco/seeds \
                    --keys $CREDENTIALS_DIRECTORY/keys \
                    --passphrase-file $CREDENTIALS_DIRECTORY/passphrase'
                """)
            try #require(made.code == 0, "\(made.out)\(made.error)")
            try debian.must("systemctl enable --now eco-ledger")
            #expect(try debian.property("StatusText", "eco-ledger") == "Sert les terminaux")
            #expect(
                try debian.must("stat -c %U%a /var/lib/carte-eco-ledger") == "carte-eco-ledger700")
            end(3)
        }

        @Test func `4. A card is made through the pcscd inside, and registered`() throws {
            try begin(4)
            try debian.must("systemctl start pcscd.service")
            let made = try withCard {
                try debian.run(
                    """
                    eco-card card provision --reader 'Virtual PCD 00 00' --wait 20 \
                        --number \(Self.number) --register /srv/cards.ndjson \(Self.keys)
                    """)
            }
            try #require(made.code == 0, "\(made.out)\(made.error)")
            try debian.must(
                """
                install -m 644 /srv/cards.ndjson /tmp/cards.ndjson
                as='runuser -u carte-eco-ledger --'
                $as eco-ledger card add \(Self.books) /tmp/cards.ndjson
                $as eco-ledger card topup \(Self.books) \(Self.number) 50,00
                """)
            end(4)
        }

        @Test func `5. A terminal that is paired opens by itself and takes a payment`() throws {
            try begin(5)
            try debian.must(
                "echo 'reader = Virtual PCD 00' >/etc/carte-eco/terminal.conf.d/own.conf")
            // systemd hands secrets over at a start only.
            try debian.must("systemctl --no-block restart eco-terminal")
            let code =
                try debian.run(
                    """
                    runuser -u carte-eco-ledger -- eco-ledger terminal code \(Self.books) \
                        --merchant 'Café des Halles' --json
                    """
                ).json["code"] as? String
            let paired = try debian.run(
                "eco-caisse pair --ledger http://127.0.0.1:8780 --code \(try #require(code))")
            try #require(paired.code == 0, "\(paired.out)\(paired.error)")
            try expectActive()
            try #require(page.waitUntilReady(network: "online"))
            try pay(1_250)
            #expect(try debian.wait("eco-terminal journal unsent"))
            #expect(try debian.must("eco-terminal idle") == "The checkout is idle.")
            #expect(try debian.must("ls -ld /var/lib/carte-eco").hasPrefix("drwx------"))
            let stranger = try debian.run("runuser -u nobody -- eco-terminal journal unsent")
            #expect(stranger.code == 11 && stranger.error.contains("nobody can tell"))
            try expectTechnicianSeesAll()
            end(5)
        }

        /// What the page, the log and the guides tell a technician to run.
        private func expectTechnicianSeesAll() throws {
            let tested = try debian.run("eco-caisse selftest --json")
            let checks = tested.json["checks"] as? [[String: Any]] ?? []
            #expect(tested.code == 0 && checks.count == 12, "\(tested.out)\(tested.error)")
            try debian.must("eco-caisse support /srv/support.json")
            #expect(try debian.must("stat -c %U%a /srv/support.json") == "root600")
            let text = try debian.must("cat /srv/support.json")
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let bundle = try #require(object as? [String: Any])
            let kinds = (bundle["entries"] as? [String: Any])?["kinds"] as? [String: Int]
            #expect(kinds?["payment"] == 1, "\(text)")
            let log = bundle["log"] as? [String] ?? []
            #expect(log.contains { $0.contains("eco-terminal") }, "\(text)")
            let own = (bundle["selftest"] as? [[String: Any]] ?? []).first {
                $0["check"] as? String == "own key"
            }
            #expect(own?["result"] as? String == "good", "\(text)")
            for secret in ["Halles", "12,50", Self.number, "a phrase for the packages"] {
                #expect(!text.contains(secret), "\(secret)")
            }
            let again = try debian.run("eco-caisse support /srv/support.json")
            #expect(again.code == 2 && again.error.contains("is there already"))
            let other = try debian.run("runuser -u carte-eco -- /usr/sbin/eco-caisse selftest")
            #expect(other.code == 1 && other.error.contains("only root"), "\(other.error)")
            #expect(try debian.run("eco-caisse serve").code == 2)
            #expect(try debian.run("eco-caisse sell").code == 2, "the program's own code")
        }

        @Test func `6. An upgrade waits for the merchant, then for the next start`() throws {
            try begin(6)
            try debian.must("systemctl stop eco-ledger")
            try pay(300)
            let before = try debian.property("MainPID", "eco-terminal")
            #expect(try page.arm(100))
            #expect(try debian.run("eco-terminal idle").code == 75)
            let busy = try debian.run(
                "ECO_UPGRADE_WAIT=1 apt-get -q -y install \(try raised("+1"))")
            #expect(busy.code == 0, "\(busy.both)")
            #expect(busy.both.contains("the checkout is busy: operation"), "\(busy.both)")
            #expect(busy.both.contains("The new one starts with the"), "\(busy.both)")
            #expect(try debian.property("MainPID", "eco-terminal") == before)
            #expect(try debian.must("systemctl list-jobs --no-legend").contains("eco-") == false)
            #expect(try debian.must("readlink /proc/\(before)/exe").hasSuffix("(deleted)"))
            #expect(try page.snapshot().stage.name == "presentCard")
            #expect(try page.order("cancel", ["id": try page.snapshot().armed ?? ""]).isTaken)
            end(6)
        }

        @Test func `7. An upgrade of an idle terminal renews it and keeps what waits`() throws {
            try begin(7)
            let before = try debian.property("MainPID", "eco-terminal")
            #expect(try unsent() == (6, 1))
            let idle = try debian.run("apt-get -q -y install \(try raised("+2"))")
            #expect(idle.code == 0, "\(idle.error)")
            #expect(
                try debian.wait("test $(systemctl show -P MainPID eco-terminal) != \(before)"))
            try expectActive()
            let own = try debian.property("MainPID", "eco-terminal")
            #expect(try debian.must("readlink /proc/\(own)/exe") == "/usr/bin/eco-terminal")
            #expect(try unsent() == (6, 1))
            try debian.must("systemctl start eco-ledger")
            #expect(try debian.wait("eco-terminal journal unsent"))
            let cards = try debian.must(
                "runuser -u carte-eco-ledger -- eco-ledger card list --json \(Self.books)")
            #expect(cards.contains("\"cents\":3450,"), "\(cards)")
            let verified = try debian.run("eco-caisse journal verify --receipts")
            #expect(verified.code == 0, "\(verified.out)\(verified.error)")
            end(7)
        }

        @Test func `8. Removal is refused while the ledger lacks an operation`() throws {
            try begin(8)
            try debian.must("systemctl stop eco-ledger")
            try pay(200)
            let before = try debian.property("MainPID", "eco-terminal")
            for verb in ["remove", "purge"] {
                let refused = try debian.run("apt-get -q -y \(verb) eco-terminal")
                #expect(refused.code != 0)
                #expect(refused.both.contains("1 operations (payments of 2,00 ECO)"))
                #expect(refused.both.contains("eco-terminal is not removed: let it send them"))
                #expect(
                    try debian.must("dpkg-query -Wf '${Status}' eco-terminal").hasSuffix(
                        "installed"))
            }
            let folder = "/var/lib/carte-eco/set-aside-1"
            try debian.must("mkdir \(folder) && echo no archive >\(folder)/old.eco-archive")
            let unknown = try debian.run("apt-get -q -y remove eco-terminal")
            #expect(unknown.code != 0)
            #expect(unknown.both.contains("nobody can tell what was sent"), "\(unknown.both)")
            #expect(unknown.both.contains("it cannot be known whether"), "\(unknown.both)")
            try debian.must("rm -r \(folder)")
            // It has gone on selling.
            #expect(try debian.property("MainPID", "eco-terminal") == before)
            #expect(page.waitUntilReady(network: nil))
            end(8)
        }

        @Test func `9. Removed all the same, the money stays and comes back with the package`()
            throws
        {
            try begin(9)
            let removed = try debian.run("ECO_REMOVE_UNSENT=yes apt-get -q -y remove eco-terminal")
            #expect(removed.code == 0, "\(removed.both)")
            #expect(removed.both.contains("removed all the same"))
            let purged = try debian.run("dpkg --purge eco-terminal")
            #expect(purged.code != 0)
            #expect(purged.both.contains("holds operations that no ledger has"), "\(purged.both)")
            #expect(purged.both.contains("terminal.conf is gone already"), "\(purged.both)")
            try debian.must("test ! -e /etc/carte-eco/terminal.conf")
            try debian.must("test -s /etc/carte-eco/terminal.conf.d/own.conf")
            try debian.must("test -s /var/lib/carte-eco/journal.sqlite")
            try debian.must("systemctl start eco-ledger")
            try debian.must("apt-get -q -y install /packages/eco-terminal_*+2.deb")
            try debian.must("test -s /etc/carte-eco/terminal.conf")
            try expectActive()
            #expect(try debian.wait("eco-terminal journal unsent"))
            end(9)
        }

        @Test func `10. Removed and purged, nothing of the terminal is left but its user`() throws {
            try begin(10)
            let removed = try debian.run("apt-get -q -y remove eco-terminal")
            #expect(removed.code == 0, "\(removed.both)")
            #expect(try debian.run("systemctl is-active eco-terminal.socket").code != 0)
            try debian.must("test -s /var/lib/carte-eco/journal.sqlite")
            let folder = "/var/lib/carte-eco/set-aside-1"
            try debian.must("mkdir \(folder) && echo an archive >\(folder)/old.eco-archive")
            let refused = try debian.run("dpkg --purge eco-terminal")
            #expect(refused.code != 0)
            #expect(refused.both.contains("holds operations that no ledger has"))
            try debian.must("test -s \(folder)/old.eco-archive && rm -r \(folder)")
            try debian.must("dpkg --purge eco-terminal")
            let kept = try debian.run("dpkg --purge eco-card eco-ledger")
            #expect(kept.code == 0 && kept.both.contains("the books in"), "\(kept.both)")
            try debian.must("test -s /var/lib/carte-eco-ledger/ledger.sqlite")
            try debian.must(
                "apt-get -q -y install /packages/eco-ledger_*.deb && systemctl start eco-ledger"
            )
            try debian.must("ECO_PURGE_LEDGER=yes dpkg --purge eco-ledger")
            let left = try debian.must(
                """
                find / -xdev \\( -iname '*carte-eco*' -o -iname '*eco-[tclk]*' -o \
                    -path '/etc/credstore*' \\) ! -path '/packages*' ! -path '/proc/*' \
                    ! -path '/var/cache/apt/*' ! -path '/sys/*'
                """)
            #expect(left.isEmpty, "\(left)")
            #expect(try debian.must("systemctl list-units --all 'eco-*' --no-legend").isEmpty)
            #expect(try debian.must("dpkg -l | grep -c ' eco-' || true") == "0")
            #expect(try debian.must("getent passwd carte-eco").hasSuffix("/nologin"))
            end(10)
        }
    }
}

import HTTPClient
import Linux
import Systemd

/// What the ledger tells a service manager: a sign of life follows only an answer that this
/// process gave over its own socket, as a terminal would get it.
struct Supervision {
    private let url: String
    private let isPutBack: () -> Bool
    private let client = HTTPClient(
        timeout: .seconds(10), connectTimeout: .seconds(2), answerLimit: 1 << 16)

    /// `address` as served; the wildcard is asked on the loopback interface.
    /// `isPutBack`: terminals have shown that the database was, and nobody has said so.
    init(address: String, port: UInt16, isPutBack: @escaping () -> Bool) {
        self.isPutBack = isPutBack
        let own = ["0.0.0.0": "127.0.0.1", "::": "::1"][address] ?? address
        let host = own.contains(":") ? "[\(own)]" : own
        url = "http://\(host):\(port)"
    }

    /// Between two rounds: what the manager grants, thrice over.
    var pause: Duration { min(.seconds(3_600), (ServiceManager.patience ?? .seconds(10_800)) / 3) }

    func ready() { ServiceManager.tell([.ready, .status("Sert les terminaux")]) }

    func stopping() { ServiceManager.tell([.stopping, .status("S’arrête")]) }

    /// One round. A database that is away is told and waited for: a restart does not bring it.
    func round() {
        guard ServiceManager.patience != nil, answers("/healthz") else { return }
        let status =
            !answers("/readyz")
            ? "La base ne répond pas : vérifiez PostgreSQL ou le disque"
            : isPutBack()
                ? "Sauvegarde remise en place : lancez eco-ledger restored" : "Sert les terminaux"
        ServiceManager.tell([.alive, .status(status)])
    }

    private func answers(_ path: String) -> Bool {
        let answer = try? client.send(method: "GET", url: url + path, headers: [], body: nil)
        return answer?.status == 200
    }
}

import Linux

/// The page, asked as a browser asks for it: what a merchant sees may be dead while every thread of
/// ours goes on.
struct PageQuestion {
    /// Asked oftener, the answering would be most of what a resting checkout does.
    private static let pause = Duration.seconds(10)
    private let port: UInt16
    private var asked: ContinuousClock.Instant?
    /// Nil until it has answered once: where it listens may be a place that this process cannot
    /// reach, and that says nothing of it.
    private var answered: ContinuousClock.Instant?

    init(port: UInt16) { self.port = port }

    /// How long it has not answered, asked anew when it is time; zero when it does.
    mutating func silence(patience: Duration) -> Duration {
        let isDue = asked.map { $0.duration(to: .now) >= Self.pause } ?? true
        if isDue {
            asked = .now
            if isAnswered(within: patience) {
                answered = .now
                return .zero
            }
        }
        guard let answered, let asked, asked > answered else { return .zero }
        return answered.duration(to: .now)
    }

    private func isAnswered(within patience: Duration) -> Bool {
        let host = "127.0.0.1"
        // Its smallest part: the way is the same, and the page's text stays where it rests.
        let question =
            "GET /icon.svg HTTP/1.1\r\nHost: \(host):\(port)\r\nConnection: close\r\n\r\n"
        guard
            let connection = try? TCPConnection.connect(host: host, port: port, timeout: patience),
            (try? connection.write(Array(question.utf8))) != nil,
            let answer = try? connection.read(exactly: 12, timeout: patience)
        else { return false }
        return answer.starts(with: "HTTP/1.1 ".utf8)
    }
}

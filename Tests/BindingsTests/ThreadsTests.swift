import Linux
import Testing
import Threads

@Suite struct ThreadsTests {
    @Test func `a waiter wakes when another thread updates`() {
        let monitor = Monitor(0)
        let thread = NamedThread.start("waker") {
            _ = monitor.wait(atMost: .seconds(60)) { $0 == 1 ? true : nil }
            monitor.update { $0 = 2 }
        }
        monitor.update { $0 = 1 }
        let seen = monitor.wait(atMost: .seconds(60)) { $0 == 2 ? $0 : nil }
        #expect(seen == 2)
        thread.join()
        thread.join()
    }

    @Test func `a wait gives up at its limit, and a value found by a wait wakes the others`() {
        let monitor = Monitor([1, 2])
        let before = Clock.monotonicNanoseconds()
        #expect(monitor.wait(atMost: .milliseconds(30)) { $0.count == 3 ? true : nil } == nil)
        #expect(Clock.monotonicNanoseconds() - before >= 30_000_000)
        #expect(monitor.wait(atMost: .seconds(-1)) { $0.first } == 1)
        let producer = NamedThread.start("producer") {
            let room = monitor.wait(atMost: .seconds(60)) { $0.count < 2 ? true : nil }
            #expect(room == true)
        }
        #expect(monitor.wait(atMost: .seconds(Int64.max)) { $0.popLast() } == 2)
        producer.join()
    }

    @Test func `eight threads lose no increment`() {
        let monitor = Monitor(0)
        let threads = (0..<8).map { number in
            NamedThread.start("count-\(number)") {
                for _ in 0..<1000 { monitor.update { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(monitor.read { $0 } == 8000)
    }

    @Test func `a thread bears its name, cut to fifteen bytes`() throws {
        let name = Monitor<[UInt8]?>(nil)
        let thread = NamedThread.start("a-name-that-is-too-long") {
            let found = try? Files.read("/proc/thread-self/comm", atMost: 64)
            name.update { $0 = found }
        }
        thread.join()
        #expect(name.read { $0 } == Array("a-name-that-is-\n".utf8))
    }

    private struct Refused: Error, Equatable {}

    @Test func `an error passes through with its type`() {
        let monitor = Monitor(0)
        let refuse = { (state: inout Int) throws(Refused) -> Int in
            state = 7
            throw Refused()
        }
        #expect(throws: Refused()) { try monitor.update(refuse) }
        #expect(monitor.read { $0 } == 7)
    }
}

import Journal
import Operations
import Testing
import Threads

@Suite struct PrintTraceTests {
    @Test func placeholder() {}
}

// TestSupport: what suites of several floors need to test at all.
//
// 1. `Programs` runs the built programs that lie beside the test's own executable, never others.
// 2. `Programs.wait` asks a condition with a deadline; nothing here sleeps instead of asking.
// 3. `SplitMix64` gives the same numbers for the same seed, on every machine.
// 4. `Cluster` is a real PostgreSQL server, one a run, which ends with the test's own process.
// 5. `MemorySearch` passes over nothing it could not read without saying so.
//
// Not promised: that a program is built; a test target names those it runs in the manifest.
// Any thread; a value belongs to one.

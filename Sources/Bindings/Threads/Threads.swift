// Threads: the one way this product runs things side by side.
//
// Purpose: a named POSIX thread (`NamedThread`) and a guarded value threads can wait on
// (`Monitor`). There are no actors and no tasks in the product: every C library it stands on
// blocks, and a blocking call must never sit on Swift's cooperative pool.
//
// Promises: a monitor's closures run one at a time; every `update` wakes every waiter, and so
// does a `wait` that got its value, since it may have taken something; a wait never sleeps past
// its limit on the monotonic clock (a clock step does not lengthen it).
//
// Does not promise: fairness between waiters; re-entrance (a closure that calls its own monitor
// again hangs: keep closures short and free of calls that lead back here); cancellation (give the
// thread a flag in its monitor instead).
//
// Threads: all of it may be called from any thread. Units: `Duration`.

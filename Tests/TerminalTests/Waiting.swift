import Terminal

/// Waits until what the checkout shows holds; false after `limit`.
func waits(
    _ checkout: Checkout, atMost limit: Duration = .seconds(60), _ holds: (Snapshot) -> Bool
) -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        let shown = checkout.snapshot
        if holds(shown) { return true }
        _ = checkout.snapshot(after: shown.version, atMost: .milliseconds(100))
    }
    return false
}

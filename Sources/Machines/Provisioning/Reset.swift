public import Cards
import KeyStore

extension Personalisation {
    /// Brings one of our cards, of whatever epoch, back to what the factory delivers; running again
    /// finishes a torn one (V3). "Reset" is said only after a fresh read.
    public func reset(
        _ channel: inout some CardChannel & ~Copyable
    ) throws(ProvisioningError) {
        progress(.inspect)
        let found = try Inspection.read(&channel)
        try Ownership(keys: keys).check(found)
        if found.kind == .foreign { throw .foreign("content that is not ours") }
        _ = try execution(found).run(&channel, .resetting(found))
        progress(.verify)
        let after = try Inspection.read(&channel)
        guard after.isFactory else { throw .verification("the factory state") }
    }
}

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
        // What this last read tells of keys is signed by nobody, and could not be: everybody knows
        // the keys that stand now. Each was signed as the factory's or changed in an answer with a
        // MAC; only of K0 itself, whose change ends the session, it is the sessions after it.
        progress(.verify)
        let after = try Inspection.read(&channel)
        guard after.isFactory else { throw .verification("the factory state") }
    }
}

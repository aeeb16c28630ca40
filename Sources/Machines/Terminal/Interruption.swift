import Receipts

extension Snapshot {
    /// What a restart of the service would cut short now, a word each; empty when no person at the
    /// checkout would notice it. Nothing accepted is ever lost by a restart: this is about people.
    public var underWay: [String] {
        var parts: [String] = []
        switch stage {
        case .amountEntry, .outOfService: break
        case .presentCard, .reading: parts.append("operation")
        case .removedTooSoon: parts.append("torn")
        case .accepted, .completed, .refused: parts.append("result")
        case .unknownResult: parts.append("unknown-result")
        }
        if rest != nil { parts.append("split") }
        if lane != nil { parts.append("row") }
        if session != nil { parts.append("role") }
        // The mode is not kept: what was meant as practice would be sold after a restart.
        if isTraining { parts.append("training") }
        if printer == .printing { parts.append("printing") }
        return parts
    }
}

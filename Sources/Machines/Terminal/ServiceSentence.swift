import Operations

/// What `systemctl status` says of a checkout: one French line for the technician, without amounts
/// and names.
public func serviceSentence(_ snapshot: Snapshot) -> String {
    var parts: [String] = []
    switch snapshot.stage {
    case .outOfService(let refusal): parts.append("Hors service (\(refusal.code))")
    case .presentCard, .removedTooSoon: parts.append("Attend une carte")
    case .reading: parts.append("Lit une carte")
    case .unknownResult: parts.append("Résultat à vérifier sur la page")
    case .amountEntry, .accepted, .completed, .refused: parts.append("Prêt à encaisser")
    }
    if snapshot.isTraining { parts.append("mode formation") }
    switch snapshot.network {
    case .online: parts.append("en ligne")
    case .offline: parts.append("hors connexion")
    case .synchronising: parts.append("envoi en cours")
    }
    if snapshot.queue.count > 0 { parts.append("à envoyer : \(snapshot.queue.count)") }
    if snapshot.queue.rejected > 0 {
        parts.append("refusées par le grand livre : \(snapshot.queue.rejected)")
    }
    if case .absent = snapshot.reader { parts.append("pas de lecteur") }
    return parts.joined(separator: ", ")
}

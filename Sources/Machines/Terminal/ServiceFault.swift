/// What a running checkout can miss, and somebody can mend: one French sentence each that says what
/// to do, for the log and for `systemctl status`. The page says the same by its own messages.
public enum ServiceFault: String, CaseIterable, Sendable {
    /// The disk has no room.
    case diskFull = "disk-full"
    /// The disk is read-only.
    case diskReadOnly = "disk-read-only"
    /// pcscd does not run.
    case readerServiceMissing = "reader-service-missing"
    /// No reader.
    case readerAbsent = "reader-absent"
    /// A chip on pins or a serial line does not answer: there is no plug to look at.
    case readerSilent = "reader-silent"
    /// The clock stands before this program was made.
    case clockUnset = "clock-unset"
    /// The clock stands before what this terminal has seen.
    case clockBehind = "clock-behind"
    /// The clock, which nobody vouches for, stands behind the end of the policy.
    case clockAhead = "clock-ahead"

    /// 2026-01-01, milliseconds since the Unix epoch: no clock that is set says less.
    public static let clockFloor: UInt64 = 1_767_225_600_000

    /// What to do.
    public var sentence: String {
        switch self {
        case .diskFull:
            "Le disque est plein : libérez de la place, la caisse reprend toute seule."
        case .diskReadOnly:
            "Le disque est en lecture seule : remontez-le en écriture (mount -o remount,rw) ; si "
                + "cela revient, changez la carte SD."
        case .readerServiceMissing:
            "Le service des lecteurs ne tourne pas : systemctl start pcscd.socket."
        case .readerAbsent: "Le lecteur est débranché : rebranchez son câble."
        case .readerSilent:
            "La puce du lecteur ne répond pas : vérifiez son alimentation et ses fils, puis "
                + "éteignez et rallumez la caisse."
        case .clockUnset:
            "L’horloge n’est pas réglée : connectez le terminal à Internet, ou remplacez la pile ; "
                + "les paiements continuent, marqués « heure non vérifiée »."
        case .clockBehind:
            "L’horloge retarde sur ce que la caisse a déjà vu : connectez le terminal à Internet, "
                + "ou réglez-la (timedatectl set-time) ; les paiements continuent, marqués « heure "
                + "non vérifiée »."
        case .clockAhead:
            "L’horloge avance, ou la caisse est restée trop longtemps sans réseau : connectez le "
                + "terminal à Internet, ou réglez l’horloge (timedatectl set-time)."
        }
    }

    /// Why no card can come, for the machine; nil when cards can.
    public var readerRefusal: Refusal? {
        switch self {
        case .readerServiceMissing: .readerServiceMissing
        case .readerAbsent: .readerAbsent
        case .readerSilent: .readerSilent
        case .diskFull, .diskReadOnly, .clockUnset, .clockBehind, .clockAhead: nil
        }
    }
}

// ReaderEmulation: software cards in front of the real pcscd and the real libnfc.
//
// Purpose: two readers for the same software cards (`VirtualSlot`: lay down, take away, see what
// was said). `VirtualReaderSlot` is the card side of the vpcd driver (package vsmartcard-vpcd): it
// connects to the port on which the driver inside pcscd listens (35963, second slot 35964) and
// answers for whatever card is inserted. Every program that speaks PC/SC then sees a reader with
// that card; nothing of PC/SC itself is imitated.
//
// The link: each message is a 2-byte length, highest first, and that many bytes. From the driver,
// one byte is a control (00 power off, 01 power on, 02 reset, 04 tell the ATR), more is a command
// APDU. To the driver go ATRs and answers, nothing else.
//
// Promises: an inserted card is offered until it is removed, also across restarts of pcscd; a
// card that leaves by itself (`hasLeft`) takes the connection down with it; between two cards the
// slot stays empty long enough for pcscd to notice (it looks every 400 ms); TCP_QUICKACK is
// re-armed before every read, without which each exchange takes 44 ms instead of 0.09 ms.
//
// Does not promise: that pcscd notices an insertion at once (it looks every 400 ms), or timing
// better than the scheduler's when answers are paced.
//
// A mute card (an empty answer) is a connection that breaks between the length and the content of
// the answer: the driver knows no time-out of its own. The next connection waits at the driver's
// port before this one breaks, so that the card is never away: pcscd looks before it resets a card,
// and one that is away in that moment and back before the next poll stays unseen until it is taken
// away. PC/SC reports the command as not transacted and the card as present; it answers again after
// a reset, as a real card does. A card that leaves breaks the connection in the same way, and stays
// away.
//
// `VirtualPN532` is the other: a PN532 chip on a pseudo terminal, which libnfc opens as
// `pn532_uart:LINK` without root, a daemon or a device. It speaks the frames of UM0701-02 (§6.2:
// wake-up, ACK, NACK, extended and syntax error frames, checksums) and the commands a host needs to
// be a reader (§7; `PN532Chip` lists them).
//
// Promises: a card is found once, then silent until the field was off or it is called again; a
// second card may lie there; a card that does not answer is status 01 after the waiting time its
// ATS states; no bytes of a host bring the chip down; a line that is stopped is hung up, and its
// link is gone.
//
// Does not promise: other modulations than type A at 106 kbit/s, card emulation, InAutoPoll,
// InATR, InPSL, registers that do anything; errors of the air (bits that flip in a frame); the time
// of a search without a card. Chosen where the manual is silent: after a wake-up every command is
// taken, also before SAMConfiguration; InDataExchange calls a halted card by itself.
//
// Threads: one named thread per slot or chip; every method may be called from any thread.
// Units: `Duration`, bytes.

// Terminal: the checkout, from an amount entered to an entry committed.
//
// Purpose: one armed operation at a time; the tap of a card; what screens show.
// Promises:
//   T1  "Accepted" is shown only after the journal has the entry on disk (P1).
//   T2  An operation's id is fixed when it is armed; whatever is torn or repeated, at most one
//       entry carries it.
//   T3  Nothing is written to a card before its token and keys are verified and the limits allow
//       it; nothing is accepted before the new card state is written and the card's own evidence
//       came back (P3).
//   T4  If it is unknown whether the entry is stored, the stage says so and only the journal,
//       read again, resolves it.
//   T5  After a card was read, only the same card may finish the operation.
//   T6  Nothing on the way of a tap waits for the network longer than the authorisation limit (P2).
// Does not promise: settlement, nor anything about how a screen looks.
// Threads: a tap runs on the reader's thread, start to end; controls on any thread; the "clerk"
//       thread turns time and news of the link into stages. One lock guards the machine.
// Units: cents; milliseconds as named.

// CardEmulation: cards in software, byte for byte.
//
// Purpose: the card side of an NXP NTAG 424 DNA (`SoftwareNTAG424`, data sheet NT4H2421Gx) with its
// whole non-volatile memory (`CardMemory`) in an image of 760 bytes, ways for it to go wrong
// (`FaultyCard`, `PowerCut`) and the time it would take on the air (`AirPace`).
//
// Promises: AES mode of the card complete: files, keys, EV2 secure messaging, secure dynamic
// messaging, configuration, failure counters; an error status ends the session and changes
// nothing; a command whose power is cut leaves the old memory or the new one, never a mixture;
// no byte string traps.
//
// Does not promise: LRP mode (its activation is refused with 9D, "never allowed"); the originality
// keys; anything below the APDU (frames and chaining are the reader's); resistance to whoever can
// read the image file, which holds the keys in clear: these are test cards.
//
// Where the data sheet is silent this card decides, and the deciding line says "chosen":
//   after power-on the master file is selected; order of checks: chain, class and code, length,
//   selection, object, access, MAC, parameters, bounds; a handshake counts as failed from its
//   first part until its second succeeds; from 50 failures in a row on, failure n must be paid
//   with n - 49 answers AD (at most 206); an answer too long for 256 bytes is refused with 7E;
//   a native P1 or P2 that is not 00 is 6A86; AF without an open chain is 1C; NonFirst without a
//   session is 9D; selecting an elementary file keeps the session.
//
// Threads: values; whoever holds one uses it. Units: bytes, kbit/s, `Duration`.

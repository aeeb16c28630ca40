// libnfc 1.8. Its public header, and one call the library exports for its own tools.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <nfc/nfc.h>

/// One command to a PN53x chip, without its frame: `command[0]` is the code. The count of answer
/// bytes, or an NFC_E… code; a time-out of 0 would wait for ever. Only for devices of the pn53x
/// family: the library does not check. Why not `nfc_initiator_select_passive_target`: it copies
/// the card's answer to select by a length the card states, unchecked, and finds one card only.
int pn53x_transceive(
    nfc_device *device, const uint8_t *command, size_t command_count, uint8_t *answer,
    size_t answer_limit, int timeout_milliseconds);

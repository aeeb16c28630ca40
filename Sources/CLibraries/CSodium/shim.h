// libsodium: sodium_init and crypto_sign_ed25519_… (seed_keypair, detached, verify_detached) only.
#pragma once
#include <sodium.h>

// p11-kit and its PKCS#11 declarations.
#pragma once
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

// Swift loses macros with casts.
static inline unsigned long eco_p11_unavailable(void) { return CK_UNAVAILABLE_INFORMATION; }
static inline P11KitUriType eco_p11_uri_any(void) { return P11_KIT_URI_FOR_ANY; }

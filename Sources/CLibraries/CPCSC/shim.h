// PC/SC (libpcsclite). Nothing to wrap: every call the binding uses is visible to Swift.
#pragma once
#include <winscard.h>
#include <wintypes.h>
#include <pcsclite.h>

// libcbor: streaming decoder and buffer encoders only.
#pragma once
#include <cbor.h>

// libqrencode: QRcode_encodeData, QRcode_encodeInput, QRcode_free and QRinput_… only.
#pragma once
#include <qrencode.h>

// libqrencode: QRcode_encodeData and QRcode_free only.
#pragma once
#include <qrencode.h>

#include "CWebAssets.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char index_html[] = {
#embed "web/index.html"
};

static const web_asset table[] = {
    {"/", "text/html; charset=utf-8", index_html, sizeof index_html},
    {0}};

const web_asset *web_assets(void) { return table; }

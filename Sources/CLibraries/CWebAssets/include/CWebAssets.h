// The embedded page: a table of files that ends at path == NULL.
#pragma once
#include <stddef.h>

typedef struct {
    const char *path;            // what the browser asks for, "/app.js"
    const char *type;            // the Content-Type
    const unsigned char *bytes;
    size_t count;
} web_asset;

const web_asset *web_assets(void);

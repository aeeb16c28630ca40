// What the ledger serves as it is: a table of files that ends at path == NULL.
#pragma once
#include <stddef.h>

typedef struct {
    const char *path;            // what is asked for, "/openapi.json"
    const char *type;            // the Content-Type
    const unsigned char *bytes;
    size_t count;
} ledger_asset;

const ledger_asset *ledger_assets(void);

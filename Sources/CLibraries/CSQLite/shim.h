// SQLite 3.
#pragma once
#include <sqlite3.h>

/// `sqlite3_db_config` is variadic, which Swift cannot call: the form for on/off settings.
static inline int csqlite_db_config(sqlite3 *database, int setting, int value) {
    return sqlite3_db_config(database, setting, value, (int *)0);
}

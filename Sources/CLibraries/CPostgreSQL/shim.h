// PostgreSQL's client library, with pipeline mode (14 and later).
#pragma once
#include <libpq-fe.h>

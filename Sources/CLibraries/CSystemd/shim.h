// libsystemd: sd_notify, sd_watchdog_enabled, sd_listen_fds_with_names and sd_journal_sendv only.
#pragma once
// A journal entry names no source file: the code's place is in its message id.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

// What the Glibc module leaves out (GNU extensions, variadic calls, C globals).
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/types.h>

/// Calls `pthread_setname_np` on the calling thread: at most 15 bytes are kept.
void linux_name_thread(const char *name);

/// Calls `strerrorname_np`: "ENOENT"; NULL when the code is unknown.
const char *linux_error_name(int code);

/// Calls `strerrordesc_np`: "No such file or directory"; NULL when the code is unknown.
const char *linux_error_sentence(int code);

/// Calls `adjtimex` without changing anything: 1 when the kernel clock is not STA_UNSYNC.
int linux_clock_synchronised(void);

/// Calls `statfs`: 1 when what is written where `path` is lies in memory (TMPFS_MAGIC, RAMFS_MAGIC)
/// or over another file system (OVERLAYFS_SUPER_MAGIC), 0 when not, -1 and errno.
int linux_is_of_this_start(const char *path);

/// The environment of this process, for `posix_spawn`.
char *const *linux_environment(void);

/// Calls `posix_spawn_file_actions_addclosefrom_np`: 0, or an error code.
int linux_close_from(posix_spawn_file_actions_t *actions, int first);

/// Calls `waitid` with WNOWAIT: 1 ended, 0 still running, -1 errno. `*code` is the exit code, or
/// 128 + the signal that ended the child. The child stays a zombie until `waitpid`.
int linux_child_ended(pid_t child, int block, int *code);

/// Calls `prctl` with PR_SET_DUMPABLE 0: 0, or -1 and errno.
int linux_forbid_dumps(void);

/// Takes what this process only reads of its program and libraries (code, constants; segments that
/// nobody may write and no loader has relocated) out of its page tables: bytes of whole pages. What
/// is used again comes back from the kernel's page cache. Under the loader's lock, so no library
/// comes or goes meanwhile. Calls `dl_iterate_phdr`, `madvise` with MADV_DONTNEED.
size_t linux_rest_code(void);

/// Calls `getopt_long` and hands its globals back. `word` restarts the scan when it is 0.
/// The answer is the option's `val`, '?' unknown, ':' no value, -1 end.
typedef struct linux_option_row {
    const char *name;
    int takes_value;
    int value;
} linux_option_row;
int linux_next_option(
    int count, char *const *words, const char *letters, const void *options, int *word,
    const char **argument, int *letter);

/// Opens a pseudo terminal in raw mode: the master's non-blocking descriptor, or -1 and errno.
/// `*slave` is a descriptor of its other end, `path` (`size` bytes) that end's name. Calls
/// `posix_openpt`, `grantpt`, `unlockpt`, `ptsname_r`, `open`, `cfmakeraw`.
int linux_open_terminal(int *slave, char *path, size_t size);

/// The `struct option` table of `rows`, ended by a row of zeros; free it with `free`.
void *linux_option_table(const linux_option_row *rows, int count);

#define _GNU_SOURCE 1
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <link.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

void linux_name_thread(const char *name) {
    char kept[16] = {0};
    strncpy(kept, name, sizeof kept - 1);
    pthread_setname_np(pthread_self(), kept);
}

const char *linux_error_name(int code) { return strerrorname_np(code); }

const char *linux_error_sentence(int code) { return strerrordesc_np(code); }

int linux_clock_synchronised(void) {
    struct timex state = {0};
    if (adjtimex(&state) < 0) return errno == EPERM || errno == ENOSYS ? -1 : 0;
    return !(state.status & STA_UNSYNC);
}

int linux_is_of_this_start(const char *path) {
    struct statfs found;
    if (statfs(path, &found) != 0) return -1;
    return found.f_type == TMPFS_MAGIC || found.f_type == RAMFS_MAGIC ||
        found.f_type == OVERLAYFS_SUPER_MAGIC;
}

char *const *linux_environment(void) { return environ; }

int linux_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int linux_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L); }

static int has_text_relocations(const struct dl_phdr_info *object, const ElfW(Phdr) *dynamic) {
    const ElfW(Dyn) *entry = (const void *)(object->dlpi_addr + dynamic->p_vaddr);
    for (; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_TEXTREL ||
            (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
            return 1;
    return 0;
}

static int rest_object(struct dl_phdr_info *object, size_t size, void *sum) {
    (void)size;
    // The kernel's own object lies in no file.
    if (strncmp(object->dlpi_name, "linux-", 6) == 0) return 0;
    for (int i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC &&
            has_text_relocations(object, &object->dlpi_phdr[i]))
            return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        uintptr_t end = (start + segment->p_filesz) & ~(page - 1);
        start = (start + page - 1) & ~(page - 1);
        if (start < end && madvise((void *)start, end - start, MADV_DONTNEED) == 0)
            *(size_t *)sum += end - start;
    }
    return 0;
}

size_t linux_rest_code(void) {
    size_t sum = 0;
    dl_iterate_phdr(rest_object, &sum);
    return sum;
}

int linux_child_ended(pid_t child, int block, int *code) {
    siginfo_t information = {0};
    if (waitid(P_PID, (id_t)child, &information, WEXITED | WNOWAIT | (block ? 0 : WNOHANG)) != 0)
        return -1;
    if (information.si_pid == 0) return 0;
    *code = information.si_code == CLD_EXITED ? information.si_status
                                              : 128 + information.si_status;
    return 1;
}

int linux_next_option(
    int count, char *const *words, const char *letters, const void *options, int *word,
    const char **argument, int *letter) {
    if (*word == 0) optind = 0;  // glibc: 0 also clears the scan's hidden state
    opterr = 0;
    int found = getopt_long(count, words, letters, options, NULL);
    *word = optind;
    *argument = optarg;
    *letter = optopt;
    return found;
}

void *linux_option_table(const linux_option_row *rows, int count) {
    struct option *table = calloc((size_t)count + 1, sizeof *table);
    for (int i = 0; table != NULL && i < count; i++)
        table[i] = (struct option){
            rows[i].name, rows[i].takes_value ? required_argument : no_argument, NULL,
            rows[i].value};
    return table;
}

int linux_open_terminal(int *slave, char *path, size_t size) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) return -1;
    int end = -1;
    struct termios settings;
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, path, size) == 0 &&
        (end = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0 && tcgetattr(end, &settings) == 0) {
        cfmakeraw(&settings);
        if (tcsetattr(end, TCSANOW, &settings) == 0) {
            *slave = end;
            return master;
        }
    }
    int code = errno;
    if (end >= 0) close(end);
    close(master);
    errno = code;
    return -1;
}

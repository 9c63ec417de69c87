/*
 * Makes calls of a kind take long below one folder: preloaded into a process whose tests say which.
 *
 * Needs glibc's dynamic linker.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char folder[PATH_MAX];
static atomic_int rename_milliseconds;
static atomic_int sync_milliseconds;
static atomic_int num_slow; /* Calls that are taking long now. */

/* From now on, below the folder. */
void gymreel_slow_disk(const char* path, int rename_for, int sync_for) {
    strncpy(folder, path, sizeof folder - 1);
    atomic_store(&rename_milliseconds, rename_for);
    atomic_store(&sync_milliseconds, sync_for);
}

int gymreel_num_slow(void) { return atomic_load(&num_slow); }

static void take_long(const char* path, int milliseconds) {
    if (milliseconds == 0 || strncmp(path, folder, strlen(folder)) != 0) return;
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    atomic_fetch_add(&num_slow, 1);
    nanosleep(&time, NULL);
    atomic_fetch_sub(&num_slow, 1);
}

int rename(const char* from, const char* to) {
    int (*const next)(const char*, const char*) = (int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename");
    take_long(from, atomic_load(&rename_milliseconds));
    return next(from, to);
}

int fsync(int descriptor) {
    int (*const next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    char link[64];
    char path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    take_long(path, atomic_load(&sync_milliseconds));
    return next(descriptor);
}

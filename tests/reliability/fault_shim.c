/*
 * Makes the Nth call of a kind fail: preloaded into a process whose tests say which.
 *
 * Hits only threads other than the one that arms a fault, so that Python goes on undisturbed (or only that one), and of
 * the calls on files only those below one folder. Nothing here allocates: an interposed malloc must not.
 *
 * Needs glibc: its allocator has names of its own, so that nothing has to be looked up before the first allocation
 * (dlsym allocates itself).
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <ucontext.h>
#include <unistd.h>

/* The same numbers as in fault_child.py. */
enum kind { nothing, write_kind, read_kind, open_kind, sync_kind, rename_kind, close_kind, allocation_kind };

enum { max_descriptors = 1024, max_ranges = 64, max_path = 4096, max_frames = 32 };

struct range {
    uintptr_t begin;
    uintptr_t end;
};

static atomic_int armed_kind;
static atomic_long num_seen;
static atomic_uintptr_t first_caller;
static long failing_number;
static int fails_for_ever;
static int failure;
static pthread_t arming_thread;
static int hits_arming_thread;

static char folder[max_path];
static size_t folder_length;
static atomic_bool is_watched[max_descriptors]; /* Descriptors that were opened below the folder. */

/* Ranges of code: a list for each role. */
struct ranges {
    struct range at[max_ranges];
    int count;
};
static struct ranges targets;     /* Only their allocations fail, where there are any. */
static struct ranges go_betweens; /* Allocate for others, who count as the caller. */
static struct ranges spared;      /* Nothing fails while these are at work. */

/* Once, before any other thread runs. */
void gymreel_fault_watch(const char* path) {
    folder_length = strlen(path);
    if (folder_length >= max_path) abort();
    memcpy(folder, path, folder_length + 1);
}

/* While nothing is armed: gives code between these addresses a role ('t'arget, 'g'o-between, 's'pared). */
void gymreel_fault_mark(char role, uintptr_t begin, uintptr_t end) {
    struct ranges* const ranges = role == 't' ? &targets : role == 'g' ? &go_betweens : &spared;
    if (ranges->count == max_ranges) abort();
    ranges->at[ranges->count++] = (struct range){begin, end};
}

/* While nothing is armed: takes all roles away. */
void gymreel_fault_unmark(void) { targets.count = go_betweens.count = spared.count = 0; }

/* The size of the function at this address; 0 where the library's symbols do not say. */
size_t gymreel_fault_size(void* function) {
    Dl_info info;
    ElfW(Sym)* symbol = NULL;
    return dladdr1(function, &info, (void**)&symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL ? symbol->st_size : 0;
}

/*
 * The `nth` call of this kind from now on fails with the error number, and with `for_ever` all that follow.
 *
 * `here`: the calls of this thread instead of those of all others.
 */
void gymreel_fault_arm(int kind, long nth, int for_ever, int error_number, int here) {
    arming_thread = pthread_self();
    hits_arming_thread = here;
    failing_number = nth;
    fails_for_ever = for_ever;
    failure = error_number;
    atomic_store(&first_caller, 0);
    atomic_store(&num_seen, 0);
    atomic_store(&armed_kind, kind);
}

/* Returns how many calls of the kind there were: at least `nth` where one has failed. */
long gymreel_fault_disarm(void) {
    atomic_store(&armed_kind, nothing);
    return atomic_load(&num_seen);
}

/* The file name of the library whose call failed first; empty where none did. */
const char* gymreel_fault_caller(void) {
    Dl_info info;
    void* const address = (void*)atomic_load(&first_caller);
    return address != NULL && dladdr(address, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "";
}

static int is_in(const struct ranges* ranges, const void* address) {
    for (int i = 0; i < ranges->count; ++i) {
        if ((uintptr_t)address >= ranges->at[i].begin && (uintptr_t)address < ranges->at[i].end) return 1;
    }
    return 0;
}

/* Who is behind an allocation: NULL where that one's must not fail. */
static void* find_allocator(void* caller) {
    void* frames[max_frames];
    const int num_frames = backtrace(frames, max_frames);
    int first = 0;
    while (first < num_frames && frames[first] != caller) ++first;
    void* allocator = NULL;
    for (int i = first; i < num_frames; ++i) {
        if (is_in(&spared, frames[i])) return NULL;
        if (allocator == NULL && !is_in(&go_betweens, frames[i])) allocator = frames[i];
    }
    return targets.count == 0 || is_in(&targets, allocator) ? allocator : NULL;
}

static int fails(enum kind kind, void* caller) {
    if (atomic_load_explicit(&armed_kind, memory_order_acquire) != (int)kind) return 0;
    if ((pthread_equal(pthread_self(), arming_thread) != 0) != (hits_arming_thread != 0)) return 0;
    if (kind == allocation_kind && (caller = find_allocator(caller)) == NULL) return 0;
    const long number = atomic_fetch_add(&num_seen, 1) + 1;
    if (number < failing_number || (number > failing_number && !fails_for_ever)) return 0;
    if (number == failing_number) atomic_store(&first_caller, (uintptr_t)caller);
    errno = failure;
    return 1;
}

/* The unwinder loads a library when it is called for the first time, which allocates. */
__attribute__((constructor)) static void warm_up(void) {
    void* frames[max_frames];
    backtrace(frames, max_frames);
}

/* Crashes. */

static char crash_path[max_path];

static int is_part_of(const char* path, const char* library) {
    const char* const slash = strrchr(path, '/');
    return strncmp(slash == NULL ? path : slash + 1, library, strlen(library)) == 0;
}

/* The library that this code is of; NULL where it is none whose crash it can be. */
static const char* culprit_at(const void* address) {
    Dl_info info;
    if (address == NULL || dladdr(address, &info) == 0 || info.dli_fname == NULL) return NULL;
    const int is_messenger = is_part_of(info.dli_fname, "libc.") || is_part_of(info.dli_fname, "fault_shim") ||
                             is_part_of(info.dli_fname, "linux-vdso");
    return is_messenger ? NULL : info.dli_fname;
}

static const void* interrupted_code(const ucontext_t* context) {
#if defined(__x86_64__)
    return (const void*)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (const void*)context->uc_mcontext.pc;
#else
    return context != NULL ? NULL : NULL;
#endif
}

/* Notes the library whose code has crashed, or has given up, and ends the process. */
static void note_crash(int number, siginfo_t* information, void* context) {
    (void)information;
    const char* culprit = culprit_at(interrupted_code(context));
    if (culprit == NULL) {
        void* frames[max_frames];
        const int num_frames = backtrace(frames, max_frames);
        for (int i = 0; i < num_frames && culprit == NULL; ++i) culprit = culprit_at(frames[i]);
    }
    const int file = creat(crash_path, 0666);
    if (culprit != NULL && write(file, culprit, strlen(culprit)) < 0) _exit(1);
    _exit(128 + number);
}

/* From now on a crash says in this file whose it is, and the exit status is 128 + the signal. */
void gymreel_fault_note_crashes(const char* path) {
    if (strlen(path) >= max_path) abort();
    strcpy(crash_path, path);
    struct sigaction action = {.sa_sigaction = note_crash, .sa_flags = SA_SIGINFO};
    const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); ++i) sigaction(signals[i], &action, NULL);
}

static int is_below(const char* path) {
    return folder_length > 0 && strncmp(path, folder, folder_length) == 0 &&
           (path[folder_length] == '/' || path[folder_length] == '\0');
}

static int is_ours(int descriptor) {
    return descriptor >= 0 && descriptor < max_descriptors && atomic_load(&is_watched[descriptor]);
}

/* Several threads may find the same. */
static void* find_next(_Atomic(void*)* known, const char* name) {
    void* found = atomic_load(known);
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, name);
        atomic_store(known, found);
    }
    return found;
}

#define CALLER __builtin_return_address(0)
#define NEXT(name, ...)                 \
    static _Atomic(void*) next_address; \
    __VA_ARGS__ next;                   \
    *(void**)(&next) = find_next(&next_address, name)

/* Files. */

#define DEFINE_WRITE(function, offset_type)                                                   \
    ssize_t function(int descriptor, const void* buffer, size_t size, offset_type position) { \
        typedef ssize_t (*function_type)(int, const void*, size_t, offset_type);              \
        NEXT(#function, function_type);                                                       \
        if (is_ours(descriptor) && fails(write_kind, CALLER)) return -1;                      \
        return next(descriptor, buffer, size, position);                                      \
    }
DEFINE_WRITE(pwrite, off_t)
DEFINE_WRITE(pwrite64, off64_t)

#define DEFINE_READ(function, offset_type)                                              \
    ssize_t function(int descriptor, void* buffer, size_t size, offset_type position) { \
        typedef ssize_t (*function_type)(int, void*, size_t, offset_type);              \
        NEXT(#function, function_type);                                                 \
        if (is_ours(descriptor) && fails(read_kind, CALLER)) return -1;                 \
        return next(descriptor, buffer, size, position);                                \
    }
DEFINE_READ(pread, off_t)
DEFINE_READ(pread64, off64_t)

#define DEFINE_OPEN(function)                                                                 \
    int function(const char* path, int flags, ...) {                                          \
        typedef int (*function_type)(const char*, int, ...);                                  \
        NEXT(#function, function_type);                                                       \
        mode_t mode = 0;                                                                      \
        if ((flags & O_CREAT) != 0) {                                                         \
            va_list arguments;                                                                \
            va_start(arguments, flags);                                                       \
            mode = va_arg(arguments, mode_t);                                                 \
            va_end(arguments);                                                                \
        }                                                                                     \
        const int is_below_folder = is_below(path);                                           \
        if (is_below_folder && (flags & O_CREAT) != 0 && fails(open_kind, CALLER)) return -1; \
        const int descriptor = next(path, flags, mode);                                       \
        if (descriptor >= 0 && descriptor < max_descriptors) {                                \
            atomic_store(&is_watched[descriptor], is_below_folder != 0);                      \
        }                                                                                     \
        return descriptor;                                                                    \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

int close(int descriptor) {
    typedef int (*function_type)(int);
    NEXT("close", function_type);
    const int is_our_file = is_ours(descriptor);
    if (is_our_file) atomic_store(&is_watched[descriptor], 0);
    const int result = next(descriptor);
    /* The descriptor is free again also where closing tells of an earlier failure. */
    return is_our_file && fails(close_kind, CALLER) ? -1 : result;
}

int fsync(int descriptor) {
    typedef int (*function_type)(int);
    NEXT("fsync", function_type);
    if (!is_ours(descriptor)) return next(descriptor);
    return fails(sync_kind, CALLER) ? -1 : 0; /* Nobody pulls the plug, and disks are slow. */
}

int rename(const char* from, const char* to) {
    typedef int (*function_type)(const char*, const char*);
    NEXT("rename", function_type);
    return is_below(from) && fails(rename_kind, CALLER) ? -1 : next(from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) {
    typedef int (*function_type)(int, const char*, int, const char*);
    NEXT("renameat", function_type);
    return is_below(from) && fails(rename_kind, CALLER) ? -1 : next(from_folder, from, to_folder, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
    typedef int (*function_type)(int, const char*, int, const char*, unsigned);
    NEXT("renameat2", function_type);
    return is_below(from) && fails(rename_kind, CALLER) ? -1 : next(from_folder, from, to_folder, to, flags);
}

/* Memory; free() needs no company. */

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) { return fails(allocation_kind, CALLER) ? NULL : __libc_malloc(size); }

void* calloc(size_t count, size_t size) { return fails(allocation_kind, CALLER) ? NULL : __libc_calloc(count, size); }

void* realloc(void* block, size_t size) { return fails(allocation_kind, CALLER) ? NULL : __libc_realloc(block, size); }

void* memalign(size_t alignment, size_t size) {
    return fails(allocation_kind, CALLER) ? NULL : __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
    return fails(allocation_kind, CALLER) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void** block, size_t alignment, size_t size) {
    if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
    const int error_before = errno; /* This one tells by its result alone. */
    void* const allocated = fails(allocation_kind, CALLER) ? NULL : __libc_memalign(alignment, size);
    errno = error_before;
    if (allocated == NULL) return ENOMEM;
    *block = allocated;
    return 0;
}

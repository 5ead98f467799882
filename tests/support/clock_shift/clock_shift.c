/*
 * A wall clock that a test can turn: preloaded (LD_PRELOAD=libclock-shift.so) into a process, it
 * adds the milliseconds in the file $CLOCK_SHIFT_FILE (8 bytes, of this machine's byte order) to
 * what CLOCK_REALTIME, gettimeofday and time show. Writing another number turns the clock of every
 * process that has the file, at once and while they run. Clocks that measure what passed
 * (monotonic, boot time, CPU) stay as they are.
 *
 * A thread that waits for an instant of the wall clock meets the turn as the kernel would have it:
 * the wait ends when the turned clock shows that instant, be it at once or an hour later.
 *
 * Only what goes through the C library is turned. Programs in Go (nats-server) ask the kernel
 * themselves and keep the true time, like another machine would.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    NS_PER_S = 1000 * 1000 * 1000,
    NS_PER_MS = 1000 * 1000,
    SLICE_MS = 20,                 /* how often a wait looks whether the clock was turned */
    WALL_LEAST_S = 1000 * 1000000, /* no monotonic clock shows that: 31 years since the start */
};

typedef int clock_fn(clockid_t clock, struct timespec *now);
typedef int wait_fn(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);

static _Atomic int64_t nothing;
static const _Atomic int64_t *shift = &nothing;
static clock_fn *true_clock;
static wait_fn *true_wait;

/* The next function of that name into *ret_function; ISO C has no cast for what POSIX promises. */
static void symbol(const char *name, const char *version, void *ret_function, size_t size)
{
    void *found = version == NULL ? NULL : dlvsym(RTLD_NEXT, name, version);
    found = found == NULL ? dlsym(RTLD_NEXT, name) : found;
    if (found == NULL || size != sizeof(found)) {
        abort();
    }
    memcpy(ret_function, (const void *)&found, sizeof(found));
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CLOCK_SHIFT_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
        shift = mapped == MAP_FAILED ? shift : mapped;
        (void)close(fd);
    }
    symbol("clock_gettime", NULL, (void *)&true_clock, sizeof(true_clock));
    /* The oldest symbol of that name has another layout of the condition (x86-64). */
    symbol("pthread_cond_timedwait", "GLIBC_2.3.2", (void *)&true_wait, sizeof(true_wait));
}

static int clock_read(clockid_t clock, struct timespec *now)
{
    if (true_clock == NULL) {
        begin(); /* somebody's constructor came first */
    }
    return true_clock(clock, now);
}

static int64_t ns_of(const struct timespec *time)
{
    return (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec;
}

static struct timespec time_of(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static int64_t shift_ns(void)
{
    return atomic_load(shift) * NS_PER_MS;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int code = clock_read(clock, now);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        *now = time_of(ns_of(now) + shift_ns());
    }
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &time);
    *now = (struct timeval){.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret_now)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now != NULL) {
        *ret_now = now.tv_sec;
    }
    return now.tv_sec;
}

/* Wait until the turned clock shows `until`, looking again in slices. */
static int wait_turned(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
    for (;;) {
        struct timespec now;
        (void)clock_read(CLOCK_REALTIME, &now);
        int64_t end = ns_of(until) - shift_ns();
        int64_t slice = ns_of(&now) + (int64_t)SLICE_MS * NS_PER_MS;
        struct timespec next = time_of(end < slice ? end : slice);
        int code = true_wait(cond, mutex, &next);
        if (code != ETIMEDOUT || end <= slice) {
            return code;
        }
    }
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    if (true_wait == NULL) {
        begin();
    }
    return until->tv_sec >= WALL_LEAST_S ? wait_turned(cond, mutex, until)
                                         : true_wait(cond, mutex, until);
}

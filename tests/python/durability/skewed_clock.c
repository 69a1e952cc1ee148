/* The wall clock as if somebody had set it: off by as many seconds as SKEW_SECONDS says. The clock that nobody can set stays as it is. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = syscall(SYS_clock_gettime, clock, time);
    const char *seconds = getenv("SKEW_SECONDS");
    if (!failed && clock == CLOCK_REALTIME && seconds) {
        time->tv_sec += atol(seconds);
    }
    return failed;
}

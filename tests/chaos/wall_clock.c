/* Moves the wall clock by an hour, to and fro, of every process that has CHAOS_CLOCK set; other clocks are left alone.
 * Preloaded (LD_PRELOAD) into a run; the processes of a run are apart from each other, as machines without NTP are. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void)
{
    struct timespec now;
    unsigned long turn;

    if (!getenv("CHAOS_CLOCK"))
        return 0;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    turn = now.tv_sec * 1000L / 300 + now.tv_nsec / 300000000L + getpid();
    return ((long)(turn * 2654435761UL >> 8) % 3 - 1) * 3600;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = syscall(SYS_clock_gettime, clock, time);

    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    int result = syscall(SYS_gettimeofday, time, zone);

    if (result == 0)
        time->tv_sec += offset();
    return result;
}

time_t time(time_t *where)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (where)
        *where = now.tv_sec;
    return now.tv_sec;
}

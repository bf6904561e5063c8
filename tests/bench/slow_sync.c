/*
 * Makes each fsync and fdatasync of a process take at least SYNC_US microseconds, as on a slower disk.
 * slow_sync.ts compiles it, and the server that is measured loads it by LD_PRELOAD.
 *
 * The real call comes first, so what is synced is on disk, and the rest of the time is slept: the
 * thread waits, as it does for a disk, and uses no CPU.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

typedef int (*sync_call)(int);

static sync_call real_fsync, real_fdatasync;
static long least_us;

__attribute__((constructor)) static void load(void) {
  const char *text = getenv("SYNC_US");
  least_us = text ? atol(text) : 0;
  real_fsync = (sync_call)dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = (sync_call)dlsym(RTLD_NEXT, "fdatasync");
}

static int slowly(sync_call call, int file) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += least_us * 1000;
  end.tv_sec += end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  int answer = call(file);
  int error = errno; /* of the call: sleeping must not change it */
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) {
  }
  errno = error;
  return answer;
}

int fsync(int file) { return slowly(real_fsync, file); }

int fdatasync(int file) { return slowly(real_fdatasync, file); }

// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls that may hang: made by a thread, which is left behind when the time is over.

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "mem.h"
#include "xhp.h"

#define STACK_SIZE (64 * 1024)

struct job {
	void (*fn)(void *data);
	void *data;
	sem_t done;
};

static void *run(void *data)
{
	struct job *job = data;

	job->fn(job->data);
	sem_post(&job->done);
	return NULL;
}

/* Signals are the main thread's: the deadline's has to end its waits. */
static int start(struct job *job)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &attr, run, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

int guarded(void (*fn)(void *data), void *data, unsigned int limit_ms,
	    struct xhp_err *err)
{
	struct job *job = MEM_NEW(struct job);
	unsigned int left = (unsigned int)deadline_left();
	struct timespec end;
	int rc;

	*job = (struct job){ .fn = fn, .data = data };
	sem_init(&job->done, 0, 0);
	if (limit_ms && limit_ms < left)
		left = limit_ms;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += left / 1000;
	end.tv_nsec += left % 1000 * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_nsec -= 1000000000L;
		end.tv_sec++;
	}
	rc = start(job);
	if (rc)
		return err_sys(err, rc, "cannot start a thread");
	while (sem_clockwait(&job->done, CLOCK_MONOTONIC, &end) < 0) {
		if (errno != EINTR || deadline_check(err) < 0)
			return err_set(err, -ETIMEDOUT, "no answer after %u ms", left);
	}
	return 0;
}

struct looked {
	const char *path;
	struct stat st;
	int rc;
};

static void look(void *data)
{
	struct looked *l = data;

	l->rc = stat(l->path, &l->st) < 0 ? -errno : 0;
}

bool cached_stat(const char *path, struct stat *ret)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				      .resolve = RESOLVE_CACHED };
	CLEANUP_FD int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	struct statx stx;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			    STATX_TYPE | STATX_INO, &stx) < 0)
		return false;
	*ret = (struct stat){
		.st_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.st_ino = stx.stx_ino,
		.st_mode = stx.stx_mode & S_IFMT,
		.st_rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor),
	};
	return true;
}

int guarded_stat(const char *path, struct stat *ret, unsigned int limit_ms,
		 struct xhp_err *err)
{
	struct looked *l;

	if (cached_stat(path, ret))
		return 0;
	l = MEM_NEW(struct looked);

	l->path = mem_strdup(path);
	if (guarded(look, l, limit_ms, err) < 0)
		return err_wrap(err, "%s", path);
	*ret = l->st;
	return l->rc ? err_sys(err, l->rc, "%s", path) : 0;
}

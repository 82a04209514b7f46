// SPDX-License-Identifier: LGPL-2.1-or-later
// Locks: one holder at a time, also when each holder unlinks the file at its end.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "deadline.h"
#include "lock.h"
#include "private.h"
#include "unit.h"

static struct xhp_err err;
static int dir;

static int fresh(void **state)
{
	(void)state;
	if (system("rm -rf /run/*") != 0)
		return -1;
	dir = state_dir("", &err);
	return dir < 0;
}

static int done(void **state)
{
	(void)state;
	return close(dir);
}

static int claim(bool create, bool nowait)
{
	return lock_claim(dir, "lock", create, nowait, &err);
}

/* A child that holds the lock until `ret_end` is closed, or until somebody wants it. */
static pid_t holder(int *ret_end, bool until_wanted)
{
	int ready[2], end[2];
	char c = 'x';
	pid_t pid;

	assert_int_equal(pipe(ready) | pipe(end), 0);
	pid = fork();
	if (!pid) {
		close(end[1]);
		if (claim(true, false) < 0 || write(ready[1], &c, 1) != 1)
			_exit(1);
		if (until_wanted ? !awaited_by(1) : read(end[0], &c, 1) < 0)
			_exit(1);
		unlinkat(dir, "lock", 0);
		_exit(0);
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*ret_end = end[1];
	return pid;
}

static void released(pid_t pid, int end)
{
	int status;

	close(end);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void alone(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(claim(false, true), -ENOENT);
	fd = claim(true, true);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	fd = claim(false, true);
	assert_true(fd >= 0);
	close(fd);
}

static void held(void **state)
{
	int end, fd;
	pid_t pid = holder(&end, false);

	(void)state;
	assert_int_equal(claim(true, true), -EWOULDBLOCK);
	assert_has(err.text, "lock");
	released(pid, end);
	fd = claim(true, true);
	assert_true(fd >= 0);
	close(fd);
}

/* The file that we waited for was unlinked: the lock is on the one that is there. */
static void waited_for(void **state)
{
	struct stat ours, there;
	int end, fd;
	pid_t pid = holder(&end, true);

	(void)state;
	fd = claim(true, false);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &ours), 0);
	assert_int_equal(fstatat(dir, "lock", &there, 0), 0);
	assert_int_equal(ours.st_ino, there.st_ino);
	close(fd);
	released(pid, end);
}

static void given_up(void **state)
{
	int end;
	pid_t pid = holder(&end, false);

	(void)state;
	deadline_start(1);
	assert_int_equal(claim(true, false), -ETIMEDOUT);
	assert_has(err.text, "somebody else holds the lock lock");
	deadline_start(1000);
	released(pid, end);
}

static void not_a_file(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("/run/elsewhere", dir, "lock"), 0);
	assert_int_equal(claim(true, true), -ELOOP);
	assert_int_equal(access("/run/elsewhere", F_OK), -1);
	assert_int_equal(unlinkat(dir, "lock", 0), 0);
	assert_int_equal(mkfifoat(dir, "lock", 0600), 0);
	assert_int_equal(claim(true, true), -EINVAL);
	assert_int_equal(unlinkat(dir, "lock", 0), 0);
	assert_int_equal(mkdirat(dir, "lock", 0700), 0);
	assert_int_equal(claim(true, true), -EISDIR);
}

enum { PROCESSES = 4, ROUNDS = 400 };

struct shared {
	atomic_int inside, most, rounds;
};

static void contend(struct shared *s)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = claim(true, false), now;

		if (fd < 0)
			_exit(1);
		now = atomic_fetch_add(&s->inside, 1) + 1;
		if (now > s->most)
			s->most = now;
		atomic_fetch_add(&s->rounds, 1);
		if (i % 3)
			sched_yield();
		atomic_fetch_sub(&s->inside, 1);
		if (i % 4)
			unlinkat(dir, "lock", 0);
		close(fd);
	}
	_exit(0);
}

static void race(void **state)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_true(s != MAP_FAILED);
	for (int i = 0; i < PROCESSES; i++) {
		if (!fork())
			contend(s);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(s->rounds, PROCESSES * ROUNDS);
	assert_int_equal(s->most, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alone, fresh, done),
		cmocka_unit_test_setup_teardown(held, fresh, done),
		cmocka_unit_test_setup_teardown(waited_for, fresh, done),
		cmocka_unit_test_setup_teardown(given_up, fresh, done),
		cmocka_unit_test_setup_teardown(not_a_file, fresh, done),
		cmocka_unit_test_setup_teardown(race, fresh, done),
	};

	private_run();
	return RUN_TESTS(tests);
}

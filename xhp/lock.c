// SPDX-License-Identifier: LGPL-2.1-or-later
// Locks in the stock scripts' protocol, and the state directory that they are in.

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "find.h"
#include "lock.h"
#include "mem.h"
#include "paths.h"
#include "xhp.h"

int lock_wait(int fd, const char *name, struct xhp_err *err)
{
	while (flock(fd, LOCK_EX) < 0) {
		int code = -errno;

		if (code != -EINTR)
			return err_sys(err, code, "lock %s", name);
		if (deadline_check(err) < 0)
			return err_wrap(err, "somebody else holds the lock %s", name);
	}
	return 0;
}

int lock_claim(int dirfd, const char *name, bool create, bool nowait, struct xhp_err *err)
{
	int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
	struct stat ours, there;
	int fd, code;

	for (;;) {
		fd = openat(dirfd, name, flags, 0600);
		if (fd < 0)
			return err_sys(err, -errno, "%s", name);
		code = 0;
		if (!nowait)
			code = lock_wait(fd, name, err);
		else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			code = err_sys(err, -errno, "lock %s", name);
		if (code < 0) {
			close(fd);
			return code;
		}
		if (fstat(fd, &ours) == 0 && S_ISREG(ours.st_mode) &&
		    fstatat(dirfd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) {
			if (owner_check(&ours, name, err) == 0)
				return fd;
			close(fd);
			return err->code;
		}
		close(fd);
		if (!S_ISREG(ours.st_mode))
			return err_set(err, -EINVAL, "%s is not a file", name);
	}
}

void lock_release(int dirfd, const char *name, int fd)
{
	unlinkat(dirfd, name, 0);
	close(fd);
}

static int open_dir(int at, const char *name, mode_t mode, struct xhp_err *err)
{
	int flags = O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(at, name, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "cannot make the directory %s", name);
		fd = openat(at, name, flags);
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		int code = -errno;

		if (fd >= 0)
			close(fd);
		return err_sys(err, code, "%s", name);
	}
	if (owner_check(&st, name, err) < 0) {
		close(fd);
		return err->code;
	}
	return fd;
}

int state_dir(const char *below, struct xhp_err *err)
{
	int top = open_dir(AT_FDCWD, STATE_DIR, 0755, err), fd;

	if (top < 0 || !*below)
		return top;
	fd = open_dir(top, below, 0700, err);
	close(top);
	return fd < 0 ? err_wrap(err, "%s", STATE_DIR) : fd;
}

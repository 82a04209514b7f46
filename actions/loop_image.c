// SPDX-License-Identifier: LGPL-2.1-or-later
// The file that [loop] is to show: looked at, and opened.

#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "guard.h"
#include "loop_image.h"
#include "xhp.h"

/* Could somebody who is not root put another file in its place? */
static void find_swappable(const char *path, char *ret)
{
	char dir[PATH_MAX];
	struct stat st, entry;
	bool has_entry = false;

	snprintf(dir, sizeof(dir), "%s", path);
	for (;;) {
		char *slash = strrchr(dir, '/');

		has_entry = stat(dir, &entry) == 0;
		if (!slash)
			return;
		slash[slash == dir] = '\0';
		if (stat(dir, &st) < 0)
			return;
		/* in a sticky directory, an entry is its owner's */
		if (st.st_uid != 0 ||
		    (st.st_mode & (S_IWGRP | S_IWOTH) &&
		     (!(st.st_mode & S_ISVTX) || !has_entry || entry.st_uid != 0))) {
			memcpy(ret, dir, sizeof(dir));
			return;
		}
		if (slash == dir)
			return;
	}
}

/* On these, what follows asks nothing but the kernel's memory. */
static bool is_local(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case BTRFS_SUPER_MAGIC:
	case EXT4_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case XFS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static int open_as(const struct image *i)
{
	char self[64];

	bool writes = i->writes && !i->planning;

	if (i->writes && i->planning && faccessat(i->at, "", W_OK, AT_EMPTY_PATH) < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", i->at);
	return open(self, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
}

static void look(void *data)
{
	struct image *i = data;
	char self[64];
	struct stat link;
	ssize_t n;

	i->at = open(i->path, O_PATH | O_CLOEXEC);
	if (i->at < 0 || fstat(i->at, &i->st) < 0) {
		i->rc = -errno;
		i->dangling = i->rc == -ENOENT && lstat(i->path, &link) == 0;
		return;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", i->at);
	n = readlink(self, i->resolved, sizeof(i->resolved) - 1);
	if (n < 0) {
		i->rc = -errno;
		return;
	}
	i->resolved[n] = '\0';
	if (!S_ISREG(i->st.st_mode))
		return;
	i->fd = open_as(i);
	if (i->fd < 0)
		i->rc = -errno;
	i->is_local = i->fd >= 0 && is_local(i->fd);
	find_swappable(i->path, i->swappable);
	if (!*i->swappable && strcmp(i->path, i->resolved) != 0)
		find_swappable(i->resolved, i->swappable);
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFCHR:
		return "a character device";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	default:
		return "something else";
	}
}

static int judge(const struct image *i, struct xhp_err *err)
{
	if (i->dangling)
		return err_set(err, -ENOENT,
			       "%s is a symbolic link that leads to nothing", i->path);
	if (i->rc == -ENOENT)
		return err_set(err, -ENOENT, "there is no file or device %s",
			       quoted(i->path));
	if (i->rc == -EROFS)
		return err_set(err, -EROFS,
			       "%s is on a read-only file system, and cannot be attached "
			       "for writing; attach it read-only",
			       i->path);
	if (i->rc)
		return err_sys(err, i->rc, "%s", i->path);
	if (S_ISREG(i->st.st_mode) && i->writes &&
	    !(i->st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
		return err_set(err, -EACCES,
			       "%s is read-only (mode %04o), and cannot be attached for "
			       "writing; attach it read-only, or make it writable",
			       i->path, i->st.st_mode & 07777);
	if (!S_ISREG(i->st.st_mode) && !S_ISBLK(i->st.st_mode))
		return err_set(err, -EINVAL,
			       "%s is %s, neither a file nor a block device", i->path,
			       kind_of(i->st.st_mode));
	return 0;
}

int image_look(struct image *i, struct xhp_err *err)
{
	i->at = i->fd = -1;
	/* whoever gives the guest a block device opens it */
	if (cached_stat(i->path, &i->st) && S_ISBLK(i->st.st_mode))
		return 0;
	if (guarded(look, i, 0, err) < 0)
		return err_wrap(err, "%s: is its server dead?", i->path);
	return judge(i, err);
}

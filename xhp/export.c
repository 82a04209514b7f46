// SPDX-License-Identifier: LGPL-2.1-or-later
// Directories that guests are given: the way there, and what is in them.

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "export.h"
#include "settings.h"
#include "xhp.h"

#define DEPTH_MAX 256 /* a descriptor for each */

static int check_text(const char *path, struct xhp_err *err)
{
	const char *name = path;

	if (strlen(path) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "the path %s is too long",
			       quoted(path));
	while (*name == '/') {
		size_t len = strcspn(++name, "/");

		if (!len || (len == 1 && *name == '.') ||
		    (len == 2 && !strncmp(name, "..", 2)))
			return err_set(
				err, -EINVAL,
				"the path %s has %s in it: expected as it is, "
				"without \".\", \"..\", \"//\" or \"/\" at its end",
				quoted(path), len ? quoted(name) : "an empty name");
		name += len;
	}
	return 0;
}

/* Is `path` below `dir`, or `dir` itself? */
static bool is_below(const char *path, const char *dir, bool or_itself)
{
	size_t len = strlen(dir);

	if (!strcmp(dir, "/"))
		return or_itself || path[1];
	return !strncmp(path, dir, len) &&
	       (path[len] == '/' || (or_itself && !path[len]));
}

int export_root(const char *path, const char *within, const char **ret,
		struct xhp_err *err)
{
	const char *root = NULL;
	struct settings settings;

	if (check_text(path, err) < 0)
		return err->code;
	if (within && (check_text(within, err) < 0 || !is_below(path, within, true)))
		return err->code = err_set(err, -EPERM, "%s is not within %s",
					   quoted(path), quoted(within));
	if (settings_load(&settings, err) < 0)
		return err->code;
	if (!settings.export_roots.n)
		return err_set(err, -EPERM,
			       "no directory may be exported: hotplug.conf has no "
			       "export-roots");
	for (unsigned int i = 0; i < settings.export_roots.n; i++) {
		const char *one = settings.export_roots.v[i];

		if (*one != '/' || (one[1] && check_text(one, err) < 0))
			return err_set(err, -EINVAL,
				       "export-roots: %s is not an absolute path",
				       quoted(one));
		/* the longest: what leads to it is the administrator's own */
		if (is_below(path, one, false) && (!root || strlen(one) > strlen(root)))
			root = one;
	}
	if (!root)
		return err_set(
			err, -EPERM,
			"%s is not below any of hotplug.conf's export-roots (%s%s)",
			quoted(path), settings.export_roots.v[0],
			settings.export_roots.n > 1 ? ", ..." : "");
	*ret = root;
	return 0;
}

/* Whoever can write to it could put something else in the place of what is in it. */
static int check_parent(int fd, const char *path, const char *name, struct xhp_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "%s", quoted(path));
	if ((st.st_uid == 0 || st.st_uid == geteuid()) &&
	    !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return err_set(err, -EPERM,
		       "%s: others than root could exchange %s in the directory above "
		       "it (user %u, mode %04o)",
		       quoted(path), quoted(name), st.st_uid, st.st_mode & 07777);
}

static int open_in(int dir, const char *name, uint64_t more, struct xhp_err *err)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   more,
	};
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));

	if (fd < 0 && errno == ELOOP)
		return err_set(err, -ELOOP, "%s is a symbolic link", quoted(name));
	return fd < 0 ? err_sys(err, -errno, "%s", quoted(name)) : fd;
}

int export_open_in(int dir, const char *name, struct xhp_err *err)
{
	return open_in(dir, name, 0, err);
}

int export_open(const char *root, const char *path, const char **ret_missing,
		struct xhp_err *err)
{
	const char *rest = path + (strcmp(root, "/") ? strlen(root) : 0);
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), next;

	if (ret_missing)
		*ret_missing = NULL;
	if (fd < 0)
		return err_sys(err, -errno, "%s", root);
	while (*rest == '/') {
		size_t len = strcspn(++rest, "/");
		const char *name = mem_strndup(rest, len);

		if (check_parent(fd, path, name, err) < 0) {
			close(fd);
			return err->code;
		}
		next = export_open_in(fd, name, err);
		if (next == -ENOENT && ret_missing) {
			*ret_missing = rest;
			return fd;
		}
		close(fd);
		if (next < 0)
			return err_wrap(err, "%s", quoted(path));
		fd = next;
		rest += len;
	}
	return fd;
}

struct walk {
	int (*visit)(void *data, int dir, const char *name, const struct stat *st,
		     struct xhp_err *err);
	void *data;
	dev_t dev;
	unsigned int depth;
};

static int walk_in(struct walk *w, int dir, struct xhp_err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		rc = err_sys(err, -errno, "a directory");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (!rc && (e = readdir(d))) {
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		rc = deadline_check(err);
		if (rc < 0 || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_dev != w->dev)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int sub = open_in(fd, e->d_name, RESOLVE_NO_XDEV, err);

			/* what is mounted there may be of the same file system */
			if (sub == -ENOENT || sub == -EXDEV)
				continue;
			if (++w->depth > DEPTH_MAX)
				rc = err_set(err, -ELOOP, "nested more than %d deep",
					     DEPTH_MAX);
			else
				rc = sub < 0 ? sub : walk_in(w, sub, err);
			w->depth--;
			if (sub >= 0)
				close(sub);
		}
		if (!rc)
			rc = w->visit(w->data, fd, e->d_name, &st, err);
	}
	closedir(d);
	return rc;
}

int export_walk(int dir,
		int (*visit)(void *data, int dir, const char *name, const struct stat *st,
			     struct xhp_err *err),
		void *data, struct xhp_err *err)
{
	struct walk w = { .visit = visit, .data = data };
	struct stat st;

	if (fstat(dir, &st) < 0)
		return err_sys(err, -errno, "a directory");
	w.dev = st.st_dev;
	return walk_in(&w, dir, err);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// Recipes as files: where they are found, and whose they may be.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "find.h"
#include "guard.h"
#include "paths.h"
#include "xhp.h"

#define FILE_MAX (256 * 1024)

static const char *const recipe_dirs[] = { ADMIN_RECIPES, SHIPPED_RECIPES };

int owner_check(const struct stat *st, const char *name, struct xhp_err *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, -EPERM, "%s belongs to user %u, not to root", name,
			       st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, -EPERM,
			       "others than root can write to %s (mode %04o)", name,
			       st->st_mode & 07777);
	return 0;
}

/* Done by a thread where the file's server may not answer (guard.h). */
struct reading {
	const char *path, *dir;
	void *(*alloc)(size_t size); /* zeroed memory */
	int rc;
	struct stat st, dir_st;
	char *text; /* NULL: it is no file, or too large */
	size_t len;
};

static void read_all(void *data)
{
	struct reading *r = data;
	CLEANUP_FD int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &r->st) < 0 || stat(r->dir, &r->dir_st) < 0) {
		r->rc = -errno;
		return;
	}
	if (!S_ISREG(r->st.st_mode) || r->st.st_size > FILE_MAX)
		return;
	r->text = r->alloc((size_t)r->st.st_size + 1);
	while (r->text && n > 0 && r->len < (size_t)r->st.st_size) {
		n = read(fd, r->text + r->len, (size_t)r->st.st_size - r->len);
		r->len += n > 0 ? (size_t)n : 0;
	}
	if (!r->text || n < 0)
		r->rc = -errno;
}

static int take(const struct reading *r, const char *what, struct file *ret,
		struct xhp_err *err)
{
	if (r->rc) {
		err_usage(err, NULL, "%s %s: %s", what, r->path, strerror(-r->rc));
		return err->code = r->rc;
	}
	if (!r->text)
		return err_usage(err, NULL, "%s %s is %s", what, r->path,
				 S_ISREG(r->st.st_mode) ? "too large" : "not a file");
	if (owner_check(&r->st, r->path, err) < 0 ||
	    owner_check(&r->dir_st, r->dir, err) < 0)
		return err_usage(err, NULL, "%s", err->text);
	*ret = (struct file){ r->text, r->len, r->st.st_dev, r->st.st_ino,
			      r->st.st_mode };
	return 0;
}

/* For the thread, which has no part in the arena; never freed either. */
static void *own_alloc(size_t size)
{
	return calloc(1, size);
}

static struct reading *reading(const char *path, void *(*alloc)(size_t size))
{
	const char *slash = strrchr(path, '/');
	struct reading *r = MEM_NEW(struct reading);

	r->path = mem_strdup(path);
	r->alloc = alloc;
	r->dir = slash == path ? "/" : mem_strndup(path, (size_t)(slash - path));
	return r;
}

int file_read(const char *path, const char *what, struct file *ret, struct xhp_err *err)
{
	struct reading *r = reading(path, mem_alloc);

	read_all(r);
	return take(r, what, ret, err);
}

int file_read_guarded(const char *path, const char *what, struct file *ret,
		      struct xhp_err *err)
{
	struct reading *r = reading(path, own_alloc);

	if (guarded(read_all, r, 0, err) < 0)
		return err_wrap(err, "%s %s: is its server dead?", what, path);
	return take(r, what, ret, err);
}

bool recipe_is_program(int fd)
{
	char line[256];
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return !strncmp(line, "#!", 2) && strstr(line, "/xen-hotplug run");
}

static bool is_recipe_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 64 && *name != '.' && *name != '-' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789_.-") == len;
}

/* A recipe never finds a file that is using it, so a site's vif-bridge can use ours. */
static bool in_use(const struct scope *scope, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	for (; scope; scope = scope->parent) {
		if (scope->dev == st.st_dev && scope->ino == st.st_ino)
			return true;
	}
	return false;
}

static const char *name_candidate(void *data, unsigned int i)
{
	const char **names = data;

	return names[i];
}

int recipe_find(const char *name, const struct scope *parent, const struct pos *pos,
		const char **ret, struct xhp_err *err)
{
	struct xhp_err unused;
	const char **names, *name_near;
	unsigned int n;

	if (strchr(name, '/') && !parent) {
		*ret = name;
		return 0;
	}
	if (!is_recipe_name(name))
		return err_usage(err, pos, "%s is not the name of a recipe",
				 quoted(name));
	for (size_t i = 0; i < sizeof(recipe_dirs) / sizeof(recipe_dirs[0]); i++) {
		const char *path = mem_printf("%s/%s.ini", recipe_dirs[i], name);

		if (access(path, F_OK) == 0 && !in_use(parent, path)) {
			*ret = path;
			return 0;
		}
	}
	if (recipe_names(&names, &n, &unused) < 0)
		names = MEM_NEW(const char *);
	name_near = did_you_mean(name, name_candidate, names);
	if (!parent && access(name, F_OK) == 0) /* a file that lies here has a path */
		name_near = mem_printf("./%s", name);
	if (name_near && !strcmp(name_near, name)) /* the one that asks */
		err_usage(err, pos, "there is no other recipe %s in %s or %s",
			  quoted(name), ADMIN_RECIPES, SHIPPED_RECIPES);
	else
		err_usage(err, pos, "there is no recipe %s in %s or %s%s", quoted(name),
			  ADMIN_RECIPES, SHIPPED_RECIPES, meant(name_near));
	return err->code = -ENOENT;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int recipe_names(const char ***ret, unsigned int *ret_n, struct xhp_err *err)
{
	const char **names = NULL;
	unsigned int n = 0, kept = 0;

	for (size_t i = 0; i < sizeof(recipe_dirs) / sizeof(recipe_dirs[0]); i++) {
		DIR *dir = opendir(recipe_dirs[i]);
		struct dirent *e;

		if (!dir && errno != ENOENT)
			return err_sys(err, -errno, "%s", recipe_dirs[i]);
		while (dir && (e = readdir(dir))) {
			size_t len = strlen(e->d_name);

			if (len > 4 && !strcmp(e->d_name + len - 4, ".ini"))
				*MEM_PUSH(names, n) = mem_strndup(e->d_name, len - 4);
		}
		if (dir)
			closedir(dir);
	}
	if (n)
		qsort(names, n, sizeof(*names), compare_names);
	for (unsigned int i = 0; i < n; i++) {
		if (!kept || strcmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	}
	*MEM_PUSH(names, n) = NULL;
	names[kept] = NULL;
	*ret = names;
	*ret_n = kept;
	return 0;
}

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
#include "paths.h"
#include "xhp.h"

#define RECIPE_MAX (256 * 1024)

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

int file_read(const char *path, const char *what, struct file *ret, struct xhp_err *err)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *slash = strrchr(path, '/');
	const char *dir = slash == path ? "/" : mem_strndup(path, (size_t)(slash - path));
	struct stat st, dir_st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0) {
		int code = -errno;

		err_usage(err, NULL, "%s %s: %s", what, path, strerror(-code));
		return err->code = code;
	}
	if (fstat(fd, &st) < 0 || stat(dir, &dir_st) < 0)
		return err_sys(err, -errno, "%s %s", what, path);
	if (!S_ISREG(st.st_mode) || st.st_size > RECIPE_MAX)
		return err_usage(err, NULL, "%s %s is %s", what, path,
				 S_ISREG(st.st_mode) ? "too large" : "not a file");
	if (owner_check(&st, path, err) < 0 || owner_check(&dir_st, dir, err) < 0)
		return err_usage(err, NULL, "%s", err->text);
	ret->text = mem_alloc((size_t)st.st_size + 1);
	while (len < (size_t)st.st_size &&
	       (n = read(fd, ret->text + len, (size_t)st.st_size - len)) != 0) {
		if (n < 0)
			return err_sys(err, -errno, "%s %s", what, path);
		len += (size_t)n;
	}
	ret->len = len;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	return 0;
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

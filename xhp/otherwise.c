// SPDX-License-Identifier: LGPL-2.1-or-later
// Another recipe, or another's script, for what a recipe is not for, as Xen's script
// block ran block-TYPE for what is neither file nor device.

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "class.h"
#include "find.h"
#include "otherwise.h"
#include "paths.h"
#include "request.h"
#include "steps.h"
#include "vars.h"
#include "xhp.h"

#define SCRIPTS SYSCONFDIR "/xen/scripts"

/* A name that is no path, and none that an editor or a package manager left. */
static bool is_plain(const char *name)
{
	size_t len = strlen(name);

	return len && len <= 64 && *name != '-' && name[len - 1] != '-' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789_-") == len;
}

/* -ENOENT: there is none. */
static int load_script(const char *name, const char *device, struct recipe *ret,
		       struct xhp_err *err)
{
	const char *path = mem_printf(SCRIPTS "/%s", name);
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st, dir;

	if (fd < 0 || fstat(fd, &st) < 0 || stat(SCRIPTS, &dir) < 0 ||
	    !S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return -ENOENT;
	if (owner_check(&st, path, err) < 0 || owner_check(&dir, SCRIPTS, err) < 0)
		return err->code;
	return recipe_is_program(fd) ? recipe_load(path, ret, err)
				     : recipe_of_script(device, path, ret, err);
}

/* Who serves the device where `step` cannot. -ENOENT: nobody. */
static int find_other(struct ctx *ctx, const struct step *step, struct recipe *ret,
		      struct xhp_err *err)
{
	const char *device = ctx->recipe->device, *name = "", *path;
	const struct entry *e = NULL;
	struct xhp_err unused;
	int rc;

	for (unsigned int i = 0; i < step->nentries; i++) {
		if (step->entries[i].param->flags & P_OTHERWISE)
			e = &step->entries[i];
	}
	if (!e || expand(ctx, step->scope, &e->value, V_TOKEN, &name, &unused) < 0 ||
	    !is_plain(name))
		return -ENOENT;
	if (!recipe_find(name, NULL, NULL, &path, &unused))
		rc = recipe_load(path, ret, err);
	else
		rc = load_script(name, device, ret, err);
	if (!rc && strcmp(ret->device, device) != 0)
		return err_set(err, -EINVAL, "%s is for a %s, the device is a %s",
			       ret->root->path, ret->device, device);
	return rc;
}

/* Not there, or of another kind: not what is there and cannot be had. */
static bool is_absent(int code)
{
	return code == -ENOENT || code == -ENOTDIR || code == -EINVAL;
}

int hand_over(struct ctx *ctx, struct xhp_err *err)
{
	struct recipe *other = MEM_NEW(struct recipe);
	struct xhp_err why;
	int rc;

	if (!ctx->refused || !is_absent(err->code))
		return err->code;
	rc = find_other(ctx, ctx->refused, other, &why);
	if (rc == -ENOENT)
		return err->code;
	if (rc < 0) {
		*err = why;
		return rc;
	}
	log_info("%s serves it, for: %s", other->root->path, err->text);
	ctx->recipe = other;
	return 0;
}

int hand_over_detach(struct ctx *ctx, struct xhp_err *err)
{
	const struct recipe *recipe = ctx->recipe;
	struct recipe *other = MEM_NEW(struct recipe);

	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		struct step *step = recipe->steps[i];

		if (find_other(ctx, step, other, err) < 0)
			continue;
		if (step_check(ctx, step, err) == 0 || !is_absent(err->code))
			continue;
		ctx->recipe = other;
		return 0;
	}
	return -ENOENT;
}

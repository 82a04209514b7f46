// SPDX-License-Identifier: LGPL-2.1-or-later
// directory: one that a guest is given, below the settings' export-roots.

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "actions.h"
#include "export.h"

enum { KEEP = 1, REMOVE_EMPTY, DELETE_CONTENTS }; /* on-detach */

struct args {
	const char *path, *within, *owner, *mode;
	bool create;
	uint8_t on_detach;
	uid_t uid;
	gid_t gid;
	mode_t bits;
};

static const struct param params[] = {
	{ .key = "path",
	  .type = V_PATH,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, path),
	  .help = "the directory" },
	{ .key = "within",
	  .type = V_PATH,
	  .offset = offsetof(struct args, within),
	  .help = "what it has to be, or be below, beside export-roots" },
	{ .key = "create",
	  .type = V_BOOL,
	  .offset = offsetof(struct args, create),
	  .dflt = "no",
	  .help = "make it, and what leads to it, if it is missing" },
	{ .key = "owner",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, owner),
	  .help = "USER or USER:GROUP, of one that is made; else root" },
	{ .key = "mode",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, mode),
	  .dflt = "0700",
	  .help = "the permissions, octal, of one that is made" },
	{ .key = "on-detach",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, on_detach),
	  .words = "keep|remove-empty|delete-contents",
	  .dflt = "keep",
	  .help = "what becomes of one that was made: the last deletes the guest's data" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "path", .type = V_PATH, .help = "the directory" },
	{ .name = NULL },
};

static bool is_number(const char *text, unsigned int *ret)
{
	struct xhp_err unused;
	uint64_t n;

	if (uint_parse(text, 0, UINT32_MAX - 1, &n, &unused) < 0)
		return false;
	*ret = (unsigned int)n;
	return true;
}

static int find_owner(struct args *args, struct xhp_err *err)
{
	const char *colon = args->owner ? strchr(args->owner, ':') : NULL, *user;
	const struct passwd *pw;
	const struct group *gr;

	if (!args->owner)
		return 0;
	user = colon ? mem_strndup(args->owner, (size_t)(colon - args->owner))
		     : args->owner;
	if (is_number(user, &args->uid)) {
		args->gid = args->uid;
	} else {
		pw = getpwnam(user);
		if (!pw)
			return err_set(err, -EINVAL, "there is no user %s", quoted(user));
		args->uid = pw->pw_uid;
		args->gid = pw->pw_gid;
	}
	if (!colon || is_number(colon + 1, &args->gid))
		return 0;
	gr = getgrnam(colon + 1);
	if (!gr)
		return err_set(err, -EINVAL, "there is no group %s", quoted(colon + 1));
	args->gid = gr->gr_gid;
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	const char *root, *missing;
	char *end;
	int fd;

	(void)ctx;
	args->bits = (mode_t)strtoul(args->mode, &end, 8);
	if (*end || strlen(args->mode) > 5 || args->bits > 07777 ||
	    strspn(args->mode, "01234567") != strlen(args->mode))
		return err_set(err, -EINVAL, "mode %s: expected octal, such as 0700",
			       quoted(args->mode));
	if (find_owner(args, err) < 0 ||
	    export_root(args->path, args->within, &root, err) < 0)
		return err->code;
	fd = export_open(root, args->path, &missing, err);
	if (fd < 0)
		return fd;
	close(fd);
	if (missing && !args->create)
		return err_set(err, -ENOENT, "there is no directory %s (create = no)",
			       quoted(args->path));
	step_result(step, "path", args->path);
	return 0;
}

/* One directory in `*fd`, which it then is the descriptor of. */
static int make(struct ctx *ctx, const struct args *args, const char *root,
		const char *path, int *fd, struct xhp_err *err)
{
	const char *name = strrchr(path, '/') + 1;
	bool last = !strcmp(path, args->path);
	CLEANUP_FD int made = -1;
	struct stat st;
	int old = *fd;

	if (RECORD(ctx, err, SCOPE_HOST, "directory", "mkdir", "root", root, "path", path,
		   "on-detach", args->on_detach == KEEP ? "keep" : "remove") < 0)
		return err->code;
	if (mkdirat(old, name, last ? 0700 : 0755) < 0) {
		if (errno != EEXIST)
			return err_sys(err, -errno, "cannot make %s", quoted(path));
		/* somebody was quicker, xen-9pfsd perhaps: it is theirs */
		if (journal_undone(ctx->journal, ctx->journal->nrecs - 1, err) < 0)
			return err->code;
		last = false;
	}
	*fd = export_open_in(old, name, err);
	close(old);
	if (*fd < 0 || !last)
		return *fd < 0 ? err->code : 0;
	made = openat(*fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (made < 0 || fstat(made, &st) < 0)
		return err_sys(err, -errno, "%s", quoted(path));
	if (args->on_detach == DELETE_CONTENTS &&
	    RECORD(ctx, err, SCOPE_HOST, "directory", "contents", "root", root, "path",
		   path, "dev", number_text(st.st_dev), "ino",
		   number_text(st.st_ino)) < 0)
		return err->code;
	if ((args->owner && fchown(made, args->uid, args->gid) < 0) ||
	    fchmod(made, args->bits) < 0)
		return err_sys(err, -errno, "owner and mode of %s", quoted(path));
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *root, *missing, *wanted;
	int fd;

	(void)ctx;
	if (export_root(args->path, args->within, &root, err) < 0)
		return err->code;
	fd = export_open(root, args->path, &missing, err);
	if (fd < 0)
		return fd;
	close(fd);
	wanted = missing ? mem_printf("made, mode %s%s%s", args->mode,
				      args->owner ? ", of " : "",
				      args->owner ? args->owner : "")
			 : "there";
	plan_change(step, args->path, "directory", missing ? "" : wanted, wanted);
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *root, *missing;
	int fd, rc = 0;

	(void)step;
	if (export_root(args->path, args->within, &root, err) < 0)
		return err->code;
	fd = export_open(root, args->path, &missing, err);
	if (fd < 0)
		return fd;
	for (const char *s = missing; s && !rc;) {
		s += strcspn(s, "/");
		rc = make(ctx, args, root,
			  mem_strndup(args->path, (size_t)(s - args->path)), &fd, err);
		s = *s ? s + 1 : NULL;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The directory that a record's path is in, open, and its name. -ENOENT: it is gone. */
static int rec_parent(const struct rec *rec, const char **ret_name, struct xhp_err *err)
{
	const char *root = rec_get(rec, "root"), *path = rec_get(rec, "path"), *slash;

	slash = path ? strrchr(path, '/') : NULL;
	if (!root || !slash || strlen(path) <= strlen(root))
		return rec_unknown(rec, err);
	*ret_name = slash + 1;
	return export_open(root, mem_strndup(path, (size_t)(slash - path)), NULL, err);
}

static int delete_one(void *data, int dir, const char *name, const struct stat *st,
		      struct xhp_err *err)
{
	(void)data;
	if (unlinkat(dir, name, S_ISDIR(st->st_mode) ? AT_REMOVEDIR : 0) < 0 &&
	    errno != ENOENT)
		return err_sys(err, -errno, "cannot delete %s", quoted(name));
	return 0;
}

/* Only of the directory that we made. */
static int delete_contents(const struct rec *rec, int dir, const char *name,
			   struct xhp_err *err)
{
	const char *dev = rec_get(rec, "dev"), *ino = rec_get(rec, "ino");
	CLEANUP_FD int fd = export_open_in(dir, name, err);
	struct stat st;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || !dev || !ino || fstat(fd, &st) < 0 ||
	    strcmp(dev, number_text(st.st_dev)) != 0 ||
	    strcmp(ino, number_text(st.st_ino)) != 0) {
		log_warn(
			"%s is not the directory that was made: nothing in it is deleted",
			quoted(rec_get(rec, "path")));
		return 0;
	}
	return export_walk(fd, delete_one, NULL, err);
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name, *on_detach = rec_get(rec, "on-detach");
	CLEANUP_FD int dir = rec_parent(rec, &name, err);

	if (dir == -ELOOP || dir == -ENOTDIR) {
		log_warn("%s, and stays as it is", err->text);
		return 0;
	}
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (!strcmp(rec->kind, "contents"))
		return delete_contents(rec, dir, name, err);
	if (strcmp(rec->kind, "mkdir") != 0)
		return rec_unknown(rec, err);
	if (!ctx->rollback && on_detach && !strcmp(on_detach, "keep"))
		return 0;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY) {
		log_info("%s is not empty, and stays", rec_get(rec, "path"));
		return 0;
	}
	if (errno == ENOTDIR) {
		log_warn("%s is no directory any more, and stays", rec_get(rec, "path"));
		return 0;
	}
	return err_sys(err, -errno, "cannot remove %s", quoted(rec_get(rec, "path")));
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name;
	CLEANUP_FD int dir = rec_parent(rec, &name, err), fd = -1;

	(void)ctx;
	if (dir < 0)
		return 1;
	fd = export_open_in(dir, name, err);
	if (fd < 0)
		err_wrap(err, "%s", rec_get(rec, "path"));
	return fd < 0;
}

const struct action action_directory = {
	.name = "directory",
	.summary = "a directory that a guest is given, checked, and made if need be",
	.params = params,
	.args_size = sizeof(struct args),
	.results = results,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
};

// SPDX-License-Identifier: LGPL-2.1-or-later
// quota: how much a directory may hold, by a project quota (quotactl(2),
// ioctl_xfs_fsgetxattr(2)).

#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actions.h"
#include "export.h"
#include "text.h"
#include "trace.h"

#define PROJECT_FIRST 0x40000000U /* ours are from here on */
#define PROJECT_MASK  0x3fffffffU
#define KIB_PER_MIB   1024 /* limits are in blocks of QIF_DQBLKSIZE, 1 KiB */

struct args {
	const char *path;
	struct num space, files;
};

static const struct param params[] = {
	{ .key = "path",
	  .type = V_PATH,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, path),
	  .help = "the directory, below one of the settings' export-roots" },
	{ .key = "space",
	  .type = V_UINT,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, space),
	  .max = UINT32_MAX,
	  .help = "MiB; 0 = any" },
	{ .key = "files",
	  .type = V_UINT,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, files),
	  .max = UINT32_MAX,
	  .help = "files and directories in it; 0 = any" },
	{ .key = NULL },
};

static int quota_call(int fd, unsigned int cmd, uint32_t id, void *data)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(cmd, PRJQUOTA), id, data);
}

/* Does the file system count, and hold to the limits? */
static int check_enforced(int fd, const char *path, struct xhp_err *err)
{
	struct fs_quota_statv state = { .qs_version = FS_QSTATV_VERSION1 };

	if (quota_call(fd, Q_XGETQSTATV, 0, &state) == 0 &&
	    (state.qs_flags & FS_QUOTA_PDQ_ENFD))
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "%s: its file system has no project quotas (ext4: feature "
		       "\"project\", mounted with prjquota; XFS: mounted with prjquota)",
		       quoted(path));
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *root, *missing;
	CLEANUP_FD int fd = -1;

	(void)ctx;
	(void)step;
	if (!args->space.v && !args->files.v)
		return 0;
	if (export_root(args->path, NULL, &root, err) < 0)
		return err->code;
	fd = export_open(root, args->path, &missing, err);
	if (fd < 0)
		return fd;
	return check_enforced(fd, args->path, err);
}

/* For a directory, or a file that fstatat() has just called one; -ENOENT: it is gone. */
static int open_for_ioctl(int dir, const char *name, struct xhp_err *err)
{
	int fd = openat(dir, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, -errno, "%s", quoted(name)) : fd;
}

struct move {
	uint32_t from, to;
};

/* From one project to the other; what is in neither stays as it is. */
static int move_fd(int fd, const struct move *m, bool is_dir, const char *name,
		   struct xhp_err *err)
{
	struct fsxattr attr;

	if (TRACED_IOCTL(fd, FS_IOC_FSGETXATTR, &attr) < 0)
		return err_sys(err, -errno, "project of %s", quoted(name));
	if (attr.fsx_projid != m->from)
		return 0;
	attr.fsx_projid = m->to;
	if (is_dir && m->to)
		attr.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	else
		attr.fsx_xflags &= ~(unsigned int)FS_XFLAG_PROJINHERIT;
	if (TRACED_IOCTL(fd, FS_IOC_FSSETXATTR, &attr) < 0)
		return err_sys(err, -errno, "project of %s", quoted(name));
	return 0;
}

/* Links and the like have no project, and take no space to speak of. */
static int move_one(void *data, int dir, const char *name, const struct stat *st,
		    struct xhp_err *err)
{
	CLEANUP_FD int fd = -1;

	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return 0;
	fd = open_for_ioctl(dir, name, err);
	if (fd < 0)
		return fd == -ENOENT || fd == -ELOOP ? 0 : fd;
	return move_fd(fd, data, S_ISDIR(st->st_mode), name, err);
}

/* The directory first: what is made in it meanwhile belongs to the new project, too. */
static int move_tree(int fd, const char *path, struct move m, struct xhp_err *err)
{
	if (move_fd(fd, &m, true, path, err) < 0)
		return err->code;
	return export_walk(fd, move_one, &m, err);
}

static int get_limits(int fd, uint32_t project, struct if_dqblk *ret, struct xhp_err *err)
{
	memset(ret, 0, sizeof(*ret));
	if (quota_call(fd, Q_GETQUOTA, project, ret) < 0 && errno != ESRCH &&
	    errno != ENOENT)
		return err_sys(err, -errno, "quota of project %u", project);
	return 0;
}

static int set_limits(int fd, uint32_t project, struct if_dqblk limits,
		      struct xhp_err *err)
{
	limits.dqb_valid = QIF_LIMITS;
	if (quota_call(fd, Q_SETQUOTA, project, &limits) < 0)
		return err_sys(err, -errno, "quota of project %u", project);
	return 0;
}

/* A number that nothing on the file system has. */
static int free_project(int fd, const char *path, uint32_t *ret, struct xhp_err *err)
{
	uint32_t first = (uint32_t)text_hash(HASH_START, path, strlen(path));

	for (uint32_t i = 0; i < 64; i++) {
		uint32_t id = PROJECT_FIRST | ((first + i) & PROJECT_MASK);
		struct if_dqblk q;

		if (get_limits(fd, id, &q, err) < 0)
			return err->code;
		if (!q.dqb_curspace && !q.dqb_curinodes && !q.dqb_bhardlimit &&
		    !q.dqb_ihardlimit && !q.dqb_bsoftlimit && !q.dqb_isoftlimit) {
			*ret = id;
			return 0;
		}
	}
	return err_set(err, -EBUSY, "no project number is free for %s", quoted(path));
}

static int open_dir(const char *root, const char *path, struct xhp_err *err)
{
	CLEANUP_FD int fd = export_open(root, path, NULL, err);

	return fd < 0 ? fd : open_for_ioctl(fd, ".", err);
}

/* The directory, open, and the project that it is of. */
static int open_export(const char *path, const char **ret_root, struct fsxattr *ret,
		       struct xhp_err *err)
{
	int fd, rc;

	if (export_root(path, NULL, ret_root, err) < 0)
		return err->code;
	fd = open_dir(*ret_root, path, err);
	if (fd < 0 || TRACED_IOCTL(fd, FS_IOC_FSGETXATTR, ret) == 0)
		return fd;
	rc = err_sys(err, -errno, "project of %s", quoted(path));
	close(fd);
	return rc;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct if_dqblk now = { 0 };
	CLEANUP_FD int fd = -1;
	struct fsxattr attr;
	const char *root;

	(void)ctx;
	if (!args->space.v && !args->files.v)
		return 0;
	fd = open_export(args->path, &root, &attr, err);
	if (fd < 0)
		return fd;
	if (attr.fsx_projid && get_limits(fd, attr.fsx_projid, &now, err) < 0)
		return err->code;
	if (!attr.fsx_projid)
		plan_change(step, args->path, "project", "", "a free number");
	plan_change(step, args->path, "KiB", number_text(now.dqb_bhardlimit),
		    number_text(args->space.v * KIB_PER_MIB));
	plan_change(step, args->path, "files", number_text(now.dqb_ihardlimit),
		    number_text(args->files.v));
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	CLEANUP_FD int fd = -1;
	struct if_dqblk old, new = { 0 };
	struct fsxattr attr;
	uint32_t project;
	const char *root;

	(void)step;
	if (!args->space.v && !args->files.v)
		return 0;
	fd = open_export(args->path, &root, &attr, err);
	if (fd < 0)
		return fd;
	project = attr.fsx_projid;
	if (!project && free_project(fd, args->path, &project, err) < 0)
		return err->code;
	if (get_limits(fd, project, &old, err) < 0)
		return err->code;
	new.dqb_bhardlimit = args->space.v *KIB_PER_MIB;
	new.dqb_ihardlimit = args->files.v;
	if (RECORD(ctx, err, SCOPE_HOST, "quota", "limits", "root", root, "path",
		   args->path, "project", number_text(project), "space",
		   number_text(new.dqb_bhardlimit), "files",
		   number_text(new.dqb_ihardlimit), "old-space",
		   number_text(old.dqb_bhardlimit), "old-space-soft",
		   number_text(old.dqb_bsoftlimit), "old-files",
		   number_text(old.dqb_ihardlimit), "old-files-soft",
		   number_text(old.dqb_isoftlimit)) < 0 ||
	    set_limits(fd, project, new, err) < 0)
		return err->code;
	if (attr.fsx_projid)
		return 0; /* the administrator has made it one */
	if (RECORD(ctx, err, SCOPE_HOST, "quota", "project", "root", root, "path",
		   args->path, "project", number_text(project)) < 0)
		return err->code;
	return move_tree(fd, args->path, (struct move){ 0, project }, err);
}

/* The directory of a record, open, and its project. -ENOENT: it is gone. */
static int rec_dir(const struct rec *rec, uint32_t *ret_project, struct xhp_err *err)
{
	const char *root = rec_get(rec, "root"), *path = rec_get(rec, "path");

	*ret_project = (uint32_t)rec_num(rec, "project", 0);
	if (!root || !path || !*ret_project)
		return rec_unknown(rec, err);
	return open_dir(root, path, err);
}

static bool same_limits(const struct if_dqblk *q, const struct rec *rec)
{
	return q->dqb_bhardlimit == (uint64_t)rec_num(rec, "space", 0) &&
	       q->dqb_ihardlimit == (uint64_t)rec_num(rec, "files", 0);
}

static int undo_limits(const struct rec *rec, int fd, uint32_t project,
		       struct xhp_err *err)
{
	struct if_dqblk now;

	if (get_limits(fd, project, &now, err) < 0)
		return err->code;
	if (!same_limits(&now, rec)) {
		log_info("project %u has other limits by now, and keeps them", project);
		return 0;
	}
	return set_limits(
		fd, project,
		(struct if_dqblk){
			.dqb_bhardlimit = (uint64_t)rec_num(rec, "old-space", 0),
			.dqb_bsoftlimit = (uint64_t)rec_num(rec, "old-space-soft", 0),
			.dqb_ihardlimit = (uint64_t)rec_num(rec, "old-files", 0),
			.dqb_isoftlimit = (uint64_t)rec_num(rec, "old-files-soft", 0) },
		err);
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	uint32_t project;
	CLEANUP_FD int fd = rec_dir(rec, &project, err);

	(void)ctx;
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
	if (!strcmp(rec->kind, "limits"))
		return undo_limits(rec, fd, project, err);
	if (strcmp(rec->kind, "project") != 0)
		return rec_unknown(rec, err);
	return move_tree(fd, rec_get(rec, "path"), (struct move){ project, 0 }, err);
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	uint32_t project;
	CLEANUP_FD int fd = rec_dir(rec, &project, err);
	struct if_dqblk now;
	struct fsxattr attr;

	(void)ctx;
	if (fd < 0)
		return 1;
	if (!strcmp(rec->kind, "limits")) {
		if (get_limits(fd, project, &now, err) < 0)
			return 1;
		if (same_limits(&now, rec))
			return 0;
		err_set(err, -ESTALE,
			"the limits of %s are %llu KiB and %llu files, not %s and %s",
			rec_get(rec, "path"), now.dqb_bhardlimit, now.dqb_ihardlimit,
			rec_get(rec, "space"), rec_get(rec, "files"));
		return 1;
	}
	if (TRACED_IOCTL(fd, FS_IOC_FSGETXATTR, &attr) < 0 ||
	    attr.fsx_projid != project) {
		err_set(err, -ESTALE, "%s is not of project %u any more",
			rec_get(rec, "path"), project);
		return 1;
	}
	return 0;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	uint32_t project;
	CLEANUP_FD int fd = rec_dir(rec, &project, err);

	(void)ctx;
	if (fd < 0)
		return fd;
	if (!strcmp(rec->kind, "project"))
		return move_tree(fd, rec_get(rec, "path"), (struct move){ 0, project },
				 err);
	return set_limits(
		fd, project,
		(struct if_dqblk){ .dqb_bhardlimit = (uint64_t)rec_num(rec, "space", 0),
				   .dqb_ihardlimit = (uint64_t)rec_num(rec, "files", 0) },
		err);
}

const struct action action_quota = {
	.name = "quota",
	.summary = "limit what a directory may hold, by a project quota",
	.params = params,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
};

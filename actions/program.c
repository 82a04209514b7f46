// SPDX-License-Identifier: LGPL-2.1-or-later
// Outside programs: where they are, and how they are run.

#include <sys/stat.h>

#include "find.h"
#include "program.h"

static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
				    "/usr/bin",        "/sbin",          "/bin" };
enum { NDIRS = sizeof(dirs) / sizeof(dirs[0]) };

static const char *const env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
	"HOME=/", NULL
};

/* Debian's packages of the programs that the shipped recipes name. */
static const struct {
	const char *program, *package;
} packages[] = {
	{ "drbdadm", "drbd-utils" },
	{ "drbdsetup", "drbd-utils" },
	{ "iscsiadm", "open-iscsi" },
	{ "lvchange", "lvm2" },
	{ "lvs", "lvm2" },
	{ "multipath", "multipath-tools" },
	{ "multipathd", "multipath-tools" },
	{ "nbd-client", "nbd-client" },
	{ "rbd", "ceph-common" },
	{ "zfs", "zfsutils-linux" },
};

static int missing(const char *name, struct xhp_err *err)
{
	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		if (!strcmp(packages[i].program, name))
			return err_set(err, -ENOENT,
				       "the program %s is not installed (in Debian: "
				       "package %s)",
				       name, packages[i].package);
	}
	return err_set(err, -ENOENT, "the program %s is not installed", name);
}

/* 1 = it is there, 0 = it is not. */
static int look(const char *path, struct xhp_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return 0;
	return owner_check(&st, path, err) < 0 ? err->code : 1;
}

int program_find(const char *name, const char **ret, struct xhp_err *err)
{
	const char *path = name;
	int rc = 0;

	if (*name == '/') {
		rc = look(name, err);
	} else {
		for (int i = 0; !rc && i < NDIRS; i++) {
			path = mem_printf("%s/%s", dirs[i], name);
			rc = look(path, err);
		}
	}
	if (rc <= 0)
		return rc < 0 ? rc : missing(name, err);
	*ret = path;
	return 0;
}

int program_run(struct journal *j, const struct texts *words, unsigned int timeout_s,
		struct proc *ret, struct xhp_err *err)
{
	const char **argv = MEM_ARRAY(const char *, words->n + 1);
	struct proc p = {
		.argv = argv, .env = env, .timeout_s = (int)timeout_s, .apart = true
	};

	if (!words->n)
		return err_set(err, -EINVAL, "no program");
	memcpy(argv, words->v, words->n * sizeof(*argv));
	if (program_find(words->v[0], &argv[0], err) < 0 ||
	    proc_run(j, "exec", &p, err) < 0)
		return err->code;
	*ret = p;
	return 0;
}

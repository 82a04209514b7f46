// SPDX-License-Identifier: LGPL-2.1-or-later
// daemon: a backend's daemon that serves all guests; started if it is not alive.

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "actions.h"
#include "lock.h"
#include "nodes.h"
#include "program.h"
#include "template.h"

#define OWN      "self/"
#define COMM_MAX 15 /* the kernel keeps so much of a name: TASK_COMM_LEN */

struct args {
	struct texts program;
	const char *state, *value, *pid;
	/* what they come to */
	const char *path, *name;
};

static const struct param params[] = {
	{ .key = "program",
	  .type = V_LIST,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, program),
	  .help = "paths, also with * in them: the first that is there" },
	{ .key = "state",
	  .type = V_TEXT,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, state),
	  .help = "the node below our own domain's where it says that it is ready" },
	{ .key = "value",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, value),
	  .dflt = "running",
	  .help = "what it says there" },
	{ .key = "pid",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, pid),
	  .help = "the node that has its process number" },
	{ .key = NULL },
};

static const char *program_path(const struct texts *patterns)
{
	for (unsigned int i = 0; i < patterns->n; i++) {
		const char *found = NULL;
		glob_t g;

		if (glob(patterns->v[i], 0, NULL, &g) == 0)
			found = mem_strdup(g.gl_pathv[g.gl_pathc - 1]);
		globfree(&g);
		if (found)
			return found;
	}
	return NULL;
}

static const char *netns_of(const char *pid)
{
	char text[64];
	ssize_t n = readlink(mem_printf("/proc/%s/ns/net", pid), text, sizeof(text));

	return n > 0 ? mem_strndup(text, (size_t)n) : "";
}

/* root's process of the daemon's name, and no container's; a script's is the script's. */
static bool is_it(const char *pid, const char *name)
{
	CLEANUP_FD int fd = open(mem_printf("/proc/%s/comm", pid), O_RDONLY | O_CLOEXEC);
	char comm[COMM_MAX + 2];
	ssize_t n = fd < 0 ? -1 : read(fd, comm, sizeof(comm) - 1);
	struct stat st;

	if (n <= 0 || fstat(fd, &st) < 0 || st.st_uid != 0)
		return false;
	comm[n - (comm[n - 1] == '\n')] = '\0';
	return !strncmp(comm, name, COMM_MAX) && !strcmp(netns_of(pid), netns_of("self"));
}

/* The daemon's process number, or NULL: the node first, then all that there are. */
static const char *find_process(const struct args *args)
{
	const char *pid, *found = NULL;
	struct xhp_err unused;
	struct dirent *e;
	uint64_t n;
	DIR *dir;

	if (args->pid && store_read(args->pid, &pid, &unused) == 0 &&
	    uint_parse(pid, 1, INT32_MAX, &n, &unused) == 0 && is_it(pid, args->name))
		return pid;
	dir = opendir("/proc");
	while (dir && !found && (e = readdir(dir))) {
		if (*e->d_name >= '1' && *e->d_name <= '9' &&
		    is_it(e->d_name, args->name))
			found = mem_strdup(e->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* 1: it is alive, and ready. */
static int is_ready(const struct args *args, struct xhp_err *err)
{
	const char *value;
	int rc = store_read(args->state, &value, err);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	return !strcmp(value, args->value) && find_process(args);
}

static int no_node(const char *key, const char *name, struct xhp_err *err)
{
	return err_set(err, -EINVAL, "%s = %s: expected self/NODE", key, quoted(name));
}

static int declare(struct step *step, struct xhp_err *err)
{
	static const char *const keys[] = { "state", "pid" };

	for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct entry *e = step_entry(step, keys[i]);
		const char *name = e ? template_literal(&e->value) : NULL;

		if (!name || !*name || node_is(name, OWN))
			continue;
		no_node(keys[i], name, err);
		return err_usage(err, &e->value.pos, "%s", err->text);
	}
	return 0;
}

/* Relative paths are below our own domain's. */
static int own_node(const char **node, const char *key, struct xhp_err *err)
{
	if (*node && !node_is(*node, OWN))
		return no_node(key, *node, err);
	if (*node)
		*node += strlen(OWN);
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	const char *path;

	(void)ctx;
	(void)step;
	if (own_node(&args->state, "state", err) < 0 ||
	    own_node(&args->pid, "pid", err) < 0)
		return err->code;
	path = program_path(&args->program);
	if (!path)
		return err_set(err, -ENOENT, "there is no program %s",
			       quoted(args->program.v[args->program.n - 1]));
	if (program_find(path, &args->path, err) < 0)
		return err->code;
	args->name = strrchr(args->path, '/') + 1;
	return 0;
}

static void nap(void)
{
	const struct timespec moment = { .tv_nsec = 20000000 };

	nanosleep(&moment, NULL);
}

/* It lives on: with a session and a parent of its own, and nothing of ours open. */
static int start(const struct args *args, struct xhp_err *err)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return err_sys(err, -errno, "fork");
	if (child == 0) {
		char *argv[] = { (char *)(uintptr_t)args->path, NULL };
		int null = open("/dev/null", O_RDWR);
		sigset_t none;
		pid_t pid;

		setsid();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
		    dup2(null, 2) < 0 || chdir("/") < 0)
			_exit(1);
		close_range(3, ~0U, 0);
		pid = fork();
		if (pid == 0)
			execv(args->path, argv);
		_exit(pid > 0 ? 0 : 1);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		return err_set(err, -ECHILD, "%s could not be started", args->path);
	return 0;
}

/* The node survives the daemon, and keeps the next one from starting. */
static int revive(const struct args *args, struct xhp_err *err)
{
	const char *pid;
	int rc = is_ready(args, err);

	if (rc)
		return rc < 0 ? rc : 0;
	pid = find_process(args);
	if (!pid) {
		log_warn("%s is not running: it is started", args->name);
		if (store_remove(args->state, err) < 0 || start(args, err) < 0)
			return err->code;
	}
	while (!(rc = is_ready(args, err))) {
		if (deadline_check(err) < 0) {
			pid = find_process(args);
			return err_wrap(err, "%s %s, and %s is not %s", args->name,
					pid ? mem_printf("(pid %s) runs", pid)
					    : "has ended at once",
					args->state, args->value);
		}
		nap();
	}
	return rc < 0 ? rc : 0;
}

/* Made by nobody alone and used by all: there is nothing to take back. */
static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	int rc = is_ready(args, err), dir, lock;

	(void)ctx;
	(void)step;
	if (rc)
		return rc < 0 ? rc : 0;
	/* one starts it, others wait */
	dir = state_dir("", err);
	if (dir < 0)
		return dir;
	lock = lock_claim(dir, args->name, true, false, err);
	if (lock >= 0) {
		rc = revive(args, err);
		unlinkat(dir, args->name, 0);
		close(lock);
	}
	close(dir);
	return lock < 0 ? lock : rc;
}

const struct action action_daemon = {
	.name = "daemon",
	.summary =
		"start a backend's daemon if it is not alive, and wait until it is ready",
	.params = params,
	.args_size = sizeof(struct args),
	.declare = declare,
	.check = check,
	.apply = apply,
};

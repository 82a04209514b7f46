// SPDX-License-Identifier: LGPL-2.1-or-later
// The command line.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "deadline.h"
#include "engine.h"
#include "log.h"
#include "mem.h"
#include "runlog.h"
#include "trace.h"
#include "value.h"

static int load_request(int argc, char **argv, struct recipe *recipe, struct request *req,
			struct xhp_err *err)
{
	if (argc < 2)
		return err_usage(err, NULL, "%s: which recipe?", argv[0]);
	if (recipe_load(argv[1], recipe, err) < 0)
		return err->code;
	return request_parse(argv + 2, recipe, req, err);
}

/* What is attached can be detached also when its recipe is gone, or has an error now. */
static bool is_detach_by_journal(char **argv, struct recipe *recipe, struct request *req)
{
	const char *type = getenv("XENBUS_TYPE");
	struct xhp_err unused;
	struct journal j;

	if (!argv[1] || !type || value_check(V_TOKEN, type, &unused) < 0)
		return false;
	recipe_stub(type, argv[1], recipe);
	return !request_parse(argv + 2, recipe, req, &unused) &&
	       req->kind == VERB_DETACH &&
	       !journal_read(JOURNAL_DEVICES, recipe->class->device(req), &j, &unused);
}

static int run(int argc, char **argv, struct xhp_err *err)
{
	const char *path = getenv("XENBUS_PATH");
	struct recipe recipe;
	struct request req;

	if (load_request(argc, argv, &recipe, &req, err) < 0) {
		if (is_detach_by_journal(argv, &recipe, &req)) {
			log_warn("the journal is enough for %s, but: %s", req.verb,
				 err->text);
			return engine_run(&req, &recipe, err);
		}
		/* no class yet, but a toolstack that waits for a word; below /libxl it
		 * asks for the exit status first */
		if (path && request_is_path(path) && strncmp(path, "/libxl/", 7) != 0)
			class_find("")->finish_err(path, err);
		return err->code;
	}
	return req.kind == VERB_IGNORE ? 0 : engine_run(&req, &recipe, err);
}

int cmd_run(int argc, char **argv, struct xhp_err *err)
{
	int rc;

	log_to_syslog();
	deadline_start(DEADLINE_WORK);
	if (getenv("XEN_HOTPLUG_TRACE"))
		trace_start();
	if (argc > 1 && !strcmp(argv[1], "--trace")) {
		trace_start();
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	runlog_begin(argv[1], argc > 1 ? argv[2] : NULL);
	rc = run(argc, argv, err);
	runlog_end(rc < 0 ? err : NULL);
	return rc;
}

static int cmd_plan(int argc, char **argv, struct xhp_err *err)
{
	struct recipe recipe;
	struct request req;
	bool json = argc > 1 && !strcmp(argv[1], "--json");

	if (json) {
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	deadline_start(DEADLINE_WORK);
	if (load_request(argc, argv, &recipe, &req, err) < 0)
		return err->code;
	return engine_plan(&req, &recipe, json, err);
}

const struct command commands[] = {
	{ "run", "[--trace] RECIPE VERB [NAME=VALUE...]", "attach or detach a device",
	  "RECIPE is a recipe's name or path. The device is in the environment, as libxl\n"
	  "sets it: XENBUS_PATH (backend/vif/1/0), XENBUS_TYPE, and for a vif \"vif\" or\n"
	  "\"INTERFACE\". A recipe can be a program: #!/usr/sbin/xen-hotplug run\n"
	  "--trace, or XEN_HOTPLUG_TRACE in the environment, shows every message to the\n"
	  "kernel, xenstore and other programs on standard error.\n",
	  cmd_run },
	{ "udev", "[EVENT] | --served DEVICE", "the same, for an event of the kernel's",
	  "EVENT is DEVICE:ACTION:NUMBER, as in the name of xen-hotplug@.service; without\n"
	  "it ACTION, XENBUS_PATH and XENBUS_TYPE are taken from the environment, as udev\n"
	  "sets it. Only classes of hotplug.conf's udev-devices are served; --served tells\n"
	  "whether DEVICE is of one.\n",
	  cmd_udev },
	{ "watch", "", "attach and detach what comes and goes in xenstore",
	  "Serves the classes of hotplug.conf's watch-devices until it gets SIGTERM.\n",
	  cmd_watch },
	{ "plan", "[--json] RECIPE VERB [NAME=VALUE...]",
	  "say what run would do; change nothing",
	  "Called like run. Of each step: its values, and what is so now and is going to be:\n"
	  "mtu of vif1.0: 1500 -> 9000. \"-\" is nothing, \"?\" is not known.\n",
	  cmd_plan },
	{ "lint", "[RECIPE...] [--json]",
	  "check recipes without a device; all, if none is named",
	  "Tells every error, and warns of what is legal and surely a mistake. Exit status\n"
	  "2 if there are errors. --json is for editors.\n",
	  cmd_lint },
	{ "status", "[DEVICE] [--json]", "what is attached, by which recipe, since when",
	  "DEVICE is a name that people have for it: vif-1-0, vif1.0, its new name,\n"
	  "GUEST/eth0, GUEST:xvda, a backend path, a MAC address; xvda or GUEST alone if\n"
	  "that is but one device. With it: every change, what was asked, what was there\n"
	  "before, and what is there now.\n",
	  cmd_status },
	{ "tree", "[--dot|--svg]",
	  "the host's bridges, routes and disks, and their guests",
	  "Colours and lines on a terminal, unless NO_COLOR is set; --dot for Graphviz;\n"
	  "--svg through its dot, where that is installed.\n",
	  cmd_tree },
	{ "check", "[DEVICE] [--json] [--prometheus FILE]",
	  "compare the kernel with the journal: what has drifted?",
	  "Exit status 1 if anything has. --prometheus also writes figures for node_exporter's\n"
	  "textfile collector; xen-hotplug-check.timer does that once a minute.\n",
	  cmd_check },
	{ "repair", "[DEVICE] [--json]", "put back what has drifted", NULL, cmd_repair },
	{ "gc", "[--dry-run] [--force]", "undo what is left of devices that are gone",
	  "Finishes what a killed run began, and removes what devices left that are gone\n"
	  "for sure: from xenstore and from the kernel. Stops if more than half of all\n"
	  "devices look gone at once, unless --force is given. --dry-run changes nothing,\n"
	  "and says of each device what would be done, and why.\n",
	  cmd_gc },
	{ "log", "[DEVICE] [--all] [--json]", "the last runs, their steps and errors",
	  "Twenty runs, or with --all as many as are remembered (some thousand), the last\n"
	  "at the end. Behind each step, how many milliseconds it took. Syslog has the\n"
	  "errors and warnings, too: journalctl -t xen-hotplug\n",
	  cmd_log },
	{ "enable", "[--list] [SCRIPT...]",
	  "take the old scripts' names over; all, if none is named",
	  "The original is kept beside it as NAME.stock, diverted where dpkg is in use, so\n"
	  "that updates of Xen's package go there. The name leads to one or the other at\n"
	  "any instant. --list only says what is ours, stock or foreign.\n",
	  cmd_enable },
	{ "disable", "[SCRIPT...]", "give the old scripts' names back", NULL,
	  cmd_disable },
	{ "disk-check", "PATH MODE",
	  "may a guest have this disk? for other block scripts",
	  "Prints \"ok\"; or \"guest MAJOR:MINOR\" or \"local MAJOR:MINOR\" (in hexadecimal,\n"
	  "as Xen's block script did), then with exit status 1 and who has it on standard\n"
	  "error. Whose disk it is going to be is in XENBUS_PATH. The caller holds the lock\n"
	  "\"block\". MODE: with \"w\", for writing; with \"!\" beside it, or \"!\" alone, always ok.\n",
	  cmd_disk_check },
	{ "help", "[COMMAND|ACTION|CLASS] [KEY]",
	  "explain a command, an action, a device class",
	  "KEY: of an action, that alone.\n", cmd_help },
	{ "complete", "WORD...", NULL, NULL, cmd_complete },
	{ NULL, NULL, NULL, NULL, NULL },
};

static const char *command_candidate(void *data, unsigned int i)
{
	(void)data;
	return commands[i].summary ? commands[i].name : NULL;
}

static const char *option_candidate(void *data, unsigned int i)
{
	const char *s = data;

	while ((s = strstr(s, "--"))) {
		size_t len = strcspn(s, " ]|");

		if (!i--)
			return mem_strndup(s, len);
		s += len;
	}
	return NULL;
}

/* What `args` does not name is no option. */
static int check_options(const struct command *c, int argc, char **argv,
			 struct xhp_err *err)
{
	for (int i = 1; i < argc; i++) {
		const char *option = "";

		for (unsigned int k = 0; *argv[i] == '-' && option; k++) {
			option = option_candidate((void *)c->args, k);
			if (option && !strcmp(option, argv[i]))
				break;
		}
		if (!option)
			return err_usage(err, NULL,
					 "%s has no option %s%s (xen-hotplug help %s)",
					 c->name, quoted(argv[i]),
					 meant(did_you_mean(argv[i], option_candidate,
							    (void *)c->args)),
					 c->name);
	}
	return 0;
}

static bool is_help(const char *s)
{
	return !strcmp(s, "--help") || !strcmp(s, "-h");
}

static int run_command(const struct command *c, int argc, char **argv,
		       struct xhp_err *err)
{
	char *help[] = { argv[0], argv[0], NULL };

	/* alone: in a toolstack's call it is a name that there is not */
	if (c->summary && argc == 2 && is_help(argv[1]))
		return cmd_help(2, help, err);
	/* run tells the toolstack, too, what is wrong */
	if (c->summary && c->run != cmd_run && check_options(c, argc, argv, err) < 0)
		return err->code;
	return c->run(argc, argv, err);
}

static int dispatch(int argc, char **argv, struct xhp_err *err)
{
	const char *near;

	if (argc < 2) {
		cmd_help(1, argv, err);
		return err_usage(err, NULL, "which command?");
	}
	if (is_help(argv[1]))
		return cmd_help(1, argv + 1, err);
	if (!strcmp(argv[1], "--version")) {
		printf("xen-hotplug " VERSION "\n");
		return 0;
	}
	for (const struct command *c = commands; c->name; c++) {
		if (!strcmp(c->name, argv[1]))
			return run_command(c, argc - 1, argv + 1, err);
	}
	near = did_you_mean(argv[1], command_candidate, NULL);
	return err_usage(err, NULL, "there is no command %s%s (xen-hotplug help)",
			 quoted(argv[1]), meant(near));
}

/* What is opened must not become standard output. */
static void open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

#ifdef __SANITIZE_ADDRESS__
/* The arena lives until the process ends. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	struct xhp_err err = { 0 };

	if (fcntl(STDIN_FILENO, F_GETFD) < 0 || fcntl(STDOUT_FILENO, F_GETFD) < 0 ||
	    fcntl(STDERR_FILENO, F_GETFD) < 0)
		open_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD,
	       SIG_DFL); /* if it was ignored, we would not learn a child's end */
	umask(022);
	if (dispatch(argc, argv, &err) < 0) {
		if (*err.text)
			log_error(&err);
		return err.usage ? 2 : 1;
	}
	if (fflush(stdout) == EOF) {
		log_err("standard output: %s", strerror(errno));
		return 1;
	}
	return 0;
}

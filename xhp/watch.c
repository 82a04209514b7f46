// SPDX-License-Identifier: LGPL-2.1-or-later
// watch: attaches and detaches what comes and goes in xenstore, a worker for each device.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "class.h"
#include "commands.h"
#include "paths.h"
#include "settings.h"
#include "trigger.h"
#include "watchstore.h"
#include "xhp.h"

#define TYPES_MAX   32
#define WORKERS_MAX 32
#define WORKER_S    60 /* a worker gives up by itself long before */
#define CRASHES_MAX 3
/* The boot during which we were here: a store without it is not the one that we knew. */
#define STORE_NODE "data/xen-hotplug-watch"

struct device {
	bool used;
	char type[32];
	unsigned int domid, devid;
	pid_t worker;
	bool attaching; /* what the worker does */
	time_t since;   /* the worker's start */
	bool dirty;     /* something happened meanwhile */
	bool anew;      /* its directory came or went meanwhile */
	bool tried;     /* an attach was made, and said nothing in xenstore */
	bool left;      /* it is gone, and left to gc */
	unsigned int crashes;
};

static struct device *devices; /* slots are used again: the arena never shrinks */
static unsigned int ndevices, nworkers;
static const char *types[TYPES_MAX];
static unsigned int ntypes;
static bool connected, stopping;
static bool driver_domain; /* it removes what is closed: trigger.c */

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* sd_notify(3): for whoever started us with NOTIFY_SOCKET set. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	CLEANUP_FD int fd = -1;

	if (!len || len >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, len);
	if (*path == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_warn("NOTIFY_SOCKET %s: %s", path, strerror(errno));
}

static void name_of(const struct device *d, char *ret, size_t size)
{
	snprintf(ret, size, "%s-%u-%u", d->type, d->domid, d->devid);
}

/* As journal.h names it. A worker at work holds it, too: then it is looked at again. */
static bool has_journal(const struct device *d)
{
	char path[128], name[64];

	name_of(d, name, sizeof(name));
	snprintf(path, sizeof(path), STATE_DIR "/" JOURNAL_DEVICES "/%s", name);
	return access(path, F_OK) == 0;
}

static struct device *find(const char *type, unsigned int domid, unsigned int devid)
{
	struct device *d;

	for (unsigned int i = 0; i < ndevices; i++) {
		d = &devices[i];
		if (d->used && d->domid == domid && d->devid == devid &&
		    !strcmp(d->type, type))
			return d;
	}
	return NULL;
}

static struct device *find_or_add(const char *type, unsigned int domid,
				  unsigned int devid)
{
	struct device *d = find(type, domid, devid);

	if (d)
		return d;
	for (unsigned int i = 0; i < ndevices && !d; i++) {
		if (!devices[i].used)
			d = &devices[i];
	}
	if (!d)
		d = MEM_PUSH(devices, ndevices);
	*d = (struct device){ .used = true, .domid = domid, .devid = devid };
	snprintf(d->type, sizeof(d->type), "%s", type);
	return d;
}

/* --- workers --- */

static void child(const char *event)
{
	const char *const argv[] = { "xen-hotplug", "udev", event, NULL };
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	/* out of reach of a terminal's ^C: it finishes what it has begun */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	unsetenv("NOTIFY_SOCKET");
	if (null >= 0 && dup2(null, STDIN_FILENO) == 0) {
		close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	}
	_exit(126);
}

static void work(struct device *d, const char *action)
{
	char name[64], event[96];
	pid_t pid;

	if (nworkers >= WORKERS_MAX || stopping) {
		d->dirty = true;
		return;
	}
	name_of(d, name, sizeof(name));
	snprintf(event, sizeof(event), "%s:%s:watch", name, action);
	pid = fork();
	if (pid == 0)
		child(event);
	if (pid < 0) {
		log_err("%s: fork: %s", name, strerror(errno));
		d->dirty = true;
		return;
	}
	d->worker = pid;
	d->attaching = !strcmp(action, "add");
	d->since = now();
	d->dirty = d->anew = false;
	d->tried = d->attaching;
	nworkers++;
}

/* Compares what xenstore says with what was done, and does what is missing. */
static void look(struct device *d)
{
	char path[96], state[16], online[16], mark[16];
	enum level level;
	int rc;

	if (d->worker) {
		d->dirty = true;
		return;
	}
	d->dirty = false;
	snprintf(path, sizeof(path), "backend/%s/%u/%u/state", d->type, d->domid,
		 d->devid);
	rc = watchstore_read(path, state, sizeof(state));
	if (rc < 0 && rc != -ENOENT)
		return; /* not known: the connection is lost, and all is read anew */
	snprintf(path, sizeof(path), "backend/%s/%u/%u/online", d->type, d->domid,
		 d->devid);
	if (watchstore_read(path, online, sizeof(online)) < 0)
		*online = '\0';
	level = trigger_level(d->type, rc < 0 ? NULL : state, online);
	switch (level) {
	case LEVEL_COMING:
		d->left = false;
		break;
	case LEVEL_THERE:
		d->left = false;
		snprintf(path, sizeof(path), "backend/%s/%u/%u/" TRIGGER_MARK, d->type,
			 d->domid, d->devid);
		rc = watchstore_read(path, mark, sizeof(mark));
		if (rc == -ENOENT && !d->tried)
			work(d, "add");
		break;
	case LEVEL_CLOSING:
		if (driver_domain)
			break; /* once it is closed, with its directory */
			       /* fallthrough */
	case LEVEL_CLOSED:
	case LEVEL_GONE:
		d->tried = false;
		if (d->left)
			break;
		if (has_journal(d))
			work(d, "remove");
		else if (level == LEVEL_CLOSED && driver_domain)
			work(d, TRIGGER_CLOSED);
		else
			d->used = false;
		break;
	}
}

static void ended(struct device *d, int status)
{
	const char *what = d->attaching ? "attach" : "detach";
	bool crashed = WIFSIGNALED(status);
	char name[64];

	name_of(d, name, sizeof(name));
	d->worker = 0;
	nworkers--;
	if (crashed)
		log_err("%s: the %s was ended by signal %d", name, what,
			WTERMSIG(status));
	else if (WEXITSTATUS(status))
		log_err("%s: the %s has failed; xen-hotplug gc looks for what it left",
			name, what);
	d->crashes = crashed ? d->crashes + 1 : 0;
	if (d->anew || (crashed && d->crashes < CRASHES_MAX))
		d->tried = false;
	else if (!d->attaching && status)
		d->left = true;
	d->dirty = true;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned int i = 0; i < ndevices; i++) {
			if (devices[i].used && devices[i].worker == pid)
				ended(&devices[i], status);
		}
	}
	for (unsigned int i = 0; connected && i < ndevices && nworkers < WORKERS_MAX;
	     i++) {
		if (devices[i].used && devices[i].dirty && !devices[i].worker)
			look(&devices[i]);
	}
}

static void kill_late(void)
{
	for (unsigned int i = 0; i < ndevices; i++) {
		const struct device *d = &devices[i];

		if (d->used && d->worker && now() - d->since > WORKER_S)
			kill(-d->worker, SIGKILL);
	}
}

/* --- what there is --- */

struct where {
	const char *type;
	unsigned int domid;
};

static bool is_number(const char *text, unsigned int *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*ret = (unsigned int)n;
	return *text >= '0' && *text <= '9' && !*end && n <= UINT32_MAX;
}

static void found_device(void *data, const char *name)
{
	const struct where *w = data;
	unsigned int devid;

	if (is_number(name, &devid))
		look(find_or_add(w->type, w->domid, devid));
}

static void found_domain(void *data, const char *name)
{
	struct where w = { .type = data };
	char path[64];

	if (!is_number(name, &w.domid))
		return;
	snprintf(path, sizeof(path), "backend/%s/%u", w.type, w.domid);
	watchstore_list(path, found_device, &w);
}

/* All of a type: what is there, and what is known and perhaps is not there any more. */
static void scan(const char *type)
{
	char path[64];

	snprintf(path, sizeof(path), "backend/%s", type);
	watchstore_list(path, found_domain, (void *)(uintptr_t)type);
	for (unsigned int i = 0; i < ndevices; i++) {
		if (devices[i].used && !strcmp(devices[i].type, type))
			look(&devices[i]);
	}
}

static const char *served(const char *type, size_t len)
{
	for (unsigned int i = 0; i < ntypes; i++) {
		if (strlen(types[i]) == len && !memcmp(types[i], type, len))
			return types[i];
	}
	return NULL;
}

/* An event's path: backend/TYPE[/DOMID[/DEVID[/...]]] */
static void changed(const char *path)
{
	unsigned int domid, devid;
	const char *type, *s;
	struct device *d;
	int end = 0;

	if (!strcmp(path, "backend")) {
		for (unsigned int i = 0; i < ntypes; i++)
			scan(types[i]);
	}
	if (strncmp(path, "backend/", 8) != 0)
		return;
	s = path + 8;
	type = served(s, strcspn(s, "/"));
	if (!type)
		return;
	s += strlen(type);
	if (sscanf(s, "/%u/%u%n", &domid, &devid, &end) != 2 || !end ||
	    (s[end] && s[end] != '/')) {
		scan(type);
		return;
	}
	d = find_or_add(type, domid, devid);
	/* the directory itself: it has gone, or come, or both */
	if (!s[end]) {
		d->anew = d->worker;
		d->tried &= d->anew;
	}
	look(d);
}

/* --- the connection --- */

/* What was attached and has gone: it is found by its journal. */
static void known_devices(bool believe)
{
	struct field *names;
	struct xhp_err err;
	unsigned int n, left = 0;

	if (journal_list(JOURNAL_DEVICES, &names, &n, &err) < 0) {
		log_warn("%s", err.text);
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		const char *name = names[i].name, *type = NULL;
		unsigned int domid, devid;
		struct device *d;
		char state[16], path[96], end;

		for (unsigned int k = 0; k < ntypes && !type; k++) {
			size_t len = strlen(types[k]);

			if (!strncmp(name, types[k], len) &&
			    sscanf(name + len, "-%u-%u%c", &domid, &devid, &end) == 2)
				type = types[k];
		}
		if (!type)
			continue;
		snprintf(path, sizeof(path), "backend/%s/%u/%u/state", type, domid,
			 devid);
		if (watchstore_read(path, state, sizeof(state)) != -ENOENT)
			continue;
		d = find_or_add(type, domid, devid);
		d->left = !believe;
		left += !believe;
	}
	if (left)
		log_warn(
			"%u devices are not in xenstore, and it is not the one that this "
			"host knew: they are left alone (xen-hotplug gc)",
			left);
}

/*
 * xenstored may have lost all when it was started again: that nothing is there then says
 * nothing about the guests.
 */
static bool connect_store(void)
{
	const char *boot = journal_boot();
	char text[64];
	bool same;

	if (!watchstore_open())
		return false;
	/* as long as we have no number there, the store is not filled yet */
	if (watchstore_read("domid", text, sizeof(text)) < 0)
		return false;
	driver_domain = strcmp(text, "0") != 0;
	same = watchstore_read(STORE_NODE, text, sizeof(text)) == 0 &&
	       !strcmp(text, boot);
	if (!same && watchstore_write(STORE_NODE, boot) < 0)
		log_warn("cannot write %s in xenstore: what goes while this does not run "
			 "is left to gc",
			 STORE_NODE);
	for (unsigned int i = 0; i < ndevices; i++)
		devices[i].left |= !same;
	known_devices(same);
	if (!watchstore_watch("backend"))
		return false;
	connected = true;
	for (unsigned int i = 0; i < ntypes; i++)
		scan(types[i]);
	return true;
}

static void disconnect_store(void)
{
	log_warn("xenstored has gone: waiting for it");
	notify("STATUS=waiting for xenstored");
	watchstore_close();
	connected = false;
}

/* The XENBUS_TYPEs of the settings' classes. */
static int take_types(const struct texts *names, struct xhp_err *err)
{
	for (unsigned int i = 0; i < names->n; i++) {
		const struct class *class = class_find(names->v[i]);
		const char *list = class->types ? class->types : names->v[i];

		if (value_check(V_TOKEN, names->v[i], err) < 0)
			return err_wrap(err, "watch-devices");
		while (*list) {
			size_t len = strcspn(list, "|");

			if (ntypes == TYPES_MAX || len >= sizeof(devices->type))
				return err_set(err, -E2BIG,
					       "watch-devices: too many, or too long");
			types[ntypes++] = mem_strndup(list, len);
			list += len + (list[len] == '|');
		}
	}
	return 0;
}

static int signals(struct xhp_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(err, -errno, "signalfd") : fd;
}

/* Asked to end, it waits for its workers; asked again, they end without it. */
static bool asked_to_end(int fd)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		end = stopping;
		stopping = true;
		notify("STOPPING=1");
	}
	return end;
}

int cmd_watch(int argc, char **argv, struct xhp_err *err)
{
	char path[512];
	struct settings settings;
	CLEANUP_FD int signal_fd = -1;
	bool ready = false;

	(void)argv;
	if (argc > 1)
		return err_usage(err, NULL, "watch takes no argument");
	log_to_syslog();
	if (settings_load(&settings, err) < 0 ||
	    take_types(&settings.watch_devices, err) < 0)
		return err->code;
	if (!ntypes)
		return err_set(err, -EINVAL,
			       "nothing to do: hotplug.conf's watch-devices is empty");
	signal_fd = signals(err);
	if (signal_fd < 0)
		return signal_fd;
	while (!stopping || nworkers) {
		struct pollfd p[3] = { { .fd = signal_fd, .events = POLLIN },
				       { .fd = -1, .events = POLLIN },
				       { .fd = -1, .events = POLLIN | POLLRDHUP } };

		if (!connected && !stopping && connect_store()) {
			notify(ready ? "STATUS=" : "READY=1\nSTATUS=");
			ready = true;
		}
		if (connected) {
			p[1].fd = watchstore_events();
			p[2].fd = watchstore_socket();
		}
		poll(p, 3, connected && !nworkers ? -1 : 1000);
		if (p[0].revents && asked_to_end(signal_fd))
			break;
		if (p[2].revents & ~POLLIN)
			disconnect_store();
		while (connected && (p[1].revents || p[2].revents) &&
		       watchstore_next(path, sizeof(path)))
			changed(path);
		reap();
		kill_late();
	}
	watchstore_close();
	return 0;
}

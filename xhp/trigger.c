// SPDX-License-Identifier: LGPL-2.1-or-later
// udev: attaches and detaches what the kernel's events are about
// (xenbus_probe_backend.c).

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "class.h"
#include "commands.h"
#include "deadline.h"
#include "find.h"
#include "settings.h"
#include "trigger.h"
#include "xhp.h"

/* An event, or what "xen-hotplug watch" asks for: then the number is that word. */
#define FROM_WATCH "watch"
/* XenbusStateClosed (io/xenbus.h) */
#define STATE_CLOSED "6"

struct event {
	const char *type, *action, *number;
	unsigned int domid, devid;
	bool tap;         /* the interface of an emulated NIC */
	const char *path; /* the backend's */
};

enum level trigger_level(const char *type, const char *state, const char *online)
{
	/* netback and blkback say InitWait once they take a device's name */
	bool kernel = !strcmp(type, "vif") || !strncmp(type, "vbd", 3);
	int n = state ? atoi(state) : 0;

	if (!state)
		return LEVEL_GONE;
	if (n >= 5 && online && !strcmp(online, "0"))
		return n == atoi(STATE_CLOSED) ? LEVEL_CLOSED : LEVEL_CLOSING;
	return n < (kernel ? 2 : 1) ? LEVEL_COMING : LEVEL_THERE;
}

const char *trigger_class(const char *type)
{
	for (unsigned int i = 0; class_nth(i); i++) {
		if (class_serves(class_nth(i), class_nth(i)->name, type))
			return class_nth(i)->name;
	}
	return type;
}

bool trigger_serves(const struct texts *classes, const char *type)
{
	const char *class = trigger_class(type);

	for (unsigned int i = 0; i < classes->n; i++) {
		if (!strcmp(classes->v[i], class))
			return true;
	}
	return false;
}

/* TYPE-DOMID-DEVID, which the kernel calls the device, or vifDOMID.DEVID-emu. */
static int take_name(struct event *e, const char *name, struct xhp_err *err)
{
	const char *dash[2] = { NULL, NULL };
	char end;

	if (sscanf(name, "vif%u.%u-em%c", &e->domid, &e->devid, &end) == 3 &&
	    end == 'u') {
		e->tap = true;
		e->type = "vif";
		return 0;
	}
	for (const char *s = name; *s; s++) {
		if (*s == '-') {
			dash[0] = dash[1];
			dash[1] = s;
		}
	}
	if (!dash[0] || dash[0] == name ||
	    sscanf(dash[0], "-%u-%u%c", &e->domid, &e->devid, &end) != 2)
		return err_usage(err, NULL, "event %s: expected TYPE-DOMID-DEVID:ACTION",
				 quoted(name));
	e->type = mem_strndup(name, (size_t)(dash[0] - name));
	return value_check(V_TOKEN, e->type, err);
}

static int take_event(struct event *e, const char *text, struct xhp_err *err)
{
	char *name = mem_strdup(text), *action = strchr(name, ':'), *number;

	if (!action)
		return err_usage(err, NULL, "event %s: expected DEVICE:ACTION",
				 quoted(text));
	*action++ = '\0';
	number = strchr(action, ':');
	if (number)
		*number++ = '\0';
	e->action = action;
	e->number = number;
	return take_name(e, name, err);
}

/* DEVPATH ends with the kernel's name for the device. */
static int take_environment(struct event *e, struct xhp_err *err)
{
	const char *action = getenv("ACTION"), *path = getenv("DEVPATH"), *slash;
	const char *xenbus = getenv("XENBUS_PATH");

	if (!action || (!path && !xenbus))
		return err_usage(err, NULL,
				 "no event: expected DEVICE:ACTION, or ACTION and "
				 "XENBUS_PATH in the environment, as udev sets them");
	e->action = action;
	if (!xenbus) {
		slash = strrchr(path, '/');
		return take_name(e, slash ? slash + 1 : path, err);
	}
	slash = strstr(xenbus, "backend/");
	path = slash ? mem_strdup(slash + 8) : "";
	for (char *s = (char *)(uintptr_t)path; *s; s++)
		*s = *s == '/' ? '-' : *s;
	return take_name(e, path, err);
}

static enum level level_of(const struct event *e)
{
	const char *state = NULL, *online = NULL;
	struct xhp_err err;

	if (store_read(mem_printf("%s/state", e->path), &state, &err) < 0)
		return err.code == -ENOENT ? LEVEL_GONE : LEVEL_COMING;
	if (store_read(mem_printf("%s/online", e->path), &online, &err) < 0)
		online = NULL;
	return trigger_level(e->type, state, online);
}

/* A script that xen-hotplug runs is a recipe itself. */
static bool is_recipe(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd >= 0 && recipe_is_program(fd);
}

/* The one that the toolstack names, as a recipe; else the class' own. */
static const char *recipe_of(const struct event *e)
{
	static const char *const own[][2] = { { "vif", "vif-bridge" },
					      { "vbd", "block" },
					      { "vbd3", "block" } };
	const char *script = "", *slash;
	struct xhp_err unused;

	if (store_read(mem_printf("%s/script", e->path), &script, &unused) == 0 &&
	    *script) {
		slash = strrchr(script, '/');
		return slash && !is_recipe(script) ? slash + 1 : script;
	}
	for (unsigned int i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!strcmp(own[i][0], e->type))
			return own[i][1];
	}
	return trigger_class(e->type);
}

/* The event comes before the kernel's driver is ready, and netback says that it is before
 * it makes the interface. */
static enum level await_ready(const struct event *e)
{
	const char *name = mem_printf("vif%u.%u", e->domid, e->devid);
	bool vif = !strcmp(e->type, "vif") && !e->tap;
	const struct timespec moment = { .tv_nsec = 20000000 };
	enum level level = LEVEL_GONE;
	struct xhp_err unused;
	struct link link;

	for (int i = 0; i < 250; i++) {
		level = level_of(e);
		if (level != LEVEL_COMING &&
		    (level != LEVEL_THERE || !vif ||
		     nl_link_by_name(name, &link, &unused) != -ENODEV))
			break;
		nanosleep(&moment, NULL);
	}
	return level;
}

static int run(const struct event *e, bool attach, struct xhp_err *err)
{
	const struct store_item mark = { .path = mem_printf("%s/" TRIGGER_MARK, e->path),
					 .value = attach ? TRIGGER_DONE : NULL,
					 .optional = true };
	const struct store_item failed = { .path = mark.path, .value = TRIGGER_FAILED };
	bool vif = !strcmp(e->type, "vif") && !e->tap;
	const char *verb =
		vif ? (attach ? "online" : "offline") : (attach ? "add" : "remove");
	const char *const argv[] = { "run", recipe_of(e), verb,
				     e->tap ? "type_if=tap" : NULL, NULL };
	struct xhp_err unused;
	char name[64];

	setenv("XENBUS_PATH", e->path, 1);
	setenv("XENBUS_TYPE", e->type, 1);
	setenv("XENBUS_BASE_PATH", "backend", 1);
	snprintf(name, sizeof(name), "vif%u.%u%s", e->domid, e->devid,
		 e->tap ? "-emu" : "");
	setenv(e->tap ? "INTERFACE" : "vif", name, 1);
	if (cmd_run(e->tap ? 4 : 3, (char **)(uintptr_t)argv, err) < 0) {
		if (attach && !e->tap)
			store_publish(e->path, &failed, 1, &unused);
		return err->code;
	}
	if (!e->tap && store_publish(e->path, &mark, 1, err) < 0 && err->code != -ENOENT)
		return err->code;
	return 0;
}

/*
 * A driver domain removes a backend's directory once it is closed, and libxl waits for
 * that (libxl_device.c, device_hotplug()): in place of "xl devd" it is ours to do.
 */
static int remove_closed(const struct event *e, struct xhp_err *err)
{
	const struct store_item dir = { .path = e->path };
	unsigned int self;

	if (store_self(&self, err) < 0)
		return err->code;
	if (!self || e->tap || level_of(e) != LEVEL_CLOSED ||
	    store_publish_in(e->path, STATE_CLOSED, &dir, 1, err) == 0 ||
	    err->code == -ENOENT || err->code == -ESTALE)
		return 0;
	return err->code;
}

/* For the rule, which starts nothing for others: the exit status alone tells. */
static int is_served(const char *name, struct xhp_err *err)
{
	struct settings settings;
	struct event e = { 0 };

	if (settings_load(&settings, err) < 0 || take_name(&e, name, err) < 0)
		return err->code;
	if (trigger_serves(&settings.udev_devices, e.type))
		return 0;
	*err->text = '\0';
	return -ENOENT;
}

int cmd_udev(int argc, char **argv, struct xhp_err *err)
{
	struct event e = { 0 };
	struct settings settings;
	bool attach, detach, from_watch;
	struct xhp_err unused;
	enum level level;

	if (argc == 3 && !strcmp(argv[1], "--served"))
		return is_served(argv[2], err);
	if (argc > 2)
		return err_usage(err, NULL, "udev takes one event at most");
	log_to_syslog();
	deadline_start(DEADLINE_WORK);
	if ((argc == 2 ? take_event(&e, argv[1], err) : take_environment(&e, err)) < 0)
		return err->code;
	e.path = mem_printf("backend/%s/%u/%u", e.type, e.domid, e.devid);
	log_subject(mem_printf("%s-%u-%u", e.type, e.domid, e.devid));
	from_watch = e.number && !strcmp(e.number, FROM_WATCH);
	if (settings_load(&settings, err) < 0)
		return err->code;
	if (!trigger_serves(from_watch ? &settings.watch_devices : &settings.udev_devices,
			    e.type))
		return 0;
	if (!strcmp(trigger_class(e.type), "9pfs") && !settings.export_roots.n) {
		log_warn("left alone: hotplug.conf has no export-roots");
		return 0;
	}
	/* netback announces an interface by events of its own, after the device's */
	attach = !strcmp(e.action, "online") ||
		 (!strcmp(e.action, "add") &&
		  (strcmp(e.type, "vif") != 0 || e.tap || from_watch));
	detach = !strcmp(e.action, "offline") || !strcmp(e.action, "remove");
	if (from_watch && !strcmp(e.action, TRIGGER_CLOSED))
		return remove_closed(&e, err);
	if (!attach && !detach)
		return 0;
	/* the event may be old: what xenstore says now is what counts */
	level = attach ? await_ready(&e) : level_of(&e);
	if (attach && level != LEVEL_THERE) {
		log_info("%s: it has gone, or is not there yet", e.action);
		return 0;
	}
	if (!strcmp(e.action, "remove") && !e.tap &&
	    (level == LEVEL_THERE || level == LEVEL_COMING)) {
		log_info("%s: it is there again", e.action);
		return 0;
	}
	if (run(&e, attach, err) < 0) {
		if (detach)
			remove_closed(&e, &unused);
		return err->code;
	}
	return detach ? remove_closed(&e, err) : 0;
}

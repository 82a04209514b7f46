// SPDX-License-Identifier: LGPL-2.1-or-later
// check --prometheus: what node_exporter's textfile collector reads.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "mem.h"
#include "metrics.h"
#include "runlog.h"
#include "xhp.h"

static void metric(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP xen_hotplug_%s %s\n# TYPE xen_hotplug_%s %s\n", name, help,
		   name, type);
}

/* One gauge, by class. */
static void add_gauge(struct buf *b, const char *name, const char *help,
		      const struct metrics_class *v, unsigned int n, size_t offset)
{
	metric(b, name, "gauge", help);
	for (unsigned int i = 0; i < n; i++)
		buf_printf(b, "xen_hotplug_%s{class=\"%s\"} %u\n", name, v[i].class,
			   *(const unsigned int *)(const void *)((const char *)&v[i] +
								 offset));
}

/* One counter, by class and operation; a key is "vif attach". */
static void add_counter(struct buf *b, json_t *totals, const char *name, const char *help,
			const char *field)
{
	const char *key;
	json_t *o;

	metric(b, name, "counter", help);
	json_object_foreach (totals, key, o) {
		size_t len = strcspn(key, " ");
		json_int_t value = json_integer_value(json_object_get(o, field));

		buf_printf(b, "xen_hotplug_%s{class=\"%.*s\",operation=\"%s\"} ", name,
			   (int)len, key, key[len] ? key + len + 1 : "");
		if (!strcmp(field, "us"))
			buf_printf(b, "%lld.%06lld\n", (long long)value / 1000000,
				   (long long)value % 1000000);
		else
			buf_printf(b, "%lld\n", (long long)value);
	}
}

/* Whole or not at all: beside it, and then in its place. */
static int replace(const char *path, const struct buf *b, struct xhp_err *err)
{
	const char *temp = mem_printf("%s.%d", path, getpid());
	CLEANUP_FD int fd =
		open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	ssize_t n;

	if (fd < 0)
		return err_sys(err, -errno, "%s", temp);
	n = write(fd, b->s, b->len);
	if (n == (ssize_t)b->len && rename(temp, path) == 0)
		return 0;
	err_sys(err, n < 0 || n == (ssize_t)b->len ? -errno : -ENOSPC, "%s", path);
	unlink(temp);
	return err->code;
}

int metrics_write(const char *path, const struct metrics_class *v, unsigned int n,
		  struct xhp_err *err)
{
	json_t *runs, *totals;
	struct buf b = { 0 };

	if (runlog_read(&runs, &totals, err) < 0)
		return err->code;
	add_gauge(&b, "devices", "Attached devices.", v, n,
		  offsetof(struct metrics_class, devices));
	add_gauge(&b, "devices_unhealthy",
		  "Devices that have drifted or whose attach was cut short.", v, n,
		  offsetof(struct metrics_class, unhealthy));
	add_gauge(&b, "differences", "What has drifted from what was attached.", v, n,
		  offsetof(struct metrics_class, differences));
	add_counter(&b, totals, "runs_total", "Runs since the last boot.", "runs");
	add_counter(&b, totals, "run_failures_total", "Runs that failed.", "failed");
	add_counter(&b, totals, "run_seconds_total", "Time that runs took.", "us");
	metric(&b, "check_time_seconds", "gauge", "When this was written.");
	buf_printf(&b, "xen_hotplug_check_time_seconds %lld\n", (long long)time(NULL));
	return replace(path, &b, err);
}

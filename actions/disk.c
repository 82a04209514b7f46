// SPDX-License-Identifier: LGPL-2.1-or-later
// disk: the guest gets a block device, or a tapdisk's socket, if nobody else has it.

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "actions.h"
#include "blockdev.h"
#include "class_priv.h"
#include "guard.h"
#include "loopdev.h"
#include "request.h"
#include "sharing.h"
#include "trace.h"

/* XenbusStateInitWait: the backend waits for its disk. */
#define INIT_WAIT "2"

/* What is about to be given back is looked at again after so many milliseconds. */
#define AGAIN_MS 20

/* What the toolstack hears after so many milliseconds at most, if it is not. */
#define PATIENCE_MS 15000

struct args {
	const char *device, *socket, *backing;
	uint8_t mode;    /* enum disk_mode */
	uint8_t sharing; /* 1 exclusive, 2 shared */
};

static const struct param params[] = {
	{ .key = "device",
	  .type = V_PATH,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, device),
	  .help = "the block device that the guest gets" },
	{ .key = "socket",
	  .type = V_PATH,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, socket),
	  .help = "for tapback: the NBD socket of a tapdisk" },
	{ .key = "mode",
	  .type = V_ENUM,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, mode),
	  .words = DISK_MODES,
	  .help = "w must be alone, r among readers, w! is not asked" },
	{ .key = "backing",
	  .type = V_PATH,
	  .offset = offsetof(struct args, backing),
	  .help = "the file or device behind it, if it is a server's own" },
	{ .key = "sharing",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, sharing),
	  .words = "exclusive|shared",
	  .help = "shared: guests that know of each other; else as the settings say" },
	{ .key = NULL },
};

/* ---- The device ---- */

struct opened {
	const char *path;
	int rc, fd;
	int read_only;
	struct stat st;
	char resolved[PATH_MAX];
};

/* No other flag than these: a drive without a medium opens, and nothing is claimed. */
static void open_device(void *data)
{
	struct opened *o = data;
	char self[64];
	ssize_t n;
	int at = open(o->path, O_PATH | O_CLOEXEC);

	if (at < 0 || fstat(at, &o->st) < 0) {
		o->rc = -errno;
		return;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	n = readlink(self, o->resolved, sizeof(o->resolved) - 1);
	if (n < 0) {
		o->rc = -errno;
	} else if (S_ISBLK(o->st.st_mode)) {
		o->resolved[n] = '\0';
		o->fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (o->fd < 0 || TRACED_IOCTL(o->fd, BLKROGET, &o->read_only) < 0)
			o->rc = -errno;
	}
	close(at);
}

/* The loop device that [loop] has just made; that one answers. */
static bool is_own_loop(const struct ctx *ctx, const char *path)
{
	return ctx->image.open && !strcmp(path, loopdev_path(ctx->image.loop));
}

static int get_device(const struct ctx *ctx, struct opened *o, const struct args *args,
		      struct xhp_err *err)
{
	unsigned int maj, min;

	*o = (struct opened){ .path = args->device, .fd = -1 };
	if (is_own_loop(ctx, args->device))
		open_device(o);
	else if (guarded(open_device, o, 0, err) < 0)
		return err_wrap(err, "%s", args->device);
	if (o->rc == -ENOENT)
		return err_set(err, -ENOENT, "there is no device %s",
			       quoted(args->device));
	if (o->rc)
		return err_sys(err, o->rc, "%s", args->device);
	if (!S_ISBLK(o->st.st_mode))
		return err_set(err, -ENOTBLK, "%s is not a block device", args->device);
	maj = major(o->st.st_rdev);
	min = minor(o->st.st_rdev);
	if (!maj && !min)
		return err_set(err, -ENODEV, "%s has the device number 0:0",
			       args->device);
	if (o->read_only && args->mode != DISK_R)
		return err_set(err, -EROFS,
			       "%s is read-only, and cannot be attached for writing; "
			       "attach it read-only",
			       args->device);
	return blockdev_check_name(args->device, o->st.st_rdev, err);
}

static int get_backing(const struct args *args, struct sharing *s, struct xhp_err *err)
{
	struct stat st;

	if (!args->backing)
		return 0;
	if (guarded_stat(args->backing, &st, 0, err) < 0)
		return err->code;
	s->has_backing = true;
	if (S_ISBLK(st.st_mode))
		s->backing = (struct disk_id){ .dev = st.st_rdev };
	else
		s->backing = (struct disk_id){ true, st.st_dev, st.st_ino };
	if (!args->device) {
		s->id = s->backing;
		s->has_backing = false;
	}
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	bool tapback = !strcmp(ctx->req->type, "vbd3");

	(void)step;
	if (args->device && args->socket)
		return err_set(err, -EINVAL, "both device and socket are given");
	if (args->socket && !args->backing)
		return err_set(err, -EINVAL,
			       "a socket does not say what is behind it: backing has to");
	if (args->socket && !tapback)
		return err_set(err, -EINVAL,
			       "a socket is for tapback (vbd3), and this is a %s",
			       ctx->req->type);
	if (args->device && tapback)
		return err_set(
			err, -EINVAL,
			"tapback (vbd3) takes the socket of a tapdisk, not a device");
	return 0;
}

/* ---- To the toolstack ---- */

struct disk {
	const struct args *args;
	struct opened *opened; /* NULL for a socket */
	struct sharing sharing;
};

/* Is it the loop device that [loop] has made? */
static bool is_image(const struct ctx *ctx, dev_t dev)
{
	return ctx->image.open && dev == loopdev_dev(ctx->image.loop);
}

static const char *hex_number(dev_t dev)
{
	return mem_printf("%x:%x", major(dev), minor(dev));
}

static int publish(struct ctx *ctx, void *data, struct xhp_err *err)
{
	struct disk *d = data;
	const char *at = ctx->req->path, *number = NULL, *path = d->args->socket;
	const char *node = NULL;
	struct store_item items[5];
	struct disk_ids ids;
	uint64_t seq = 0;
	unsigned int n = 0;

	if (d->opened) {
		number = hex_number(d->opened->st.st_rdev);
		path = d->opened->resolved;
		seq = blockdev_seq(d->opened->fd);
		if (is_image(ctx, d->opened->st.st_rdev))
			node = path;
	}
	sharing_ids(&d->sharing, &ids);
	if (RECORD(ctx, err, SCOPE_HOST, "disk", "disk", "backend", at, "device", number,
		   "path", path, "node", node, "mode",
		   d->args->mode == DISK_R       ? "r"
		   : d->args->mode == DISK_FORCE ? "w!"
						 : "w",
		   "sharing", d->sharing.shared ? "shared" : "exclusive", "seq",
		   seq ? mem_printf("%llu", (unsigned long long)seq) : NULL, "keys",
		   disk_ids_text(&ids), "as", ctx->device) < 0 ||
	    disks_enter(ctx->device, &ids, err) < 0)
		return err->code;
	if (node)
		items[n++] = (struct store_item){ .path = mem_printf("%s/node", at),
						  .value = node };
	items[n++] =
		(struct store_item){ .path = mem_printf("%s/physical-device-path", at),
				     .value = path };
	if (number)
		items[n++] =
			(struct store_item){ .path = mem_printf("%s/physical-device", at),
					     .value = number };
	if (class_has_error(at))
		items[n++] =
			(struct store_item){ .path = mem_printf("%s/hotplug-error", at) };
	items[n++] = (struct store_item){ .path = mem_printf("%s/hotplug-status", at),
					  .value = "connected" };
	if (store_publish_in(at, INIT_WAIT, items, n, err) < 0)
		return err->code;
	ctx->published = true;
	return 0;
}

/* Checked, and then `make` is called, under one lock; never waiting with it. */
static int check_and_make(struct ctx *ctx, struct sharing *s,
			  int (*make)(struct ctx *ctx, void *data, struct xhp_err *err),
			  void *data, struct xhp_err *err)
{
	struct xhp_err busy;
	int waited = 0;

	for (;;) {
		int dir, fd = sharing_lock(&dir, err), rc;

		if (fd < 0)
			return fd;
		rc = sharing_check(s, err);
		if (!rc)
			rc = make(ctx, data, err);
		sharing_unlock(dir, fd);
		if (rc == -ENODATA) {
			if (sharing_resolve(s, err) < 0)
				return err->code;
			continue;
		}
		if (rc != -EAGAIN)
			return rc;
		busy = *err;
		if (waited >= PATIENCE_MS || deadline_left() < 1000 ||
		    deadline_check(err) < 0) {
			err_set(err, -EBUSY,
				"%s is in use, and did not become free in time: %s",
				s->what, busy.text);
			err->busy = true;
			return err->code;
		}
		usleep(AGAIN_MS * 1000);
		waited += AGAIN_MS;
	}
}

static int plan_node(struct ctx *ctx, struct step *step, const char *name,
		     const char *wanted, struct xhp_err *err)
{
	const char *path = mem_printf("%s/%s", ctx->req->path, name), *now = "";

	if (store_read(path, &now, err) < 0 && err->code != -ENOENT)
		return err->code;
	plan_change(step, path, "node", now, wanted);
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *path = args->socket;
	struct opened o = { .fd = -1 };

	if (args->device) {
		int rc = get_device(ctx, &o, args, err);

		if (o.fd >= 0)
			close(o.fd);
		if (rc < 0)
			return rc;
		path = mem_strdup(o.resolved);
	}
	/* who else has it is looked at under a lock, which plan does not take */
	plan_change(step, path, "use by others", NULL,
		    args->mode == DISK_FORCE ? "not asked"
		    : args->mode == DISK_R   ? "none that writes"
					     : "none");
	if (plan_node(ctx, step, "physical-device-path", path, err) < 0)
		return err->code;
	return args->device ? plan_node(ctx, step, "physical-device",
					hex_number(o.st.st_rdev), err)
			    : 0;
}

static int attach(struct ctx *ctx, struct disk *d, struct xhp_err *err)
{
	if (d->opened) {
		if (get_device(ctx, d->opened, d->args, err) < 0)
			return err->code;
		d->sharing.fd = d->opened->fd;
		d->sharing.id = (struct disk_id){ .dev = d->opened->st.st_rdev };
		if (is_image(ctx, d->opened->st.st_rdev)) {
			d->sharing.image = ctx->image.fd;
			d->sharing.what = ctx->image.path;
		}
	}
	if (get_backing(d->args, &d->sharing, err) < 0)
		return err->code;
	return check_and_make(ctx, &d->sharing, publish, d, err);
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct disk d = { .args = args };
	int rc;

	(void)step;
	d.sharing = (struct sharing){
		.what = args->backing ? args->backing : args->device,
		.mode = args->mode,
		.shared = args->sharing ? args->sharing == 2 : ctx->sharing == 2,
		.fd = -1,
		.image = -1,
		.device = ctx->device,
		.domid = (long)ctx->req->domid,
		.uuid = journal_head(ctx->journal, "uuid"),
	};
	if (args->device)
		d.opened = MEM_NEW(struct opened);
	rc = attach(ctx, &d, err);
	/* who brought the device cannot take it back while we have it open */
	if (d.opened && d.opened->fd >= 0)
		close(d.opened->fd);
	return rc;
}

/* ---- The way back ---- */

struct disk_rec {
	const char *backend, *device, *path, *node, *as, *seq, *mode, *sharing;
	struct disk_ids ids;
};

static int from_record(const struct rec *rec, struct disk_rec *ret, struct xhp_err *err)
{
	*ret = (struct disk_rec){
		.backend = rec_get(rec, "backend"),
		.device = rec_get(rec, "device"),
		.path = rec_get(rec, "path"),
		.node = rec_get(rec, "node"),
		.seq = rec_get(rec, "seq"),
		.mode = rec_get(rec, "mode"),
		.sharing = rec_get(rec, "sharing"),
		.as = rec_get(rec, "as"),
	};
	if (strcmp(rec->kind, "disk") != 0 || !ret->backend || !ret->path || !ret->as ||
	    !disk_ids_parse(rec_get(rec, "keys"), &ret->ids))
		return rec_unknown(rec, err);
	return 0;
}

static unsigned int nodes_of(const struct disk_rec *r, struct store_item items[3])
{
	const char *const nodes[][2] = { { "physical-device", r->device },
					 { "physical-device-path", r->path },
					 { "node", r->node } };
	unsigned int n = 0;

	for (int i = 0; i < 3; i++) {
		if (nodes[i][1])
			items[n++] = (struct store_item){
				.path = mem_printf("%s/%s", r->backend, nodes[i][0]),
				.value = nodes[i][1],
			};
	}
	return n;
}

/* A loop device is given back by [loop], and only then is the disk free. */
static bool is_left_to_loop(const struct ctx *ctx, const struct disk_rec *r)
{
	for (unsigned int i = 0; i < ctx->journal->nrecs; i++) {
		const struct rec *rec = &ctx->journal->recs[i];
		const char *number = rec_get(rec, "loop");

		if (!rec->undone && !strcmp(rec->action, "loop") && number && r->node &&
		    !strcmp(loopdev_path((unsigned int)atoi(number)), r->node))
			return true;
	}
	return false;
}

/* A number that stays in the store would be another disk's before long. */
static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct store_item items[3];
	struct disk_rec r;
	unsigned int n;

	if (from_record(rec, &r, err) < 0)
		return err->code;
	n = nodes_of(&r, items);
	for (unsigned int i = 0; i < n; i++) {
		items[i].if_is = items[i].value;
		items[i].value = NULL;
	}
	if (store_publish(r.backend, items, n, err) < 0 && err->code != -ENOENT)
		return err->code;
	return is_left_to_loop(ctx, &r) ? 0 : sharing_leave(r.as, &r.ids, err);
}

/* The kernel's number of a disk's appearance, by sysfs; "" if it has none. */
static const char *seq_now(const struct disk_id *id)
{
	CLEANUP_FD int fd = open(mem_printf("/sys/dev/block/%u:%u/diskseq",
					    major(id->dev), minor(id->dev)),
				 O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return "";
	text[strcspn(text, "\n")] = '\0';
	return mem_strdup(text);
}

static int audit_device(const struct disk_rec *r, struct xhp_err *err)
{
	struct disk_id id = r->ids.v[0];
	const char *seq;

	if (!r->device)
		return 0;
	if (access(mem_printf("/sys/dev/block/%u:%u", major(id.dev), minor(id.dev)),
		   F_OK) < 0) {
		err_set(err, -ENODEV, "%s is gone", r->path);
		return 1;
	}
	seq = seq_now(&id); /* a partition has none of its own */
	if (*seq && r->seq && strcmp(seq, r->seq) != 0) {
		err_set(err, -ESTALE, "%s is another disk than it was", r->path);
		return 1;
	}
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct store_item items[3];
	struct disk_rec r;
	unsigned int n;

	(void)ctx;
	if (from_record(rec, &r, err) < 0)
		return err->code;
	if (audit_device(&r, err))
		return 1;
	n = nodes_of(&r, items);
	for (unsigned int i = 0; i < n; i++) {
		const char *now = "";
		int rc = store_read(items[i].path, &now, err);

		if (rc < 0 && rc != -ENOENT)
			return rc;
		if (strcmp(now, items[i].value) != 0) {
			err_set(err, -ESTALE, "%s is %s, not %s", items[i].path,
				quoted(now), items[i].value);
			return 1;
		}
	}
	if (disks_entered(r.as, &r.ids))
		return 0;
	err_set(err, -ESTALE, "the index of disks has lost it");
	return 1;
}

static int publish_again(struct ctx *ctx, void *data, struct xhp_err *err)
{
	const struct disk_rec *r = data;
	struct store_item items[3];
	unsigned int n = nodes_of(r, items);

	(void)ctx;
	if (disks_enter(r->as, &r->ids, err) < 0)
		return err->code;
	return store_publish(r->backend, items, n, err);
}

/* Not if the number is another disk's by now, or the disk another guest's. */
static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct sharing s = { .fd = -1, .image = -1, .domid = -1 };
	struct disk_rec r;
	const char *mode;

	if (from_record(rec, &r, err) < 0)
		return err->code;
	if (audit_device(&r, err))
		return err->code;
	mode = r.mode ? r.mode : "w";
	s.what = r.path;
	s.mode = !strcmp(mode, "r") ? DISK_R : !strcmp(mode, "w!") ? DISK_FORCE : DISK_W;
	s.shared = r.sharing && !strcmp(r.sharing, "shared");
	s.id = r.ids.v[0];
	sharing_for(&s, r.backend);
	s.device = r.as;
	if (r.ids.n > 1) { /* what is behind it */
		s.has_backing = true;
		s.backing = r.ids.v[1];
	}
	return check_and_make(ctx, &s, publish_again, &r, err);
}

/* Nobody else enters a disk meanwhile. */
static int sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	int dir, fd = sharing_lock(&dir, err), rc;

	if (fd < 0)
		return fd;
	rc = disks_sweep(is_gone, err);
	sharing_unlock(dir, fd);
	return rc;
}

static const struct shown shown[] = {
	{ "disk", "${path}", "disk ${path}" },
	{ NULL, NULL, NULL },
};

const struct action action_disk = {
	.name = "disk",
	.summary = "give the guest a disk that nobody else uses",
	.params = params,
	.shown = shown,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.sweep = sweep,
};

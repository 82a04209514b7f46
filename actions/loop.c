// SPDX-License-Identifier: LGPL-2.1-or-later
// loop: a file becomes a block device; a block device passes through as it is.

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "actions.h"
#include "guard.h"
#include "loop_image.h"
#include "loopdev.h"
#include "paths.h"
#include "request.h"
#include "sharing.h"

/* How often somebody else may take the loop device that was free a moment ago. */
#define TRIES 500
/* And how often a free one may still be in our index, as while it is given back. */
#define LEFT_TRIES 8

struct args {
	const char *file;
	uint8_t mode; /* enum disk_mode */
	bool direct_io;
	struct num block_size;
	/* found by the check */
	struct image *image;
};

static const struct param params[] = {
	{ .key = "file",
	  .type = V_PATH,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, file),
	  .help = "the file, or a block device, which is left as it is" },
	{ .key = "mode",
	  .type = V_ENUM,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, mode),
	  .words = DISK_MODES,
	  .help = "r makes the loop device read-only" },
	{ .key = "otherwise",
	  .type = V_TOKEN,
	  .flags = P_OTHERWISE,
	  .help = "a recipe, or a script in /etc/xen/scripts, that has what is neither" },
	{ .key = "direct-io",
	  .type = V_BOOL,
	  .offset = offsetof(struct args, direct_io),
	  .dflt = "no",
	  .help = "past this domain's page cache; an error where the file cannot" },
	{ .key = "block-size",
	  .type = V_UINT,
	  .offset = offsetof(struct args, block_size),
	  .min = 512,
	  .max = 4096,
	  .help = "the size of a logical block: 512, 1024, 2048 or 4096" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "device", .late = true, .type = V_PATH, .help = "the block device" },
	{ .name = NULL },
};

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct image *i = MEM_NEW(struct image);
	struct args *args = data;

	(void)step;
	if (args->block_size.set && (args->block_size.v & (args->block_size.v - 1)))
		return err_set(err, -EINVAL, "block-size %llu is no power of two",
			       (unsigned long long)args->block_size.v);
	i->path = args->file;
	i->writes = args->mode != DISK_R;
	i->planning = ctx->planning;
	if (image_look(i, err) < 0)
		return err->code;
	if (*i->swappable)
		log_warn("%s: others than root can put another file in its place, by way "
			 "of %s",
			 args->file, i->swappable);
	args->image = i;
	return 0;
}

/* ---- Making it ---- */

struct configuring {
	int fd, file, rc;
	struct loop_config config;
};

static void configure(void *data)
{
	struct configuring *c = data;

	c->rc = loopdev_configure(c->fd, c->file, &c->config);
}

/* The kernel asks the file's server for its size; before direct I/O, it writes. */
static int configure_in_time(struct configuring *c, const struct args *args,
			     struct xhp_err *err)
{
	if (!args->image->is_local || args->direct_io)
		return guarded(configure, c, 0, err);
	configure(c);
	return 0;
}

/* Is the path another file's than the one that was opened? */
static int check_path(const struct image *i, struct xhp_err *err)
{
	struct stat now;
	int rc = guarded_stat(i->path, &now, 0, err);

	if (rc == -ETIMEDOUT)
		return err_wrap(err, "%s: is its server dead?", i->path);
	if (rc || now.st_dev != i->st.st_dev || now.st_ino != i->st.st_ino)
		return err_set(err, -ESTALE, "%s is another file than it was just now",
			       i->path);
	return 0;
}

/* By the directory that holds our state: that may be lost, and the directory stays. */
static int mark_owner(unsigned int *ret, struct xhp_err *err)
{
	struct stat st;

	if (stat(STATE_PARENT, &st) < 0)
		return err_sys(err, -errno, STATE_PARENT);
	*ret = (unsigned int)(st.st_dev * 0x9e3779b1U ^ st.st_ino);
	return 0;
}

/* A number of its own tells this loop device from any other one, then and later. */
static int make_mark(const char *device, char ret[LO_NAME_SIZE], struct xhp_err *err)
{
	unsigned long long nonce;
	unsigned int owner;

	if (mark_owner(&owner, err) < 0)
		return err->code;
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return err_sys(err, -errno, "getrandom");
	snprintf(ret, LO_NAME_SIZE, LOOP_MARK "%08x %016llx %s", owner, nonce, device);
	return 0;
}

static struct disk_id file_id(const struct image *i)
{
	return (struct disk_id){ true, i->st.st_dev, i->st.st_ino };
}

static struct disk_id loop_id(unsigned int number)
{
	return (struct disk_id){ .dev = loopdev_dev(number) };
}

/*
 * A free loop device. One that another guest of ours still has in the store, because
 * somebody ended it behind our back, must not come to show anything else.
 */
static int choose(const struct ctx *ctx, unsigned int tries, unsigned int *ret,
		  struct xhp_err *err)
{
	struct field *users;
	unsigned int n, number;
	struct loopdev taken;
	struct disk_id id;

	if (loopdev_free(tries, &number, err) < 0)
		return err->code;
	id = loop_id(number);
	if (disks_users(&id, &users, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		if (!strcmp(users[i].name, ctx->device))
			continue;
		/* taken meanwhile, or just being given back */
		if (tries < LEFT_TRIES || loopdev_by_number(number, &taken) != -ENXIO)
			return err_set(err, -EBUSY, "%s is taken", loopdev_path(number));
		log_warn("somebody has ended %s, which is the disk of %s: it is not used",
			 loopdev_path(number), users[i].name);
		return loopdev_new(ret, err);
	}
	*ret = number;
	return 0;
}

/* With the loop device that is free now. -EBUSY: it is not any more. */
static int try_loop(struct ctx *ctx, const struct args *args, const char *mark,
		    unsigned int tries, unsigned int *ret, struct xhp_err *err)
{
	struct configuring *c = MEM_NEW(struct configuring);
	const struct disk_id file = file_id(args->image);
	struct loopdev now;
	struct disk_id loop;
	unsigned int n;

	if (choose(ctx, tries, &n, err) < 0)
		return err->code;
	c->fd = open(loopdev_path(n),
		     (args->image->writes ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	/* its node is there a moment before the kernel has it, and after */
	if (c->fd < 0 && (errno == ENXIO || errno == ENOENT))
		return err_set(err, -EBUSY, "%s: %s", loopdev_path(n), strerror(errno));
	if (c->fd < 0)
		return err_sys(err, -errno, "%s", loopdev_path(n));
	if (loopdev_info(c->fd, &now) != -ENXIO) {
		close(c->fd);
		return err_set(err, -EBUSY, "%s is taken", loopdev_path(n));
	}
	c->file = args->image->fd;
	c->config.block_size = (uint32_t)args->block_size.v;
	c->config.info.lo_flags = (args->image->writes ? 0U : LO_FLAGS_READ_ONLY) |
				  (args->direct_io ? LO_FLAGS_DIRECT_IO : 0U);
	memcpy(c->config.info.lo_file_name, mark, LO_NAME_SIZE);
	loop = loop_id(n);
	if (RECORD(ctx, err, SCOPE_HOST, "loop", "loop", "loop", mem_printf("%u", n),
		   "file", args->file, "mode", args->image->writes ? "w" : "r", "keys",
		   mem_printf("%s %s", disk_key(&file), disk_key(&loop)), "mark",
		   mark) < 0) {
		close(c->fd);
		return err->code;
	}
	if (configure_in_time(c, args, err) < 0)
		return err_wrap(err, "%s: is its server dead?", args->file);
	if (c->rc == -EBUSY) {
		close(c->fd);
		if (journal_undone(ctx->journal, ctx->journal->nrecs - 1, err) < 0)
			return err->code;
		return err_set(err, -EBUSY, "%s is taken", loopdev_path(n));
	}
	if (c->rc) {
		close(c->fd);
		return err_sys(err, c->rc, "%s cannot show %s", loopdev_path(n),
			       args->file);
	}
	if (loopdev_info(c->fd, &now) < 0)
		memset(&now, 0, sizeof(now));
	close(c->fd);
	if (check_path(args->image, err) < 0)
		return err->code;
	if (now.dev != file.dev || now.ino != file.ino ||
	    !(now.flags & LO_FLAGS_READ_ONLY) != args->image->writes)
		return err_set(err, -EIO, "%s does not show %s as it should",
			       loopdev_path(n), args->file);
	if (args->direct_io && !(now.flags & LO_FLAGS_DIRECT_IO))
		return err_set(err, -EOPNOTSUPP,
			       "%s: its file system, or block size, allows no direct-io",
			       args->file);
	*ret = n;
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;

	(void)ctx;
	(void)err;
	if (S_ISBLK(args->image->st.st_mode))
		step_result(step, "device", args->file);
	else
		plan_change(step, args->file, "loop device", "",
			    args->image->writes ? "a free one" : "a free one, read-only");
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	char mark[LO_NAME_SIZE] = "";
	unsigned int n = 0, tries = 0;
	int rc;

	if (S_ISBLK(args->image->st.st_mode)) {
		step_result(step, "device", args->file);
		return 0;
	}
	if (make_mark(ctx->device, mark, err) < 0)
		return err->code;
	while ((rc = try_loop(ctx, args, mark, tries, &n, err)) == -EBUSY &&
	       ++tries < TRIES) {
		if (deadline_check(err) < 0)
			return err->code;
		/* not all of them at once again */
		if (tries > 2)
			usleep((unsigned int)(getpid() + (int)tries * 7) % 16 * 250);
	}
	if (rc < 0)
		return rc == -EBUSY
			       ? err_wrap(err, "no loop device after %u tries", tries)
			       : rc;
	ctx->image.open = true;
	ctx->image.fd = args->image->fd;
	ctx->image.path = args->file;
	ctx->image.loop = n;
	step_result(step, "device", loopdev_path(n));
	return 0;
}

/* ---- The way back ---- */

struct loop_rec {
	unsigned int number;
	struct disk_ids ids; /* the file, the loop device */
	const char *mark, *file;
};

static int from_record(const struct rec *rec, struct loop_rec *ret, struct xhp_err *err)
{
	long number = rec_num(rec, "loop", -1);

	ret->mark = rec_get(rec, "mark");
	ret->file = rec_get(rec, "file");
	if (strcmp(rec->kind, "loop") != 0 || number < 0 || !ret->mark || !ret->file ||
	    !disk_ids_parse(rec_get(rec, "keys"), &ret->ids) || ret->ids.n != 2)
		return rec_unknown(rec, err);
	ret->number = (unsigned int)number;
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct loop_rec r = { 0 };
	int rc;

	if (from_record(rec, &r, err) < 0)
		return err->code;
	rc = loopdev_clear(r.number, r.ids.v[0].dev, r.ids.v[0].ino, r.mark, err);
	if (rc < 0)
		return rc;
	if (rc)
		log_warn("%s shows something else than ours by now: it is left alone",
			 loopdev_path(r.number));
	return sharing_leave(ctx->device, &r.ids, err);
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct loop_rec r = { 0 };
	struct loopdev now;

	(void)ctx;
	if (from_record(rec, &r, err) < 0)
		return err->code;
	if (loopdev_by_number(r.number, &now) < 0)
		err_set(err, -ESTALE, "%s does not show %s any more",
			loopdev_path(r.number), r.file);
	else if (strcmp(now.mark, r.mark) != 0)
		err_set(err, -ESTALE, "%s is somebody else's, not %s",
			loopdev_path(r.number), r.file);
	else if (now.flags & LO_FLAGS_AUTOCLEAR)
		err_set(err, -ESTALE,
			"%s ends when it is closed: somebody has detached it",
			loopdev_path(r.number));
	else
		return 0;
	return 1;
}

/* Nothing is made anew: the backend has, or is told of, this very number. */
static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct loop_rec r = { 0 };

	(void)ctx;
	if (from_record(rec, &r, err) < 0)
		return err->code;
	return loopdev_keep(r.number, r.ids.v[0].dev, r.ids.v[0].ino, r.mark, err);
}

/* DEVICE of a mark of ours, or NULL. */
static const char *device_of(const char *mark, unsigned int owner)
{
	const char *begin = mem_printf(LOOP_MARK "%08x ", owner);
	const size_t len = strlen(begin);

	if (strncmp(mark, begin, len) != 0 || strlen(mark) < len + 18)
		return NULL;
	return mark + len + 17;
}

static int sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	const struct numbers none = { 0 };
	unsigned int *numbers, n, owner;

	if (mark_owner(&owner, err) < 0 || loopdev_list(&none, &numbers, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		struct loopdev loop;
		const char *device;

		if (loopdev_by_number(numbers[i], &loop) < 0 ||
		    (loop.flags & LO_FLAGS_AUTOCLEAR))
			continue;
		device = device_of(loop.mark, owner);
		if (!device || !is_gone(device))
			continue;
		if (loopdev_clear(numbers[i], loop.dev, loop.ino, loop.mark, err) < 0)
			return err->code;
		printf("%s: %s is ended\n", device, loopdev_path(numbers[i]));
	}
	return 0;
}

/* ---- What the stock script made ---- */

/* The kernel's own words for what a loop device shows. */
static bool shows_path(unsigned int number, const char *path)
{
	CLEANUP_FD int fd =
		open(mem_printf("/sys/block/loop%u/loop/backing_file", number),
		     O_RDONLY | O_CLOEXEC);
	static const char deleted[] = " (deleted)";
	char text[PATH_MAX + sizeof(deleted)];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	size_t len = strlen(path);

	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return !strncmp(text, path, len) && (!text[len] || !strcmp(text + len, deleted));
}

/*
 * Its node names the loop device; but only if that shows this guest's file, and carries
 * nobody's mark, is it what the script made.
 */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	struct loopdev loop;
	const char *node, *end;
	unsigned int number;
	int length = 0, rc;
	struct stat st;
	bool is_its;

	(void)step;
	if (store_read(mem_printf("%s/node", ctx->req->path), &node, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	end = node + strlen(node);
	if (sscanf(node, "/dev/loop%u%n", &number, &length) != 1 ||
	    node + length != end || loopdev_by_number(number, &loop) < 0)
		return 0;
	rc = guarded_stat(args->file, &st, 0, err);
	if (rc == -ETIMEDOUT)
		return rc;
	/* the file may be gone by now, or another */
	is_its = (!rc && loop.dev == st.st_dev && loop.ino == st.st_ino) ||
		 shows_path(number, args->file);
	if (is_its && strncmp(loop.mark, LOOP_MARK, strlen(LOOP_MARK)) != 0)
		return loopdev_clear(number, loop.dev, loop.ino, loop.mark, err);
	log_warn("%s shows something else than %s: it is left alone", node, args->file);
	return 0;
}

static const struct shown shown[] = {
	{ "loop", "${file}", NULL },
	{ NULL, NULL, NULL },
};

const struct action action_loop = {
	.name = "loop",
	.summary = "show a file as a block device",
	.params = params,
	.shown = shown,
	.args_size = sizeof(struct args),
	.results = results,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.sweep = sweep,
	.detach_stock = detach_stock,
};

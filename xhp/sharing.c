// SPDX-License-Identifier: LGPL-2.1-or-later
// The sharing check: what is the same disk, and who of our own has it.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "blockdev.h"
#include "guard.h"
#include "lock.h"
#include "loopdev.h"
#include "sharing_priv.h"
#include "trace.h"
#include "xhp.h"

#define LOCK "block"

/* How long a path of somebody else's is waited for. */
#define RESOLVE_MS 3000

/* So many loop devices are asked one by one, rather than all listed by the kernel. */
#define FEW_LOOPS 50

int sharing_lock(int *ret_dir, struct xhp_err *err)
{
	int dir = state_dir("", err), fd;

	if (dir < 0)
		return dir;
	/*
	 * Ours queue up at the directory first: whoever waits for a file that its owner
	 * removes has to begin anew, all of them each time.
	 */
	fd = lock_wait(dir, LOCK, err);
	if (!fd)
		fd = lock_claim(dir, LOCK, true, false, err);
	if (fd < 0) {
		close(dir);
		return fd;
	}
	*ret_dir = dir;
	return fd;
}

void sharing_unlock(int dir, int fd)
{
	lock_release(dir, LOCK, fd);
	close(dir);
}

int sharing_leave(const char *device, const struct disk_ids *ids, struct xhp_err *err)
{
	int dir, fd = sharing_lock(&dir, err), rc;

	if (fd < 0)
		return fd;
	rc = disks_leave(device, ids, err);
	sharing_unlock(dir, fd);
	return rc;
}

bool sharing_conflict(const struct sharing *s, bool writes)
{
	return s->mode == DISK_W || writes;
}

/* ---- What is the same disk ---- */

static struct disk_id block_id(dev_t dev)
{
	return (struct disk_id){ .dev = dev };
}

static struct disk_id shown_by(const struct loopdev *l)
{
	return l->rdev ? block_id(l->rdev)
		       : (struct disk_id){ .is_file = true,
					   .dev = l->dev,
					   .ino = l->ino };
}

static bool is_loop(const struct disk_id *id, unsigned int *ret_number)
{
	return !id->is_file && loopdev_is(id->dev, ret_number);
}

static int loop_of(const struct disk_id *id, struct loopdev *ret)
{
	unsigned int number;

	return is_loop(id, &number) ? loopdev_by_number(number, ret) : -ENXIO;
}

/* Are both loop devices that show other parts of one file? */
static bool are_apart(const struct disk_id *a, const struct disk_id *b)
{
	struct loopdev x, y;

	return !loop_of(a, &x) && !loop_of(b, &y) && x.dev == y.dev && x.ino == y.ino &&
	       !loopdev_overlap(&x, &y);
}

bool sharing_is(const struct sharing *s, const struct disk_id *id)
{
	struct loopdev loop;
	struct disk_id shown;

	if (disk_id_in(&s->set, id))
		return true;
	/* an index can be wrong about a loop device that somebody ended: ask it */
	if (loop_of(id, &loop) < 0)
		return false;
	shown = shown_by(&loop);
	return disk_id_in(&s->set, &shown) && !are_apart(&s->id, id);
}

static void add_all(struct disk_ids *set, const struct devs *devs)
{
	for (unsigned int i = 0; i < devs->n; i++) {
		const struct disk_id id = block_id(devs->v[i]);

		disk_id_add(set, &id);
	}
}

/* What it is made of, all the way down. */
static void add_below(struct disk_ids *set)
{
	for (unsigned int i = 0; i < set->n; i++) {
		const struct disk_id id = set->v[i];
		struct devs devs = { 0 };
		struct loopdev loop;
		struct disk_id shown;

		if (id.is_file)
			continue;
		if (!loop_of(&id, &loop)) {
			shown = shown_by(&loop);
			disk_id_add(set, &shown);
		}
		blockdev_below(id.dev, &devs);
		add_all(set, &devs);
	}
}

/* What is made of it, all the way up. */
static void add_above(struct disk_ids *set, const struct disk_id *from)
{
	struct disk_ids up = { 0 };

	disk_id_add(&up, from);
	for (unsigned int i = 0; i < up.n; i++) {
		struct devs devs = { 0 };

		if (up.v[i].is_file)
			continue;
		blockdev_above(up.v[i].dev, &devs);
		add_all(&up, &devs);
	}
	for (unsigned int i = 0; i < up.n; i++)
		disk_id_add(set, &up.v[i]);
}

struct loops {
	struct loopdev *v;
	unsigned int n;
};

/* The numbers of loop devices that the index does not know; some may show nothing. */
static int unknown_loops(unsigned int **ret, unsigned int *ret_n, struct xhp_err *err)
{
	struct numbers ours;

	if (disks_loops(&ours, err) < 0)
		return err->code;
	/*
	 * The kernel takes ten times as long for a list of all that show something; but
	 * if there are many of which we would have to ask whether they do, it is shorter.
	 */
	if (ours.n >= FEW_LOOPS) {
		if (loopdev_list_all(&ours, ret, ret_n, err) < 0)
			return err->code;
		if (*ret_n <= FEW_LOOPS)
			return 0;
	}
	return loopdev_list(&ours, ret, ret_n, err);
}

/* What they show, but for our own. */
static int other_loops(const struct sharing *s, struct loops *ret, struct xhp_err *err)
{
	unsigned int *numbers, n, own;

	if (unknown_loops(&numbers, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		struct loopdev loop;

		if ((is_loop(&s->id, &own) && own == numbers[i]) ||
		    loopdev_by_number(numbers[i], &loop) < 0)
			continue;
		*MEM_PUSH(ret->v, ret->n) = loop;
	}
	return 0;
}

/* Those of them that show a part of the disk; the others are dropped. */
static void add_loops(struct sharing *s, struct loops *loops)
{
	struct loopdev own;
	bool has_own = !loop_of(&s->id, &own);
	unsigned int kept = 0;

	for (unsigned int i = 0; i < loops->n; i++) {
		const struct loopdev *l = &loops->v[i];
		const struct disk_id id = block_id(loopdev_dev(l->number));
		const struct disk_id shown = shown_by(l);

		/* one that it is made of has other partitions, too */
		if (disk_id_in(&s->set, &id) || !disk_id_in(&s->set, &shown) ||
		    (has_own && own.dev == l->dev && own.ino == l->ino &&
		     !loopdev_overlap(&own, l)))
			continue;
		add_above(&s->set, &id);
		loops->v[kept++] = *l;
	}
	loops->n = kept;
}

static int build_set(struct sharing *s, const struct stat *image, struct loops *loops,
		     struct xhp_err *err)
{
	const struct disk_id file = { true, image->st_dev, image->st_ino };

	*loops = (struct loops){ 0 };
	s->set = (struct disk_ids){ 0 };
	disk_id_add(&s->set, &s->id);
	if (s->alone) {
		disk_id_add(&s->set, &file);
		return 0;
	}
	if (s->has_backing)
		disk_id_add(&s->set, &s->backing);
	add_below(&s->set);
	add_above(&s->set, &s->id);
	if (s->has_backing)
		add_above(&s->set, &s->backing);
	if (other_loops(s, loops, err) < 0)
		return err->code;
	add_loops(s, loops);
	return 0;
}

void sharing_ids(const struct sharing *s, struct disk_ids *ret)
{
	struct disk_id shown;
	struct loopdev loop;

	*ret = (struct disk_ids){ 0 };
	disk_id_add(ret, &s->id);
	if (s->has_backing)
		disk_id_add(ret, &s->backing);
	if (!loop_of(&s->id, &loop)) {
		shown = shown_by(&loop);
		disk_id_add(ret, &shown);
	}
}

/* ---- Paths ---- */

int sharing_resolve(struct sharing *s, struct xhp_err *err)
{
	struct resolved r = { .path = s->ask, .state = PATH_KNOWN };
	struct stat st;
	int rc = guarded_stat(s->ask, &st, RESOLVE_MS, err);

	if (rc == -ETIMEDOUT && deadline_check(err) < 0)
		return err_wrap(err, "%s", s->ask);
	if (rc == -ENOENT || rc == -ENOTDIR)
		r.state = PATH_GONE;
	else if (rc < 0)
		r.state = PATH_UNKNOWN;
	else if (S_ISBLK(st.st_mode))
		r.id = block_id(st.st_rdev);
	else
		r.id = (struct disk_id){ true, st.st_dev, st.st_ino };
	*MEM_PUSH(s->resolved, s->nresolved) = r;
	return 0;
}

const struct resolved *sharing_path(struct sharing *s, const char *path,
				    struct xhp_err *err)
{
	for (unsigned int i = 0; i < s->nresolved; i++) {
		if (!strcmp(s->resolved[i].path, path))
			return &s->resolved[i];
	}
	s->ask = path;
	err_set(err, -ENODATA, "%s has to be looked at", path);
	return NULL;
}

/* ---- Disks of ours ---- */

static const struct rec *find_record(const struct journal *j, const char *action,
				     const char *key)
{
	for (unsigned int i = 0; i < j->nrecs; i++) {
		const struct rec *r = &j->recs[i];
		const char *keys = rec_get(r, "keys");
		size_t len = strlen(key);

		if (r->undone || strcmp(r->action, action) != 0)
			continue;
		for (; keys && *keys; keys += strcspn(keys, " "), keys += *keys == ' ') {
			if (strcspn(keys, " ") == len && !strncmp(keys, key, len))
				return r;
		}
	}
	return NULL;
}

/* Is the block device of a record another part of the file? */
static bool is_apart(const struct sharing *s, const struct rec *rec)
{
	struct disk_ids ids;

	return rec && disk_ids_parse(rec_get(rec, "keys"), &ids) &&
	       !disk_id_in(&s->set, &ids.v[0]) && are_apart(&s->id, &ids.v[0]);
}

static unsigned int head_number(const struct journal *j, const char *name)
{
	const char *text = journal_head(j, name);

	return text ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

/* Says what an administrator can do about a journal's disk, or NULL. */
static const char *journal_hint(const struct journal *j)
{
	const char *path = journal_head(j, "path"), *state;
	struct xhp_err unused;

	if (!j->complete)
		return "its attach is not complete; if no run is at work on it, "
		       "xen-hotplug gc undoes it";
	if (path && store_read(path, &state, &unused) == -ENOENT)
		return "that device is gone from xenstore: xen-hotplug gc gives it back";
	return NULL;
}

/* One device with an entry in the index. */
static int check_ours(struct sharing *s, const char *device, const char *key,
		      struct xhp_err *err)
{
	const struct rec *disk, *loop;
	const char *mode, *sharing;
	unsigned int domid;
	struct journal j;
	bool writes;

	/* without its journal, what it has is told by others alone */
	if (journal_read(JOURNAL_DEVICES, device, &j, err) < 0)
		return err->code == -ENOENT ? guest_look(s, device, err) : err->code;
	disk = find_record(&j, "disk", key);
	loop = find_record(&j, "loop", key);
	if (!disk && !loop)
		return 0; /* a run was killed before it left the index */
	if (is_apart(s, disk))
		return 0;
	mode = rec_get(disk ? disk : loop, "mode");
	writes = !mode || *mode != 'r';
	domid = head_number(&j, "domid");
	if (!sharing_conflict(s, writes) ||
	    guest_is_same(s, domid, journal_head(&j, "uuid")))
		return 0;
	sharing = disk ? rec_get(disk, "sharing") : NULL;
	if (s->shared && sharing && !strcmp(sharing, "shared"))
		return 0;
	if (!disk)
		return err_set(err, -EAGAIN, "%s is just being detached", device);
	return guest_busy(s, domid, device, writes, journal_hint(&j), err);
}

static int check_index(struct sharing *s, struct xhp_err *err)
{
	struct xhp_err waiting = { 0 };

	for (unsigned int i = 0; i < s->set.n; i++) {
		const char *key = disk_key(&s->set.v[i]);
		struct field *users;
		unsigned int n;

		if (disks_users(&s->set.v[i], &users, &n, err) < 0)
			return err->code;
		for (unsigned int k = 0; k < n; k++) {
			int rc = s->device && !strcmp(users[k].name, s->device)
					 ? 0
					 : check_ours(s, users[k].name, key, err);

			if (rc < 0 && rc != -EAGAIN)
				return rc;
			if (rc < 0)
				waiting = *err;
		}
	}
	if (waiting.code)
		*err = waiting;
	return waiting.code;
}

/* ---- All of it ---- */

/*
 * Has nobody else the file open, or for reading, nobody for writing? All who use it have:
 * loop devices, QEMU, tapdisk, swap space. So it costs the same with one disk as with a
 * thousand. Only then does the kernel grant a lease (fcntl(2), F_SETLEASE), which is
 * given back at once; who opens the file in that moment waits for it, and we would be
 * told by SIGIO. A file system without leases: unknown, and all disks are looked at.
 */
static bool is_alone(const struct sharing *s)
{
	sighandler_t before = signal(SIGIO, SIG_IGN);
	bool alone =
		fcntl(s->image, F_SETLEASE, s->mode == DISK_R ? F_RDLCK : F_WRLCK) == 0;

	if (alone)
		alone = fcntl(s->image, F_SETLEASE, F_UNLCK) == 0;
	signal(SIGIO, before);
	TRACE("%s: %s", s->what,
	      alone ? "nobody else has it open" : "others may have it open");
	return alone;
}

/* A loop device that ends with its last close: whoever has it open is about to go. */
static int check_draining(const struct sharing *s, const struct loops *loops,
			  struct xhp_err *err)
{
	for (unsigned int i = 0; i < loops->n; i++) {
		const struct loopdev *l = &loops->v[i];
		bool writes = !(l->flags & LO_FLAGS_READ_ONLY);

		if (!sharing_conflict(s, writes))
			continue;
		if (l->flags & LO_FLAGS_AUTOCLEAR)
			return err_set(
				err, -EAGAIN,
				"%s shows it, too, and has not ended yet: somebody "
				"has it open",
				loopdev_path(l->number));
		if (!s->warned && strncmp(l->mark, LOOP_MARK, strlen(LOOP_MARK)) != 0)
			log_warn("%s: %s shows it, too, and nobody seems to use that",
				 s->what, loopdev_path(l->number));
	}
	return 0;
}

void sharing_for(struct sharing *s, const char *path)
{
	const char *part[3] = { NULL };
	char *copy = mem_strdup(path), *word;
	struct xhp_err unused;
	uint64_t domid;

	while ((word = strsep(&copy, "/"))) {
		part[0] = part[1];
		part[1] = part[2];
		part[2] = word;
	}
	if (!part[0] || uint_parse(part[1], 0, UINT16_MAX, &domid, &unused) < 0)
		return;
	s->domid = (long)domid;
	s->device = mem_printf("%s-%s-%s", part[0], part[1], part[2]);
}

int sharing_check(struct sharing *s, struct xhp_err *err)
{
	static int (*const checks[])(struct sharing *, struct xhp_err *) = {
		check_index,
		guests_check,
		local_check,
	};
	struct xhp_err waiting = { 0 };
	struct stat image = { 0 };
	struct loops loops;

	if (s->mode == DISK_FORCE)
		return 0;
	s->mounted = (struct disk_ids){ 0 };
	/* what is behind something else may be in use there */
	s->alone = s->image >= 0 && !s->has_backing && fstat(s->image, &image) == 0 &&
		   is_alone(s);
	if (build_set(s, &image, &loops, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int rc = checks[i](s, err);

		if (rc < 0 && rc != -EAGAIN)
			return rc;
		if (rc < 0) /* it may hold up others that are not about to go */
			waiting = *err;
	}
	if (!waiting.code && !check_draining(s, &loops, &waiting))
		return 0;
	s->warned = true;
	*err = waiting;
	return err->code;
}

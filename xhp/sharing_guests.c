// SPDX-License-Identifier: LGPL-2.1-or-later
// The sharing check: disks of guests that others attached, in xenstore and in sysfs, and
// which guests are one (a stubdomain and its target).

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "loopdev.h"
#include "sharing_priv.h"
#include "xhp.h"

/* Whose names tell a disk by "physical-device", and whose by the path in "params". */
static const char *const kinds[] = { "vbd", "vbd3", "qdisk", "virtio_disk" };
enum { NKINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* The greatest number that a domain can have, rounded up (xen.h, DOMID_FIRST_RESERVED) */
#define DOMID_MAX 0x7fff

/* XenbusStateClosed */
#define CLOSED "6"

/* ---- Which guest is which ---- */

static bool parse_domid(const char *text, unsigned int *ret)
{
	struct xhp_err unused;
	uint64_t domid;

	if (uint_parse(text, 0, DOMID_MAX, &domid, &unused) < 0)
		return false;
	*ret = (unsigned int)domid;
	return true;
}

/* Of the guest whose stubdomain it is; NULL if it is none. */
static const char *target_uuid_of(unsigned int domid)
{
	struct xhp_err unused;
	const char *text;
	unsigned int target;

	if (store_read(mem_printf("/local/domain/%u/target", domid), &text, &unused) <
		    0 ||
	    !parse_domid(text, &target))
		return NULL;
	return store_uuid(target);
}

static bool equal(const char *a, const char *b)
{
	return a && b && *a && !strcmp(a, b);
}

/* What cannot be read is nobody, and nobody is the same as nobody. */
bool guest_is_same(struct sharing *s, unsigned int domid, const char *uuid)
{
	const char *other_target;

	if (s->domid < 0)
		return false;
	if (!s->uuid)
		s->uuid = store_uuid((unsigned int)s->domid);
	if (!uuid)
		uuid = store_uuid(domid);
	if (equal(s->uuid, uuid))
		return true;
	if (!s->has_target)
		s->target = target_uuid_of((unsigned int)s->domid);
	s->has_target = true;
	other_target = target_uuid_of(domid);
	return equal(s->target, uuid) || equal(s->uuid, other_target) ||
	       equal(s->target, other_target);
}

const char *guest_text(unsigned int domid)
{
	struct xhp_err unused;
	const char *name;

	if (store_read(mem_printf("/local/domain/%u/name", domid), &name, &unused) < 0)
		return mem_printf("domain %u, whose name cannot be read,", domid);
	return mem_printf("guest %s (domain %u)", quoted(name), domid);
}

int guest_busy(struct sharing *s, unsigned int domid, const char *device, bool writes,
	       const char *hint, struct xhp_err *err)
{
	s->by_guest = true;
	err_set(err, -EBUSY,
		"%s is in use: %s has it for %s (%s)%s%s. Detach it there first%s; guests "
		"that share a disk on purpose need sharing = shared in their recipe "
		"(script=block-shared) or in hotplug.conf",
		s->what, guest_text(domid), writes ? "writing" : "reading", device,
		hint ? "; " : "", hint ? hint : "",
		writes ? "" : ", or attach it for reading here, too");
	err->busy = true;
	return err->code;
}

/* ---- One disk ---- */

struct other {
	const char *kind, *device; /* "vbd", "vbd-1-51712" */
	unsigned int domid, devid;
	int bus; /* XEN_BACKEND, open; or -1 */
};

/* Digits, up to `end`; by hand, as there may be thousands of names. */
static bool take_number(const char **pos, char end, unsigned long max, unsigned int *ret)
{
	const char *s = *pos;
	unsigned long number = 0;

	for (; *s >= '0' && *s <= '9' && number <= max; s++)
		number = number * 10 + (unsigned long)(*s - '0');
	if (s == *pos || *s != end || number > max)
		return false;
	*pos = s + 1;
	*ret = (unsigned int)number;
	return true;
}

/* False if it is no disk's name. */
static bool parse_device(const char *device, struct other *ret)
{
	const char *pos = strchr(device, '-');
	size_t len = pos ? (size_t)(pos++ - device) : 0;

	for (unsigned int i = 0; len && i < NKINDS; i++) {
		if (strncmp(device, kinds[i], len) != 0 || kinds[i][len])
			continue;
		*ret = (struct other){ .kind = kinds[i], .device = device, .bus = -1 };
		return take_number(&pos, '-', DOMID_MAX, &ret->domid) &&
		       take_number(&pos, '\0', UINT_MAX, &ret->devid);
	}
	return false;
}

/* A node of its backend, "" if there is none. */
static int read_node(const struct other *o, const char *name, const char **ret,
		     struct xhp_err *err)
{
	*ret = "";
	if (store_read(
		    mem_printf("backend/%s/%u/%u/%s", o->kind, o->domid, o->devid, name),
		    ret, err) < 0 &&
	    err->code != -ENOENT)
		return err->code;
	return 0;
}

/* It is the disk: may it be? */
static int judge(struct sharing *s, const struct other *o, struct xhp_err *err)
{
	const char *mode, *state;
	bool writes;

	if (read_node(o, "mode", &mode, err) < 0 ||
	    read_node(o, "state", &state, err) < 0)
		return err->code;
	writes = !*mode || strchr(mode, 'w');
	if (!sharing_conflict(s, writes) || s->shared || guest_is_same(s, o->domid, NULL))
		return 0;
	if (!*state || !strcmp(state, CLOSED))
		return err_set(err, -EAGAIN, "%s is just being detached from %s", s->what,
			       guest_text(o->domid));
	return guest_busy(s, o->domid, o->device, writes, NULL, err);
}

/* "MAJOR:MINOR" in hexadecimal, as the block scripts write it. */
static bool parse_number(const char *text, struct disk_id *ret)
{
	unsigned long maj, min;
	char *end;

	maj = strtoul(text, &end, 16);
	if (end == text || *end != ':')
		return false;
	text = end + 1;
	min = strtoul(text, &end, 16);
	if (end == text || (*end && *end != '\n'))
		return false;
	*ret = (struct disk_id){ .dev = makedev((unsigned int)maj, (unsigned int)min) };
	return true;
}

/* blkback tells what it has open; before it has, xenstore tells what it will open. */
static int look_at_number(struct sharing *s, const struct other *o, struct xhp_err *err)
{
	CLEANUP_FD int fd =
		openat(o->bus,
		       mem_printf("%s%s/physical_device",
				  o->bus < 0 ? XEN_BACKEND "/" : "", o->device),
		       O_RDONLY | O_CLOEXEC);
	char sys[64] = "";
	struct disk_id id;
	const char *text;

	if (fd >= 0 && read(fd, sys, sizeof(sys) - 1) > 0 && parse_number(sys, &id) &&
	    sharing_is(s, &id))
		return judge(s, o, err);
	if (fd >= 0 && *sys)
		return 0;
	if (read_node(o, "physical-device", &text, err) < 0)
		return err->code;
	if (!*text || !parse_number(text, &id) || !sharing_is(s, &id))
		return 0;
	return judge(s, o, err);
}

/* "FORMAT:PATH": what QEMU and tapdisk open by themselves. */
static int look_at_path(struct sharing *s, const struct other *o, struct xhp_err *err)
{
	const struct resolved *r;
	const char *params, *path;

	if (read_node(o, "params", &params, err) < 0)
		return err->code;
	path = strchr(params, ':');
	path = path && *params != '/' ? path + 1 : params;
	if (*path != '/')
		return 0;
	r = sharing_path(s, path, err);
	if (!r)
		return err->code;
	if (r->state == PATH_GONE)
		return 0;
	if (r->state == PATH_KNOWN)
		return sharing_is(s, &r->id) ? judge(s, o, err) : 0;
	/* on another file system it is another file */
	for (unsigned int i = 0; i < s->set.n; i++) {
		if (s->set.v[i].is_file && local_mount_of(path) == s->set.v[i].dev)
			return err_set(err, -EIO,
				       "%s: cannot tell whether it is %s, which %s has: "
				       "that does not answer",
				       s->what, path, guest_text(o->domid));
	}
	if (!s->warned)
		log_warn(
			"%s, which %s has, does not answer: it is taken for another disk",
			path, guest_text(o->domid));
	return 0;
}

static int look_at(struct sharing *s, const struct other *o, struct xhp_err *err)
{
	if (strcmp(o->kind, "vbd") != 0 && look_at_path(s, o, err) < 0)
		return err->code;
	return look_at_number(s, o, err);
}

/* ---- All of them ---- */

struct scan {
	struct sharing *s;
	struct numbers backends; /* of ours, which the kernel shows */
	struct disks_known devices;
	/* domains of which the kernel has shown all, a bit for each */
	unsigned char shown[(DOMID_MAX + 1) / 8];
	unsigned int own;       /* the guest that wants it, if its UUID is known */
	struct xhp_err waiting; /* -EAGAIN: for one that is about to go */
};

/* Need it not be looked at? If the kernel does not show it: has it what was entered? */
static int is_known(struct scan *scan, const struct other *o, ino_t backend, bool *ret,
		    struct xhp_err *err)
{
	struct disk_id id;
	const char *text;

	*ret = o->domid == scan->own ||
	       (scan->s->device && !strcmp(o->device, scan->s->device));
	if (*ret)
		return 0;
	if (backend) {
		*ret = numbers_have(&scan->backends, backend);
		return 0;
	}
	if (disks_know_device(&scan->devices, o->device, ret, err) < 0)
		return err->code;
	if (!*ret || strcmp(o->kind, "vbd") != 0)
		return 0;
	if (read_node(o, "physical-device", &text, err) < 0)
		return err->code;
	*ret = parse_number(text, &id) && disks_uses(o->device, &id);
	return 0;
}

/* `backend` is 0 if the kernel does not show it. */
static int take(struct scan *scan, const struct other *o, ino_t backend,
		struct xhp_err *err)
{
	bool known;
	int rc = is_known(scan, o, backend, &known, err);

	if (rc || known)
		return rc;
	rc = look_at(scan->s, o, err);
	if (rc == -EAGAIN)
		scan->waiting = *err;
	return rc == -EAGAIN ? 0 : rc;
}

/* In one look, those that the kernel serves, and whose they are. */
static int scan_sysfs(struct scan *scan, struct xhp_err *err)
{
	DIR *dir = opendir(XEN_BACKEND);
	struct dirent *e;
	int rc = dir ? disks_backends(&scan->backends, err) : 0;

	while (dir && !rc && (e = readdir(dir))) {
		struct other o;

		if (!parse_device(e->d_name, &o) || strcmp(o.kind, "vbd") != 0)
			continue;
		o.bus = dirfd(dir);
		scan->shown[o.domid / 8] |= (unsigned char)(1U << o.domid % 8);
		rc = take(scan, &o, e->d_ino, err);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static bool is_shown(const struct scan *scan, unsigned int domid)
{
	return scan->shown[domid / 8] >> domid % 8 & 1;
}

static int scan_domain(struct scan *scan, const char *kind, const char *domid,
		       struct xhp_err *err)
{
	const char *const *devids;
	struct other o;
	unsigned int n;

	if (store_list(mem_printf("backend/%s/%s", kind, domid), &devids, &n, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	for (unsigned int i = 0; i < n; i++) {
		if (parse_device(mem_printf("%s-%s-%s", kind, domid, devids[i]), &o) &&
		    take(scan, &o, 0, err) < 0)
			return err->code;
	}
	return 0;
}

static int scan_kind(struct scan *scan, const char *kind, struct xhp_err *err)
{
	bool vbd = !strcmp(kind, "vbd");
	const char *const *names;
	unsigned int n;

	/* blkback has what it serves open, and its loop device has the file */
	if (vbd && scan->s->alone)
		return 0;
	if (vbd && scan_sysfs(scan, err) < 0)
		return err->code;
	if (store_list(mem_printf("backend/%s", kind), &names, &n, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int domid;

		/* its other disks never are in the way */
		if (!parse_domid(names[i], &domid) || domid == scan->own)
			continue;
		/* the kernel has shown all of that domain's */
		if (vbd && is_shown(scan, domid))
			continue;
		if (scan_domain(scan, kind, names[i], err) < 0)
			return err->code;
	}
	return 0;
}

int guests_check(struct sharing *s, struct xhp_err *err)
{
	struct scan scan = { .s = s, .own = s->uuid ? (unsigned int)s->domid : UINT_MAX };
	const char *const *names;
	unsigned int n;

	if (store_list("backend", &names, &n, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int k = 0; k < NKINDS; k++) {
			if (!strcmp(names[i], kinds[k]) &&
			    scan_kind(&scan, kinds[k], err) < 0)
				return err->code;
		}
	}
	if (scan.waiting.code)
		*err = scan.waiting;
	return scan.waiting.code;
}

int guest_look(struct sharing *s, const char *device, struct xhp_err *err)
{
	struct other o;

	return parse_device(device, &o) ? look_at(s, &o, err) : 0;
}

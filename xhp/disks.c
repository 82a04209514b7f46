// SPDX-License-Identifier: LGPL-2.1-or-later
// The index of our disks: empty files, each made and removed in one call, and lists of
// numbers.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "disks.h"
#include "lock.h"
#include "loopdev.h"
#include "paths.h"

#define DEVICES  "devices"
#define LOOPS    "loop-numbers"
#define BACKENDS "backend-numbers"

/* What another boot left means nothing: the numbers of domains begin anew. */
static const char *index_name(void)
{
	return mem_printf("index-%s", journal_boot());
}

const char *disk_key(const struct disk_id *id)
{
	if (id->is_file)
		return mem_printf("f%u:%u:%llu", major(id->dev), minor(id->dev),
				  (unsigned long long)id->ino);
	return mem_printf("b%u:%u", major(id->dev), minor(id->dev));
}

bool disk_id_parse(const char *key, struct disk_id *ret)
{
	unsigned long long ino = 0;
	unsigned int maj, min;
	bool is_file = *key == 'f';

	if (is_file ? sscanf(key, "f%u:%u:%llu", &maj, &min, &ino) != 3
		    : sscanf(key, "b%u:%u", &maj, &min) != 2)
		return false;
	*ret = (struct disk_id){ is_file, makedev(maj, min), (ino_t)ino };
	return true;
}

const char *disk_ids_text(const struct disk_ids *ids)
{
	struct buf b = { 0 };

	for (unsigned int i = 0; i < ids->n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", disk_key(&ids->v[i]));
	return b.s ? b.s : "";
}

bool disk_ids_parse(const char *text, struct disk_ids *ret)
{
	char *copy = text ? mem_strdup(text) : NULL, *word;
	struct disk_ids ids = { 0 };
	struct disk_id id;

	while (copy && (word = strsep(&copy, " "))) {
		if (!disk_id_parse(word, &id))
			return false;
		disk_id_add(&ids, &id);
	}
	*ret = ids;
	return ids.n != 0;
}

bool disk_id_in(const struct disk_ids *set, const struct disk_id *id)
{
	for (unsigned int i = 0; i < set->n; i++) {
		const struct disk_id *o = &set->v[i];

		if (o->is_file == id->is_file && o->dev == id->dev &&
		    (!id->is_file || o->ino == id->ino))
			return true;
	}
	return false;
}

bool disk_id_add(struct disk_ids *set, const struct disk_id *id)
{
	if (disk_id_in(set, id))
		return false;
	*MEM_PUSH(set->v, set->n) = *id;
	return true;
}

/* Somebody may remove the directory, empty, just before the file is made in it. */
static int enter(int index, const char *dir, const char *device, const char *text,
		 struct xhp_err *err)
{
	const char *path = mem_printf("%s/%s", dir, device);
	ssize_t len = (ssize_t)strlen(text);

	for (int tries = 0; tries < 1000; tries++) {
		int fd;

		if (mkdirat(index, dir, 0700) < 0 && errno != EEXIST)
			break;
		fd = openat(index, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);
		if (fd >= 0) {
			bool whole = !len || write(fd, text, (size_t)len) == len;

			close(fd);
			if (whole)
				return 0;
			break;
		}
		if (errno != ENOENT)
			break;
	}
	return err_sys(err, -errno, "%s/%s/%s", STATE_DIR, index_name(), path);
}

static int leave(int index, const char *dir, const char *device, struct xhp_err *err)
{
	const char *path = mem_printf("%s/%s", dir, device);

	if (unlinkat(index, path, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "%s/%s/%s", STATE_DIR, index_name(), path);
	unlinkat(index, dir, AT_REMOVEDIR); /* if it is empty now */
	return 0;
}

static bool is_loop(const struct disk_id *id)
{
	unsigned int number;

	return !id->is_file && loopdev_is(id->dev, &number);
}

static int enter_number(int index, const char *list, uint64_t number, struct xhp_err *err)
{
	return numbers_add(index, list, number, err) < 0
		       ? err_wrap(err, "%s/%s", STATE_DIR, index_name())
		       : 0;
}

static int leave_number(int index, const char *list, uint64_t number, struct xhp_err *err)
{
	return numbers_drop(index, list, number, err) < 0
		       ? err_wrap(err, "%s/%s", STATE_DIR, index_name())
		       : 0;
}

/* The kernel's number for a backend that it serves: no other one ever has it. */
static ino_t backend_number(const char *device)
{
	struct stat st;

	return lstat(mem_printf(XEN_BACKEND "/%s", device), &st) < 0 ? 0 : st.st_ino;
}

static int leave_device(int index, const char *device, struct xhp_err *err)
{
	const char *path = mem_printf(DEVICES "/%s", device);
	CLEANUP_FD int fd = openat(index, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char number[32] = "";

	if (fd >= 0 && read(fd, number, sizeof(number) - 1) > 0 &&
	    leave_number(index, BACKENDS, strtoull(number, NULL, 10), err) < 0)
		return err->code;
	return leave(index, DEVICES, device, err);
}

static int enter_device(int index, const char *device, struct xhp_err *err)
{
	ino_t backend = backend_number(device);
	const char *number =
		backend ? mem_printf("%llu", (unsigned long long)backend) : "";

	/* it may have had another one */
	if (leave_device(index, device, err) < 0 ||
	    enter(index, DEVICES, device, number, err) < 0)
		return err->code;
	return backend ? enter_number(index, BACKENDS, backend, err) : 0;
}

int disks_enter(const char *device, const struct disk_ids *ids, struct xhp_err *err)
{
	CLEANUP_FD int index = state_dir(index_name(), err);

	if (index < 0)
		return index;
	for (unsigned int i = 0; i < ids->n; i++) {
		const struct disk_id *id = &ids->v[i];

		if (enter(index, disk_key(id), device, "", err) < 0 ||
		    (is_loop(id) && enter_number(index, LOOPS, id->dev, err) < 0))
			return err->code;
	}
	return enter_device(index, device, err);
}

int disks_leave(const char *device, const struct disk_ids *ids, struct xhp_err *err)
{
	CLEANUP_FD int index = state_dir(index_name(), err);

	if (index < 0)
		return index;
	if (leave_device(index, device, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < ids->n; i++) {
		const struct disk_id *id = &ids->v[i];

		if ((is_loop(id) && leave_number(index, LOOPS, id->dev, err) < 0) ||
		    leave(index, disk_key(id), device, err) < 0)
			return err->code;
	}
	return 0;
}

static const char *index_dir(const char *dir)
{
	return mem_printf("%s/%s", index_name(), dir);
}

static bool is_in(const char *dir, const char *device)
{
	return access(mem_printf(STATE_DIR "/%s/%s", index_dir(dir), device), F_OK) == 0;
}

bool disks_uses(const char *device, const struct disk_id *id)
{
	return is_in(disk_key(id), device);
}

bool disks_entered(const char *device, const struct disk_ids *ids)
{
	for (unsigned int i = 0; i < ids->n; i++) {
		if (!disks_uses(device, &ids->v[i]))
			return false;
	}
	return is_in(DEVICES, device);
}

static int names(const char *dir, struct field **ret, unsigned int *ret_n,
		 struct xhp_err *err)
{
	return journal_names(index_dir(dir), ret, ret_n, err);
}

int disks_know_device(struct disks_known *known, const char *device, bool *ret,
		      struct xhp_err *err)
{
	struct field *list;
	unsigned int n;

	if (!known->read) {
		if (names(DEVICES, &list, &n, err) < 0)
			return err->code;
		for (unsigned int i = 0; i < n; i++)
			nameset_add(&known->names, list[i].name);
		known->read = true;
	}
	*ret = nameset_has(&known->names, device);
	return 0;
}

int disks_backends(struct numbers *ret, struct xhp_err *err)
{
	return numbers_read(mem_printf(STATE_DIR "/%s", index_dir(BACKENDS)), ret, err);
}

int disks_loops(struct numbers *ret, struct xhp_err *err)
{
	return numbers_read(mem_printf(STATE_DIR "/%s", index_dir(LOOPS)), ret, err);
}

int disks_users(const struct disk_id *id, struct field **ret, unsigned int *ret_n,
		struct xhp_err *err)
{
	return names(disk_key(id), ret, ret_n, err);
}

/* One device's entry in a directory; the last one's loop device goes with it. */
static int sweep_entry(int index, const char *dir, const char *device,
		       struct xhp_err *err)
{
	struct disk_id id;

	if (!strcmp(dir, DEVICES))
		return leave_device(index, device, err);
	if (leave(index, dir, device, err) < 0)
		return err->code;
	if (!disk_id_parse(dir, &id) || !is_loop(&id) ||
	    faccessat(index, dir, F_OK, 0) == 0)
		return 0;
	return leave_number(index, LOOPS, id.dev, err);
}

int disks_sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	struct nameset asked = { 0 }, gone = { 0 };
	struct field *dirs, *list;
	unsigned int ndirs, n;
	CLEANUP_FD int index = -1;

	if (names("", &dirs, &ndirs, err) < 0)
		return err->code;
	if (ndirs && (index = state_dir(index_name(), err)) < 0)
		return index;
	for (unsigned int i = 0; i < ndirs; i++) {
		struct disk_id id;

		if (strcmp(dirs[i].name, DEVICES) != 0 &&
		    !disk_id_parse(dirs[i].name, &id))
			continue;
		if (names(dirs[i].name, &list, &n, err) < 0)
			return err->code;
		for (unsigned int k = 0; k < n; k++) {
			const char *device = list[k].name;

			if (!nameset_has(&asked, device) && is_gone(device)) {
				nameset_add(&gone, device);
				printf("%s: it is in the index of disks no more\n",
				       device);
			}
			nameset_add(&asked, device);
			if (nameset_has(&gone, device) &&
			    sweep_entry(index, dirs[i].name, device, err) < 0)
				return err->code;
		}
	}
	return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// The index of our disks: empty files, each made and removed in one call.

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

#define DEVICES "devices"
#define LOOPS   "loops"

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
static int enter(int index, const char *dir, const char *device, struct xhp_err *err)
{
	const char *path = mem_printf("%s/%s", dir, device);

	for (int tries = 0; tries < 1000; tries++) {
		int fd;

		if (mkdirat(index, dir, 0700) < 0 && errno != EEXIST)
			break;
		fd = openat(index, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);
		if (fd >= 0) {
			close(fd);
			return 0;
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

/* The name of a loop device's entry, or NULL. */
static const char *loop_name(const struct disk_id *id)
{
	unsigned int number;

	return !id->is_file && loopdev_is(id->dev, &number) ? mem_printf("%u", number)
							    : NULL;
}

int disks_enter(const char *device, const struct disk_ids *ids, struct xhp_err *err)
{
	CLEANUP_FD int index = state_dir(index_name(), err);

	if (index < 0)
		return index;
	for (unsigned int i = 0; i < ids->n; i++) {
		const char *loop = loop_name(&ids->v[i]);

		if (enter(index, disk_key(&ids->v[i]), device, err) < 0 ||
		    (loop && enter(index, LOOPS, loop, err) < 0))
			return err->code;
	}
	return enter(index, DEVICES, device, err);
}

int disks_leave(const char *device, const struct disk_ids *ids, struct xhp_err *err)
{
	CLEANUP_FD int index = state_dir(index_name(), err);

	if (index < 0)
		return index;
	if (leave(index, DEVICES, device, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < ids->n; i++) {
		const char *loop = loop_name(&ids->v[i]);

		if ((loop && leave(index, LOOPS, loop, err) < 0) ||
		    leave(index, disk_key(&ids->v[i]), device, err) < 0)
			return err->code;
	}
	return 0;
}

static const char *index_path(const char *dir)
{
	return mem_printf("%s/%s/%s", STATE_DIR, index_name(), dir);
}

bool disks_entered(const char *device, const struct disk_ids *ids)
{
	for (unsigned int i = 0; i <= ids->n; i++) {
		const char *dir = index_path(i < ids->n ? disk_key(&ids->v[i]) : DEVICES);

		if (access(mem_printf("%s/%s", dir, device), F_OK) < 0)
			return false;
	}
	return true;
}

static int names(const char *dir, struct field **ret, unsigned int *ret_n,
		 struct xhp_err *err)
{
	return journal_names(mem_printf("%s/%s", index_name(), dir), ret, ret_n, err);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct field *)a)->name, ((const struct field *)b)->name);
}

int disks_devices(struct field **ret, unsigned int *ret_n, struct xhp_err *err)
{
	struct field *list, *journals;
	unsigned int n, njournals, kept = 0;

	if (names(DEVICES, &list, &n, err) < 0 ||
	    journal_names(JOURNAL_DEVICES, &journals, &njournals, err) < 0)
		return err->code;
	if (njournals)
		qsort(journals, njournals, sizeof(*journals), compare);
	for (unsigned int i = 0; i < n; i++) {
		if (disks_has(journals, njournals, list[i].name))
			list[kept++] = list[i];
	}
	if (kept)
		qsort(list, kept, sizeof(*list), compare);
	*ret = list;
	*ret_n = kept;
	return 0;
}

bool disks_has(const struct field *devices, unsigned int n, const char *device)
{
	const struct field key = { .name = device };

	return n && bsearch(&key, devices, n, sizeof(*devices), compare);
}

int disks_loops(unsigned char **ret, size_t *ret_size, struct xhp_err *err)
{
	struct field *list;
	unsigned int n;
	size_t size = 0;

	if (names(LOOPS, &list, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		size_t number = strtoul(list[i].name, NULL, 10);

		size = number >= size && number < LOOP_MAX ? number + 1 : size;
	}
	*ret = mem_alloc(size + 1);
	for (unsigned int i = 0; i < n; i++) {
		size_t number = strtoul(list[i].name, NULL, 10);

		if (number < size)
			(*ret)[number] = 1;
	}
	*ret_size = size;
	return 0;
}

int disks_users(const struct disk_id *id, struct field **ret, unsigned int *ret_n,
		struct xhp_err *err)
{
	return names(disk_key(id), ret, ret_n, err);
}

/* The devices that stand in one of these directories, each once. */
static int all_devices(const struct field *keys, unsigned int nkeys, struct field **ret,
		       unsigned int *ret_n, struct xhp_err *err)
{
	struct field *devices = NULL;
	unsigned int n = 0, kept = 0;

	for (unsigned int i = 0; i < nkeys; i++) {
		struct field *list;
		unsigned int nlist;

		if (names(keys[i].name, &list, &nlist, err) < 0)
			return err->code;
		for (unsigned int k = 0; k < nlist; k++)
			*MEM_PUSH(devices, n) = list[k];
	}
	if (n)
		qsort(devices, n, sizeof(*devices), compare);
	for (unsigned int i = 0; i < n; i++) {
		if (!kept || strcmp(devices[kept - 1].name, devices[i].name) != 0)
			devices[kept++] = devices[i];
	}
	*ret = devices;
	*ret_n = kept;
	return 0;
}

int disks_sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	struct field *keys, *devices = NULL, *loops;
	unsigned int nkeys, ndevices = 0, nloops, n = 0;
	CLEANUP_FD int index = -1;

	if (names("", &keys, &nkeys, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < nkeys; i++) {
		if (strcmp(keys[i].name, LOOPS) != 0)
			keys[n++] = keys[i];
	}
	if (!n)
		return 0;
	index = state_dir(index_name(), err);
	if (index < 0 || all_devices(keys, n, &devices, &ndevices, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < ndevices; i++) {
		if (!is_gone(devices[i].name))
			continue;
		for (unsigned int k = 0; k < n; k++) {
			if (leave(index, keys[k].name, devices[i].name, err) < 0)
				return err->code;
		}
		printf("%s: it is in the index of disks no more\n", devices[i].name);
	}
	if (names(LOOPS, &loops, &nloops, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < nloops; i++) {
		const char *key = mem_printf("b%u:%s", LOOP_MAJOR, loops[i].name);

		if (faccessat(index, key, F_OK, 0) < 0 &&
		    leave(index, LOOPS, loops[i].name, err) < 0)
			return err->code;
	}
	return 0;
}

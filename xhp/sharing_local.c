// SPDX-License-Identifier: LGPL-2.1-or-later
// The sharing check: what this domain itself does with a disk. Mounts (proc(5),
// mountinfo), swap, what the kernel or a program holds exclusively, and QEMU's locks.

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "blockdev.h"
#include "loopdev.h"
#include "sharing_priv.h"
#include "xhp.h"

/*
 * QEMU's file-posix.c: byte 100+N is locked by who has the permission N, byte 200+N by
 * who lets nobody else have it; 0 is consistent reading, 1 is writing.
 */
#define QEMU_HAS    100
#define QEMU_DENIES 200
#define QEMU_READ   0
#define QEMU_WRITE  1

/* How often to look again at what holds a disk for a moment, as mdadm and LVM do. */
#define SURPRISES 20

static int local_busy(const struct sharing *s, struct xhp_err *err, const char *how,
		      const char *remedy)
{
	err_set(err, -EBUSY, "%s is in use in this domain: %s. %s", s->what, how, remedy);
	err->busy = true;
	return err->code;
}

/* ---- Mounts ---- */

struct mount {
	int id;
	dev_t dev;
	char *point, *source;
	bool writes; /* the file system, whatever this mount of it allows */
};

/* Blanks, newlines and backslashes stand there as \NNN. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *s = text; *s; s++) {
		if (*s == '\\' && isdigit((unsigned char)s[1]) && s[2] && s[3]) {
			const char octal[] = { s[1], s[2], s[3], '\0' };

			*to++ = (char)strtoul(octal, NULL, 8);
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Up to a blank; "" if there is none. There may be hundreds of lines. */
static char *next_field(char **pos)
{
	char *field = *pos, *end = strchrnul(field, ' ');

	*pos = end + (*end != '\0');
	*end = '\0';
	return field;
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE SUPER-OPTIONS */
static bool parse_mount(char *line, struct mount *ret)
{
	char *field[6], *rest = strstr(line, " - "), *end;
	unsigned long maj, min;

	if (!rest)
		return false;
	*rest = '\0';
	rest += 3;
	for (int i = 0; i < 6; i++)
		field[i] = next_field(&line);
	maj = strtoul(field[2], &end, 10);
	if (end == field[2] || *end != ':' || !*field[5])
		return false;
	min = strtoul(end + 1, NULL, 10);
	*ret = (struct mount){ .id = atoi(field[0]),
			       .dev = makedev((unsigned int)maj, (unsigned int)min),
			       .point = field[4] };
	next_field(&rest);
	ret->source = next_field(&rest);
	if (!*rest)
		return false;
	unescape(ret->point);
	unescape(ret->source);
	ret->writes = strncmp(rest, "ro", 2) != 0 || !strchr(",\n", rest[2]);
	return true;
}

/* btrfs has device numbers of its own: there the source tells. */
static bool mount_is(const struct sharing *s, const struct mount *m, struct disk_id *ret)
{
	struct disk_id id = { .dev = m->dev };
	struct stat st;

	if (!major(m->dev)) {
		if (strncmp(m->source, "/dev/", 5) != 0 || stat(m->source, &st) < 0 ||
		    !S_ISBLK(st.st_mode))
			return false;
		id.dev = st.st_rdev;
	}
	*ret = id;
	return sharing_is(s, &id);
}

static int check_mounts(struct sharing *s, struct xhp_err *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	struct mount m;
	int rc = 0;

	if (!f)
		return err_sys(err, -errno, "/proc/self/mountinfo");
	while (!rc && getline(&line, &size, f) >= 0) {
		struct disk_id id;

		if (!parse_mount(line, &m) || !mount_is(s, &m, &id))
			continue;
		disk_id_add(&s->mounted, &id);
		if (sharing_conflict(s, m.writes))
			rc = local_busy(s, err,
					mem_printf("mounted on %s, %s", quoted(m.point),
						   m.writes ? "read-write" : "read-only"),
					m.writes && s->mode == DISK_R
						? "Unmount it or mount it read-only first"
						: "Unmount it first");
	}
	free(line);
	fclose(f);
	return rc;
}

dev_t local_mount_of(const char *path)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t size = 0, best = 0;
	char *line = NULL;
	struct mount m;
	dev_t dev = 0;

	while (f && getline(&line, &size, f) >= 0) {
		size_t len;

		if (!parse_mount(line, &m))
			continue;
		len = strlen(m.point);
		if (len == 1)
			len = 0; /* "/" */
		if (len >= best && !strncmp(m.point, path, len) && path[len] == '/') {
			best = len;
			dev = m.dev;
		}
	}
	free(line);
	if (f)
		fclose(f);
	return dev;
}

/* An open file's mount, by the kernel's number (proc(5), fdinfo); -1: unknown. */
static int mount_of(int fd)
{
	FILE *f = fopen(mem_printf("/proc/self/fdinfo/%d", fd), "re");
	char line[256];
	int id = -1;

	while (f && id < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "mnt_id: %d", &id);
	if (f)
		fclose(f);
	return id;
}

/* btrfs tells stat(2) a number for each subvolume; the lists of locks have another one.
 */
static dev_t file_system_of(int fd, dev_t otherwise)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	int id = mount_of(fd);
	dev_t dev = otherwise;
	char *line = NULL;
	size_t size = 0;
	struct mount m;

	while (f && id >= 0 && getline(&line, &size, f) >= 0) {
		if (parse_mount(line, &m) && m.id == id)
			dev = m.dev;
	}
	free(line);
	if (f)
		fclose(f);
	return dev;
}

/* ---- Swap ---- */

static int check_swaps(struct sharing *s, struct xhp_err *err)
{
	FILE *f = fopen("/proc/swaps", "re");
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	/* a kernel without swap has none */
	while (f && !rc && getline(&line, &size, f) >= 0) {
		struct disk_id id = { 0 };
		struct stat st;

		if (*line != '/')
			continue;
		line[strcspn(line, " \t")] = '\0';
		unescape(line);
		if (stat(line, &st) < 0)
			continue;
		id.is_file = !S_ISBLK(st.st_mode);
		id.dev = id.is_file ? st.st_dev : st.st_rdev;
		id.ino = st.st_ino;
		if (sharing_is(s, &id))
			rc = local_busy(s, err,
					mem_printf("swap space (%s)", quoted(line)),
					"Take it out with swapoff first");
	}
	free(line);
	if (f)
		fclose(f);
	return rc;
}

/* ---- What is held exclusively ---- */

/* Also by mounts of other namespaces, and by programs that open it so. */
static bool is_exclusive(const struct sharing *s, const struct disk_id *id)
{
	const char *path = s->fd >= 0 && !s->id.is_file && s->id.dev == id->dev
				   ? mem_printf("/proc/self/fd/%d", s->fd)
				   : mem_printf("/dev/%s", blockdev_name(id->dev));
	CLEANUP_FD int fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 && errno == EBUSY;
}

/* The disk itself and what is made of it; what it is made of is held by it. */
static int check_exclusive(struct sharing *s, struct xhp_err *err)
{
	struct disk_ids below = { 0 };
	struct devs devs = { 0 };

	if (!s->id.is_file && !s->alone)
		blockdev_below(s->id.dev, &devs);
	for (unsigned int i = 0; i < devs.n; i++) {
		const struct disk_id id = { .dev = devs.v[i] };

		if (disk_id_add(&below, &id))
			blockdev_below(id.dev, &devs);
	}
	for (unsigned int i = 0; i < s->set.n; i++) {
		const struct disk_id *id = &s->set.v[i];
		const char *name;

		if (id->is_file || disk_id_in(&below, id) ||
		    disk_id_in(&s->mounted, id) || !is_exclusive(s, id))
			continue;
		name = blockdev_name(id->dev);
		if (blockdev_is_held(id->dev)) {
			/* dm without a user: it was looked at, too. md writes by itself.
			 */
			if (!blockdev_is_held_by(id->dev, "md")) {
				if (!s->mounted.n && !s->warned)
					log_warn(
						"%s: the device mapper has a device on top of %s, "
						"which nobody seems to use",
						s->what, name);
				continue;
			}
			return local_busy(
				s, err, mem_printf("an md array has %s as a part", name),
				"Stop the array first");
		}
		if (!blockdev_is_partition(id->dev) && blockdev_has_partitions(id->dev))
			continue; /* held by one of them, which was looked at */
		if (s->surprise++ < SURPRISES)
			return err_set(err, -EAGAIN, "something holds %s exclusively",
				       name);
		return local_busy(
			s, err,
			mem_printf("something holds /dev/%s exclusively: a mount in "
				   "another mount namespace, or a program",
				   name),
			mem_printf(
				"\"grep -l ' /dev/%s ' /proc/*/mountinfo\" and \"fuser "
				"-v /dev/%s\" may find it",
				name, name));
	}
	return 0;
}

/* ---- QEMU's locks ---- */

/* Who locks a byte of it: the kernel tells for each open descriptor (proc(5), fdinfo). */
static bool has_lock(const char *pid, dev_t dev, ino_t ino)
{
	const char *path = mem_printf("/proc/%s/fdinfo", pid);
	const char *want = mem_printf(" %02x:%02x:%llu ", major(dev), minor(dev),
				      (unsigned long long)ino);
	DIR *dir = opendir(path);
	struct dirent *e;
	char line[256];
	bool found = false;

	while (dir && !found && (e = readdir(dir))) {
		FILE *f = *e->d_name == '.'
				  ? NULL
				  : fopen(mem_printf("%s/%s", path, e->d_name), "re");

		while (f && !found && fgets(line, sizeof(line), f))
			found = !strncmp(line, "lock:", 5) && strstr(line, want);
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The guest of a QEMU, by its command line; -1 if it says none. */
static long guest_of(const char *pid)
{
	CLEANUP_FD int fd =
		open(mem_printf("/proc/%s/cmdline", pid), O_RDONLY | O_CLOEXEC);
	char text[16384];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	static const char option[] = "-xen-domid";

	if (n <= 0)
		return -1;
	text[n] = '\0';
	for (const char *s = text; s < text + n; s += strlen(s) + 1) {
		const char *value = s + strlen(s) + 1;

		if (!strcmp(s, option) && value < text + n &&
		    isdigit((unsigned char)*value))
			return strtol(value, NULL, 10);
	}
	return -1;
}

static const char *command_of(const char *pid)
{
	CLEANUP_FD int fd = open(mem_printf("/proc/%s/comm", pid), O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return "?";
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return mem_strdup(text);
}

/* Somebody has a lock that excludes us: allowed if it is the same guest's QEMU alone. */
static int judge_lock(struct sharing *s, int fd, struct xhp_err *err)
{
	DIR *dir = opendir("/proc");
	const char *who = NULL;
	bool same = false;
	struct dirent *e;
	struct stat st;
	dev_t dev;

	if (fstat(fd, &st) < 0)
		memset(&st, 0, sizeof(st));
	dev = major(st.st_dev) ? st.st_dev : file_system_of(fd, st.st_dev);
	while (dir && !who && (e = readdir(dir))) {
		long domid;

		if (!isdigit((unsigned char)*e->d_name) ||
		    !has_lock(e->d_name, dev, st.st_ino))
			continue;
		domid = guest_of(e->d_name);
		if (domid >= 0 && guest_is_same(s, (unsigned int)domid, NULL)) {
			same = true;
			continue;
		}
		who = mem_printf("process %s (%s%s%s) has it locked", e->d_name,
				 command_of(e->d_name), domid >= 0 ? ", for " : "",
				 domid >= 0 ? guest_text((unsigned int)domid) : "");
	}
	if (dir)
		closedir(dir);
	if (!who && same)
		return 0;
	return local_busy(
		s, err,
		who ? who : "somebody has locked it, as QEMU does, and cannot be found",
		"End that program, or detach the disk from its guest, first");
}

static bool is_locked(int fd, off_t byte)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
	};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static int check_locks(struct sharing *s, struct xhp_err *err)
{
	int fd = s->image >= 0 ? s->image : s->fd;

	if (fd < 0 || s->shared)
		return 0;
	if (is_locked(fd, QEMU_HAS + QEMU_WRITE) ||
	    is_locked(fd, QEMU_DENIES + (s->mode == DISK_R ? QEMU_READ : QEMU_WRITE)) ||
	    (s->mode == DISK_W && is_locked(fd, QEMU_HAS + QEMU_READ)))
		return judge_lock(s, fd, err);
	return 0;
}

int local_check(struct sharing *s, struct xhp_err *err)
{
	/* mounts and swap have the file open, and the loop device exclusively */
	if (!s->alone && (check_mounts(s, err) < 0 || check_swaps(s, err) < 0))
		return err->code;
	if (check_locks(s, err) < 0)
		return err->code;
	return check_exclusive(s, err);
}

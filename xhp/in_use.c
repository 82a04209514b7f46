// SPDX-License-Identifier: LGPL-2.1-or-later
// disk-in-use: the sharing check, for scripts that source block-common.sh.

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "commands.h"
#include "deadline.h"
#include "guard.h"
#include "sharing.h"
#include "xhp.h"

/* How long a disk that is about to be given back is waited for. */
#define AGAIN_MS    20
#define PATIENCE_MS 10000

struct opened {
	const char *path;
	int rc, fd;
	struct stat st;
};

static void open_disk(void *data)
{
	struct opened *o = data;

	o->fd = open(o->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	o->rc = o->fd < 0 || fstat(o->fd, &o->st) < 0 ? -errno : 0;
}

/* Whose disk it is to be: .../TYPE/DOMID/DEVID, by the script's own XENBUS_PATH. */
static void take_guest(struct sharing *s)
{
	const char *path = getenv("XENBUS_PATH"), *at = path ? path + strlen(path) : NULL;
	unsigned int domid, devid;
	char type[32];
	int parts = 3;

	while (at && at > path && (at[-1] != '/' || --parts))
		at--;
	if (at && sscanf(at, "%31[a-z0-9_]/%u/%u", type, &domid, &devid) == 3) {
		s->device = mem_printf("%s-%u-%u", type, domid, devid);
		s->domid = (long)domid;
	}
}

/* The script holds the lock "block", or does without. */
static int ask(struct sharing *s, struct xhp_err *err)
{
	for (int waited = 0;; waited += AGAIN_MS) {
		int rc = sharing_check(s, err);

		if (rc == -ENODATA && !sharing_resolve(s, err))
			continue;
		if (rc != -EAGAIN || waited >= PATIENCE_MS || deadline_check(err) < 0)
			return rc;
		usleep(AGAIN_MS * 1000);
	}
}

int cmd_disk_in_use(int argc, char **argv, struct xhp_err *err)
{
	const bool writes = argc == 3 && !strcmp(argv[2], "w");
	struct opened *o = MEM_NEW(struct opened);
	struct sharing s = {
		.mode = writes ? DISK_W : DISK_R, .fd = -1, .image = -1, .domid = -1
	};
	int rc;

	if (argc != 3 || (!writes && strcmp(argv[2], "r") != 0))
		return err_usage(err, NULL, "disk-in-use PATH r|w");
	deadline_start(DEADLINE_WORK);
	o->path = s.what = argv[1];
	if (guarded(open_disk, o, 0, err) < 0)
		return err_wrap(err, "%s", quoted(argv[1]));
	if (o->rc)
		return err_sys(err, o->rc, "%s", quoted(argv[1]));
	if (S_ISBLK(o->st.st_mode)) {
		s.id = (struct disk_id){ .dev = o->st.st_rdev };
		s.fd = o->fd;
	} else if (S_ISREG(o->st.st_mode)) {
		s.id = (struct disk_id){ true, o->st.st_dev, o->st.st_ino };
		s.image = o->fd;
	} else {
		return err_set(err, -ENOTBLK, "%s is neither a block device nor a file",
			       quoted(argv[1]));
	}
	take_guest(&s);
	rc = ask(&s, err);
	if (rc != -EBUSY && rc != -EAGAIN)
		return rc;
	printf("%s\n", err->text);
	return 0;
}

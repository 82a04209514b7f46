// SPDX-License-Identifier: LGPL-2.1-or-later
// disk-check: the sharing check for block scripts of others (block-common.sh).

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "commands.h"
#include "deadline.h"
#include "guard.h"
#include "sharing.h"
#include "xhp.h"

/* The script that asks holds the lock "block" meanwhile. */
#define PATIENCE_MS 1000
#define AGAIN_MS    20

struct wanted {
	const char *path;
	struct stat st;
	int fd, rc;
};

static void look(void *data)
{
	struct wanted *w = data;
	char self[64];
	int at = open(w->path, O_PATH | O_CLOEXEC);

	if (at < 0 || fstat(at, &w->st) < 0) {
		w->rc = -errno;
		return;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	if (!S_ISBLK(w->st.st_mode) && !S_ISREG(w->st.st_mode))
		w->rc = -ENOTBLK;
	else if ((w->fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
		w->rc = -errno;
}

/* As block-common.sh's canonicalise_mode has it, and what that gives: any text is a mode.
 */
static enum disk_mode mode_of(const char *text)
{
	if (!strchr(text, 'w'))
		return strcmp(text, "!") ? DISK_R : DISK_FORCE;
	return strchr(text, '!') ? DISK_FORCE : DISK_W;
}

int cmd_disk_check(int argc, char **argv, struct xhp_err *err)
{
	const char *path = getenv("XENBUS_PATH");
	struct wanted *w = MEM_NEW(struct wanted);
	struct sharing s = { .fd = -1, .image = -1, .domid = -1 };
	const struct disk_ids none = { 0 };
	struct xhp_err unused;
	int rc, waited = 0;

	if (argc != 3)
		return err_usage(err, NULL, "disk-check takes a path and a mode");
	deadline_start(DEADLINE_WORK);
	*w = (struct wanted){ .path = argv[1], .fd = -1 };
	if (guarded(look, w, 0, err) < 0)
		return err_wrap(err, "%s", argv[1]);
	if (w->rc)
		return err_sys(err, w->rc, "%s", argv[1]);
	s.what = argv[1];
	s.mode = (uint8_t)mode_of(argv[2]);
	if (S_ISBLK(w->st.st_mode)) {
		s.fd = w->fd;
		s.id = (struct disk_id){ .dev = w->st.st_rdev };
	} else {
		s.image = w->fd;
		s.id = (struct disk_id){ true, w->st.st_dev, w->st.st_ino };
	}
	if (path)
		sharing_for(&s, path);
	for (;;) {
		rc = sharing_check(&s, err);
		if (rc == -ENODATA && !sharing_resolve(&s, err))
			continue;
		if (rc != -EAGAIN || waited >= PATIENCE_MS)
			break;
		usleep(AGAIN_MS * 1000);
		waited += AGAIN_MS;
	}
	if (rc && rc != -EBUSY && rc != -EAGAIN)
		return rc;
	/* what it was once to us, another script's it is going to be */
	if (!rc && s.device && disks_leave(s.device, &none, &unused) < 0)
		log_warn("%s", unused.text);
	if (!rc)
		printf("ok\n");
	else
		printf("%s %x:%x\n", s.by_guest ? "guest" : "local",
		       major(S_ISBLK(w->st.st_mode) ? w->st.st_rdev : w->st.st_dev),
		       minor(S_ISBLK(w->st.st_mode) ? w->st.st_rdev : w->st.st_dev));
	return rc;
}

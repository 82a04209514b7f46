/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A /run and a network of the test's own. */
#ifndef PRIVATE_H
#define PRIVATE_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

/* Ends the program, as skipped, where that is not possible. */
static inline void private_run(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
	    mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) == 0 &&
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0)
		return;
	puts("1..0 # SKIP needs root, for a /run of its own");
	exit(0);
}

#endif

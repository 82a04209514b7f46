/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A /run and a network of the test's own. */
#ifndef PRIVATE_H
#define PRIVATE_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

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

/* Until so many processes wait for locks in this /run, for a minute. */
static inline bool awaited_by(unsigned int processes)
{
	char line[256], run[32];
	struct stat st;

	if (stat("/run", &st) < 0)
		return false;
	snprintf(run, sizeof(run), " %02x:%02x:", major(st.st_dev), minor(st.st_dev));
	for (int i = 0; i < 60000; i++, usleep(1000)) {
		FILE *locks = fopen("/proc/locks", "re");
		unsigned int n = 0;

		while (locks && fgets(line, sizeof(line), locks))
			n += strstr(line, "-> ") && strstr(line, run);
		if (locks)
			fclose(locks);
		if (n >= processes)
			return true;
	}
	return false;
}

#endif

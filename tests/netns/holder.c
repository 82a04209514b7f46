// SPDX-License-Identifier: LGPL-2.1-or-later
// Holds a test's dom0: one network namespace, and mounts that keep the host out of it.
//
// holder NETNS OVERLAYS [SOURCE:TARGET...]
//
// Every directory in OVERLAYS is laid over the host's one of that name, so that mount
// points exist that the host does not have; both are then read-only. The pairs are bind
// mounts on top. Prints a line when all is in place, and lives until it is killed.

#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

static void enter(const char *netns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(1, "%s", path);
	close(fd);
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL))
		err(1, "private mounts");
	if (mount("sysfs", "/sys", "sysfs", 0, NULL))
		err(1, "/sys");
}

static void overlay(const char *dir)
{
	DIR *names = opendir(dir);
	struct dirent *name;
	char options[1024], target[300];

	if (!names)
		err(1, "%s", dir);
	while ((name = readdir(names))) {
		if (name->d_name[0] == '.')
			continue;
		snprintf(target, sizeof(target), "/%s", name->d_name);
		snprintf(options, sizeof(options), "lowerdir=%s%s:%s", dir, target,
			 target);
		if (mount("overlay", target, "overlay", 0, options))
			err(1, "overlay on %s", target);
	}
	closedir(names);
}

static void bind(char *pair)
{
	char *target = strchr(pair, ':');

	if (!target)
		errx(1, "%s: not SOURCE:TARGET", pair);
	*target++ = '\0';
	if (mount(pair, target, NULL, MS_BIND | MS_REC, NULL))
		err(1, "bind %s to %s", pair, target);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: holder NETNS OVERLAYS [SOURCE:TARGET...]");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	enter(argv[1]);
	overlay(argv[2]);
	for (int i = 3; i < argc; i++)
		bind(argv[i]);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// hung DIR: a file system whose server never answers, as long as it runs.

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[64];

	if (fd < 0 || argc != 2) {
		perror("hung: /dev/fuse");
		return 1;
	}
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 fd);
	if (mount("hung", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("hung: mount");
		return 1;
	}
	puts("hung");
	fflush(stdout);
	for (;;)
		pause();
}

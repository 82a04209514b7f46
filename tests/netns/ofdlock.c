// SPDX-License-Identifier: LGPL-2.1-or-later
// Locks a byte of a file as QEMU does, says so, and waits: ofdlock FILE BYTE
// [ANYTHING...]

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int fd = argc > 2 ? open(argv[1], O_RDWR) : -1;

	if (fd < 0)
		return 2;
	lock.l_start = atol(argv[2]);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return 1;
	puts("locked");
	fflush(stdout);
	for (;;)
		pause();
}

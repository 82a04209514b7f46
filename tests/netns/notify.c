// SPDX-License-Identifier: LGPL-2.1-or-later
// What systemd does with sd_notify(3)'s messages: notify SOCKET COMMAND...
//
// Runs the command in its own place, with NOTIFY_SOCKET set; each message is a line on
// standard output and in SOCKET.log.

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t flags; /* of recv(2) */

static void on_death(int sig)
{
	(void)sig;
	flags = MSG_DONTWAIT;
}

/* What the command said before it ended is read to its end. */
static void listen_to(int fd, const char *path)
{
	const struct sigaction action = { .sa_handler = on_death };
	const struct timeval second = { .tv_sec = 1 }; /* death may come before recv */
	char text[512];
	int log;
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	snprintf(text, sizeof(text), "%s.log", path);
	log = open(text, O_WRONLY | O_CREAT | O_APPEND, 0600);
	for (;;) {
		n = recv(fd, text, sizeof(text) - 1, flags);
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && !flags)))
			continue;
		if (n <= 0)
			break;
		text[n++] = '\n';
		if (write(log, text, (size_t)n) != n)
			err(1, "%s.log", path);
		if (write(1, text, (size_t)n) < 0)
			continue; /* nobody waits any more */
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), null;

	if (argc < 3 || strlen(argv[1]) >= sizeof(addr.sun_path))
		errx(2, "usage: notify SOCKET COMMAND...");
	strcpy(addr.sun_path, argv[1]);
	unlink(argv[1]);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "%s", argv[1]);
	if (fork() == 0)
		listen_to(fd, argv[1]);
	null = open("/dev/null", O_WRONLY);
	dup2(null, 1);
	close(null);
	setenv("NOTIFY_SOCKET", argv[1], 1);
	execvp(argv[2], argv + 2);
	err(1, "%s", argv[2]);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// Child processes, in a session of their own and under the deadline.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "proc.h"
#include "value.h"
#include "xhp.h"

#define OUTPUT_MAX 65536

static void child(const char *const argv[], const char *const env[], int output)
{
	sigset_t none;
	int null;

	/* its own session: a kill reaches its children, too */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0)
		_exit(127);
	close_range(3, ~0U, 0);
	if (chdir("/") == 0)
		execve(argv[0], (char *const *)(uintptr_t)argv,
		       (char *const *)(uintptr_t)env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Until the pipe's end or the time is up. */
static int collect(int fd, int timeout_ms, struct buf *output, struct xhp_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char part[4096];

	for (;;) {
		int left = deadline_left(), rc;
		ssize_t n;

		if (left < timeout_ms)
			timeout_ms = left;
		rc = poll(&p, 1, timeout_ms);
		if (rc == 0 || (rc < 0 && deadline_check(err) < 0))
			return err_set(err, -ETIMEDOUT, "not done in time");
		if (rc < 0)
			continue;
		n = read(fd, part, sizeof(part));
		if (n <= 0)
			return 0;
		if (output->len < OUTPUT_MAX)
			buf_add(output, part, (size_t)n);
	}
}

int proc_run(const char *const argv[], const char *const env[], int timeout_s,
	     struct buf *output, int *ret_status, struct xhp_err *err)
{
	int fds[2], status, rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "pipe");
	pid = fork();
	if (pid == 0)
		child(argv, env, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		rc = -errno;
		close(fds[0]);
		return err_sys(err, rc, "fork");
	}
	rc = collect(fds[0], timeout_s * 1000, output, err);
	close(fds[0]);
	if (rc < 0)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		if (deadline_left() == 0)
			kill(-pid, SIGKILL);
	}
	if (rc < 0)
		return err_wrap(err, "%s", argv[0]);
	if (WIFSIGNALED(status))
		return err_set(err, -EINTR, "%s: ended by signal %d", argv[0],
			       WTERMSIG(status));
	*ret_status = WEXITSTATUS(status);
	return 0;
}

const char *proc_last_lines(const struct buf *output)
{
	size_t end = output->len, start;
	int lines = 2;

	while (end && strchr(" \t\r\n", output->s[end - 1]))
		end--;
	for (start = end; start && (output->s[start - 1] != '\n' || --lines);)
		start--;
	return end ? quoted(mem_strndup(output->s + start, end - start))
		   : "it said nothing";
}

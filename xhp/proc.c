// SPDX-License-Identifier: LGPL-2.1-or-later
// Child processes, in a session of their own and under the deadline.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "deadline.h"
#include "proc.h"
#include "trace.h"
#include "value.h"
#include "xhp.h"

#define OUTPUT_MAX 65536
#define END_MS     5000 /* that a process has to end, for each signal */

static void child(const struct proc *p, int output, int errors, int go)
{
	sigset_t none;
	char byte;
	int null;

	/* its own session: a kill reaches its children, too */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(errors, STDERR_FILENO) < 0)
		_exit(127);
	/* not before it is in the journal; nothing comes if the parent is gone */
	if (read(go, &byte, 1) != 1)
		_exit(127);
	close_range(3, ~0U, 0);
	if (chdir("/") == 0)
		execve(p->argv[0], (char *const *)(uintptr_t)p->argv,
		       (char *const *)(uintptr_t)p->env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* What there is to read, as far as it is kept; 0 when no more will come. */
static ssize_t take(int fd, struct buf *b)
{
	char part[4096];
	ssize_t n = read(fd, part, sizeof(part));

	if (n > 0 && b->len < OUTPUT_MAX)
		buf_add(b, part, (size_t)n);
	return n > 0 ? n : 0;
}

/*
 * Until the child has ended or the time is up. What it has left in the background may
 * hold the pipes for as long as it likes.
 */
static int collect(struct proc *proc, const int fds[2], pid_t pid, struct xhp_err *err)
{
	CLEANUP_FD int pidfd = pidfd_open(pid, 0);
	struct pollfd p[] = { { .fd = pidfd, .events = POLLIN },
			      { .fd = fds[0], .events = POLLIN },
			      { .fd = fds[1], .events = POLLIN } };
	unsigned long end =
		deadline_elapsed_us() / 1000 + (unsigned int)proc->timeout_s * 1000;

	if (pidfd < 0)
		return err_sys(err, -errno, "pidfd_open");
	for (;;) {
		unsigned long now = deadline_elapsed_us() / 1000;
		int left = deadline_left(), rc;
		ssize_t n = 0;

		if (now + (unsigned int)left > end)
			left = now < end ? (int)(end - now) : 0;
		rc = poll(p, 3, left);
		if (rc == 0 || (rc < 0 && deadline_check(err) < 0))
			return err_set(err, -ETIMEDOUT, "not done in time");
		if (rc < 0)
			continue;
		for (int i = 1; i < 3; i++) {
			ssize_t got = 0;

			if (p[i].revents)
				got = take(p[i].fd,
					   i == 1 ? &proc->output : &proc->errors);
			if (p[i].revents && !got)
				p[i].fd = -1;
			n += got;
		}
		if (!n && p[0].revents)
			return 0;
	}
}

/* When the process started, in clock ticks since the boot: field 22 of proc(5)'s stat. */
static unsigned long long start_time(pid_t pid, pid_t *ret_session)
{
	CLEANUP_FD int fd = open(mem_printf("/proc/%d/stat", pid), O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long long start = 0;
	int session = 0;
	const char *s;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	s = strrchr(text, ')'); /* the name may hold anything */
	if (!s ||
	    sscanf(s + 1,
		   " %*c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
		   "%*d %*d %*d %llu",
		   &session, &start) != 2)
		return 0;
	if (ret_session)
		*ret_session = session;
	return start;
}

static int announce(struct journal *j, const char *action, const char *path, pid_t pid,
		    struct xhp_err *err)
{
	if (!j)
		return 0;
	return journal_record(
		j, err, SCOPE_HOST, action, PROC_KIND, "pid", mem_printf("%d", pid),
		"start", mem_printf("%llu", start_time(pid, NULL)), "path", path, NULL);
}

static int pipes(int out[2], int errors[2], int go[2], struct xhp_err *err)
{
	int *all[] = { out, errors, go };
	int rc;

	for (int i = 0; i < 3; i++) {
		if (pipe2(all[i], O_CLOEXEC) == 0)
			continue;
		rc = -errno;
		while (i-- > 0) {
			close(all[i][0]);
			close(all[i][1]);
		}
		return err_sys(err, rc, "pipe");
	}
	return 0;
}

/* What hangs in the kernel does not end even when it is killed: it is not waited for. */
static int await_end(pid_t pid, bool killed, int *ret_status, struct xhp_err *err)
{
	while (waitpid(pid, ret_status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, -errno, "waitpid");
		if (deadline_left())
			continue;
		if (killed)
			return err_set(err, -ETIMEDOUT,
				       "not done in time, and does not end (it hangs in "
				       "the kernel)");
		kill(-pid, SIGKILL);
		killed = true;
	}
	return 0;
}

int proc_run(struct journal *j, const char *action, struct proc *p, struct xhp_err *err)
{
	int out[2], errors[2], go[2], status = 0, rc;
	pid_t pid;

	p->rec = -1;
	if (pipes(out, errors, go, err) < 0)
		return err->code;
	if (tracing)
		trace_words("program", p->argv);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		child(p, out[1], p->apart ? errors[1] : out[1], go[0]);
	}
	rc = pid < 0 ? err_sys(err, -errno, "fork")
		     : announce(j, action, p->argv[0], pid, err);
	if (!rc && write(go[1], "", 1) != 1)
		rc = err_sys(err, -errno, "pipe");
	close(out[1]);
	close(errors[1]);
	close(go[0]);
	close(go[1]);
	if (!rc)
		rc = collect(p, (const int[]){ out[0], errors[0] }, pid, err);
	close(out[0]);
	close(errors[0]);
	if (pid < 0)
		return rc;
	if (rc < 0)
		kill(-pid, SIGKILL);
	if (await_end(pid, rc < 0, &status, err) < 0)
		rc = err->code;
	if (rc < 0)
		return err_wrap(err, "%s", p->argv[0]);
	if (j)
		p->rec = (int)j->nrecs - 1;
	if (WIFSIGNALED(status)) {
		proc_done(j, p);
		return err_set(err, -EINTR, "%s: ended by signal %d", p->argv[0],
			       WTERMSIG(status));
	}
	p->status = WEXITSTATUS(status);
	TRACE("program %s: status %d", p->argv[0], p->status);
	return 0;
}

/* Its number will be somebody else's; what it has left running may run on. */
void proc_done(struct journal *j, struct proc *p)
{
	struct xhp_err err;

	if (p->rec >= 0 && journal_undone(j, (unsigned int)p->rec, &err) < 0)
		log_warn("%s", err.text);
	p->rec = -1;
}

unsigned long long proc_start_time(pid_t pid)
{
	return start_time(pid, NULL);
}

int proc_end(pid_t pid, unsigned long long start, struct xhp_err *err)
{
	CLEANUP_FD int fd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static const int signals[] = { SIGTERM, SIGKILL };

	/* asked after it was opened: the number cannot change hands in between */
	if (fd < 0 || start_time(pid, NULL) != start)
		return 0;
	for (int i = 0; i < 2; i++) {
		int left = deadline_left();

		if (pidfd_send_signal(fd, signals[i], NULL, 0) < 0 && errno == ESRCH)
			return 0;
		if (poll(&p, 1, left < END_MS ? left : END_MS) > 0)
			return 0;
	}
	return err_set(err, -ETIMEDOUT, "process %d does not end", pid);
}

/* A number is not given again while a session of that number lasts. */
static bool is_session_of(pid_t pid, pid_t session, unsigned long long since)
{
	pid_t its = 0;
	unsigned long long start = start_time(pid, &its);

	return start >= since && its == session;
}

int proc_undo(const struct rec *rec, struct xhp_err *err)
{
	pid_t session = (pid_t)rec_num(rec, "pid", 0);
	const char *text = rec_get(rec, "start");
	unsigned long long since = text ? strtoull(text, NULL, 10) : 0, now;
	struct dirent *e;
	DIR *dir;

	if (session <= 1 || !since)
		return err_set(err, -EINVAL, "record %u: no process", rec->id);
	now = start_time(session, NULL);
	if (now && now != since)
		return 0; /* the number is somebody else's by now */
	dir = opendir("/proc");
	if (!dir)
		return err_sys(err, -errno, "/proc");
	while ((e = readdir(dir))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (pid > 1 && is_session_of(pid, session, since))
			kill(pid, SIGKILL);
	}
	closedir(dir);
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

// SPDX-License-Identifier: LGPL-2.1-or-later
// The deadline: a timer whose signal ends every wait.

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "deadline.h"
#include "xhp.h"

static struct timespec started;
static unsigned int limit_s;
static volatile sig_atomic_t over;

static void on_alarm(int sig)
{
	(void)sig;
	over = 1;
	store_abandon();
}

unsigned long deadline_elapsed_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)((now.tv_sec - started.tv_sec) * 1000000L +
			       (now.tv_nsec - started.tv_nsec) / 1000);
}

/* Repeats: a signal just before a call blocks would be lost. */
static void arm(unsigned long us)
{
	const struct itimerval timer = {
		.it_value = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000 + 1) },
		.it_interval = { 1, 0 },
	};

	over = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

void deadline_start(unsigned int seconds)
{
	const struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART */
	sigset_t set;

	clock_gettime(CLOCK_MONOTONIC, &started);
	limit_s = seconds;
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	arm(seconds * 1000000UL);
}

void deadline_limit(unsigned int seconds)
{
	if (seconds < limit_s)
		deadline_extend(seconds);
}

void deadline_extend(unsigned int seconds)
{
	unsigned long now = deadline_elapsed_us(), end = seconds * 1000000UL;

	limit_s = seconds;
	arm(end > now ? end - now : 0);
}

int deadline_left(void)
{
	unsigned long now = deadline_elapsed_us(), end = limit_s * 1000000UL;

	return over || end <= now ? 0 : (int)((end - now) / 1000);
}

int deadline_check(struct xhp_err *err)
{
	if (over)
		return err_set(err, -ETIMEDOUT, "given up after %u s", limit_s);
	return 0;
}

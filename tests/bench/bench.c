// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs the same operation by several programs in turn, and prints what each costs.
//
// bench TITLE ROUNDS DO UNDO [-- NAME COMMAND...]...
//
// Each COMMAND is run with DO, then with UNDO (both split at blanks) as its last
// arguments. Processes are counted in a first round, which is traced and not timed. Time
// and memory are those of the whole process tree as wait4() tells them; memory is its
// largest member. A NAME that begins with a dot is run in its turn, and not printed.

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PROGRAMS = 16, MAX_ARGUMENTS = 16 };

struct cost {
	double *wall_ms, *cpu_ms;
	long peak_kib;
	int processes;
};

struct program {
	const char *name;
	char *argv[MAX_ARGUMENTS];
	int argc;
	struct cost costs[2];
};

extern char **environ;

static struct program programs[MAX_PROGRAMS];
static int program_count;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static double tv_ms(struct timeval tv)
{
	return tv.tv_sec * 1e3 + tv.tv_usec / 1e3;
}

static void arguments(const struct program *p, char *verb, char **ret_argv)
{
	int argc = p->argc;

	memcpy(ret_argv, p->argv, argc * sizeof(*ret_argv));
	for (char *word = strtok(verb, " "); word; word = strtok(NULL, " ")) {
		if (argc == MAX_ARGUMENTS - 1)
			errx(2, "too many arguments");
		ret_argv[argc++] = word;
	}
	ret_argv[argc] = NULL;
}

/* As libxl does: nothing to read, and what is written goes to stderr. */
static void run_timed(char **argv, struct cost *cost, int round)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	double start;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
	posix_spawn_file_actions_adddup2(&actions, 2, 1);
	start = now_ms();
	errno = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	if (errno)
		err(1, "%s", argv[0]);
	if (wait4(pid, &status, 0, &usage) != pid)
		err(1, "wait");
	cost->wall_ms[round] = now_ms() - start;
	posix_spawn_file_actions_destroy(&actions);
	if (status)
		errx(1, "%s failed: status %#x", argv[0], status);
	cost->cpu_ms[round] = tv_ms(usage.ru_utime) + tv_ms(usage.ru_stime);
	if (usage.ru_maxrss > cost->peak_kib)
		cost->peak_kib = usage.ru_maxrss;
}

static int deliverable(int status)
{
	int sig = WSTOPSIG(status);

	return sig == SIGTRAP || sig == SIGSTOP ? 0 : sig;
}

static void run_counted(char **argv, struct cost *cost)
{
	long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
		       PTRACE_O_EXITKILL;
	pid_t child = fork(), pid;
	int status;

	if (child < 0)
		err(1, "fork");
	if (!child) {
		dup2(2, 1);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execv(argv[0], argv);
		err(1, "%s", argv[0]);
	}
	if (waitpid(child, &status, 0) != child ||
	    ptrace(PTRACE_SETOPTIONS, child, 0, options))
		err(1, "ptrace");
	ptrace(PTRACE_CONT, child, 0, 0);
	cost->processes = 1;
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			if (pid == child && status)
				errx(1, "%s failed: status %#x", argv[0], status);
			continue;
		}
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8) ||
		    status >> 8 == (SIGTRAP | PTRACE_EVENT_VFORK << 8))
			cost->processes++;
		ptrace(PTRACE_CONT, pid, 0, deliverable(status));
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void print_ratio(const char *to, int verb, double ms, int rounds)
{
	for (int i = 0; i < program_count; i++) {
		if (strcmp(programs[i].name, to))
			continue;
		printf(" %8.2f", ms / median(programs[i].costs[verb].wall_ms, rounds));
		return;
	}
	printf(" %8s", "-");
}

static void print_table(const char *title, char **verbs, int rounds)
{
	printf("%s, median of %d\n%-28s %8s %8s %8s %5s %9s %8s %8s\n", title, rounds, "",
	       "wall ms", "min", "cpu ms", "procs", "peak MiB", "/floor", "/stock");
	for (int verb = 0; verb < 2; verb++) {
		for (int i = 0; i < program_count; i++) {
			struct cost *c = &programs[i].costs[verb];
			double ms = median(c->wall_ms, rounds);

			if (*programs[i].name == '.')
				continue;
			printf("%-8s %-19s %8.2f %8.2f %8.2f %5d %9.1f", verbs[verb],
			       programs[i].name, ms, c->wall_ms[0],
			       median(c->cpu_ms, rounds), c->processes,
			       c->peak_kib / 1024.0);
			print_ratio("floor", verb, ms, rounds);
			print_ratio("stock", verb, ms, rounds);
			putchar('\n');
		}
	}
	putchar('\n');
}

static void read_programs(char **argv, int rounds)
{
	struct program *p = NULL;

	for (; *argv; argv++) {
		if (!strcmp(*argv, "--")) {
			if (program_count == MAX_PROGRAMS || !argv[1] || !argv[2])
				errx(2, "programs");
			p = &programs[program_count++];
			p->name = *++argv;
			for (int verb = 0; verb < 2; verb++) {
				p->costs[verb].wall_ms = calloc(rounds, sizeof(double));
				p->costs[verb].cpu_ms = calloc(rounds, sizeof(double));
			}
		} else if (!p || p->argc == MAX_ARGUMENTS - 1) {
			errx(2, "unexpected: %s", *argv);
		} else {
			p->argv[p->argc++] = *argv;
		}
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 0;

	if (argc < 6 || rounds < 1)
		errx(2, "usage: bench TITLE ROUNDS DO UNDO [-- NAME COMMAND...]...");
	read_programs(argv + 5, rounds);
	for (int round = -1; round < rounds; round++) {
		for (int i = 0; i < program_count * 2; i++) {
			struct program *p = &programs[i / 2];
			char *words = strdup(argv[3 + i % 2]), *args[MAX_ARGUMENTS];

			arguments(p, words, args);
			if (round < 0)
				run_counted(args, &p->costs[i % 2]);
			else
				run_timed(args, &p->costs[i % 2], round);
			free(words);
		}
	}
	for (int verb = 0; verb < 2; verb++)
		*strchrnul(argv[3 + verb], ' ') = '\0';
	print_table(argv[1], argv + 3, rounds);
	return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
// dhcp: the guest's address, in a file for dnsmasq (dnsmasq(8), --dhcp-hostsdir).

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "actions.h"
#include "request.h"

#define CONTENT_MAX 4096

struct args {
	const char *hostsdir, *pidfile, *name;
	struct mac mac;
	struct prefixes ip;
};

static const struct param params[] = {
	{ .key = "hostsdir",
	  .type = V_PATH,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, hostsdir),
	  .help = "the directory that dnsmasq reads; nothing else may use it" },
	{ .key = "pidfile",
	  .type = V_PATH,
	  .offset = offsetof(struct args, pidfile),
	  .help = "dnsmasq's: it gets a SIGHUP when an address has gone, or remembers it" },
	{ .key = "mac",
	  .type = V_MAC,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, mac),
	  .help = "the guest's" },
	{ .key = "ip",
	  .type = V_PREFIXES,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, ip),
	  .help = "the addresses that it is given" },
	{ .key = "name",
	  .type = V_TOKEN,
	  .offset = offsetof(struct args, name),
	  .help = "the guest's name; else domD, or domD-N for devices but the first" },
	{ .key = NULL },
};

/*
 * dnsmasq tells by its form what a word of the line is: one that begins with a digit
 * could be a lease time, and there are two that mean something.
 */
static int check_name(const char *name, struct xhp_err *err)
{
	size_t len = strlen(name);

	for (const char *s = name; *s; s++) {
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '.')
			len = 0;
	}
	if (!len || len > 63 || !isalpha((unsigned char)*name) ||
	    !isalnum((unsigned char)name[len - 1]) || !strcmp(name, "ignore") ||
	    !strcmp(name, "infinite"))
		return err_set(err, -EINVAL,
			       "%s is not a host's name: expected at most 63 letters, "
			       "digits and hyphens, a letter first",
			       quoted(name));
	return 0;
}

/* As the stock script calls them, which counts from 1. */
static const char *default_name(const struct request *req)
{
	return req->devid ? mem_printf("dom%u-%u", req->domid, req->devid + 1)
			  : mem_printf("dom%u", req->domid);
}

/* One line; the comment above it says that it is ours. */
static const char *mark_of(const char *device)
{
	return mem_printf("# xen-hotplug %s\n", device);
}

static const char *content_of(const struct args *args, const struct ctx *ctx)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s%s", mark_of(ctx->device), mac_text(args->mac.b));
	for (unsigned int i = 0; i < args->ip.n; i++) {
		struct prefix p = args->ip.v[i];
		bool v6 = p.family == AF_INET6;

		p.len = v6 ? 128 : 32;
		buf_printf(&b, v6 ? ",[%s]" : ",%s", prefix_text(&p));
	}
	buf_printf(&b, ",%s\n", args->name ? args->name : default_name(ctx->req));
	return b.s;
}

static int dir_open(const char *path, struct xhp_err *err)
{
	int fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, -errno, "%s", path) : fd;
}

/* -ENOENT, with an error, if there is no such file. */
static int file_read(int dir, const char *name, const char **ret, struct xhp_err *err)
{
	CLEANUP_FD int fd =
		openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[CONTENT_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n < 0)
		return err_sys(err, -errno, "%s", name);
	*ret = mem_strndup(text, (size_t)n);
	return 0;
}

/* What dnsmasq does not read, because of its first character. */
static const char *temporary(const char *name)
{
	return mem_printf(".%s.new", name);
}

static int file_write(int dir, const char *name, const char *content, struct xhp_err *err)
{
	const char *new = temporary(name);
	const size_t len = strlen(content);
	bool done;
	int fd;

	unlinkat(dir, new, 0);
	fd = openat(dir, new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_sys(err, -errno, "%s", new);
	errno = ENOSPC;
	/* dnsmasq is not root, and our umask may be any */
	done = write(fd, content, len) == (ssize_t)len && fchmod(fd, 0644) == 0;
	/* before it has its name: dnsmasq reads a file when it is closed, and when it is
	 * renamed, and the second time it takes the address for a duplicate */
	if ((close(fd) < 0 && done) || !done)
		return err_sys(err, -errno, "%s", new);
	if (renameat(dir, new, dir, name) < 0)
		return err_sys(err, -errno, "%s", name);
	return 0;
}

/* A file of that name that is another's is not replaced; one that we lost is. */
static int is_free(int dir, const char *name, const char *mark, struct xhp_err *err)
{
	const char *now;
	int rc = file_read(dir, name, &now, err);

	if (rc == -ENOENT)
		return 0;
	if (!rc && strncmp(now, mark, strlen(mark)) != 0)
		return err_set(err, -EEXIST, "there is a file %s that is not ours", name);
	return rc;
}

static const char *file_name(const char *device)
{
	return mem_printf("xen-%s", device);
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	CLEANUP_FD int dir = -1;

	(void)step;
	if (args->name && check_name(args->name, err) < 0)
		return err->code;
	dir = dir_open(args->hostsdir, err);
	if (dir < 0)
		return err_wrap(err, "dnsmasq's --dhcp-hostsdir");
	return is_free(dir, file_name(ctx->device), mark_of(ctx->device), err);
}

/* Without the mark. */
static const char *host_line(const char *content)
{
	const char *line = strchr(content, '\n');

	line = line ? line + 1 : content;
	return mem_strndup(line, strcspn(line, "\n"));
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *name = file_name(ctx->device), *now = "";
	CLEANUP_FD int dir = dir_open(args->hostsdir, err);

	if (dir < 0 || (file_read(dir, name, &now, err) < 0 && err->code != -ENOENT))
		return err->code;
	plan_change(step, mem_printf("%s/%s", args->hostsdir, name), "line",
		    host_line(now), host_line(content_of(args, ctx)));
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *name = file_name(ctx->device), *content = content_of(args, ctx);
	CLEANUP_FD int dir = dir_open(args->hostsdir, err);

	(void)step;
	if (dir < 0)
		return dir;
	if (RECORD(ctx, err, SCOPE_HOST, "dhcp", "file", "dir", args->hostsdir, "name",
		   name, "content", content, "pidfile", args->pidfile) < 0)
		return err->code;
	if (file_write(dir, name, content, err) < 0)
		return err_wrap(err, "%s", args->hostsdir);
	return 0;
}

/* A record's directory, open, and the file in it. -ENOENT: the directory has gone. */
static int from_record(const struct rec *rec, const char **ret_name,
		       const char **ret_content, struct xhp_err *err)
{
	const char *path = rec_get(rec, "dir");

	*ret_name = rec_get(rec, "name");
	*ret_content = rec_get(rec, "content");
	if (strcmp(rec->kind, "file") != 0 || !path || !*ret_name || !*ret_content)
		return rec_unknown(rec, err);
	return dir_open(path, err);
}

/*
 * dnsmasq reads what comes into its directory, but what goes it remembers: the MAC
 * address would keep that address, and the address could not be another's, up to a
 * SIGHUP.
 */
static int make_forget(const char *pidfile, struct xhp_err *err)
{
	CLEANUP_FD int at = open("/proc", O_DIRECTORY | O_RDONLY | O_CLOEXEC), fd = -1;
	const char *text, *name;
	uint64_t pid;

	if (file_read(AT_FDCWD, pidfile, &text, err) < 0)
		return err->code;
	text = mem_strndup(text, strcspn(text, "\n"));
	if (uint_parse(text, 2, INT32_MAX, &pid, err) < 0)
		return err_wrap(err, "%s", pidfile);
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0)
		return err_sys(err, -errno, "%s: process %s", pidfile, text);
	/* the number may be another's by now, but what is open stays what it is */
	if (file_read(at, mem_printf("%s/comm", text), &name, err) < 0)
		return err->code;
	if (strcmp(name, "dnsmasq\n") != 0)
		return err_set(err, -ESRCH, "%s: process %s is not dnsmasq", pidfile,
			       text);
	if (pidfd_send_signal(fd, SIGHUP, NULL, 0) < 0)
		return err_sys(err, -errno, "%s: process %s", pidfile, text);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name, *content, *now;
	CLEANUP_FD int dir = from_record(rec, &name, &content, err);
	int rc;

	(void)ctx;
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	unlinkat(dir, temporary(name), 0);
	rc = file_read(dir, name, &now, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (strcmp(now, content) != 0) {
		log_warn("%s/%s was changed by somebody else: it is left alone",
			 rec_get(rec, "dir"), name);
		return 0;
	}
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "%s/%s", rec_get(rec, "dir"), name);
	if (rec_get(rec, "pidfile") && make_forget(rec_get(rec, "pidfile"), err) < 0)
		log_warn("dnsmasq is not told that the address has gone: %s", err->text);
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name, *content, *now;
	CLEANUP_FD int dir = from_record(rec, &name, &content, err);

	(void)ctx;
	if (dir < 0)
		return dir == -ENOENT ? 1 : dir;
	if (file_read(dir, name, &now, err) < 0)
		return err->code == -ENOENT ? 1 : err->code;
	if (!strcmp(now, content))
		return 0;
	err_set(err, -ESTALE, "%s/%s was changed", rec_get(rec, "dir"), name);
	return 1;
}

/* Only what has gone: what somebody has written there since is theirs. */
static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name, *content, *now;
	CLEANUP_FD int dir = from_record(rec, &name, &content, err);
	int rc;

	(void)ctx;
	if (dir < 0)
		return dir;
	rc = file_read(dir, name, &now, err);
	if (rc == -ENOENT)
		return file_write(dir, name, content, err);
	return rc ? rc : err_set(err, -EEXIST, "%s is not ours any more", name);
}

const struct action action_dhcp = {
	.name = "dhcp",
	.summary = "tell dnsmasq the guest's address",
	.params = params,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
};

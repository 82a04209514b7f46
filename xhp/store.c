// SPDX-License-Identifier: LGPL-2.1-or-later
// Xenstore, through libxenstore (xenstore.h; paths: Xen's
// docs/misc/xenstore-paths.pandoc).

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#include "deadline.h"
#include "mem.h"
#include "store.h"
#include "trace.h"
#include "value.h"
#include "xhp.h"

/* libxl__xs_libxl_path() in libxl's libxl_xshelp.c */
#define LIBXL_DIR "/libxl/"

/* Seconds that a person waits for what is not the answer itself. */
#define BRIEFLY 5

static struct xs_handle *handle;
static int failed; /* the errno of a connection that could not be made */

/* What the deadline's signal handler puts in the connection's place. */
static volatile int connection = -1, nowhere = -1;
static volatile bool waiting; /* for an answer */
static volatile bool given_up;

/* libxenstore waits for answers without an end, and starts again after a signal. */
void store_abandon(void)
{
	if (waiting && connection >= 0 && nowhere >= 0) {
		dup2(nowhere, connection);
		given_up = true;
	}
}

void store_again(void)
{
	if (!given_up)
		return;
	given_up = false;
	connection = -1;
	xs_close(handle);
	close(nowhere);
	handle = NULL;
}

/* A call of libxenstore that waits; errno is the call's. */
#define ASK(call)                               \
	({                                      \
		waiting = true;                 \
		__typeof__(call) answer = call; \
		waiting = false;                \
		answer;                         \
	})

static int store_open(struct xhp_err *err)
{
	int fd;

	if (handle)
		return 0;
	if (!failed) {
		nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
		/* libxenstore tells nobody its descriptor: it is the next free one */
		fd = dup(nowhere);
		close(fd);
		handle = xs_open(0);
		failed = handle ? 0 : errno ? errno : EIO;
		if (handle && fcntl(fd, F_GETFD) >= 0) {
			fcntl(fd, F_SETFD, FD_CLOEXEC);
			connection = fd;
		}
	}
	/* not its own code: that no socket is there is not that no node is */
	if (!handle)
		return err_set(err, -ENOTCONN,
			       "cannot reach xenstored (is it running?): %s",
			       strerror(failed));
	return 0;
}

static int store_err(struct xhp_err *err, int code, const char *what, const char *path)
{
	struct xhp_err timeout;

	if (code != ENOENT && code != EACCES && deadline_check(&timeout) < 0)
		return err_set(err, -ETIMEDOUT, "xenstored does not answer: %s %s: %s",
			       what, path, timeout.text);
	if (given_up)
		return err_set(err, -ETIMEDOUT, "xenstored does not answer: %s %s", what,
			       path);
	if (code == EACCES)
		return err_set(err, -EACCES,
			       "%s %s: this domain may not (xenstore permissions)", what,
			       path);
	return err_sys(err, -code, "%s %s", what, path);
}

static int read_node(xs_transaction_t t, const char *path, const char **ret,
		     struct xhp_err *err)
{
	unsigned int len;
	char *value = ASK(xs_read(handle, t, path, &len));

	TRACE("xenstore read %s = %.*s", path, value ? (int)len : 99,
	      value ? value : strerror(errno));
	if (!value)
		return store_err(err, errno, "xenstore-read", path);
	*ret = mem_strndup(value, len);
	free(value);
	if (strlen(*ret) != len)
		return err_set(err, -EINVAL, "xenstore node %s holds a NUL byte", path);
	return 0;
}

int store_read(const char *path, const char **ret, struct xhp_err *err)
{
	if (store_open(err) < 0)
		return err->code;
	return read_node(XBT_NULL, path, ret, err);
}

int store_has(const char *dir, const char *name, bool *ret, struct xhp_err *err)
{
	static const char *cached;
	static char **names;
	static unsigned int n;
	static int code;

	if (store_open(err) < 0)
		return err->code;
	if (!cached || strcmp(cached, dir) != 0) {
		free(names);
		names = ASK(xs_directory(handle, XBT_NULL, dir, &n));
		code = names ? 0 : errno;
		TRACE("xenstore list %s: %s", dir, strerror(code));
		cached = dir;
	}
	if (!names)
		return store_err(err, code, "xenstore-list", dir);
	*ret = false;
	for (unsigned int i = 0; i < n && !*ret; i++)
		*ret = !strcmp(names[i], name);
	return 0;
}

int store_list(const char *dir, const char *const **ret, unsigned int *ret_n,
	       struct xhp_err *err)
{
	unsigned int n;
	char **names;

	if (store_open(err) < 0)
		return err->code;
	names = ASK(xs_directory(handle, XBT_NULL, dir, &n));
	TRACE("xenstore list %s: %s", dir, names ? "ok" : strerror(errno));
	if (!names)
		return store_err(err, errno, "xenstore-list", dir);
	*ret = (const char *const *)names;
	*ret_n = n;
	return 0;
}

void store_ask_briefly(void)
{
	unsigned int now = (unsigned int)(deadline_elapsed_us() / 1000000);
	unsigned int end = now + (unsigned int)deadline_left() / 1000;
	struct xhp_err unused;
	unsigned int self;

	deadline_limit(now + BRIEFLY);
	store_self(&self, &unused);
	deadline_extend(end);
}

int store_self(unsigned int *ret, struct xhp_err *err)
{
	static const char *text;
	uint64_t domid;

	if (!text && store_read("domid", &text, err) < 0)
		return err_wrap(err, "our own domain's number");
	if (uint_parse(text, 0, UINT16_MAX, &domid, err) < 0)
		return err_wrap(err, "xenstore node domid");
	*ret = (unsigned int)domid;
	return 0;
}

int store_vm(unsigned int domid, const char **ret, struct xhp_err *err)
{
	static unsigned int of;
	static const char *vm;

	if (vm && of == domid) {
		*ret = vm;
		return 0;
	}
	if (store_read(mem_printf("/local/domain/%u/vm", domid), ret, err) < 0)
		return err->code;
	of = domid;
	vm = *ret;
	return 0;
}

const char *store_uuid(unsigned int domid)
{
	struct xhp_err unused;
	const char *vm, *slash;

	if (store_vm(domid, &vm, &unused) < 0)
		return NULL;
	slash = strrchr(vm, '/');
	return slash ? slash + 1 : vm;
}

int store_remove(const char *path, struct xhp_err *err)
{
	if (store_open(err) < 0)
		return err->code;
	TRACE("xenstore rm %s", path);
	if (ASK(xs_rm(handle, XBT_NULL, path)) || errno == ENOENT)
		return 0;
	return store_err(err, errno, "xenstore-rm", path);
}

void store_tidy(const char *path, const char *stop)
{
	char *at = mem_strdup(path);
	struct xhp_err unused;

	while (strlen(at) > strlen(stop) && !store_open(&unused)) {
		unsigned int n = 1;
		char **names = ASK(xs_directory(handle, XBT_NULL, at, &n));

		free(names);
		if (!names || n || store_remove(at, &unused) < 0)
			return;
		*strrchr(at, '/') = '\0';
	}
}

/* One item, inside the transaction. */
static int write_item(xs_transaction_t t, const struct store_item *item,
		      struct xhp_err *err)
{
	struct xs_permissions perms = { .perms = XS_PERM_NONE };
	const char *now;

	if (item->if_is) {
		if (read_node(t, item->path, &now, err) < 0)
			return err->code == -ENOENT ? 0 : err->code;
		if (strcmp(now, item->if_is) != 0)
			return 0;
	}
	TRACE("xenstore %s %s%s%s", item->value ? "write" : "rm", item->path,
	      item->value ? " = " : "", item->value ? item->value : "");
	if (!item->value) {
		if (ASK(xs_rm(handle, t, item->path)) || errno == ENOENT)
			return 0;
		return store_err(err, errno, "xenstore-rm", item->path);
	}
	if (!ASK(xs_write(handle, t, item->path, item->value,
			  (unsigned int)strlen(item->value)))) {
		store_err(err, errno, "xenstore-write", item->path);
		if (!item->optional || err->code != -EACCES)
			return err->code;
		log_warn("%s", err->text);
		return 0;
	}
	if (item->is_private) {
		if (store_self(&perms.id, err) < 0)
			return err->code;
		if (!ASK(xs_set_permissions(handle, t, item->path, &perms, 1)))
			return store_err(err, errno, "xenstore-chmod", item->path);
	}
	return 0;
}

/* Where either node is missing, somebody has removed the backend, or is about to. */
static int check_backend(xs_transaction_t t, const char *backend, const char *in_state,
			 struct xhp_err *err)
{
	const size_t libxl = strlen(LIBXL_DIR);
	unsigned int n, found = 0;
	const char *state;
	char **names;

	if (!strncmp(backend, LIBXL_DIR, libxl))
		return read_node(
			t, mem_strndup(backend, libxl + strcspn(backend + libxl, "/")),
			&state, err);
	if (!in_state) {
		names = ASK(xs_directory(handle, t, backend, &n));
		TRACE("xenstore list %s: %s", backend, names ? "ok" : strerror(errno));
		if (!names)
			return store_err(err, errno, "xenstore-list", backend);
		for (unsigned int i = 0; i < n; i++)
			found += !strcmp(names[i], "state") ||
				 !strcmp(names[i], "frontend");
		free(names);
		return found == 2
			       ? 0
			       : store_err(err, ENOENT, "xenstore-list",
					   mem_printf("%s: state and frontend", backend));
	}
	if (read_node(t, mem_printf("%s/state", backend), &state, err) < 0)
		return err->code;
	if (strcmp(state, in_state) != 0)
		return err_set(
			err, -ESTALE,
			"the backend %s is in state %s, not %s: it was closed while "
			"it was attached, or has not been set up",
			backend, quoted(state), in_state);
	return 0;
}

int store_publish(const char *backend, const struct store_item *items, unsigned int n,
		  struct xhp_err *err)
{
	return store_publish_in(backend, NULL, items, n, err);
}

int store_publish_in(const char *backend, const char *in_state,
		     const struct store_item *items, unsigned int n, struct xhp_err *err)
{
	bool writes = false;

	if (store_open(err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++)
		writes |= items[i].value != NULL;
	for (;;) {
		xs_transaction_t t = ASK(xs_transaction_start(handle));
		int rc;

		if (t == XBT_NULL)
			return store_err(err, errno, "xenstore transaction for", backend);
		rc = writes ? check_backend(t, backend, in_state, err) : 0;
		for (unsigned int i = 0; i < n && !rc; i++)
			rc = write_item(t, &items[i], err);
		TRACE("xenstore %s the transaction", rc < 0 ? "gives up" : "ends");
		if (ASK(xs_transaction_end(handle, t, rc < 0)))
			return rc;
		if (rc < 0)
			return rc;
		if (errno != EAGAIN)
			return store_err(err, errno, "xenstore transaction for", backend);
		if (deadline_check(err) < 0)
			return err->code;
	}
}

/* Until somebody has written to a watched node, or for a second at most. */
static int next_event(struct xs_handle *watcher, unsigned long end_ms,
		      struct xhp_err *err)
{
	struct pollfd p = { .fd = xs_fileno(watcher), .events = POLLIN };
	unsigned long now = deadline_elapsed_us() / 1000;
	unsigned int n;
	char **event;

	if (now >= end_ms || deadline_check(err) < 0)
		return -ETIMEDOUT;
	if (poll(&p, 1, end_ms - now < 1000 ? (int)(end_ms - now) : 1000) <= 0)
		return 0;
	event = xs_read_watch(watcher, &n);
	if (!event)
		return err_sys(err, -errno, "xenstored has gone");
	free(event);
	return 0;
}

int store_wait(const char *path, const char *value, unsigned int timeout_s,
	       struct xhp_err *err)
{
	unsigned long end = deadline_elapsed_us() / 1000 + timeout_s * 1000UL;
	struct xs_handle *watcher;
	const char *now = "";
	int rc;

	/* a connection of its own: a watch brings a thread with it */
	watcher = store_open(err) < 0 ? NULL : xs_open(0);
	if (!watcher)
		return handle ? err_sys(err, -errno, "xenstored") : err->code;
	if (!xs_watch(watcher, path, "")) {
		rc = store_err(err, errno, "xenstore-watch", path);
		xs_close(watcher);
		return rc;
	}
	do {
		now = "";
		rc = store_read(path, &now, err);
		if (!rc && !strcmp(now, value))
			break;
		if (!rc || rc == -ENOENT)
			rc = next_event(watcher, end, err);
	} while (!rc);
	xs_close(watcher);
	if (rc == -ETIMEDOUT)
		return err_set(err, rc, "%s is %s, not %s, after %u s", path,
			       *now ? quoted(now) : "not set", quoted(value), timeout_s);
	return rc;
}

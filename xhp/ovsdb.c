// SPDX-License-Identifier: LGPL-2.1-or-later
// Open vSwitch's database: JSON-RPC on a Unix socket (RFC 7047).

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "ovsdb.h"
#include "trace.h"
#include "xhp.h"

#define DATABASE "Open_vSwitch"
/* Held by ovs-vswitchd (bridge_init in its vswitchd/bridge.c). */
#define DAEMON_LOCK     "ovs_vswitchd"
#define DAEMON_RETRY_MS 50

struct ovsdb {
	int fd;
	const char *path;
	long long until;          /* milliseconds of the monotonic clock; 0 = no limit */
	struct buf out;           /* what is sent when an answer is waited for */
	json_int_t last_id;       /* of our requests */
	json_t *replies;          /* as they came */
	json_int_t lock, unlock;  /* our last requests for ovs-vswitchd's lock */
	bool queued;              /* we stand in line for it ... */
	bool locked;              /* ... and were given it */
	json_int_t monitor;       /* our request to be told of cur_cfg ... */
	const char *watched;      /* ... and of the interface of that name */
	const json_t *interface;  /* its row, as it was told last; or NULL */
	json_int_t cur_cfg;       /* what ovs-vswitchd has done, as far as we know */
	struct xhp_err *read_err; /* where the reader below jansson puts its error */
	size_t pos, len;
	char in[4096];
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* JSON values are part of the one arena. */
static void no_free(void *p)
{
	(void)p;
}

static int left_ms(const struct ovsdb *db)
{
	int left = deadline_left();
	long long own = db->until ? db->until - now_ms() : left;

	return own < 0 ? 0 : own < left ? (int)own : left;
}

static int too_late(const struct ovsdb *db, const char *what, struct xhp_err *err)
{
	if (deadline_check(err) < 0 || !deadline_left())
		return err_set(err, -ETIMEDOUT, "%s (%s): given up at the deadline", what,
			       db->path);
	return err_set(err, -EIO, "%s (%s)", what, db->path);
}

#define SILENT "ovsdb-server does not answer"

int ovsdb_open(const char *path, unsigned int seconds, struct ovsdb **ret,
	       struct xhp_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ovsdb *db = MEM_NEW(struct ovsdb);
	struct timeval tv;
	int ms, rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "%s: too long for a socket's path",
			       path);
	strcpy(addr.sun_path, path);
	json_set_alloc_funcs(mem_alloc, no_free);
	db->path = path;
	db->replies = json_array();
	db->until = seconds ? now_ms() + seconds * 1000LL : 0;
	db->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (db->fd < 0)
		return err_sys(err, -errno, "socket");
	/* also for connect(), which waits while the server's backlog is full */
	ms = left_ms(db) + 1;
	tv = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	setsockopt(db->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	while (connect(db->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == EINTR && left_ms(db))
			continue;
		rc = errno == EINTR || errno == EAGAIN
			     ? too_late(db, SILENT, err)
			     : err_sys(err, -errno,
				       "cannot reach Open vSwitch's database at %s; is "
				       "ovsdb-server running?",
				       path);
		close(db->fd);
		return rc;
	}
	*ret = db;
	return 0;
}

bool ovsdb_is_idle(const struct ovsdb *db)
{
	struct pollfd p = { .fd = db->fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

void ovsdb_close(struct ovsdb *db)
{
	close(db->fd);
}

/* Put behind what is still to be sent. */
static bool message_add(struct ovsdb *db, json_t *message)
{
	const char *text = json_dumps(message, JSON_COMPACT);

	if (!text)
		return false;
	buf_adds(&db->out, text);
	return true;
}

static int flush(struct ovsdb *db, struct xhp_err *err)
{
	if (db->out.len)
		TRACE("ovsdb -> %s", db->out.s);
	while (db->out.len) {
		ssize_t n = send(db->fd, db->out.s, db->out.len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || (errno == EINTR && !left_ms(db))))
			return too_late(db, SILENT, err);
		if (n < 0 && errno != EINTR)
			return err_sys(err, -errno, "ovsdb-server (%s)", db->path);
		if (n > 0) {
			db->out.len -= (size_t)n;
			memmove(db->out.s, db->out.s + n, db->out.len);
		}
	}
	return 0;
}

/* Fills the buffer, if it is empty, within the time that there is. */
static int fill(struct ovsdb *db, struct xhp_err *err)
{
	if (db->pos == db->len && flush(db, err) < 0)
		return err->code;
	while (db->pos == db->len) {
		struct pollfd p = { .fd = db->fd, .events = POLLIN };
		int left = left_ms(db), rc = left ? poll(&p, 1, left) : 0;
		ssize_t n;

		if (!rc)
			return too_late(db, SILENT, err);
		n = rc < 0 ? -1 : recv(db->fd, db->in, sizeof(db->in), MSG_DONTWAIT);
		if (!n)
			return err_set(err, -EPIPE,
				       "ovsdb-server (%s) has closed the connection",
				       db->path);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(err, -errno, "ovsdb-server (%s)", db->path);
		if (n > 0) {
			db->pos = 0;
			db->len = (size_t)n;
		}
	}
	return 0;
}

/* A byte at a time: nothing stands between two messages, and jansson keeps the rest. */
static size_t read_byte(void *to, size_t size, void *data)
{
	struct ovsdb *db = data;

	if (!size || fill(db, db->read_err) < 0)
		return (size_t)-1;
	*(char *)to = db->in[db->pos++];
	return 1;
}

static int message_read(struct ovsdb *db, json_t **ret, struct xhp_err *err)
{
	json_error_t why;

	err->code = 0;
	db->read_err = err;
	*ret = json_load_callback(read_byte, db, JSON_DISABLE_EOF_CHECK, &why);
	if (*ret) {
		TRACE("ovsdb <- %s", json_dumps(*ret, JSON_COMPACT));
		return 0;
	}
	return err->code ? err->code
			 : err_set(err, -EPROTO, "ovsdb-server (%s): %s", db->path,
				   why.text);
}

static const char *words(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* What a <table-updates> says about cur_cfg and the interface that is watched. */
static void note_update(struct ovsdb *db, json_t *updates)
{
	const char *uuid;
	json_t *row;

	json_object_foreach (json_object_get(updates, DATABASE), uuid, row) {
		json_t *cfg = json_object_get(json_object_get(row, "new"), "cur_cfg");

		if (cfg)
			db->cur_cfg = json_integer_value(cfg);
	}
	json_object_foreach (json_object_get(updates, "Interface"), uuid, row) {
		json_t *now = json_object_get(row, "new");
		const char *name = json_string_value(json_object_get(now, "name"));

		if (!name)
			name = words(json_object_get(row, "old"), "name");
		if (db->watched && !strcmp(name, db->watched))
			db->interface = now;
	}
}

static void note_reply(struct ovsdb *db, json_t *m)
{
	json_int_t id = json_integer_value(json_object_get(m, "id"));
	json_t *result = json_object_get(m, "result");

	if (id == db->lock)
		db->locked = json_is_true(json_object_get(result, "locked"));
	else if (id == db->unlock)
		db->locked = false;
	else if (id == db->monitor)
		note_update(db, result);
	json_array_append(db->replies, m);
}

/* Waits for one message, whatever it is. */
static int message_next(struct ovsdb *db, struct xhp_err *err)
{
	const char *method;
	json_t *m, *params;

	if (message_read(db, &m, err) < 0)
		return err->code;
	method = json_string_value(json_object_get(m, "method"));
	params = json_object_get(m, "params");
	if (!method)
		note_reply(db, m);
	else if (!strcmp(method, "echo"))
		message_add(db, json_pack("{s:O,s:n,s:O}", "result", params, "error",
					  "id", json_object_get(m, "id")));
	else if (!strcmp(method, "update"))
		note_update(db, json_array_get(params, 1));
	else if (!strcmp(method, "locked"))
		db->locked = true;
	return 0;
}

/* The error of a reply or of an operation's result. */
static int server_error(const json_t *e, struct xhp_err *err)
{
	const char *what = json_is_string(e) ? json_string_value(e) : words(e, "error");
	const char *details = words(e, "details");

	if (!strcmp(what, "timed out") || !strcmp(what, "aborted"))
		return err_set(err, -EAGAIN, "the database was changed meanwhile");
	return err_set(err, -EREMOTEIO, "ovsdb-server: %s%s%s", what,
		       *details ? ": " : "", details);
}

/* Gives the request's id. It is sent with others, when the first answer is waited for. */
static json_int_t ask(struct ovsdb *db, const char *method, json_t *params)
{
	json_int_t id = ++db->last_id;

	return message_add(db, json_pack("{s:s,s:o,s:I}", "method", method, "params",
					 params, "id", id))
		       ? id
		       : 0;
}

static json_t *reply_to(const struct ovsdb *db, json_int_t id)
{
	json_t *m;
	size_t i;

	json_array_foreach (db->replies, i, m) {
		if (json_integer_value(json_object_get(m, "id")) == id)
			return m;
	}
	return NULL;
}

static int answer(struct ovsdb *db, json_int_t id, json_t **ret, struct xhp_err *err)
{
	json_t *reply, *e;

	if (!id)
		return err_set(err, -EINVAL, "a message that is no JSON");
	while (!(reply = reply_to(db, id))) {
		if (message_next(db, err) < 0)
			return err->code;
	}
	e = json_object_get(reply, "error");
	if (e && !json_is_null(e))
		return server_error(e, err);
	*ret = json_object_get(reply, "result");
	return 0;
}

static json_int_t transact_ask(struct ovsdb *db, json_t *ops)
{
	json_t *params = json_pack("[s]", DATABASE);

	json_array_extend(params, ops);
	return ask(db, "transact", params);
}

/* Of that many operations. */
static int transact_answer(struct ovsdb *db, json_int_t id, size_t n, json_t **ret,
			   struct xhp_err *err)
{
	json_t *results, *one;
	size_t i;

	if (answer(db, id, &results, err) < 0)
		return err->code;
	/* an error at the commit stands behind the operations' own results */
	json_array_foreach (results, i, one) {
		if (json_object_get(one, "error"))
			return server_error(one, err);
	}
	if (json_array_size(results) < n)
		return err_set(err, -EPROTO, "ovsdb-server (%s): results are missing",
			       db->path);
	*ret = results;
	return 0;
}

int ovsdb_transact(struct ovsdb *db, json_t *ops, json_t **ret, struct xhp_err *err)
{
	return transact_answer(db, transact_ask(db, ops), json_array_size(ops), ret, err);
}

static json_int_t lock_ask(struct ovsdb *db, const char *method)
{
	return ask(db, method, json_pack("[s]", DAEMON_LOCK));
}

void ovsdb_daemon_ask(struct ovsdb *db)
{
	db->lock = lock_ask(db, "lock");
	db->unlock = lock_ask(db, "unlock");
}

static int daemon_gone(const struct ovsdb *db, struct xhp_err *err)
{
	return err_set(err, -ESRCH,
		       "ovs-vswitchd is not running: nothing would carry out what stands "
		       "in Open vSwitch's database (%s)",
		       db->path);
}

/* The lock has come to us: not to keep ovs-vswitchd from coming back, we give it away. */
static int leave(struct ovsdb *db, struct xhp_err *err)
{
	json_t *unused;

	db->queued = db->locked = false;
	return answer(db, lock_ask(db, "unlock"), &unused, err);
}

/* Ours for a moment, the lock may be another run's that asks the same: hence "again". */
int ovsdb_daemon(struct ovsdb *db, unsigned int ms, struct xhp_err *err)
{
	const struct timespec pause = { 0, DAEMON_RETRY_MS * 1000000L };
	long long end = now_ms() + ms;
	json_t *lock, *unlock;

	if (db->queued && !db->locked)
		return 0;
	if (db->queued && leave(db, err) < 0)
		return err->code;
	for (;;) {
		if (!db->unlock)
			ovsdb_daemon_ask(db);
		if (answer(db, db->lock, &lock, err) < 0 ||
		    answer(db, db->unlock, &unlock, err) < 0)
			return err->code;
		db->unlock = 0;
		if (!json_is_true(json_object_get(lock, "locked")))
			return 0;
		if (now_ms() >= end || !left_ms(db))
			return daemon_gone(db, err);
		nanosleep(&pause, NULL);
	}
}

/* In line for the lock behind ovs-vswitchd: if it ends, we are told at once. */
static void queue_up(struct ovsdb *db)
{
	if (!db->queued)
		db->lock = lock_ask(db, "lock");
	db->queued = true;
}

static int confirm(struct ovsdb *db, json_int_t cfg, struct xhp_err *err)
{
	json_t *unused;

	if (answer(db, db->monitor, &unused, err) < 0 ||
	    answer(db, db->lock, &unused, err) < 0)
		return err->code;
	while (db->cur_cfg < cfg) {
		if (db->locked) {
			if (ovsdb_daemon(db, OVSDB_GRACE, err) < 0)
				return err->code;
			queue_up(db);
			continue;
		}
		if (message_next(db, err) < 0) {
			if (err->code == -ETIMEDOUT || err->code == -EIO)
				return too_late(db, "ovs-vswitchd does not answer", err);
			return err->code;
		}
	}
	return 0;
}

/* Of the interface, what it was before is no concern of ours. */
static void monitor_ask(struct ovsdb *db, const char *interface)
{
	json_t *tables = json_pack("{s:[{s:[s]}]}", DATABASE, "columns", "cur_cfg");

	if (db->monitor)
		return;
	db->watched = interface;
	if (interface)
		json_object_set(tables, "Interface",
				json_pack("[{s:[s,s,s],s:{s:b}}]", "columns", "name",
					  "error", "ofport", "select", "initial", 0));
	db->monitor = ask(db, "monitor", json_pack("[s,s,o]", DATABASE, "cfg", tables));
}

int ovsdb_configure(struct ovsdb *db, json_t *ops, const char *interface,
		    const json_t **ret_row, struct xhp_err *err)
{
	json_t *results, *row;
	json_int_t id;
	size_t n;

	json_array_append(ops,
			  json_pack("{s:s,s:s,s:[],s:[[s,s,i]]}", "op", "mutate", "table",
				    DATABASE, "where", "mutations", "next_cfg", "+=", 1));
	n = json_array_size(ops);
	json_array_append(
		ops, ovsdb_select(DATABASE, json_array(), json_pack("[s]", "next_cfg")));
	id = transact_ask(db, ops); /* first, so that ovs-vswitchd begins */
	monitor_ask(db, interface);
	queue_up(db);
	if (transact_answer(db, id, n + 1, &results, err) < 0)
		return err->code;
	row = json_array_get(ovsdb_rows(results, n), 0);
	if (confirm(db, json_integer_value(json_object_get(row, "next_cfg")), err) < 0) {
		err->code = -EINPROGRESS;
		return err->code;
	}
	if (interface)
		*ret_row = db->interface;
	return 0;
}

json_t *ovsdb_select(const char *table, json_t *where, json_t *columns)
{
	return json_pack("{s:s,s:s,s:o,s:o*}", "op", "select", "table", table, "where",
			 where, "columns", columns);
}

json_t *ovsdb_is(const char *column, const char *function, json_t *value)
{
	return json_pack("[s,s,o]", column, function, value);
}

json_t *ovsdb_uuid(const char *uuid)
{
	return json_pack("[s,s]", "uuid", uuid);
}

json_t *ovsdb_rows(const json_t *results, size_t i)
{
	return json_object_get(json_array_get(results, i), "rows");
}

static const json_t *set_of(const json_t *value)
{
	const char *kind = json_string_value(json_array_get(value, 0));

	return kind && !strcmp(kind, "set") ? json_array_get(value, 1) : NULL;
}

size_t ovsdb_count(const json_t *value)
{
	const json_t *set = set_of(value);

	return set ? json_array_size(set) : value != NULL;
}

json_t *ovsdb_atom(const json_t *value, size_t i)
{
	const json_t *set = set_of(value);

	if (set)
		return json_array_get(set, i);
	return i ? NULL : (json_t *)(uintptr_t)value;
}

const char *ovsdb_row_uuid(const json_t *row)
{
	return json_string_value(json_array_get(json_object_get(row, "_uuid"), 1));
}

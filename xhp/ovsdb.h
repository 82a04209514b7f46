/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open vSwitch's database: JSON-RPC on a Unix socket (RFC 7047). */
#ifndef XHP_OVSDB_H
#define XHP_OVSDB_H

#include <jansson.h>

#include "err.h"

#define OVSDB_SOCKET "/run/openvswitch/db.sock"

struct ovsdb;

/*
 * Connects. All waiting on the connection ends after `seconds` (-EIO; 0: no such limit),
 * and in any case with the deadline (-ETIMEDOUT). From here on JSON values live until
 * the process ends: nothing is to be counted or freed. -ENOENT, -ECONNREFUSED: no server.
 */
int ovsdb_open(const char *path, unsigned int seconds, struct ovsdb **ret,
	       struct xhp_err *err);
void ovsdb_close(struct ovsdb *db);
/* Nothing has come unasked: neither its end nor anything else. */
bool ovsdb_is_idle(const struct ovsdb *db);

/*
 * Carries the operations out, all or none; `ret` has a result for each of them. -EAGAIN
 * if a "wait" operation found the database otherwise; the errors of others have the
 * server's own words.
 */
int ovsdb_transact(struct ovsdb *db, json_t *ops, json_t **ret, struct xhp_err *err);

/*
 * Is ovs-vswitchd at work? -ESRCH if it is not, and does not come within that time. It
 * holds the lock "ovs_vswitchd" in the database for as long as it runs.
 */
int ovsdb_daemon(struct ovsdb *db, unsigned int ms, struct xhp_err *err);
/* Asks that along with what is asked next, so that ovsdb_daemon() has not to wait. */
void ovsdb_daemon_ask(struct ovsdb *db);
/* Milliseconds for a restart of the daemon. */
#define OVSDB_GRACE 1000

/*
 * Carries the operations out and waits until ovs-vswitchd has done what follows from
 * them: what ovs-vsctl does, with next_cfg and cur_cfg. -EINPROGRESS: the operations are
 * done, but the daemon is gone or does not answer. `interface`: the name of one that they
 * make, or NULL; `ret_row` then has its columns "error" and "ofport" as the daemon has
 * set them, or is NULL: it was not told.
 */
int ovsdb_configure(struct ovsdb *db, json_t *ops, const char *interface,
		    const json_t **ret_row, struct xhp_err *err);

/* Operations, as they are put into a list. `where`: "[[s,s,...]]", conditions. */
json_t *ovsdb_select(const char *table, json_t *where, json_t *columns);
json_t *ovsdb_is(const char *column, const char *function, json_t *value);
json_t *ovsdb_uuid(const char *uuid);

/* The rows of a select's result, and a row's column. */
json_t *ovsdb_rows(const json_t *results, size_t i);
/* The atoms of a column, be it one of them or a set; the i-th or NULL. */
size_t ovsdb_count(const json_t *value);
json_t *ovsdb_atom(const json_t *value, size_t i);
const char *ovsdb_row_uuid(const json_t *row);

#endif

// SPDX-License-Identifier: LGPL-2.1-or-later
// The rows of an Open vSwitch port.

#include "actions.h"
#include "ovs.h"

/* What somebody may have set in them: the rest is ovs-vswitchd's own. */
static const char *const port_columns[] = {
	"bond_downdelay", "bond_fake_iface", "bond_mode", "bond_updelay", "cvlans",
	"external_ids",   "fake_bridge",     "lacp",      "mac",          "name",
	"other_config",   "protected",       "qos",       "tag",          "trunks",
	"vlan_mode",
};
static const char *const interface_columns[] = {
	"bfd",
	"cfm_mpid",
	"external_ids",
	"ingress_policing_burst",
	"ingress_policing_rate",
	"lldp",
	"mac",
	"mtu_request",
	"name",
	"ofport_request",
	"options",
	"other_config",
	"type",
};
enum {
	NPORT = sizeof(port_columns) / sizeof(port_columns[0]),
	NINTERFACE = sizeof(interface_columns) / sizeof(interface_columns[0]),
};

static json_t *by_name(const char *name)
{
	return json_pack("[o]", ovsdb_is("name", "==", json_string(name)));
}

static json_t *by_uuid(const char *uuid)
{
	return json_pack("[o]", ovsdb_is("_uuid", "==", ovsdb_uuid(uuid)));
}

/* Sets are compared as such by the server, also one of a single element. */
static json_t *uuid_set(const char *uuid)
{
	return json_pack("[s,[o]]", "set", ovsdb_uuid(uuid));
}

static const char *text_of(const json_t *row, const char *column)
{
	const char *s = json_string_value(ovsdb_atom(json_object_get(row, column), 0));

	return s ? s : "";
}

static const char *uuid_of(const json_t *atom)
{
	return json_string_value(json_array_get(atom, 1));
}

/* A map's value, or NULL. */
static const char *map_get(const json_t *map, const char *key)
{
	json_t *pair;
	size_t i;

	json_array_foreach (json_array_get(map, 1), i, pair) {
		if (!strcmp(json_string_value(json_array_get(pair, 0)), key))
			return json_string_value(json_array_get(pair, 1));
	}
	return NULL;
}

/* What has that name: the port, and the interface. */
static void ops_port(json_t *ops, const char *name, json_t *columns)
{
	json_array_append(ops, ovsdb_select("Port", by_name(name), columns));
	json_array_append(ops, ovsdb_select("Interface", by_name(name), columns));
}

/* --- bridges --- */

static void list_names(struct buf *b, const json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		buf_printf(b, "%s%s", b->len ? ", " : "", text_of(row, "name"));
}

static int no_bridge(const json_t *results, const char *name, struct xhp_err *err)
{
	struct buf b = { 0 };

	list_names(&b, ovsdb_rows(results, 0));
	list_names(&b, ovsdb_rows(results, 1));
	return err_set(err, -ENODEV,
		       "there is no bridge %s in Open vSwitch; %s%s (ovs-vsctl add-br "
		       "makes one)",
		       name, b.s ? "those there are: " : "there is none at all",
		       b.s ? b.s : "");
}

int ovs_bridge_find(struct ovsdb *db, const char *name, const char *port_name,
		    struct ovs_bridge *ret, bool *ret_free, struct xhp_err *err)
{
	bool is_free;
	json_t *columns = json_pack("[s,s,s]", "_uuid", "name", "datapath_type");
	json_t *fake = json_pack("[o]", ovsdb_is("fake_bridge", "==", json_true()));
	json_t *named = by_name(name), *ops, *results, *row, *port;

	json_array_extend(named, fake);
	ops = json_pack("[o,o]", ovsdb_select("Bridge", by_name(name), columns),
			ovsdb_select("Port", named, json_pack("[s,s]", "_uuid", "tag")));
	ops_port(ops, port_name, json_pack("[s]", "_uuid"));
	if (ovsdb_transact(db, ops, &results, err) < 0)
		return err->code;
	row = json_array_get(ovsdb_rows(results, 0), 0);
	port = json_array_get(ovsdb_rows(results, 1), 0);
	is_free = !json_array_size(ovsdb_rows(results, 2)) &&
		  !json_array_size(ovsdb_rows(results, 3));
	if (!row && port) {
		json_t *where =
			json_pack("[o]", ovsdb_is("ports", "includes",
						  uuid_set(ovsdb_row_uuid(port))));

		ops = json_pack("[o]", ovsdb_select("Bridge", where, columns));
		if (ovsdb_transact(db, ops, &results, err) < 0)
			return err->code;
		row = json_array_get(ovsdb_rows(results, 0), 0);
	}
	if (!row) {
		columns = json_pack("[s]", "name");
		ops = json_pack("[o,o]", ovsdb_select("Bridge", json_array(), columns),
				ovsdb_select("Port", fake, columns));
		if (ovsdb_transact(db, ops, &results, err) < 0)
			return err->code;
		return no_bridge(results, name, err);
	}
	*ret = (struct ovs_bridge){ text_of(row, "name"), ovsdb_row_uuid(row),
				    text_of(row, "datapath_type"), 0 };
	if (port)
		ret->vlan = (unsigned int)json_integer_value(
			ovsdb_atom(json_object_get(port, "tag"), 0));
	if (!*ret->datapath)
		ret->datapath = "system";
	*ret_free = is_free;
	return 0;
}

/* --- what we set --- */

/* Also what is empty: the audit asks whether it still is. */
const char *ovs_port_columns(unsigned int tag, const uint16_t *trunks, unsigned int n,
			     const char *mode)
{
	json_t *tags = json_array(), *list = json_array(), *modes = json_array();
	bool seen[4095] = { false };

	if (tag)
		json_array_append(tags, json_integer(tag));
	for (unsigned int i = 0; i < n; i++) {
		if (!seen[trunks[i]])
			json_array_append(list, json_integer(trunks[i]));
		seen[trunks[i]] = true;
	}
	if (mode)
		json_array_append(modes, json_string(mode));
	return json_dumps(json_pack("{s:[s,o],s:[s,o],s:[s,o]}", "tag", "set", tags,
				    "trunks", "set", list, "vlan_mode", "set", modes),
			  JSON_COMPACT);
}

const char *ovs_interface_columns(const struct map *external_ids)
{
	json_t *pairs = json_array();

	for (unsigned int i = 0; i < external_ids->n; i++)
		json_array_append(pairs, json_pack("[s,s]", external_ids->v[i].key,
						   external_ids->v[i].value));
	return json_dumps(json_pack("{s:[s,o]}", "external_ids", "map", pairs),
			  JSON_COMPACT);
}

/* --- a port that is there --- */

/* Columns with their values, without those that are empty, as JSON text. */
static const char *configured(const json_t *row, const char *const *names, unsigned int n)
{
	json_t *o = json_object(), *none = json_pack("[s,[]]", "set"),
	       *empty = json_pack("[s,[]]", "map");

	for (unsigned int i = 0; i < n; i++) {
		json_t *v = json_object_get(row, names[i]);

		if (v && !json_equal(v, none) && !json_equal(v, empty))
			json_object_set(o, names[i], v);
	}
	return json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
}

static int is_busy(const char *name, const char *what, struct xhp_err *err)
{
	return err_set(err, -EBUSY,
		       "Open vSwitch has %s %s already, and it is not a device's plain "
		       "port: left alone",
		       what, name);
}

int ovs_port_read(struct ovsdb *db, const char *name, struct ovs_old *ret,
		  struct xhp_err *err)
{
	json_t *ops = json_array(), *results, *port, *iface;
	const char *type;

	*ret = (struct ovs_old){ 0 };
	ops_port(ops, name, NULL);
	if (ovsdb_transact(db, ops, &results, err) < 0)
		return err->code;
	port = json_array_get(ovsdb_rows(results, 0), 0);
	iface = json_array_get(ovsdb_rows(results, 1), 0);
	if (!port && !iface)
		return 0;
	if (!port)
		return is_busy(name, "a bond's interface", err);
	type = text_of(iface, "type");
	if (!iface || ovsdb_count(json_object_get(port, "interfaces")) != 1 ||
	    json_is_true(json_object_get(port, "fake_bridge")) ||
	    (*type && strcmp(type, "system") != 0))
		return is_busy(name, "a port", err);
	ret->uuid = ovsdb_row_uuid(port);
	ret->device = map_get(json_object_get(port, "external_ids"), OVS_MARK);
	ret->port = configured(port, port_columns, NPORT);
	ret->interface = configured(iface, interface_columns, NINTERFACE);
	ret->ifindex =
		(int)json_integer_value(ovsdb_atom(json_object_get(iface, "ifindex"), 0));
	return 0;
}

int ovs_port_find(struct ovsdb *db, const char *name, struct ovs_old *ret,
		  struct xhp_err *err)
{
	json_t *ops, *results, *bridge, *where;

	if (ovs_port_read(db, name, ret, err) < 0)
		return err->code;
	if (!ret->uuid)
		return 0;
	where = json_pack("[o]", ovsdb_is("ports", "includes", uuid_set(ret->uuid)));
	ops = json_pack("[o]", ovsdb_select("Bridge", where,
					    json_pack("[s,s]", "_uuid", "name")));
	if (ovsdb_transact(db, ops, &results, err) < 0)
		return err->code;
	bridge = json_array_get(ovsdb_rows(results, 0), 0);
	ret->bridge_uuid = ovsdb_row_uuid(bridge);
	ret->bridge = text_of(bridge, "name");
	return 0;
}

/* --- changes --- */

static json_t *op_wait(const char *table, json_t *where, const char *uuid)
{
	json_t *rows =
		uuid ? json_pack("[{s:o}]", "_uuid", ovsdb_uuid(uuid)) : json_array();

	return json_pack("{s:s,s:s,s:o,s:[s],s:s,s:o,s:i}", "op", "wait", "table", table,
			 "where", where, "columns", "_uuid", "until", "==", "rows", rows,
			 "timeout", 0);
}

static json_t *op_ports(json_t *where, const char *mutator, json_t *port)
{
	return json_pack("{s:s,s:s,s:o,s:[[s,s,[s,[o]]]]}", "op", "mutate", "table",
			 "Bridge", "where", where, "mutations", "ports", mutator, "set",
			 port);
}

static json_t *op_insert(const char *table, json_t *row, const char *id)
{
	return json_pack("{s:s,s:s,s:o,s:s}", "op", "insert", "table", table, "row", row,
			 "uuid-name", id);
}

/* No longer referred to by a bridge, a port and its interface go at the commit. */
static void ops_remove(json_t *ops, const char *uuid)
{
	json_t *where = json_pack("[o]", ovsdb_is("ports", "includes", uuid_set(uuid)));

	json_array_append(ops, op_ports(where, "delete", ovsdb_uuid(uuid)));
}

static int ops_insert(json_t *ops, const char *bridge_uuid, const char *port,
		      const char *interface, struct xhp_err *err)
{
	json_t *p = json_loads(port, 0, NULL), *i = json_loads(interface, 0, NULL);

	if (!p || !i)
		return err_set(err, -EPROTO, "a record that is no JSON: %s %s", port,
			       interface);
	json_object_set(p, "interfaces", json_pack("[s,s]", "named-uuid", "interface"));
	json_array_append(ops, op_insert("Interface", i, "interface"));
	json_array_append(ops, op_insert("Port", p, "port"));
	json_array_append(ops, op_ports(by_uuid(bridge_uuid), "insert",
					json_pack("[s,s]", "named-uuid", "port")));
	return 0;
}

/* ovs-vswitchd has looked at it: does it forward frames? `row`: as it was told, or NULL.
 */
static int check_interface(struct ovsdb *db, const struct ovs_port *port,
			   const json_t *row, struct xhp_err *err)
{
	json_t *ops =
		json_pack("[o]", ovsdb_select("Interface", by_name(port->name),
					      json_pack("[s,s]", "error", "ofport")));
	json_t *results, *ofport;

	if (!row && ovsdb_transact(db, ops, &results, err) < 0)
		return err->code;
	if (!row)
		row = json_array_get(ovsdb_rows(results, 0), 0);
	ofport = ovsdb_atom(json_object_get(row, "ofport"), 0);
	if (*text_of(row, "error"))
		return err_set(err, -EIO, "ovs-vswitchd: %s", text_of(row, "error"));
	if (!row || json_integer_value(ofport) < 0)
		return err_set(err, -EIO, "ovs-vswitchd refuses %s: see its log",
			       port->name);
	if (!ofport)
		return err_set(
			err, -EIO,
			"ovs-vswitchd does not serve the bridge %s: see its log "
			"(the kernel's datapath wants modprobe openvswitch, or a kernel "
			"with CONFIG_OPENVSWITCH)",
			port->bridge);
	return 0;
}

static json_t *marked_port(const struct ovs_port *port, json_t **ret_iface)
{
	json_t *p = json_loads(port->port, 0, NULL),
	       *i = json_loads(port->interface, 0, NULL);

	json_object_set(p, "name", json_string(port->name));
	json_object_set(p, "external_ids",
			json_pack("[s,[[s,s]]]", "map", OVS_MARK, port->device));
	json_object_set(i, "name", json_string(port->name));
	*ret_iface = i;
	return p;
}

int ovs_port_add(struct ovsdb *db, const struct ovs_port *port, const struct ovs_old *old,
		 struct xhp_err *err)
{
	json_t *ops = json_array(), *iface, *row = marked_port(port, &iface);
	const json_t *now;

	json_array_append(
		ops, op_wait("Bridge", by_uuid(port->bridge_uuid), port->bridge_uuid));
	json_array_append(ops, op_wait("Port", by_name(port->name), old->uuid));
	if (old->uuid)
		ops_remove(ops, old->uuid);
	if (ops_insert(ops, port->bridge_uuid, json_dumps(row, JSON_COMPACT),
		       json_dumps(iface, JSON_COMPACT), err) < 0 ||
	    ovsdb_configure(db, ops, port->name, &now, err) < 0)
		return err->code;
	return check_interface(db, port, now, err);
}

/* The bridge that it was on may have gone: then there is no place to put it back to. */
static int put_back(struct ovsdb *db, json_t *ops, const struct ovs_old *before,
		    struct xhp_err *err)
{
	json_t *results,
		*look = json_pack("[o]",
				  ovsdb_select("Bridge", by_uuid(before->bridge_uuid),
					       json_pack("[s]", "_uuid")));

	if (ovsdb_transact(db, look, &results, err) < 0)
		return err->code;
	if (!json_array_size(ovsdb_rows(results, 0)))
		return 0;
	return ops_insert(ops, before->bridge_uuid, before->port, before->interface, err);
}

int ovs_port_del(struct ovsdb *db, const char *uuid, const char *name,
		 const struct ovs_old *before, bool wait, struct xhp_err *err)
{
	json_t *ops = json_array(), *results;

	if (wait && ovsdb_daemon(db, 0, err) < 0) {
		if (err->code != -ESRCH)
			return err->code;
		wait = false;
	}
	json_array_append(ops, op_wait("Port", by_name(name), uuid));
	ops_remove(ops, uuid);
	if (before && put_back(db, ops, before, err) < 0)
		return err->code;
	if (!wait)
		return ovsdb_transact(db, ops, &results, err);
	if (ovsdb_configure(db, ops, NULL, NULL, err) < 0) {
		if (err->code != -EINPROGRESS)
			return err->code;
		log_warn("%s was removed from Open vSwitch's database, but %s", name,
			 err->text);
	}
	return 0;
}

/* --- audit --- */

struct question {
	const char *column;
	bool interface;
};

/* The server compares: it knows sets and maps. A row for each question that holds. */
int ovs_port_audit(struct ovsdb *db, const struct ovs_port *port, struct xhp_err *err)
{
	json_t *iface, *row = marked_port(port, &iface), *ops, *results, *value, *found;
	struct question *list = NULL;
	unsigned int n = 0;
	const char *column;

	ops = json_pack(
		"[o,o]",
		ovsdb_select("Port", by_name(port->name), json_pack("[s]", "_uuid")),
		ovsdb_select("Bridge", by_uuid(port->bridge_uuid),
			     json_pack("[s]", "ports")));
	for (int i = 0; i < 2; i++) {
		json_object_foreach (i ? iface : row, column, value) {
			bool ids = !strcmp(column, "external_ids");
			json_t *where = by_name(port->name);

			json_array_append(
				where, ovsdb_is(column, ids ? "includes" : "==", value));
			json_array_append(ops,
					  ovsdb_select(i ? "Interface" : "Port", where,
						       json_pack("[s]", "_uuid")));
			*MEM_PUSH(list, n) = (struct question){ column, i };
		}
	}
	json_array_append(ops, ovsdb_select("Interface", by_name(port->name),
					    json_pack("[s]", "error")));
	if (ovsdb_transact(db, ops, &results, err) < 0)
		return err->code;
	found = json_array_get(ovsdb_rows(results, 0), 0);
	value = json_object_get(json_array_get(ovsdb_rows(results, 1), 0), "ports");
	for (size_t i = 0; found; i++) {
		json_t *one = ovsdb_atom(value, i);

		if (!one)
			found = NULL;
		else if (!strcmp(uuid_of(one), ovsdb_row_uuid(found)))
			break;
	}
	if (!found) {
		err_set(err, -ESTALE, "%s is not a port of Open vSwitch's %s any more",
			port->name, port->bridge);
		return 1;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (json_array_size(ovsdb_rows(results, i + 2)))
			continue;
		err_set(err, -ESTALE, "%s of Open vSwitch's %s %s is not as it was set",
			list[i].column, list[i].interface ? "interface" : "port",
			port->name);
		return 1;
	}
	row = json_array_get(ovsdb_rows(results, n + 2), 0);
	if (*text_of(row, "error")) {
		err_set(err, -ESTALE, "ovs-vswitchd: %s", text_of(row, "error"));
		return 1;
	}
	return 0;
}

int ovs_marked(struct ovsdb *db, struct ovs_marked **ret, unsigned int *ret_n,
	       struct xhp_err *err)
{
	json_t *ops = json_pack("[o]", ovsdb_select("Port", json_array(),
						    json_pack("[s,s,s]", "_uuid", "name",
							      "external_ids")));
	struct ovs_marked *list = NULL;
	json_t *results, *row;
	unsigned int n = 0;
	size_t i;

	if (ovsdb_transact(db, ops, &results, err) < 0)
		return err->code;
	json_array_foreach (ovsdb_rows(results, 0), i, row) {
		const char *device =
			map_get(json_object_get(row, "external_ids"), OVS_MARK);

		if (device)
			*MEM_PUSH(list, n) =
				(struct ovs_marked){ ovsdb_row_uuid(row),
						     text_of(row, "name"), device };
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

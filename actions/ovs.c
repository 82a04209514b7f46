// SPDX-License-Identifier: LGPL-2.1-or-later
// ovs: the interface becomes a port of an Open vSwitch bridge.

#include "ovs.h"
#include "actions.h"

/* Of the way back and of looking around: a silent server must not hold up the rest. */
#define UNDO_SECONDS 3
/* How often what is found may have changed before the change is made. */
#define TRIES 10

struct args {
	struct ifname dev;
	struct bridge_spec bridge;
	struct vlans vlan;
	struct num mtu;
	struct map external_ids, labels;
	const char *database;
	/* found by the check */
	struct ovsdb *db;
	struct ovs_bridge found;
	const char *free; /* a name that no port had */
	const char *port, *interface;
	uint32_t bridge_mtu;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "bridge",
	  .type = V_BRIDGE,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, bridge),
	  .help = "the bridge, with its VLAN and trunks: NAME.TAG, NAME:T1:T2" },
	{ .key = "vlan",
	  .type = V_VLANS,
	  .offset = offsetof(struct args, vlan),
	  .help = "the port's VLANs, in xl's syntax" },
	{ .key = "mtu",
	  .type = V_UINT,
	  .offset = offsetof(struct args, mtu),
	  .min = 68,
	  .max = 65535,
	  .help = "the interface's MTU; else the bridge's" },
	{ .key = "external-ids",
	  .type = V_MAP,
	  .offset = offsetof(struct args, external_ids),
	  .help = "of the row in the table Interface" },
	{ .key = "labels",
	  .type = V_MAP,
	  .flags = P_INFORMS,
	  .offset = offsetof(struct args, labels),
	  .help = "external-ids that only inform: out where a driver domain cannot read" },
	{ .key = "database",
	  .type = V_PATH,
	  .offset = offsetof(struct args, database),
	  .dflt = OVSDB_SOCKET,
	  .help = "the socket of ovsdb-server" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "name", .type = V_IFNAME, .help = "the bridge" },
	{ .name = "mtu", .type = V_UINT, .help = "the interface's MTU" },
	{ .name = NULL },
};

/* xl's list as Open vSwitch has it: one untagged VLAN, the PVID; all others tagged. */
static int from_vlans(const struct vlans *list, const char **ret, struct xhp_err *err)
{
	uint16_t tagged[4095], tag = 0;
	bool is_tagged[4095] = { false };
	unsigned int n = 0;

	for (unsigned int i = 0; i < list->n; i++) {
		const struct vlan *v = &list->v[i];

		if (v->pvid)
			tag = v->first;
		for (unsigned int id = v->first; !v->untagged && id <= v->last;
		     id += v->step)
			is_tagged[id] = true;
	}
	for (unsigned int i = 0; i < list->n; i++) {
		const struct vlan *v = &list->v[i];

		if (v->untagged && (v->first != tag || v->last != tag))
			return err_set(err, -EOPNOTSUPP,
				       "Open vSwitch has one untagged VLAN a port, the "
				       "PVID %u: VLAN %u cannot be untagged, too",
				       tag, v->first == tag ? v->last : v->first);
	}
	if (is_tagged[tag])
		return err_set(err, -EINVAL, "VLAN %u is both tagged and untagged", tag);
	for (uint16_t id = 1; id < 4095; id++) {
		if (is_tagged[id])
			tagged[n++] = id;
	}
	*ret = ovs_port_columns(tag, tagged, n, n ? "native-untagged" : NULL);
	return 0;
}

/* vif-openvswitch's NAME.TAG:T1:T2, in which TAG makes an access port. */
static int find_vlans(struct ctx *ctx, struct args *args, struct xhp_err *err)
{
	const struct bridge_spec *spec = &args->bridge;
	unsigned int tag = spec->tag ? spec->tag : args->found.vlan;

	if (args->vlan.set && (tag || spec->ntrunks))
		return err_set(err, -EINVAL,
			       "vlan= goes with a plain bridge: %s%s says already which "
			       "VLANs there are",
			       spec->name.s,
			       args->found.vlan ? ", a fake bridge," : ".TAG:TRUNK");
	if (args->vlan.set)
		return from_vlans(&args->vlan, &args->port, err);
	if (tag && spec->ntrunks && !ctx->planning)
		log_warn("Open vSwitch ignores trunks of a port that has a tag: in "
			 "vlan= both can be had, as in vlan=%up/%u",
			 tag, spec->trunks[0]);
	args->port = ovs_port_columns(tag, spec->trunks, spec->ntrunks, NULL);
	return 0;
}

/* The userspace datapath reads frames from a packet socket, which precedes the filter. */
static int check_filter(struct ctx *ctx, const struct args *args, struct xhp_err *err)
{
	if (!ctx->filtered || !strcmp(args->found.datapath, "system"))
		return 0;
	return err_set(
		err, -EOPNOTSUPP,
		"%s has the userspace datapath \"%s\", which takes frames in before "
		"a filter sees them: ip= cannot hold the guest to its addresses "
		"there",
		args->found.name, args->found.datapath);
}

/* All in one message; the connection stays for apply(). */
static int look(struct args *args, const struct link *link, struct xhp_err *err)
{
	bool is_free;

	if (ovsdb_open(args->database, 0, &args->db, err) < 0)
		return err->code;
	ovsdb_daemon_ask(args->db);
	if (ovs_bridge_find(args->db, args->bridge.name.s, link->name.s, &args->found,
			    &is_free, err) < 0 ||
	    ovsdb_daemon(args->db, OVSDB_GRACE, err) < 0) {
		ovsdb_close(args->db);
		return err->code;
	}
	args->free = is_free ? mem_strdup(link->name.s) : NULL;
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	const char *name = args->bridge.name.s;
	struct link link, bridge;
	struct map ids = args->external_ids;

	if (dev_or(ctx, &args->dev, &link, err) < 0 || look(args, &link, err) < 0 ||
	    check_filter(ctx, args, err) < 0 || find_vlans(ctx, args, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < args->labels.n; i++)
		*MEM_PUSH(ids.v, ids.n) = args->labels.v[i];
	args->interface = ovs_interface_columns(&ids);
	/* the bridge's own interface is not in the kernel with some datapaths */
	ctx->mtu = link.mtu;
	if (!nl_link_by_name(name, &bridge, err))
		ctx->mtu = bridge.mtu;
	else if (err->code != -ENODEV)
		return err->code;
	if (args->mtu.set)
		ctx->mtu = (unsigned int)args->mtu.v;
	args->bridge_mtu = ctx->mtu;
	step_result(step, "name", name);
	step_result(step, "mtu", mem_printf("%u", ctx->mtu));
	return 0;
}

static int set_mtu(struct ctx *ctx, const struct link *link, uint32_t mtu,
		   struct xhp_err *err)
{
	const struct link_change change = { .mtu = mtu };

	if (mtu == link->mtu)
		return 0;
	if (RECORD(ctx, err, SCOPE_DEVICE, "ovs", "mtu", "ifindex",
		   mem_printf("%d", link->ifindex), "old", mem_printf("%u", link->mtu),
		   "mtu", mem_printf("%u", mtu)) < 0)
		return err->code;
	if (nl_link_change(link->ifindex, &change, err) < 0)
		return err_wrap(err, "cannot set the MTU of %s to %u", link->name.s, mtu);
	return 0;
}

/* Is the port of that name a living interface's, that has another name now? */
static int check_old(const struct ovs_old *old, const struct link *link,
		     struct xhp_err *err)
{
	struct link other;

	if (!old->uuid || !old->ifindex || old->ifindex == link->ifindex ||
	    nl_link_by_index(old->ifindex, &other, err) < 0)
		return 0;
	return err_set(err, -EBUSY,
		       "Open vSwitch's port %s on %s is that of the interface %s: left "
		       "alone",
		       link->name.s, old->bridge, other.name.s);
}

static int record_port(struct ctx *ctx, const struct args *args, const struct link *link,
		       const struct ovs_old *old, struct xhp_err *err)
{
	/* ours, from a run whose journal was lost: nothing to put back */
	bool keep = old->uuid && (!old->device || strcmp(old->device, ctx->device) != 0);

	return RECORD(ctx, err, SCOPE_HOST, "ovs", "port", "ifindex",
		      mem_printf("%d", link->ifindex), "name", mem_strdup(link->name.s),
		      "device", ctx->device, "database", args->database, "bridge",
		      args->found.name, "bridge-uuid", args->found.uuid, "datapath",
		      args->found.datapath, "port", args->port, "interface",
		      args->interface, "old-bridge", keep ? old->bridge : NULL,
		      "old-bridge-uuid", keep ? old->bridge_uuid : NULL, "old-port",
		      keep ? old->port : NULL, "old-interface",
		      keep ? old->interface : NULL);
}

static int add_port(struct ctx *ctx, const struct args *args, const struct link *link,
		    struct ovsdb *db, struct xhp_err *err)
{
	const struct ovs_port port = {
		.name = link->name.s,
		.device = ctx->device,
		.bridge = args->found.name,
		.bridge_uuid = args->found.uuid,
		.port = args->port,
		.interface = args->interface,
	};
	struct ovs_old old = { 0 };
	bool is_free = args->free && !strcmp(args->free, port.name);
	int rc = -EAGAIN;

	for (int i = 0; i < TRIES && rc == -EAGAIN; i++) {
		/* that it still is, the transaction makes sure */
		if ((i || !is_free) && (ovs_port_find(db, port.name, &old, err) < 0 ||
					check_old(&old, link, err) < 0))
			return err->code;
		if (record_port(ctx, args, link, &old, err) < 0)
			return err->code;
		rc = ovs_port_add(db, &port, &old, err);
	}
	return rc ? err_wrap(err, "cannot add %s to %s", port.name, port.bridge) : 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct ovs_old now = { 0 };
	struct ovsdb *db;
	struct link link;
	int rc;

	if (dev_or(ctx, &args->dev, &link, err) < 0 ||
	    ovsdb_open(args->database, UNDO_SECONDS, &db, err) < 0)
		return err->code;
	rc = ovs_port_find(db, link.name.s, &now, err);
	ovsdb_close(db);
	if (rc < 0)
		return rc;
	plan_text(step, &link, "port", now.bridge ? now.bridge : "", args->found.name);
	plan_text(step, &link, "port's columns", now.port ? now.port : "", args->port);
	plan_text(step, &link, "interface's columns", now.interface ? now.interface : "",
		  args->interface);
	plan_mtu(step, &link, args->bridge_mtu);
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	struct link link;
	int rc;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0 || check_filter(ctx, args, err) < 0)
		return err->code;
	/* ovsdb-server may have started anew since the check */
	if (!ovsdb_is_idle(args->db)) {
		ovsdb_close(args->db);
		if (ovsdb_open(args->database, 0, &args->db, err) < 0)
			return err->code;
	}
	rc = set_mtu(ctx, &link, args->bridge_mtu, err);
	if (!rc)
		rc = add_port(ctx, args, &link, args->db, err);
	ovsdb_close(args->db);
	return rc;
}

static int port_of(const struct rec *rec, struct ovs_port *ret, const char **ret_database,
		   struct xhp_err *err)
{
	const struct ovs_port port = {
		.name = rec_get(rec, "name"),
		.device = rec_get(rec, "device"),
		.bridge = rec_get(rec, "bridge"),
		.bridge_uuid = rec_get(rec, "bridge-uuid"),
		.port = rec_get(rec, "port"),
		.interface = rec_get(rec, "interface"),
	};

	*ret_database = rec_get(rec, "database");
	if (strcmp(rec->kind, "port") != 0 || !port.name || !port.device ||
	    !port.bridge || !port.bridge_uuid || !port.port || !port.interface ||
	    !*ret_database)
		return rec_unknown(rec, err);
	*ret = port;
	return 0;
}

/* The record's bridge, or else the one that was made anew under its name: with the same
 * datapath, for a filter holds nobody on another. */
static int find_anew(struct ovsdb *db, const struct rec *rec, struct ovs_port *port,
		     struct xhp_err *err)
{
	const char *datapath = rec_get(rec, "datapath");
	struct ovs_bridge now;
	bool unused;

	if (ovs_bridge_find(db, port->bridge, port->name, &now, &unused, err) < 0)
		return err->code;
	if (!strcmp(now.uuid, port->bridge_uuid))
		return 0;
	if (now.vlan || !datapath || strcmp(now.datapath, datapath) != 0)
		return err_set(err, -ESTALE,
			       "Open vSwitch's %s was made anew, and is another one",
			       port->bridge);
	port->bridge_uuid = now.uuid;
	return 1;
}

/* The device's port, by its mark, wherever it is now; if `stock`, also one without any.
 */
static int remove_port(struct ovsdb *db, const char *name, const char *device, bool stock,
		       const struct ovs_old *before, bool wait, struct xhp_err *err)
{
	struct ovs_old now;
	int rc = -EAGAIN;

	for (int i = 0; i < TRIES && rc == -EAGAIN; i++) {
		rc = ovs_port_read(db, name, &now, err);
		if (rc == -EBUSY ||
		    (!rc && now.uuid &&
		     (now.device ? strcmp(now.device, device) != 0 : !stock))) {
			log_warn("Open vSwitch's port %s is somebody else's: left alone",
				 name);
			return 0;
		}
		if (!rc && now.uuid)
			rc = ovs_port_del(db, now.uuid, name, before, wait, err);
		if (rc == -EREMOTEIO && before) {
			log_warn("Open vSwitch's port %s cannot be put back as it was "
				 "before: %s",
				 name, err->text);
			before = NULL;
			rc = -EAGAIN;
		}
	}
	return rc ? err_wrap(err, "cannot remove Open vSwitch's port %s", name) : 0;
}

static int undo_mtu(const struct rec *rec, struct xhp_err *err)
{
	struct link_change change = { .mtu = (uint32_t)rec_num(rec, "old", 0) };
	struct link link;

	if (rec_link(rec, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if ((long)link.mtu != rec_num(rec, "mtu", 0) || !change.mtu ||
	    !nl_link_change(link.ifindex, &change, err) || err->code == -ENODEV)
		return 0;
	return err_wrap(err, "cannot give %s its MTU back", link.name.s);
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct ovs_old before = {
		.bridge_uuid = rec_get(rec, "old-bridge-uuid"),
		.port = rec_get(rec, "old-port"),
		.interface = rec_get(rec, "old-interface"),
	};
	const char *database, *own;
	struct ovs_port port;
	struct ovsdb *db;
	struct link link;
	bool put_back, stays;
	int rc;

	if (!strcmp(rec->kind, "mtu"))
		return undo_mtu(rec, err);
	/* a device that goes is down already, and nobody waits to use it elsewhere */
	own = journal_head(ctx->journal, "ifindex");
	stays = ctx->rollback || !own || strcmp(own, rec_get(rec, "ifindex")) != 0;
	put_back = ctx->rollback && before.bridge_uuid && before.port &&
		   before.interface && !rec_link(rec, &link, err);
	if (port_of(rec, &port, &database, err) < 0 ||
	    ovsdb_open(database, UNDO_SECONDS, &db, err) < 0)
		return err->code;
	rc = remove_port(db, port.name, port.device, false, put_back ? &before : NULL,
			 stays, err);
	ovsdb_close(db);
	return rc;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *database;
	struct ovs_port port;
	struct ovsdb *db;
	struct link link;
	int rc;

	(void)ctx;
	if (!strcmp(rec->kind, "mtu")) {
		if (rec_link(rec, &link, err) < 0)
			return 1;
		if ((long)link.mtu == rec_num(rec, "mtu", 0))
			return 0;
		err_set(err, -ESTALE, "the MTU of %s is %u, not %s", link.name.s,
			link.mtu, rec_get(rec, "mtu"));
		return 1;
	}
	if (port_of(rec, &port, &database, err) < 0 ||
	    ovsdb_open(database, UNDO_SECONDS, &db, err) < 0)
		return 1;
	rc = find_anew(db, rec, &port, err);
	if (rc >= 0)
		rc = ovs_port_audit(db, &port, err);
	ovsdb_close(db);
	return rc ? 1 : 0;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *database;
	struct ovs_port port;
	struct ovs_old old;
	struct ovsdb *db;
	struct link link;
	int anew = 0, rc;

	(void)ctx;
	if (rec_link(rec, &link, err) < 0)
		return err->code;
	if (!strcmp(rec->kind, "mtu")) {
		const struct link_change change = { .mtu = (uint32_t)rec_num(rec, "mtu",
									     0) };

		return nl_link_change(link.ifindex, &change, err);
	}
	if (port_of(rec, &port, &database, err) < 0 ||
	    ovsdb_open(database, UNDO_SECONDS, &db, err) < 0)
		return err->code;
	rc = ovsdb_daemon(db, 0, err);
	if (!rc)
		rc = anew = find_anew(db, rec, &port, err);
	if (rc >= 0)
		rc = ovs_port_find(db, port.name, &old, err);
	if (!rc && anew && old.bridge_uuid &&
	    strcmp(old.bridge_uuid, port.bridge_uuid) != 0)
		rc = err_set(err, -EBUSY,
			     "Open vSwitch's port %s is on %s by now: it is left there",
			     port.name, old.bridge);
	if (!rc)
		rc = check_old(&old, &link, err);
	if (!rc)
		rc = ovs_port_add(db, &port, &old, err);
	ovsdb_close(db);
	return rc;
}

/* No server: nothing of ours that could be told from the rest, or be removed. */
static bool is_absent(int rc)
{
	return rc == -ENOENT || rc == -ECONNREFUSED;
}

static int sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	struct ovs_marked *list;
	unsigned int n = 0;
	struct ovsdb *db;
	int rc = ovsdb_open(OVSDB_SOCKET, UNDO_SECONDS, &db, err);

	if (rc < 0)
		return is_absent(rc) ? 0 : rc;
	rc = ovs_marked(db, &list, &n, err);
	for (unsigned int i = 0; !rc && i < n; i++) {
		struct link link;

		if (nl_link_by_name(list[i].name, &link, err) != -ENODEV ||
		    !is_gone(list[i].device))
			continue;
		rc = remove_port(db, list[i].name, list[i].device, false, NULL, true,
				 err);
		if (!rc)
			log_info("removed Open vSwitch's port %s: its device and journal "
				 "are gone",
				 list[i].name);
	}
	ovsdb_close(db);
	return rc;
}

/* The stock script removes by name, whatever bridge it is on, and minds no failure. */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	struct ovsdb *db;
	struct link link;
	int rc;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	rc = ovsdb_open(args->database, UNDO_SECONDS, &db, err);
	if (is_absent(rc)) {
		log_warn("%s", err->text);
		return 0;
	}
	if (rc < 0)
		return rc;
	rc = remove_port(db, link.name.s, ctx->device, true, NULL, true, err);
	ovsdb_close(db);
	return rc;
}

static const struct shown shown[] = {
	{ "port", "${bridge}", "Open vSwitch ${bridge}" },
	{ NULL, NULL, NULL },
};

const struct action action_ovs = {
	.name = "ovs",
	.summary = "join the interface to an Open vSwitch bridge",
	.params = params,
	.shown = shown,
	.args_size = sizeof(struct args),
	.results = results,
	.order = ORDER_UP,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.sweep = sweep,
	.detach_stock = detach_stock,
};

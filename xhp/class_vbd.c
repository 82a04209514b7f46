// SPDX-License-Identifier: LGPL-2.1-or-later
// The class of disks: blkback's (vbd), and tapback's (vbd3).

#include "class_priv.h"
#include "request.h"
#include "sharing.h"
#include "xhp.h"

/* block-common.sh's canonicalise_mode takes anything; these are what anybody writes. */
static const char *canonical_mode(const char *mode)
{
	static const char *const forms[][2] = {
		{ "ro", "r" }, { "rw", "w" }, { "rw!", "w!" }, { "!w", "w!" }
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (!strcmp(mode, forms[i][0]))
			return forms[i][1];
	}
	return mode;
}

/* libxl_disk.c: device_disk_add */
static const struct var_def vbd_vars[] = {
	{ .type = { .key = "params",
		    .type = V_TEXT,
		    .help = "the disk: a path, or what the recipe makes of it" },
	  .flags = VAR_REQUIRED | VAR_NODE | VAR_ARG },
	{ .type = { .key = "mode",
		    .type = V_ENUM,
		    .words = DISK_MODES,
		    .help = "reading, writing, or writing whoever else does" },
	  .flags = VAR_REQUIRED | VAR_NODE | VAR_ARG,
	  .canonical = canonical_mode },
	{ .type = { .key = "dev", .type = V_TOKEN, .help = "the guest's name for it" },
	  .flags = VAR_NODE },
	{ .type = { .key = "type",
		    .type = V_TOKEN,
		    .help = "phy or tap, or what block-TYPE there is a script for" },
	  .flags = VAR_NODE },
	{ .type = { .key = "device-type", .type = V_TOKEN, .help = "disk or cdrom" },
	  .flags = VAR_NODE },
	{ .type = { .key = NULL } },
};

/* tapback never has a physical-device. */
static const char *vbd_proof(const struct request *req)
{
	return !strcmp(req->type, "vbd") ? "physical-device" : "physical-device-path";
}

static bool has_disk(const struct journal *j)
{
	for (unsigned int i = 0; i < j->nrecs; i++) {
		if (!j->recs[i].undone && !strcmp(j->recs[i].action, "disk"))
			return true;
	}
	return false;
}

/* [disk] has told the toolstack together with the rest, unless all was there already. */
static int vbd_finish_ok(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const char *proof;

	if (ctx->published)
		return 0;
	/* another's script tells of its disk by itself */
	if (verb == VERB_ATTACH && !has_disk(ctx->journal) &&
	    store_read(mem_printf("%s/%s", ctx->req->path, vbd_proof(ctx->req)), &proof,
		       err) < 0)
		return err->code != -ENOENT
			       ? err->code
			       : err_set(err, -ENXIO,
					 "the recipe gives the guest no disk: no [disk] "
					 "step of it applies");
	return class_connected(ctx, verb, err);
}

const struct class class_vbd = {
	.name = "vbd",
	.types = "vbd|vbd3",
	.vars = vbd_vars,
	.verbs = "add|remove",
	.finish = "[disk]'s nodes with hotplug-status = connected; busy if it is in use",
	.verb = class_plain_verb,
	.device = class_plain_device,
	.proof = vbd_proof,
	.finish_ok = vbd_finish_ok,
	.finish_err = class_error,
};

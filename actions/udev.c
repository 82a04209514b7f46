// SPDX-License-Identifier: LGPL-2.1-or-later
// udev: waits for the link to a device that another step has brought.

#include "udev.h"
#include "actions.h"
#include "template.h"

struct args {
	const char *link;
	struct num timeout;
};

static const struct param params[] = {
	{ .key = "link",
	  .type = V_GLOB,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, link),
	  .help = "such as /dev/disk/by-path/*-lun-0; \"*\" in its last part alone" },
	{ .key = "timeout",
	  .type = V_UINT,
	  .min = 1,
	  .max = 35,
	  .offset = offsetof(struct args, timeout),
	  .dflt = "20",
	  .help = "seconds" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "device",
	  .late = true,
	  .type = V_PATH,
	  .help = "the device that the link leads to" },
	{ .name = "serial",
	  .late = true,
	  .type = V_TEXT,
	  .help = "its ID_SERIAL, by which multipath knows it" },
	{ .name = NULL },
};

static int declare(struct step *step, struct xhp_err *err)
{
	const struct entry *e = step_entry(step, "link");

	for (unsigned int i = 0, parts = 0; e && i < e->value.nsegs; i++) {
		const struct seg *seg = &e->value.segs[i];
		const char *slash;

		if (seg->kind != SEG_TEXT)
			continue;
		slash = strrchr(seg->text, '/');
		if (parts && slash)
			return err_usage(err, &e->value.pos,
					 "link: \"*\" stands in its last part alone");
		parts |= strpbrk(slash ? slash : seg->text, "*?[") != NULL;
		for (const char *s = seg->text; slash && s < slash; s++)
			if (strchr("*?[", *s))
				return err_usage(
					err, &e->value.pos,
					"link: \"*\" stands in its last part alone");
	}
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct udev_node node;

	(void)ctx;
	if (udev_wait(args->link, (unsigned int)args->timeout.v, &node, err) < 0)
		return err->code;
	step_result(step, "device", node.device);
	step_result(step, "serial", node.serial);
	return 0;
}

const struct action action_udev = {
	.name = "udev",
	.summary = "wait for the device that a link is to lead to",
	.params = params,
	.args_size = sizeof(struct args),
	.results = results,
	.declare = declare,
	.apply = apply,
};

// SPDX-License-Identifier: LGPL-2.1-or-later
// The site's settings: KEY = VALUE lines.

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "deadline.h"
#include "find.h"
#include "mem.h"
#include "paths.h"
#include "settings.h"
#include "tokens.h"

const struct param settings_params[] = {
	{ .key = "export-roots",
	  .type = V_LINES,
	  .offset = offsetof(struct settings, export_roots),
	  .help = "directories below which [directory] and [quota] may work, one a line" },
	{ .key = "require-filter",
	  .type = V_BOOL,
	  .offset = offsetof(struct settings, require_filter),
	  .dflt = "no",
	  .help = "refuse a vif that no [filter] restricts" },
	{ .key = "sharing",
	  .type = V_ENUM,
	  .offset = offsetof(struct settings, sharing),
	  .words = "exclusive|shared",
	  .dflt = "exclusive",
	  .help = "may guests write to one disk where no recipe says?" },
	{ .key = "timeout",
	  .type = V_UINT,
	  .offset = offsetof(struct settings, timeout),
	  .dflt = "25",
	  .min = 1,
	  .max = DEADLINE_WORK,
	  .help = "seconds after which an attach gives up and is rolled back" },
	{ .key = "udev-devices",
	  .type = V_LIST,
	  .offset = offsetof(struct settings, udev_devices),
	  .dflt = "9pfs",
	  .help = "the device classes that udev attaches" },
	{ .key = "watch-devices",
	  .type = V_LIST,
	  .offset = offsetof(struct settings, watch_devices),
	  .dflt = "9pfs",
	  .help = "the device classes that \"xen-hotplug watch\" attaches" },
	{ .key = NULL },
};

static const char *candidate(void *data, unsigned int i)
{
	(void)data;
	return settings_params[i].key;
}

int settings_load(struct settings *ret, struct xhp_err *err)
{
	struct token_section *sections;
	struct settings settings = { 0 };
	struct file file;
	unsigned int n;

	for (const struct param *p = settings_params; p->key; p++) {
		if (p->dflt &&
		    value_parse(p, p->dflt, (char *)&settings + p->offset, err) < 0)
			return err->code;
	}
	*ret = settings;
	if (file_read(SETTINGS_FILE, "settings", &file, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	if (tokens_read(SETTINGS_FILE, "settings", file.text, file.len, &sections, &n,
			err) < 0)
		return err->code;
	if (n > 1)
		return err_usage(err, &sections[1].pos,
				 "the settings file has no [sections]");
	for (unsigned int i = 0; i < sections[0].nkeys; i++) {
		const struct token_key *k = &sections[0].keys[i];
		const struct param *p = settings_params;

		while (p->key && strcmp(p->key, k->key) != 0)
			p++;
		if (!p->key) {
			return err_usage(err, &k->pos, "there is no setting \"%s\"%s",
					 k->key,
					 meant(did_you_mean(k->key, candidate, NULL)));
		}
		if (value_parse(p, k->value, (char *)&settings + p->offset, err) < 0)
			return err_usage(err, &k->pos, "%s: %s", k->key, err->text);
	}
	*ret = settings;
	return 0;
}

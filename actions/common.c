// SPDX-License-Identifier: LGPL-2.1-or-later
// What several actions share.

#include "actions.h"

int rec_link(const struct rec *rec, struct link *ret, struct xhp_err *err)
{
	long ifindex = rec_num(rec, "ifindex", 0);

	if (ifindex <= 0)
		return err_set(err, -EINVAL, "record %u has no ifindex", rec->id);
	return nl_link_by_index((int)ifindex, ret, err);
}

int rec_unknown(const struct rec *rec, struct xhp_err *err)
{
	return err_set(err, -EPROTO, "[%s] has no record of kind \"%s\" in this version",
		       rec->action, rec->kind);
}

int link_set_up(const struct link *link, bool up, struct xhp_err *err)
{
	const struct link_change change = { .set_up = true, .up = up };

	if (!(link->flags & IFF_UP) == !up)
		return 0;
	if (nl_link_change(link->ifindex, &change, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot take %s %s", link->name.s,
				up ? "up" : "down");
	return 0;
}

const char *prefixes_text(const struct prefixes *list)
{
	struct buf b = { 0 };

	if (!list->set || list->word)
		return "any";
	for (unsigned int i = 0; i < list->n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", prefix_text(&list->v[i]));
	return b.s ? b.s : "";
}

int rec_prefixes(const struct rec *rec, const char *name, struct prefixes *ret,
		 struct xhp_err *err)
{
	const char *text = rec_get(rec, name);
	struct prefixes list = { .set = true };
	char *copy, *word;

	if (!text)
		return err_set(err, -EINVAL, "record %u has no %s", rec->id, name);
	list.word = !strcmp(text, "any");
	copy = mem_strdup(list.word ? "" : text);
	while ((word = strsep(&copy, " ")))
		if (*word && prefix_parse(word, MEM_PUSH(list.v, list.n), err) < 0)
			return err->code;
	*ret = list;
	return 0;
}

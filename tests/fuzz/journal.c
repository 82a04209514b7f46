// SPDX-License-Identifier: LGPL-2.1-or-later
// Fuzzes the reading of a journal, and writes what was read again.

#include "../../xhp/journal.c"
#include "fuzz.h"

/* Every text that was read goes out, and comes back the same. */
static void check_again(const struct journal *was)
{
	struct journal j = { .name = "j", .path = "J" };
	struct xhp_err err;

	for (unsigned int i = 0; i < was->nvars; i++) {
		if (!*was->vars[i].name) /* nobody writes that */
			return;
	}
	j.fd = memfd_create("j", MFD_CLOEXEC);
	must(j.fd >= 0);
	for (unsigned int i = 0; i < was->nvars; i++)
		must(!journal_line(&j, "var", was->vars[i].name, was->vars[i].value,
				   &err));
	for (unsigned int i = 0; i < was->nrecs; i++) {
		const struct rec *r = &was->recs[i];

		must(!journal_record(&j, &err, r->scope, "a", "k", "n",
				     r->nfields ? r->fields[0].value : NULL, NULL));
	}
	must(j.fd >= 0 && (was->nvars + was->nrecs == 0 || lseek(j.fd, 0, SEEK_END) > 0));
	j = (struct journal){ .name = "j", .path = "J", .fd = j.fd };
	must(!read_all(&j, j.fd, &err));
	must(j.nvars == was->nvars && j.nrecs == was->nrecs);
	for (unsigned int i = 0; i < j.nvars; i++)
		must(!strcmp(j.vars[i].value, was->vars[i].value));
	for (unsigned int i = 0; i < j.nrecs; i++) {
		const char *value =
			was->recs[i].nfields ? was->recs[i].fields[0].value : NULL;

		must(j.recs[i].scope == was->recs[i].scope);
		must(!value == !rec_get(&j.recs[i], "n"));
		must(!value || !strcmp(value, rec_get(&j.recs[i], "n")));
	}
	close(j.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal j = { .name = "j", .path = "J", .fd = -1 };
	struct xhp_err err = { 0 };
	int fd, rc;

	mem_reset();
	if (size > 65536)
		return 0;
	fd = open(input_file(data, size), O_RDWR | O_CLOEXEC);
	must(fd >= 0);
	rc = read_all(&j, fd, &err);
	close(fd);
	if (rc < 0) {
		check_error(&err, rc);
		return 0;
	}
	for (unsigned int i = 0; i < j.nrecs; i++) {
		must(j.recs[i].action && j.recs[i].kind && j.recs[i].step);
		rec_num(&j.recs[i], "ifindex", -1);
	}
	journal_head(&j, "uuid");
	journal_empty(&j);
	check_again(&j);
	return 0;
}

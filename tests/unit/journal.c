// SPDX-License-Identifier: LGPL-2.1-or-later
// The journal: what is written is read back, and what is cut, strange or unsafe is not.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "journal.h"
#include "paths.h"
#include "private.h"
#include "unit.h"

#define DEVICES STATE_DIR "/" JOURNAL_DEVICES
#define FILE_1  DEVICES "/vif-1-0"

static struct xhp_err err;

/* An empty state directory for each test. */
static int fresh(void **state)
{
	(void)state;
	return system("rm -rf " STATE_DIR);
}

static void put(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static char *get(const char *path, size_t *ret_len)
{
	char *text = mem_alloc(65536);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, 65535);

	assert_true(fd >= 0 && n >= 0);
	close(fd);
	*ret_len = (size_t)n;
	return text;
}

static void must_open(struct journal *j)
{
	if (journal_open(JOURNAL_DEVICES, "vif-1-0", true, j, &err) < 0)
		fail_msg("%s", err.text);
}

static void must_read(struct journal *j)
{
	if (journal_read(JOURNAL_DEVICES, "vif-1-0", j, &err) < 0)
		fail_msg("%s", err.text);
}

/* All bytes but NUL. */
static const char *hostile(void)
{
	char *s = mem_alloc(256);

	for (int i = 1; i < 256; i++)
		s[i - 1] = (char)i;
	return s;
}

/* A journal with every kind of line, as an attach leaves it. */
static void write_all(struct journal *j, const char *value)
{
	const struct field head[] = { { "class", "vif" },
				      { "uuid", NULL },
				      { "path", value } };
	const struct field vars[] = { { "ip", value }, { "vm/name", "" } };

	assert_int_equal(journal_begin(j, head, 3, vars, 2, &err), 0);
	journal_step(j, "uplink", "bridge", "/a b/c.ini:7");
	assert_int_equal(journal_record(j, &err, SCOPE_HOST, "bridge", "master",
					"ifindex", "12", "absent", NULL, "old", "",
					"name", value, NULL),
			 0);
	assert_int_equal(journal_record(j, &err, SCOPE_DEVICE, "bridge", "mtu", NULL), 0);
	journal_step(j, "up", "up", "x:8");
	assert_int_equal(
		journal_record(j, &err, SCOPE_HOST, "up", "up", "a=b", "c", NULL), 0);
	assert_int_equal(journal_line(j, "result", "name", value, &err), 0);
	assert_int_equal(journal_line(j, "holder", "vif-2-0", NULL, &err), 0);
	assert_int_equal(journal_line(j, "holder", "vif-3-0", NULL, &err), 0);
	assert_int_equal(journal_line(j, "left", "vif-2-0", NULL, &err), 0);
	assert_int_equal(journal_line(j, "done", "1234", NULL, &err), 0);
}

static void check_all(const struct journal *j, const char *value)
{
	assert_int_equal(j->version, 1);
	assert_false(j->foreign_boot);
	assert_true(j->complete);
	assert_int_equal(j->attach_us, 1234);
	assert_int_equal(j->nhead, 2);
	assert_string_equal(journal_head(j, "path"), value);
	assert_null(journal_head(j, "uuid"));
	assert_int_equal(j->nvars, 2);
	assert_string_equal(j->vars[0].name, "ip");
	assert_string_equal(j->vars[0].value, value);
	assert_string_equal(j->vars[1].name, "vm/name");
	assert_string_equal(j->vars[1].value, "");
	assert_int_equal(j->nrecs, 3);
	assert_int_equal(j->recs[0].id, 1);
	assert_int_equal(j->recs[0].scope, SCOPE_HOST);
	assert_string_equal(j->recs[0].step, "uplink");
	assert_string_equal(j->recs[0].where, "/a b/c.ini:7");
	assert_string_equal(j->recs[0].action, "bridge");
	assert_string_equal(j->recs[0].kind, "master");
	assert_int_equal(j->recs[0].nfields, 3);
	assert_int_equal(rec_num(&j->recs[0], "ifindex", -1), 12);
	assert_string_equal(rec_get(&j->recs[0], "old"), "");
	assert_int_equal(rec_num(&j->recs[0], "old", -1), -1);
	assert_null(rec_get(&j->recs[0], "absent"));
	assert_int_equal(rec_num(&j->recs[0], "absent", -7), -7);
	assert_string_equal(rec_get(&j->recs[0], "name"), value);
	assert_int_equal(rec_num(&j->recs[0], "name", -1), -1);
	assert_int_equal(j->recs[1].scope, SCOPE_DEVICE);
	assert_int_equal(j->recs[1].nfields, 0);
	assert_string_equal(j->recs[1].step, "uplink");
	assert_string_equal(j->recs[2].step, "up");
	assert_int_equal(j->recs[2].id, 3);
	assert_int_equal(j->nresults, 1);
	assert_string_equal(j->results[0].value, value);
	assert_int_equal(j->nholders, 1);
	assert_string_equal(j->holders[0], "vif-3-0");
}

static void round_trip(void **state)
{
	const char *values[] = { hostile(), "%41", "%", "%zz a=b", "-", "\n" };
	struct journal j;
	struct stat st;

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		must_open(&j);
		assert_int_equal(j.version, 0);
		assert_true(journal_empty(&j));
		write_all(&j, values[i]);
		assert_int_equal(j.nrecs, 3);
		assert_string_equal(rec_get(&j.recs[0], "name"), values[i]);
		journal_close(&j, false);
		must_read(&j);
		check_all(&j, values[i]);
		must_open(&j);
		check_all(&j, values[i]);
		assert_int_equal(fstat(j.fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		journal_close(&j, true);
		assert_int_equal(access(FILE_1, F_OK), -1);
	}
}

static void undone(void **state)
{
	struct journal j;

	(void)state;
	must_open(&j);
	write_all(&j, "x");
	assert_int_equal(journal_line(&j, "undone", "3", NULL, &err), 0);
	assert_int_equal(journal_line(&j, "undone", "1", NULL, &err), 0);
	journal_close(&j, false);
	must_read(&j);
	assert_false(j.complete);
	assert_true(j.recs[0].undone);
	assert_false(j.recs[1].undone);
	assert_true(j.recs[2].undone);
	assert_false(journal_empty(&j));
	must_open(&j);
	assert_int_equal(journal_line(&j, "undone", "2", NULL, &err), 0);
	journal_close(&j, false);
	must_read(&j);
	assert_true(journal_empty(&j));
	/* under the same lock, for a new attach: numbers and lines begin anew */
	must_open(&j);
	assert_int_equal(journal_reset(&j, &err), 0);
	write_all(&j, "y");
	journal_close(&j, false);
	must_read(&j);
	check_all(&j, "y");
}

static unsigned int lines_with(const char *text, size_t len, const char *word)
{
	unsigned int n = 0;

	for (const char *s = text, *eol;
	     (eol = memchr(s, '\n', len - (size_t)(s - text))); s = eol + 1)
		n += !strncmp(s, word, strlen(word));
	return n;
}

/* Cut after any number of bytes: only whole lines count, and writing goes on. */
static void torn(void **state)
{
	size_t len, kept, whole;
	struct journal j;
	char *text;

	(void)state;
	must_open(&j);
	write_all(&j, "a b%\n\xff");
	journal_close(&j, false);
	text = get(FILE_1, &len);
	assert_true(len > 300 && text[len - 1] == '\n');
	for (size_t cut = 0; cut < len; cut++) {
		unsigned int recs = lines_with(text, cut, "rec ");

		put(FILE_1, text, cut);
		must_read(&j);
		assert_int_equal(j.nrecs, recs);
		assert_int_equal(j.complete, lines_with(text, cut, "done "));
		assert_int_equal(j.nvars, lines_with(text, cut, "var "));
		assert_int_equal(j.version, lines_with(text, cut, "xen-hotplug "));
		for (whole = cut; whole && text[whole - 1] != '\n';)
			whole--;
		must_open(&j);
		assert_int_equal(j.nrecs, recs);
		get(FILE_1, &kept);
		assert_int_equal(kept, whole);
		assert_int_equal(
			journal_record(&j, &err, SCOPE_HOST, "a", "k", "n", "v", NULL),
			0);
		journal_close(&j, false);
		must_read(&j);
		assert_int_equal(j.nrecs, recs + 1);
		assert_int_equal(j.recs[recs].id, recs + 1);
		assert_string_equal(j.recs[recs].action, "a");
		assert_string_equal(rec_get(&j.recs[recs], "n"), "v");
	}
}

#define START "xen-hotplug 1\n"

static void strange(void **state)
{
	static const struct {
		const char *text, *said;
		int code;
	} rows[] = {
		{ "xen-hotplug 2\n", "format that this version knows: \"xen-hotplug 2\"",
		  -ENOTSUP },
		{ "xen-hotplug 10\n", "format", -ENOTSUP },
		{ "\nxen-hotplug 1\n", "format", -ENOTSUP },
		{ "rec 1 host a k\n", "format", -ENOTSUP },
		{ START "future a=b\n", "does not know: \"future\"", -ENOTSUP },
		{ START "\x1b[2J\n", "does not know: \"\\x1b[2J\"", -ENOTSUP },
		{ START "rec 1 host a\n", "does not know: \"rec\"", -ENOTSUP },
		{ START "rec 1 guest a k\n", "does not know: \"rec\"", -ENOTSUP },
		{ START "step a b\n", "does not know: \"step\"", -ENOTSUP },
		{ START "step a b c d\n", "does not know: \"step\"", -ENOTSUP },
		{ START "done\n", "does not know: \"done\"", -ENOTSUP },
		{ START "holder\n", "does not know: \"holder\"", -ENOTSUP },
		{ START "var\n", "does not know: \"var\"", -ENOTSUP },
		{ START
		  "head a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e "
		  "f g h i j k l m n o p q r s t u v w x y z\n",
		  "does not know: \"head\"", -ENOTSUP },
	};
	struct journal j;
	size_t len;

	(void)state;
	must_open(&j);
	journal_close(&j, false);
	for (size_t i = 0; i < COUNT(rows); i++) {
		put(FILE_1, rows[i].text, strlen(rows[i].text));
		assert_int_equal(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
				 rows[i].code);
		assert_has(err.text, rows[i].said);
		assert_has(err.text, FILE_1);
		assert_int_equal(journal_read(JOURNAL_DEVICES, "vif-1-0", &j, &err),
				 rows[i].code);
		/* nothing of it is lost, and it is not locked any more */
		assert_string_equal(get(FILE_1, &len), rows[i].text);
	}
	/* what is not understood is not forgotten either */
	put(FILE_1, START "rec 1 host a k\n\0\0rec 2 host a k\n", 44);
	assert_int_equal(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
			 -EINVAL);
	assert_has(err.text, "NUL");
	get(FILE_1, &len);
	assert_int_equal(len, 44);
	put(FILE_1, START "\n\nrec 1 host a k\n", 31);
	must_read(&j);
	assert_int_equal(j.nrecs, 1);
	put(FILE_1, START "boot 00000000-0000-0000-0000-000000000000\n", 56);
	must_read(&j);
	assert_true(j.foreign_boot);
}

static void too_large(void **state)
{
	struct journal j;

	(void)state;
	must_open(&j);
	journal_close(&j, false);
	put(FILE_1, START, sizeof(START) - 1);
	assert_int_equal(truncate(FILE_1, 1024 * 1024 + 1), 0);
	assert_int_equal(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
			 -EFBIG);
	assert_int_equal(journal_read(JOURNAL_DEVICES, "vif-1-0", &j, &err), -EFBIG);
}

static void not_a_file(void **state)
{
	struct journal j;

	(void)state;
	must_open(&j);
	journal_close(&j, false);
	put("/run/elsewhere", START, sizeof(START) - 1);
	assert_int_equal(symlink("/run/elsewhere", FILE_1), 0);
	assert_int_equal(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
			 -ELOOP);
	assert_int_equal(journal_read(JOURNAL_DEVICES, "vif-1-0", &j, &err), -ELOOP);
	assert_int_equal(unlink(FILE_1), 0);
	assert_int_equal(mkfifo(FILE_1, 0600), 0);
	assert_int_equal(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
			 -EINVAL);
	assert_has(err.text, "is not a file");
	assert_int_equal(unlink(FILE_1), 0);
	assert_int_equal(mkdir(FILE_1, 0700), 0);
	assert_int_equal(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
			 -EISDIR);
	assert_int_equal(rmdir(FILE_1), 0);
	assert_int_equal(journal_read(JOURNAL_DEVICES, "vif-1-0", &j, &err), -ENOENT);
}

static void unsafe_directories(void **state)
{
	static const char *const dirs[] = { STATE_DIR, DEVICES };
	struct journal j;
	struct stat st;

	(void)state;
	must_open(&j);
	journal_close(&j, false);
	assert_int_equal(stat(STATE_DIR, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(DEVICES, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < COUNT(dirs); i++) {
		static const mode_t modes[] = { 0770, 0702, 01777 };

		for (size_t k = 0; k < COUNT(modes); k++) {
			assert_int_equal(chmod(dirs[i], modes[k]), 0);
			assert_int_equal(
				journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
				-EPERM);
			assert_has(err.text, mem_printf("mode %04o", modes[k]));
		}
		assert_int_equal(chmod(dirs[i], 0700), 0);
		assert_int_equal(chown(dirs[i], 12345, 0), 0);
		assert_int_equal(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err),
				 -EPERM);
		assert_has(err.text, "user 12345");
		assert_int_equal(chown(dirs[i], 0, 0), 0);
		must_open(&j);
		journal_close(&j, false);
	}
	assert_int_equal(rename(DEVICES, "/run/moved"), 0);
	assert_int_equal(symlink("/run/moved", DEVICES), 0);
	assert_true(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err) < 0);
	assert_int_equal(unlink(DEVICES), 0);
	put(DEVICES, "", 0);
	assert_true(journal_open(JOURNAL_DEVICES, "vif-1-0", true, &j, &err) < 0);
	assert_int_equal(access("/run/moved/vif-1-0", F_OK), -1);
	assert_int_equal(system("rm -rf /run/moved"), 0);
}

static void limit(rlim_t bytes)
{
	struct rlimit r;

	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* No room left, at any byte of the record: an error, and nothing of it in the file. */
static void short_write(void **state)
{
	const struct field head[] = { { "class", "vif" } };
	struct journal j;
	size_t before, len;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	must_open(&j);
	assert_int_equal(journal_begin(&j, head, 1, NULL, 0, &err), 0);
	get(FILE_1, &before);
	for (size_t room = 0; room < 30; room++) {
		int rc;

		limit(before + room);
		journal_step(&j, "s", "a", "w");
		rc = journal_record(&j, &err, SCOPE_HOST, "a", "k", "name", "value",
				    NULL);
		limit(RLIM_INFINITY);
		assert_int_equal(rc, room ? -ENOSPC : -EFBIG);
		assert_has(err.text, "cannot write journal " FILE_1);
		assert_int_equal(j.nrecs, 0);
		get(FILE_1, &len);
		assert_int_equal(len, before);
	}
	journal_step(&j, "s", "a", "w");
	assert_int_equal(journal_record(&j, &err, SCOPE_HOST, "a", "k", NULL), 0);
	journal_close(&j, false);
	must_read(&j);
	assert_int_equal(j.nrecs, 1);
	assert_string_equal(j.recs[0].where, "w");
}

/* The very first write fails: the next one still makes a journal of the file. */
static void short_start(void **state)
{
	struct journal j;

	(void)state;
	must_open(&j);
	limit(20);
	assert_int_equal(journal_line(&j, "holder", "a", NULL, &err), -ENOSPC);
	limit(RLIM_INFINITY);
	assert_int_equal(journal_line(&j, "holder", "b", NULL, &err), 0);
	journal_close(&j, false);
	must_read(&j);
	assert_int_equal(j.nholders, 1);
	assert_string_equal(j.holders[0], "b");
}

#define PAIRS4  "a", "1", "b", "2", "c", "3", "d", "4"
#define PAIRS16 PAIRS4, PAIRS4, PAIRS4, PAIRS4

/* A record holds what it was given, or it is not made. */
static void many_fields(void **state)
{
	struct journal j;

	(void)state;
	must_open(&j);
	assert_int_equal(journal_record(&j, &err, SCOPE_HOST, "a", "k", PAIRS16, PAIRS16,
					PAIRS4, PAIRS4, "last", "x", NULL),
			 0);
	assert_int_equal(journal_record(&j, &err, SCOPE_HOST, "a", "k", PAIRS16, PAIRS16,
					PAIRS4, PAIRS4, PAIRS4, "last", "x", NULL),
			 -E2BIG);
	journal_close(&j, false);
	must_read(&j);
	assert_int_equal(j.nrecs, 1);
	assert_int_equal(j.recs[0].nfields, 41);
	assert_string_equal(rec_get(&j.recs[0], "last"), "x");
}

/* What the caller does with its texts afterwards is no business of the record's. */
static void own_copies(void **state)
{
	char name[] = "vif1.0";
	struct journal j;

	(void)state;
	must_open(&j);
	assert_int_equal(
		journal_record(&j, &err, SCOPE_HOST, "a", "k", "ifname", name, NULL), 0);
	strcpy(name, "other");
	assert_string_equal(rec_get(&j.recs[0], "ifname"), "vif1.0");
	journal_close(&j, true);
}

static void listing(void **state)
{
	static const char *const made[] = { "vif-10-0", "vif-2-0", "tap-2-0", ".hidden" };
	struct field *names;
	struct journal j;
	unsigned int n = 7;

	(void)state;
	assert_int_equal(journal_list(JOURNAL_DEVICES, &names, &n, &err), 0);
	assert_int_equal(n, 0);
	must_open(&j);
	journal_close(&j, false); /* nothing written: no file */
	for (size_t i = 0; i < COUNT(made); i++)
		put(mem_printf("%s/%s", DEVICES, made[i]), "", 0);
	assert_int_equal(journal_list(JOURNAL_DEVICES, &names, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_string_equal(names[0].name, "tap-2-0");
	assert_string_equal(names[1].name, "vif-2-0");
	assert_string_equal(names[2].name, "vif-10-0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(round_trip, fresh),
		cmocka_unit_test_setup(undone, fresh),
		cmocka_unit_test_setup(torn, fresh),
		cmocka_unit_test_setup(strange, fresh),
		cmocka_unit_test_setup(too_large, fresh),
		cmocka_unit_test_setup(not_a_file, fresh),
		cmocka_unit_test_setup(unsafe_directories, fresh),
		cmocka_unit_test_setup(short_write, fresh),
		cmocka_unit_test_setup(short_start, fresh),
		cmocka_unit_test_setup(many_fields, fresh),
		cmocka_unit_test_setup(own_copies, fresh),
		cmocka_unit_test_setup(listing, fresh),
	};

	private_run();
	umask(022);
	return RUN_TESTS(tests);
}

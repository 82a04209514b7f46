// SPDX-License-Identifier: LGPL-2.1-or-later
// What the caller and the site's settings say: taken, or refused by name.

#include "probe.h"
#include "settings.h"

static const char vif[] = "[recipe]\ndevice = vif\n[defaults]\npin =\n[probe]\n";

/* Parses; the answer is "CLASS DOMID DEVID KIND" or the message. */
static const char *parse(const char *path, const char *type, const char *words)
{
	char *argv[8] = { NULL }, *save = NULL, *line = mem_strdup(words);
	struct xhp_err err = { 0 };
	struct recipe r;
	struct request req;
	int n = 0;

	for (char *s = strtok_r(line, " ", &save); s; s = strtok_r(NULL, " ", &save))
		argv[n++] = s;
	unsetenv("XENBUS_PATH");
	unsetenv("XENBUS_TYPE");
	if (path)
		setenv("XENBUS_PATH", path, 1);
	if (type)
		setenv("XENBUS_TYPE", type, 1);
	if (recipe_load(RECIPE, &r, &err) < 0)
		fail_msg("%s", err.text);
	if (request_parse(argv, &r, &req, &err) < 0) {
		assert_true(err.usage);
		return mem_strdup(err.text);
	}
	if (req.kind == VERB_IGNORE)
		return "ignored";
	return mem_printf("%s %u %u %s", req.type, req.domid, req.devid,
			  req.kind == VERB_ATTACH ? "attach" : "detach");
}

static void verbs(void **state)
{
	static const char path[] = "backend/vif/1/0";
	static const struct {
		const char *words, *done;
	} rows[] = {
		{ "online", "vif 1 0 attach" },
		{ "offline type_if=vif", "vif 1 0 detach" },
		{ "add type_if=tap", "vif 1 0 attach" },
		{ "remove type_if=tap", "vif 1 0 detach" },
		{ "add", "ignored" },
		{ "online type_if=tap", "ignored" },
		{ "", "no verb: for a vif, one of online|offline" },
		{ "up", "verb \"up\": for a vif, one of online|offline" },
		{ "online type_if=tun", "verb \"online\": for a vif, one of" },
		{ "$(reboot)", "verb \"$(reboot)\"" },
		{ "online mac=00:16:3e:01:02:03 pin=x", "vif 1 0 attach" },
		{ "online bridge", "argument \"bridge\" is not NAME=VALUE" },
		{ "online =x", "argument \"=x\": the recipe has no such variable" },
		{ "online brigde=x",
		  "argument \"brigde=x\": the recipe has no such variable; "
		  "did you mean \"bridge\"?" },
		{ "online domid=7", "argument \"domid=7\": \"domid\" cannot be set" },
		{ "online pin=1 pin=2", "argument \"pin\" is given twice" },
	};

	(void)state;
	recipe(vif);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_has(parse(path, "vif", rows[i].words), rows[i].done);
}

static void paths(void **state)
{
	static const struct {
		const char *path, *type, *done;
	} rows[] = {
		{ "backend/vif/7/3", NULL, "vif 7 3 attach" },
		{ "/local/domain/0/backend/vif/32751/4294967295", "vif",
		  "vif 32751 4294967295 attach" },
		{ "backend/vif/32753/0", NULL, "does not end with TYPE/DOMID/DEVID" },
		{ "backend/vif/1/4294967296", NULL,
		  "does not end with TYPE/DOMID/DEVID" },
		{ "backend/vif/-1/0", NULL, "does not end with TYPE/DOMID/DEVID" },
		{ "backend/vif/1", NULL, "does not end with TYPE/DOMID/DEVID" },
		{ "/1/0", NULL, "does not end with TYPE/DOMID/DEVID" },
		{ "1", NULL, "does not end with TYPE/DOMID/DEVID" },
		{ NULL, NULL, "XENBUS_PATH is not set: which device?" },
		{ "", NULL, "XENBUS_PATH is not set" },
		{ "backend//vif/1/0", NULL, "is not a path in xenstore" },
		{ "backend/vif/1/0/", NULL, "is not a path in xenstore" },
		{ "backend/../vif/1/0", NULL, "\"backend/../vif/1/0\" is not a path" },
		{ "back end/vif/1/0", NULL, "is not a path in xenstore" },
		{ "a\x1b/vif/1/0", NULL, "\"a\\x1b/vif/1/0\" is not a path" },
		{ "backend/vbd/1/0", NULL,
		  "the recipe is for a vif, the device is a \"vbd\"" },
		{ "backend/vif/1/0", "vbd", "the device is a \"vbd\"" },
	};

	(void)state;
	recipe(vif);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_has(parse(rows[i].path, rows[i].type, "online"), rows[i].done);
	assert_has(parse(mem_printf("%01100d/vif/1/0", 0), NULL, "online"),
		   "is not a path");
	recipe("[recipe]\ndevice = vscsi\n[probe]\n");
	assert_has(parse("backend/vscsi/2/5", NULL, "add"), "vscsi 2 5 attach");
	assert_has(parse("backend/vscsi/2/5", NULL, "online"), "one of add|remove");
	assert_has(parse("backend/vif/2/5", NULL, "add"), "the recipe is for a vscsi");
}

static void settings(void **state)
{
	static const struct {
		const char *text, *done;
	} rows[] = {
		{ "require-filter = maybe\n",
		  "1:18: require-filter: \"maybe\" is neither" },
		{ "\ntimeout = 0\n", "2:11: timeout: \"0\" is not between 1 and 25" },
		{ "timeout = 26\n", "1:11: timeout: \"26\" is not between" },
		{ "require_filter = yes\n",
		  "there is no setting \"require_filter\"; did you "
		  "mean \"require-filter\"?" },
		{ "timeout = 1\n[vif]\n", "2:2: the settings file has no [sections]" },
		{ "timeout = 1\ntimeout = 2\n", "2:1: \"timeout\" stands here already" },
		{ "nonsense\n", "1:1: neither [section] nor KEY = VALUE" },
	};
	struct xhp_err err = { 0 };
	struct settings s;

	(void)state;
	unlink("/etc/xen/hotplug.conf");
	assert_int_equal(settings_load(&s, &err), 0);
	assert_false(s.require_filter);
	assert_int_equal(s.timeout.v, 25);
	put("/etc/xen/hotplug.conf", "require-filter = yes ; always\ntimeout = 9\n");
	assert_int_equal(settings_load(&s, &err), 0);
	assert_true(s.require_filter);
	assert_int_equal(s.timeout.v, 9);
	put("/etc/xen/hotplug.conf", "");
	assert_int_equal(settings_load(&s, &err), 0);
	assert_false(s.require_filter);
	for (size_t i = 0; i < COUNT(rows); i++) {
		put("/etc/xen/hotplug.conf", rows[i].text);
		assert_int_equal(settings_load(&s, &err), -EINVAL);
		assert_true(err.usage);
		assert_has(mem_printf("%d:%d: %s", err.pos.line, err.pos.col, err.text),
			   rows[i].done);
	}
	assert_int_equal(chmod("/etc/xen/hotplug.conf", 0666), 0);
	assert_int_equal(settings_load(&s, &err), -EINVAL);
	assert_has(err.text, "others than root can write to /etc/xen/hotplug.conf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(verbs, fresh),
		cmocka_unit_test_setup(paths, fresh),
		cmocka_unit_test_setup(settings, fresh),
	};

	if (private_etc() < 0)
		return 1;
	return RUN_TESTS(tests);
}

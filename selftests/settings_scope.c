// SPDX-License-Identifier: GPL-2.0
/*
 * Who may write the settings of which namespace: who has CAP_NET_ADMIN in the user
 * namespace it belongs to, nobody else. What one namespace is told no other knows of,
 * unless new ones are to begin as the initial one is.
 *
 * Changes the initial namespace's settings and the module's parameters for a while.
 */

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/module.h"
#include "lib/setting.h"
#include "lib/test.h"
#include "lib/worker.h"

#define PARAMETERS CENSUS_MODULE "/parameters/"

/**
 * struct who - somebody who writes a setting
 * @what: in words
 * @uid: outside of all the user namespaces below
 * @depth: how many user namespaces below the initial one he is, one in the other
 * @owner: how many the user namespace is to which his network namespace belongs
 * @admin: has he CAP_NET_ADMIN where he is? He has all others.
 * @open: errno of opening the file for writing
 * @write: errno of writing, if it opens
 */
static const struct who {
	const char *what;
	uid_t uid;
	int depth;
	int owner;
	bool admin;
	int open;
	int write;
} people[] = {
	{ "root", 0, 0, 0, true, 0, 0 },
	{ "root without CAP_NET_ADMIN", 0, 0, 0, false, 0, EPERM },
	{ "a user with CAP_NET_ADMIN", 1000, 0, 0, true, 0, 0 },
	/* CAP_DAC_OVERRIDE is of no use. */
	{ "a user without it", 1000, 0, 0, false, EACCES, 0 },
	{ "root of a user namespace, as a container's that shares the host's network",
	  0, 1, 0, true, 0, EPERM },
	{ "the same, who is somebody else outside", 1000, 1, 0, true, EACCES, 0 },
	{ "root of a container with its own network", 0, 1, 1, true, 0, 0 },
	{ "the same, who is somebody else outside", 1000, 1, 1, true, 0, 0 },
	{ "the first without CAP_NET_ADMIN", 0, 1, 1, false, 0, EPERM },
	{ "the second without it", 1000, 1, 1, false, EACCES, 0 },
	{ "root of a user namespace in such a container", 0, 2, 1, true, 0, EPERM },
	{ "the same, who is somebody else outside", 1000, 2, 1, true, EACCES, 0 },
	{ "the same with its own network", 1000, 2, 2, true, 0, 0 },
	{ "the same without CAP_NET_ADMIN", 1000, 2, 2, false, EACCES, 0 },
};

/* After all that makes a process one whose files in /proc are root's. */
static void own_proc(void)
{
	must(!prctl(PR_SET_DUMPABLE, 1));
}

/* Have all capabilities that are permitted, but perhaps for CAP_NET_ADMIN. */
static void caps_set(bool admin)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	unsigned int i;

	must(!syscall(SYS_capget, &head, data));
	for (i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].effective = data[i].permitted;
	if (!admin)
		data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective &=
			~CAP_TO_MASK(CAP_NET_ADMIN);
	must(!syscall(SYS_capset, &head, data));
	own_proc();
}

/* Go into a new user namespace, and be root there. */
static void user_new(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	must(!unshare(CLONE_NEWUSER));
	own_proc();
	file_set("/proc/self/setgroups", "deny");
	file_set("/proc/self/uid_map", "0 %u 1\n", uid);
	file_set("/proc/self/gid_map", "0 %u 1\n", gid);
}

static void become(const struct who *who)
{
	int depth;

	must(!prctl(PR_SET_KEEPCAPS, 1));
	must(!setresgid(who->uid, who->uid, who->uid));
	must(!setresuid(who->uid, who->uid, who->uid));
	caps_set(true);
	for (depth = 0; depth <= who->depth; depth++) {
		if (depth)
			user_new();
		if (depth == who->owner)
			net_new();
	}
	caps_set(who->admin);
}

/* In a process of its own, where what is not so ends the test. */
static void write_as(struct worker *me, void *arg)
{
	const struct who *who = arg;
	int fd, err;

	(void)me;
	become(who);
	must(!settings_off(setting_defaults));
	fd = setting_open("timeout", O_WRONLY);
	err = fd < 0 ? errno : 0;
	if (err != who->open)
		die("%s: opening: %s", who->what, strerror(err));
	if (!err) {
		err = write(fd, "77", 2) == 2 ? 0 : errno;
		if (err != who->write)
			die("%s: writing: %s", who->what, strerror(err));
	}
	must(!setting_off("timeout", who->open || who->write ? "0" : "77"));
	/* The others are no different. */
	err = setting_write("except", "server:1");
	if (err != (who->open ?: who->write))
		die("%s: writing except: %s", who->what, strerror(err));
}

TEST(who_may_write)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(people); i++)
		worker_wait(worker_start(write_as, (void *)&people[i], -1));
}

/* Who has opened the file before he gave up what he had for it. */
static void write_late(struct worker *me, void *arg)
{
	const uid_t *uid = arg;
	int fd;

	(void)me;
	net_new();
	fd = setting_open("rate", O_RDWR);
	must(fd >= 0);
	must(write(fd, "5", 1) == 1);
	must(!lseek(fd, 0, SEEK_SET));
	must(!setresuid(*uid, *uid, *uid));
	caps_set(false);
	must(write(fd, "6", 1) == -1 && errno == EPERM);
	must(!setting_off("rate", "5"));
}

TEST(descriptors_give_nothing)
{
	uid_t root = 0, user = 1000;

	worker_wait(worker_start(write_late, &root, -1));
	worker_wait(worker_start(write_late, &user, -1));
}

/* A namespace, and all of its settings. */
static const char *const one[SETTINGS] = {
	"60", "probe", "unaccepted", "client", "1", "server:1", "cgroup:/one",
};

static const char *const another[SETTINGS] = {
	"61", "abort", "drained", "server client", "2", "server:2 server:3", "",
};

static void set_all(const char *const *text)
{
	unsigned int i;

	for (i = 0; i < SETTINGS; i++)
		setting_set(setting_names[i], "%s\n", text[i]);
}

TEST(namespaces_apart)
{
	int first = net_new(), second, fd;

	set_all(one);
	fd = setting_open("rate", O_RDWR);
	ASSERT_LE(0, fd);
	second = net_new();
	EXPECT_EQ(0, settings_off(setting_defaults));
	set_all(another);
	EXPECT_EQ(0, settings_off(another));
	net_enter(first);
	EXPECT_EQ(0, settings_off(one));

	/* Wrong for this one changes nothing in any. */
	EXPECT_EQ(EINVAL, setting_write("only", "server:0"));
	net_enter(second);
	EXPECT_EQ(0, settings_off(another));

	/* A descriptor is of the namespace in which it was opened. */
	EXPECT_EQ(2, write(fd, "33", 2));
	EXPECT_EQ(0, settings_off(another));
	net_enter(first);
	EXPECT_EQ(0, setting_off("rate", "33"));
	net_new();
	EXPECT_EQ(0, settings_off(setting_defaults));
}

/* What was there before: of the main process, which puts it back. */
static const char *const parameter_names[] = { "max_action", "max_rate", "inherit" };

static struct {
	bool known;
	int netns;
	char *parameter[ARRAY_SIZE(parameter_names)];
	struct settings settings;
} before;

static char *parameter_read(const char *name)
{
	char *path = strf(PARAMETERS "%s", name), *text = file_read(path, NULL);

	if (!text)
		die("%s: %m", path);
	free(path);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static int parameter_write(const char *name, const char *text)
{
	char *path = strf(PARAMETERS "%s", name);
	int err = file_write(path, text);

	free(path);
	return err;
}

/* The initial namespace alone says how many records the host has. */
static bool is_initial(void)
{
	char *text = file_read(CENSUS_DIR "stat", NULL);
	bool is = text && stat_find(text, "listener_records_host") >= 0;

	free(text);
	return is;
}

static void __attribute__((constructor)) before_begin(void)
{
	unsigned int i;
	int here;

	if (!loaded())
		return;
	here = net_open();
	before.netns = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	must(before.netns >= 0);
	net_enter(before.netns);
	before.known = is_initial();
	settings_read(&before.settings);
	for (i = 0; i < ARRAY_SIZE(parameter_names); i++)
		before.parameter[i] = parameter_read(parameter_names[i]);
	net_enter(here);
	close(here);
}

static void before_again(void)
{
	unsigned int i;

	net_enter(before.netns);
	settings_write(&before.settings);
	for (i = 0; i < ARRAY_SIZE(parameter_names); i++)
		must(!parameter_write(parameter_names[i], before.parameter[i]));
}

FIXTURE(host) {
};

FIXTURE_SETUP(host)
{
	if (!before.known)
		SKIP(return, "the initial network namespace cannot be entered");
	/* Nothing is to be done to anybody meanwhile. */
	must(!parameter_write("max_action", "off"));
}

FIXTURE_TEARDOWN_PARENT(host)
{
	before_again();
}

TEST_F(host, inherit)
{
	int child;

	net_enter(before.netns);
	set_all(one);
	ASSERT_EQ(0, parameter_write("inherit", "0"));
	net_new();
	EXPECT_EQ(0, settings_off(setting_defaults));

	/* As the initial one, wherever they are made. */
	set_all(another);
	ASSERT_EQ(0, parameter_write("inherit", "1"));
	child = net_new();
	EXPECT_EQ(0, settings_off(one));

	/* From then on each goes its own way. */
	setting_set("timeout", "100");
	setting_set("only", "server:9");
	net_enter(before.netns);
	EXPECT_EQ(0, settings_off(one));
	set_all(another);
	net_enter(child);
	EXPECT_EQ(0, setting_off("timeout", "100"));
	EXPECT_EQ(0, setting_off("only", "server:9"));
	EXPECT_EQ(0, setting_off("except", one[SET_EXCEPT]));
	EXPECT_EQ(0, setting_off("rate", one[SET_RATE]));
	net_new();
	EXPECT_EQ(0, settings_off(another));

	ASSERT_EQ(0, parameter_write("inherit", "0"));
	net_new();
	EXPECT_EQ(0, settings_off(setting_defaults));
}

TEST_F(host, parameters)
{
	static const struct {
		const char *name;
		const char *write;
		const char *read; /* NULL: it is refused */
	} rows[] = {
		{ "max_action", "count", "count" },
		{ "max_action", "probe\n", "probe" },
		{ "max_action", "\tabort\n", "abort" },
		{ "max_action", "off", "off" },
		{ "max_action", "\n", NULL },
		{ "max_action", "none", NULL },
		{ "max_action", "ABORT", NULL },
		{ "max_action", "aborted", NULL },
		{ "max_action", "abor", NULL },
		{ "max_action", "count probe", NULL },
		{ "max_action", "count,probe", NULL },
		{ "max_action", "0", NULL },
		{ "max_action", "3", NULL },
		{ "max_action", "-1", NULL },
		{ "max_action", "probe\xa0", NULL },
		{ "max_rate", "1", "1" },
		{ "max_rate", "100000\n", "100000" },
		{ "max_rate", "77", "77" },
		{ "max_rate", "0", NULL },
		{ "max_rate", "-1", NULL },
		{ "max_rate", "100001", NULL },
		{ "max_rate", "4294967297", NULL },
		{ "max_rate", "18446744073709551617", NULL },
		{ "max_rate", "1.5", NULL },
		{ "max_rate", "10 20", NULL },
		{ "max_rate", "fast", NULL },
		{ "max_rate", "\n", NULL },
		{ "inherit", "1", "Y" },
		{ "inherit", "0\n", "N" },
		{ "inherit", "2", NULL },
		{ "inherit", "-1", NULL },
		{ "inherit", "maybe", NULL },
		{ "inherit", "\n", NULL },
	};
	char *was, *is;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		was = parameter_read(rows[i].name);
		EXPECT_EQ(rows[i].read ? 0 : EINVAL,
			  parameter_write(rows[i].name, rows[i].write))
			TH_LOG("%s: %s", rows[i].name, rows[i].write);
		is = parameter_read(rows[i].name);
		EXPECT_STREQ(rows[i].read ?: was, is)
			TH_LOG("%s: %s", rows[i].name, rows[i].write);
		free(was);
		free(is);
	}
}

/* More than the host allows may be asked for, and waits until it allows it. */
TEST_F(host, more_than_allowed)
{
	ASSERT_EQ(0, parameter_write("max_action", "count"));
	ASSERT_EQ(0, parameter_write("max_rate", "1"));
	net_new();
	EXPECT_EQ(0, setting_write("action", "abort"));
	EXPECT_EQ(0, setting_off("action", "abort"));
	EXPECT_EQ(0, setting_write("rate", "100000"));
	EXPECT_EQ(0, setting_off("rate", "100000"));
}

FIXTURE(load) {
	unsigned long long expedited;
};

FIXTURE_SETUP(load)
{
	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	self->expedited = expedite();
	unload();
}

FIXTURE_TEARDOWN_PARENT(load)
{
	expedite_as(self->expedited);
	load_again();
	before_again();
	EXPECT_FALSE(census_damaged());
}

/* They may be given when the module is loaded; with a wrong one it is not. */
TEST_F(load, parameters)
{
	static const char *const wrong[] = {
		"max_action=none", "max_action=", "max_rate=0", "max_rate=100001",
		"max_rate=", "inherit=2", "max_action=count max_rate=x",
	};
	char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(EINVAL, load_with(wrong[i])) TH_LOG("%s", wrong[i]);
		EXPECT_FALSE(loaded()) TH_LOG("%s", wrong[i]);
	}
	ASSERT_EQ(0, load_with("max_action=count max_rate=7 inherit=1"));
	text = parameter_read("max_action");
	EXPECT_STREQ("count", text);
	free(text);
	text = parameter_read("max_rate");
	EXPECT_STREQ("7", text);
	free(text);
	text = parameter_read("inherit");
	EXPECT_STREQ("Y", text);
	free(text);
	EXPECT_EQ(0, settings_off(setting_defaults));
	net_new();
	EXPECT_EQ(0, settings_off(setting_defaults));
}

TEST_HARNESS_MAIN

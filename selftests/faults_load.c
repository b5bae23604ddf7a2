// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is short while the module is loaded, and while namespaces come: it is loaded or
 * leaves nothing behind, and containers start, if need be without its files, which is
 * counted.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

#include "lib/inject.h"
#include "lib/module.h"
#include "lib/setting.h"
#include "lib/test.h"

INJECT_TEST

#define HOST_DIR "/proc/tcp_census"

/* Below CENSUS_DIR, and below HOST_DIR. */
enum { FILES = 11, FILES_HOST = 10 };

/* Listeners that are there before the module is. */
enum { LISTENERS = 3, PORT = 80 };

FIXTURE(module) {
	unsigned long long expedited;
	int initial;
};

FIXTURE_SETUP(module)
{
	if (access(module_file(), R_OK))
		SKIP(return, "%s is not there: set TCP_CENSUS_KO", module_file());
	/* Most of the time goes into waiting for grace periods. */
	self->expedited = expedite();
	self->initial = net_open();
}

FIXTURE_TEARDOWN_PARENT(module)
{
	expedite_as(self->expedited);
	if (!loaded() && !access(module_file(), R_OK))
		load();
	EXPECT_FALSE(census_damaged());
}

/* Files in a directory; 0 if there is none. */
static unsigned int files_in(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;
	struct dirent *d;

	if (!dir)
		return 0;
	while ((d = readdir(dir)))
		n += *d->d_name != '.';
	closedir(dir);
	return n;
}

/* All of one namespace. */
static unsigned int files_here(void)
{
	return files_in(CENSUS_DIR) + files_in(SETTING_DIR);
}

/**
 * struct loading - the module is loaded over and over
 * @fd: its file
 * @err: of that
 * @partly: how often it was loaded, and had to do without something
 */
struct loading {
	int fd;
	int err;
	unsigned int partly;
};

static void module_load(void *arg)
{
	struct loading *l = arg;

	l->err = syscall(SYS_finit_module, l->fd, "census_ms=0", 0) ? errno : 0;
}

/* Nothing of it is there, and nothing keeps it from being loaded later. */
static unsigned int gone_off(void)
{
	unsigned int n = 0;

	n += off("it is loaded", 0, loaded());
	n += off("files", 0, files_here());
	n += off("files of the host", 0, files_in(HOST_DIR));
	return n;
}

/*
 * It does all it can, and what it cannot it says: also of namespaces whose processes have
 * ended, and that some socket on its way out keeps.
 */
static unsigned int there_off(struct loading *l, bool fired)
{
	bool here = files_here() == FILES + SETTINGS, all = here;
	unsigned int n = off("files of the host", FILES_HOST, files_in(HOST_DIR));
	char *text = file_read(HOST_DIR "/stat", NULL);
	unsigned long long without = 0;

	if (text) {
		without = stat_value(text, "netns_without_files");
		n += off("it is counted that there are none here", 1, here || without);
		all = here && !without && stat_value(text, "events");
		free(text);
	}
	l->partly += !all;
	return n + off("it does without for a reason", 1, all || fired);
}

static unsigned int load_off(void *arg, bool fired)
{
	struct loading *l = arg;
	unsigned int n;

	if (l->err)
		return off("errno", ENOMEM, l->err) + off("it fails for a reason", 1, fired) +
		       gone_off();
	n = there_off(l, fired);
	unload();
	return n + gone_off();
}

/* In the initial namespace: there it counts those without files. */
TEST_F(module, is_loaded)
{
	struct loading l = { .fd = open(module_file(), O_RDONLY | O_CLOEXEC) };
	struct injection in = {
		.what = "loading", .work = module_load, .check = load_off, .arg = &l,
		.stride = 5, .least = 30,
	};
	unsigned int i;

	ASSERT_GE(l.fd, 0);
	for (i = 0; i < LISTENERS; i++)
		sock_listen("127.0.0.1", PORT + i, 1);
	unload();
	inject_loading();
	EXPECT_EQ(0, inject_each(&in));
	EXPECT_LT(0, l.partly);
	printf("# loaded %u times without files or events\n", l.partly);
	load();
	EXPECT_EQ(FILES + SETTINGS, files_here());
	EXPECT_EQ(1, census_stat("events"));
	EXPECT_EQ(LISTENERS, census_stat("listener_records"));
}

/**
 * struct coming - a namespace that is made over and over
 * @initial: where it is counted
 * @err: of making it
 * @fileless: how often it had no files, or not all
 * @uncounted: how often its state changes were not counted
 */
struct coming {
	int initial;
	int err;
	unsigned int fileless;
	unsigned int uncounted;
};

static void namespace_make(void *arg)
{
	struct coming *c = arg;

	c->err = unshare(CLONE_NEWNET) ? errno : 0;
}

static bool all_have_files(void)
{
	return !census_stat("netns_without_files");
}

/* It is there in any case; and when it has gone, so has what was counted of it. */
static unsigned int namespace_off(void *arg, bool fired)
{
	struct coming *c = arg;
	unsigned int n = 0, files;

	must(!c->err);
	files = files_here();
	if (files == FILES + SETTINGS)
		c->uncounted += census_stat("transitions_uncounted");
	net_enter(c->initial);
	if (files != FILES + SETTINGS) {
		c->fileless++;
		n += off("it lacks files for a reason", 1, fired);
	}
	n += off("namespaces without files", files != FILES + SETTINGS,
		 census_stat("netns_without_files"));
	n += off("and when it has gone, none", 1, wait_for(all_have_files()));
	return n;
}

/* The directory, the files in it, and the settings: those are registered at once. */
TEST_F(module, is_told_of_namespaces)
{
	struct coming c = { .initial = self->initial };
	struct injection in = {
		.what = "a namespace", .work = namespace_make, .check = namespace_off,
		.arg = &c, .least = FILES + 3,
	};

	load_again();
	inject_module();
	EXPECT_EQ(0, inject_each(&in));
	EXPECT_LT(0, c.fileless);
	printf("# %u namespaces without files, %u without counters\n", c.fileless,
	       c.uncounted);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* Who may read /proc/tcp_census: the files of all namespaces. */

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/test.h"

#define HOST "/proc/tcp_census/"
#define PROC_GID CENSUS_MODULE "/parameters/proc_gid"

/* The group that may, and another. */
enum { GROUP = 4711, OTHER_GROUP = 4712 };

#define ALL_CAPS ((1ULL << 38) - 1)

/* Those that Docker leaves to uid 0 of a container. */
#define DOCKER_CAPS 0xa80425fbULL

static void keep(unsigned long long caps)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	must(!syscall(SYS_capset, &header, data));
}

static void root(void)
{
}

static void without_net_admin(void)
{
	keep(ALL_CAPS & ~(1ULL << CAP_NET_ADMIN));
}

static void somebody(gid_t gid, gid_t supplementary)
{
	must(!setgroups(1, &supplementary));
	must(!setresgid(gid, gid, gid));
	must(!setresuid(65534, 65534, 65534));
}

static void nobody(void)
{
	somebody(65534, OTHER_GROUP);
}

static void nobody_with_net_admin(void)
{
	must(!prctl(PR_SET_KEEPCAPS, 1));
	nobody();
	keep(1ULL << CAP_NET_ADMIN);
}

static void of_the_group(void)
{
	somebody(GROUP, OTHER_GROUP);
}

static void with_the_group(void)
{
	somebody(65534, GROUP);
}

static void root_with_the_group_alone(void)
{
	const gid_t group = GROUP;

	must(!setgroups(1, &group));
	keep(0);
}

static void in_another_netns(void)
{
	close(net_new());
}

static void with_the_group_in_another_netns(void)
{
	in_another_netns();
	with_the_group();
}

static void docker(void)
{
	in_another_netns();
	keep(DOCKER_CAPS);
}

static void docker_with_the_group(void)
{
	const gid_t group = GROUP;

	must(!setgroups(1, &group));
	docker();
}

static void docker_in_the_hosts_network(void)
{
	keep(DOCKER_CAPS);
}

static void as_container(void)
{
	must(!unshare(CLONE_NEWUSER | CLONE_NEWNET));
}

static void in_user_namespace(void)
{
	must(!unshare(CLONE_NEWUSER));
}

FIXTURE(who) {
	unsigned int files;
};

FIXTURE_VARIANT(who) {
	void (*become)(void);
	bool may;
	bool by_group;
};

FIXTURE_VARIANT_ADD(who, root) { root, true, false };

FIXTURE_VARIANT_ADD(who, nobody_with_net_admin) { nobody_with_net_admin, true, false };

FIXTURE_VARIANT_ADD(who, of_the_group) { of_the_group, true, true };

FIXTURE_VARIANT_ADD(who, with_the_group) { with_the_group, true, true };

FIXTURE_VARIANT_ADD(who, root_with_the_group_alone) {
	root_with_the_group_alone, true, true
};

FIXTURE_VARIANT_ADD(who, without_net_admin) { without_net_admin, false, false };

FIXTURE_VARIANT_ADD(who, nobody) { nobody, false, false };

FIXTURE_VARIANT_ADD(who, in_another_netns) { in_another_netns, false, false };

FIXTURE_VARIANT_ADD(who, with_the_group_in_another_netns) {
	with_the_group_in_another_netns, false, false
};

FIXTURE_VARIANT_ADD(who, docker) { docker, false, false };

FIXTURE_VARIANT_ADD(who, docker_with_the_group) { docker_with_the_group, false, false };

FIXTURE_VARIANT_ADD(who, docker_in_the_hosts_network) {
	docker_in_the_hosts_network, false, false
};

FIXTURE_VARIANT_ADD(who, as_container) { as_container, false, false };

FIXTURE_VARIANT_ADD(who, in_user_namespace) { in_user_namespace, false, false };

FIXTURE_SETUP(who)
{
	file_set(PROC_GID, "%d", GROUP);
}

FIXTURE_TEARDOWN_PARENT(who)
{
	file_set(PROC_GID, "-1");
	EXPECT_FALSE(census_damaged());
}

/* Calls @each with the name of each file; returns how many there are. */
static unsigned int files(unsigned int (*each)(const char *name, bool may), bool may,
			  unsigned int *bad)
{
	DIR *dir = opendir(HOST);
	const struct dirent *entry;
	unsigned int n = 0;

	must(dir);
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		*bad += each(entry->d_name, may);
		n++;
	}
	closedir(dir);
	return n;
}

static unsigned int open_off(const char *name, bool may)
{
	char *path = strf(HOST "%s", name);
	int fd = open(path, O_RDONLY), err = errno;
	unsigned int n = off(path, may, fd >= 0);

	if (fd < 0)
		n += off(path, EACCES, err);
	else
		close(fd);
	/* For nobody. */
	fd = open(path, O_RDWR);
	n += off(path, -1, fd);
	free(path);
	return n;
}

TEST_F(who, may_open)
{
	unsigned int bad = 0;

	variant->become();
	EXPECT_LE(8, files(open_off, variant->may, &bad));
	EXPECT_EQ(0, bad);
}

/* Unless there is no such group. */
TEST_F(who, may_open_without_the_group)
{
	unsigned int bad = 0;

	file_set(PROC_GID, "-1");
	variant->become();
	EXPECT_LE(8, files(open_off, variant->may && !variant->by_group, &bad));
	EXPECT_EQ(0, bad);
}

/* Who has it open may hand it on, as any file; it stays what it was. */
TEST_F(who, may_pass_on)
{
	int fd = open(HOST "ended", O_RDONLY);
	struct table t;
	size_t len;
	char *text;

	ASSERT_LE(0, fd);
	variant->become();
	text = fd_read_all(fd, &len);
	ASSERT_NE(NULL, text);
	table_parse(&t, text, len);
	EXPECT_STREQ("netns", t.name[0]);
}

TEST(group_is_a_number)
{
	static const char *const wrong[] = {
		"\n", "x", "-2", "1x", "0x10", "2147483648", "1 2", "root",
	};
	unsigned int i;

	file_set(PROC_GID, "%d", GROUP);
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		EXPECT_EQ(EINVAL, file_write(PROC_GID, wrong[i])) TH_LOG("%s", wrong[i]);
		EXPECT_EQ(GROUP, file_number(PROC_GID));
	}
	file_set(PROC_GID, "-1");
}

TEST_HARNESS_MAIN

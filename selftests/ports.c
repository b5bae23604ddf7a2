// SPDX-License-Identifier: GPL-2.0
/*
 * How many of its ephemeral ports a namespace has in use, to anywhere and by each
 * client to each place.
 *
 *	+-- netns, ip_local_port_range 40000 to 40099 -----------+
 *	| 127.0.0.1, 127.0.0.2, ::1 ----> listeners below 40000  |
 *	+--------------------------------------------------------+
 */

#include <fcntl.h>

#include "lib/link.h"
#include "lib/rows.h"
#include "lib/test.h"

#define RANGE "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define TW_REUSE "/proc/sys/net/ipv4/tcp_tw_reuse"

#define LOW 40000
#define PORTS 100

/* A row, as it must be: all of it, or the test ends. */
static unsigned int row_off(const struct table *t, long row, unsigned int used,
			    unsigned int of)
{
	unsigned int bad = 0;

	bad += off("used", used, table_number(t, row, "used"));
	bad += off("of", of, table_number(t, row, "of"));
	bad += off("percent", of ? used * 100 / of : 0,
		   table_number(t, row, "percent"));
	if (bad)
		printf("# in row %ld: %s %s\n", row, table_cell(t, row, "source"),
		       table_cell(t, row, "endpoint"));
	return bad;
}

/* The first row, of the whole namespace. Returns in how many ways it is wrong. */
static unsigned int any_off(unsigned int used, unsigned int of)
{
	unsigned int bad;
	struct table t;

	census_table(&t, "ports");
	must(t.rows);
	bad = off_text("source", "any", table_cell(&t, 0, "source")) +
	      off_text("endpoint", "any", table_cell(&t, 0, "endpoint")) +
	      row_off(&t, 0, used, of);
	table_free(&t);
	return bad;
}

struct client {
	const char *source;
	char endpoint[40];
	unsigned int used;
};

/* Are these the clients, and in that order, where they differ? */
static unsigned int clients_off(const struct client *c, size_t n, unsigned int of)
{
	unsigned long long before = -1ULL, used, percent, worst = 0;
	unsigned int bad = 0;
	struct table t;
	size_t i;
	long row;

	census_table(&t, "ports");
	bad += off("rows", n + 1, t.rows);
	for (i = 0; i < n; i++) {
		row = table_match(&t, 0, "source", c[i].source, "endpoint",
				  c[i].endpoint, NULL);
		if (row < 0)
			die("ports: no row %s %s", c[i].source, c[i].endpoint);
		bad += row_off(&t, row, c[i].used, of);
	}
	for (i = 1; i < t.rows; i++) {
		used = table_number(&t, i, "used");
		if (used > before)
			bad += off("a row larger than the one before", before, used);
		before = used;
	}
	for (i = 0; i < t.rows; i++) {
		percent = table_number(&t, i, "percent");
		worst = percent > worst ? percent : worst;
	}
	bad += off("ports_worst_percent", worst, census_stat("ports_worst_percent"));
	table_free(&t);
	return bad;
}

static int sock_at(const char *ip, unsigned short port)
{
	struct addr a = addr(ip, port);

	return sock_bound(&a, 0);
}

/* A client at an address and a port, which others may share. */
static int connect_from(const char *source, unsigned short port,
			const struct addr *to)
{
	int fd = sock_at(source, port);

	if (connect(fd, &to->sa, to->len))
		die("connect from %s, port %u: %m", source, port);
	return fd;
}

/* Connect and close first: what is left is a TIME_WAIT socket of the client's. */
static void leave_time_wait(int listener, const char *source,
			    unsigned short port)
{
	struct addr to = sock_addr(listener);
	struct pair p;

	p.client = connect_from(source, port, &to);
	p.server = sock_accept(listener);
	pair_close_wait(&p);
	close(p.server);
	close(p.client);
}

FIXTURE(ports) {
};

FIXTURE_SETUP(ports)
{
	net_new();
	file_set(RANGE, "%u %u", LOW, LOW + PORTS - 1);
	file_set(TW_REUSE, "0");
	/* Half as many as the table has entries may be too few. */
	file_set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "%d", 1000);
}

FIXTURE_TEARDOWN(ports)
{
	EXPECT_FALSE(census_damaged());
}

TEST_F(ports, none_in_use)
{
	ASSERT_EQ(0, any_off(0, PORTS));
	EXPECT_EQ(0, clients_off(NULL, 0, PORTS));
	EXPECT_EQ(0, census_stat("ports_worst_percent"));
	EXPECT_EQ(LOW, census_stat("port_range_low"));
	EXPECT_EQ(LOW + PORTS - 1, census_stat("port_range_high"));

	file_set(RANGE, "%u %u", 50000, 50000);
	EXPECT_EQ(0, any_off(0, 1));
	EXPECT_EQ(50000, census_stat("port_range_low"));
	EXPECT_EQ(50000, census_stat("port_range_high"));
	sock_at("127.0.0.1", 50000);
	EXPECT_EQ(0, any_off(1, 1));
	file_set(RANGE, "%u %u", 50000, 50002);
	EXPECT_EQ(0, any_off(1, 3));
	file_set(RANGE, "%u %u", 49990, 49999);
	EXPECT_EQ(0, any_off(0, 10));
}

TEST_F(ports, reserved)
{
	int fd;

	file_set(RESERVED, "1-1000,40000-40009,40050,40099-40200,50000");
	EXPECT_EQ(0, any_off(0, PORTS - 12));
	sock_at("127.0.0.1", 40010);
	fd = sock_at("127.0.0.1", 40005);
	sock_listen("127.0.0.1", 40050, 1);
	EXPECT_EQ(0, any_off(1, PORTS - 12));
	file_set(RESERVED, "40050");
	EXPECT_EQ(0, any_off(2, PORTS - 1));
	file_set(RESERVED, "\n");
	EXPECT_EQ(0, any_off(3, PORTS));
	close(fd);
	EXPECT_EQ(0, any_off(2, PORTS));

	/* All of them. */
	file_set(RESERVED, "40000-40099");
	EXPECT_EQ(0, any_off(0, 0));
	EXPECT_EQ(0, census_stat("ports_worst_percent"));
}

/* A port with any user at all is in use, and once. */
TEST_F(ports, any_user)
{
	int listener = sock_listen("127.0.0.1", 80, 16);
	struct addr to = sock_addr(listener), udp = addr("127.0.0.1", LOW + 50);
	int fd[4];

	fd[0] = sock_at("127.0.0.1", LOW);
	EXPECT_EQ(0, any_off(1, PORTS));
	sock_listen("127.0.0.1", LOW + 1, 1);
	EXPECT_EQ(0, any_off(2, PORTS));
	sock_at("::1", LOW + 2);
	EXPECT_EQ(0, any_off(3, PORTS));
	leave_time_wait(listener, "127.0.0.1", LOW + 3);
	EXPECT_EQ(0, any_off(4, PORTS));
	connect_from("127.0.0.1", LOW + PORTS - 1, &to);
	sock_accept(listener);
	EXPECT_EQ(0, any_off(5, PORTS));

	/* More users of the same ports. */
	fd[1] = sock_at("127.0.0.2", LOW);
	sock_listen("127.0.0.2", LOW + 1, 1);
	sock_at("127.0.0.1", LOW + 2);
	leave_time_wait(listener, "127.0.0.2", LOW + 3);
	connect_from("127.0.0.2", LOW + PORTS - 1, &to);
	EXPECT_EQ(0, any_off(5, PORTS));

	/* Other ports, and another protocol's. */
	sock_at("127.0.0.1", LOW - 1);
	sock_at("127.0.0.1", LOW + PORTS);
	fd[2] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_GE(fd[2], 0);
	ASSERT_EQ(0, bind(fd[2], &udp.sa, udp.len));
	EXPECT_EQ(0, any_off(5, PORTS));

	/* Free when the last one has gone. */
	close(fd[0]);
	EXPECT_EQ(0, any_off(5, PORTS));
	close(fd[1]);
	EXPECT_EQ(0, any_off(4, PORTS));

	/* Another namespace's are its own. */
	net_new();
	file_set(RANGE, "%u %u", LOW, LOW + PORTS - 1);
	EXPECT_EQ(0, any_off(0, PORTS));
}

/* A socket with a port of a VRF, which may be in use outside and in others. */
static int sock_within(const char *vrf, unsigned short port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct addr any = addr("0.0.0.0", port);

	must(fd >= 0);
	must(!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, vrf, strlen(vrf) + 1));
	must(!bind(fd, &any.sa, any.len));
	return fd;
}

/* A port that several of them have is one, whoever came first. */
TEST_F(ports, of_vrfs)
{
	int fd;

	if (system("ip link add red type vrf table 10 2>/dev/null"))
		SKIP(return, "the kernel has no VRFs");
	run("ip link add blue type vrf table 11");
	run("ip link set red up");
	run("ip link set blue up");
	fd = sock_at("0.0.0.0", LOW);
	sock_within("red", LOW);
	EXPECT_EQ(0, any_off(1, PORTS));
	sock_within("blue", LOW);
	EXPECT_EQ(0, any_off(1, PORTS));
	close(fd);
	EXPECT_EQ(0, any_off(1, PORTS));

	sock_within("red", LOW + 1);
	sock_at("0.0.0.0", LOW + 1);
	sock_within("blue", LOW + 1);
	EXPECT_EQ(0, any_off(2, PORTS));
	EXPECT_EQ(2, census_stat("ports_worst_percent"));
}

/* Sockets for a row, at ports from the first on. */
static void clients_connect(const struct client *c, int listener,
			    unsigned short first)
{
	struct addr to = sock_addr(listener);
	unsigned int i;

	for (i = 0; i < c->used; i++)
		connect_from(c->source, first + i, &to);
}

/* Shares are of what is left of the range, and rounded down. */
TEST_F(ports, clients)
{
	struct client c[] = {
		{ "127.0.0.2", "127.0.0.1:80", 33 },
		{ "127.0.0.1", "127.0.0.1:80", 20 },
		{ "127.0.0.1", "127.0.0.3:80", 10 },
		{ "127.0.0.1", "127.0.0.1:81", 1 },
	};
	int first = sock_listen("127.0.0.1", 80, 64);

	/* The second and the third share ports. */
	clients_connect(&c[0], first, LOW);
	clients_connect(&c[1], first, LOW + 20);
	clients_connect(&c[2], sock_listen("127.0.0.3", 80, 64), LOW + 30);
	clients_connect(&c[3], sock_listen("127.0.0.1", 81, 64), LOW + 99);
	EXPECT_EQ(0, clients_off(c, ARRAY_SIZE(c), PORTS));
	EXPECT_EQ(0, any_off(41, PORTS));

	file_set(RESERVED, "39999,40000,40039,40050,40100");
	c[0].used--;
	c[1].used--;
	c[2].used--;
	EXPECT_EQ(0, clients_off(c, ARRAY_SIZE(c), PORTS - 3));
	EXPECT_EQ(0, any_off(39, PORTS - 3));

	file_set(RESERVED, "\n");
	file_set(RANGE, "%u %u", LOW, LOW + 32);
	c[0].used = 33;
	c[1].used = 13;
	c[2].used = 3;
	EXPECT_EQ(0, clients_off(c, 3, 33));
	EXPECT_EQ(0, any_off(33, 33));
	EXPECT_EQ(100, census_stat("ports_worst_percent"));
}

/* A port is in use whatever became of the connection. */
TEST_F(ports, every_state)
{
	struct client c = { "127.0.0.1", "127.0.0.1:80", 0 };
	int listener = sock_listen("127.0.0.1", 80, 64);
	struct addr to = sock_addr(listener);
	struct pair p;
	int fd;

	/* ESTABLISHED, CLOSE_WAIT, FIN_WAIT2, */
	for (c.used = 0; c.used < 3; c.used++) {
		p.client = connect_from("127.0.0.1", LOW + c.used, &to);
		p.server = sock_accept(listener);
		if (c.used == 1)
			sock_end(p.server, p.client, 10);
		if (c.used == 2)
			sock_end(p.client, p.server, 10);
	}
	/* TIME_WAIT, */
	leave_time_wait(listener, "127.0.0.1", LOW + c.used++);
	leave_time_wait(listener, "127.0.0.1", LOW + c.used++);
	/* SYN_SENT. */
	fd = sock_at("127.0.0.1", LOW + c.used++);
	sock_deafen(fd);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(-1, connect(fd, &to.sa, to.len));
	ASSERT_EQ(EINPROGRESS, errno);
	ASSERT_EQ(TCP_SYN_SENT, sock_state(fd));

	EXPECT_EQ(0, clients_off(&c, 1, PORTS));
	EXPECT_EQ(0, any_off(c.used, PORTS));
	EXPECT_EQ(c.used, census_stat("ports_worst_percent"));

	/* Given up before it was there: free at once. */
	close(fd);
	c.used--;
	EXPECT_EQ(0, clients_off(&c, 1, PORTS));
	EXPECT_EQ(0, any_off(c.used, PORTS));
}

/* What a server has is no client's, nor what has another kind of port. */
TEST_F(ports, clients_alone)
{
	struct client c = { "127.0.0.1", "127.0.0.1:40060", 1 };
	int low = sock_listen("127.0.0.1", 80, 64);
	int high = sock_listen("127.0.0.1", LOW + 60, 64);
	struct addr to_low = sock_addr(low), to_high = sock_addr(high);

	connect_from("127.0.0.1", 1234, &to_low);
	connect_from("127.0.0.1", LOW + PORTS, &to_low);
	EXPECT_EQ(0, clients_off(NULL, 0, PORTS));
	EXPECT_EQ(0, any_off(1, PORTS));

	connect_from("127.0.0.1", LOW + 61, &to_high);
	connect_from("127.0.0.1", 1234, &to_high);
	EXPECT_EQ(0, clients_off(&c, 1, PORTS));
	EXPECT_EQ(0, any_off(2, PORTS));
}

TEST_F(ports, ipv6)
{
	struct client c[] = {
		{ "[::1]", "[::1]:80", 5 },
		{ "127.0.0.1", "127.0.0.1:80", 3 },
	};
	int six = sock_listen("::1", 80, 16), four = sock_listen("127.0.0.1", 80, 16);
	struct addr to = sock_addr(six), mapped = addr("::ffff:127.0.0.1", 80);
	unsigned int i;

	for (i = 0; i < 5; i++)
		connect_from("::1", LOW + i, &to);
	to = sock_addr(four);
	connect_from("127.0.0.1", LOW + 3, &to);
	connect_from("::ffff:127.0.0.1", LOW + 4, &mapped);
	connect_from("::ffff:127.0.0.1", LOW + 5, &mapped);
	EXPECT_EQ(0, clients_off(c, ARRAY_SIZE(c), PORTS));
	EXPECT_EQ(0, any_off(6, PORTS));
}

/* All ports to one place, and connect() says so; another has as many again. */
TEST_F(ports, used_up)
{
	struct client c[] = {
		{ "127.0.0.1", "127.0.0.1:80", 10 },
		{ "127.0.0.1", "127.0.0.1:81", 4 },
	};
	int first = sock_listen("127.0.0.1", 80, 64);
	int second = sock_listen("127.0.0.1", 81, 64), fd;
	struct addr to = sock_addr(first);
	unsigned int i;

	file_set(RANGE, "%u %u", LOW, LOW + 9);
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(i * 10, census_stat("ports_worst_percent"));
		sock_connect(&to);
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(-1, connect(fd, &to.sa, to.len));
	ASSERT_EQ(EADDRNOTAVAIL, errno);
	EXPECT_EQ(0, clients_off(c, 1, 10));
	EXPECT_EQ(0, any_off(10, 10));
	EXPECT_EQ(100, census_stat("ports_worst_percent"));

	to = sock_addr(second);
	for (i = 0; i < 4; i++)
		sock_connect(&to);
	EXPECT_EQ(0, clients_off(c, 2, 10));
	EXPECT_EQ(0, any_off(10, 10));
	EXPECT_EQ(100, census_stat("ports_worst_percent"));
}

TEST_HARNESS_MAIN

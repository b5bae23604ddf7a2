// SPDX-License-Identifier: GPL-2.0
/*
 * The files as files: open() renders the whole text, and from then on it is like
 * any other file that is only read. But for sockets, which is streamed.
 */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "lib/test.h"

/* Enough for several pages of text. */
#define LISTENERS 60
#define CLIENTS 30

FIXTURE(file) {
	int fd;
	char *text; /* as read in one go */
	ssize_t len;
};

FIXTURE_VARIANT(file) {
	const char *path;
};

FIXTURE_VARIANT_ADD(file, states) { .path = CENSUS_DIR "states" };
FIXTURE_VARIANT_ADD(file, listeners) { .path = CENSUS_DIR "listeners" };
FIXTURE_VARIANT_ADD(file, close_wait) { .path = CENSUS_DIR "close_wait" };
FIXTURE_VARIANT_ADD(file, endpoints) { .path = CENSUS_DIR "endpoints" };
FIXTURE_VARIANT_ADD(file, ports) { .path = CENSUS_DIR "ports" };
FIXTURE_VARIANT_ADD(file, stat) { .path = CENSUS_DIR "stat" };
FIXTURE_VARIANT_ADD(file, metrics) { .path = CENSUS_DIR "metrics" };

FIXTURE_SETUP(file)
{
	int listener, client[CLIENTS], i;
	struct addr to;
	ssize_t n;

	net_new();
	for (i = 0; i < LISTENERS; i++) {
		listener = sock_listen("127.0.0.1", 10000 + i, i);
		if (i >= CLIENTS)
			continue;
		to = sock_addr(listener);
		client[i] = sock_connect(&to);
		ASSERT_EQ(0, shutdown(client[i], SHUT_WR));
	}
	for (i = 0; i < CLIENTS; i++)
		ASSERT_TRUE(wait_for(sock_state(client[i]) == TCP_FIN_WAIT2));
	self->fd = open(variant->path, O_RDONLY);
	ASSERT_GE(self->fd, 0);

	/* One read() gives all there is. */
	self->text = malloc(1 << 20);
	n = read(self->fd, self->text, 1 << 20);
	ASSERT_GT(n, 0);
	ASSERT_LT(n, 1 << 20);
	self->len = n;
	ASSERT_EQ('\n', self->text[n - 1]);
	ASSERT_EQ(0, read(self->fd, self->text + n, 10));
	ASSERT_EQ(n, lseek(self->fd, 0, SEEK_CUR));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	free(self->text);
}

TEST_F(file, one_byte_at_a_time)
{
	ssize_t i;
	char c;

	for (i = 0; i < self->len; i++) {
		ASSERT_EQ(1, read(self->fd, &c, 1));
		ASSERT_EQ(self->text[i], c) TH_LOG("at byte %zd", i);
	}
	EXPECT_EQ(0, read(self->fd, &c, 1));
	EXPECT_EQ(self->len, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, pread_anywhere)
{
	char buf[5001];
	ssize_t from, size, want;
	int i;

	srand(1);
	for (i = 0; i < 500; i++) {
		from = rand() % (self->len + 100);
		size = rand() % (sizeof(buf) - 1);
		want = from < self->len ? self->len - from : 0;
		if (want > size)
			want = size;
		memset(buf, 0xa5, sizeof(buf));
		ASSERT_EQ(want, pread(self->fd, buf, size, from));
		ASSERT_EQ(0, memcmp(buf, self->text + from, want));
		ASSERT_TRUE(buf[want] == (char)0xa5);
	}
	/* Nothing of it moves the position. */
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(0, pread(self->fd, buf, 1, INT64_MAX - 1));
	EXPECT_EQ(-1, pread(self->fd, buf, 1, -1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(file, lseek)
{
	const off_t len = self->len;
	const struct {
		off_t offset;
		int whence;
		off_t want; /* -1: EINVAL, and the position stays */
	} seeks[] = {
		{ 0, SEEK_END, len },
		{ -1, SEEK_END, len - 1 },
		{ -len, SEEK_END, 0 },
		{ -len - 1, SEEK_END, -1 },
		{ 1, SEEK_END, -1 },
		{ 7, SEEK_SET, 7 },
		{ 3, SEEK_CUR, 10 },
		{ -10, SEEK_CUR, 0 },
		{ -1, SEEK_CUR, -1 },
		{ -1, SEEK_SET, -1 },
		{ INT64_MIN, SEEK_SET, -1 },
		{ INT64_MAX, SEEK_SET, -1 },
		{ len, SEEK_SET, len },
		{ len + 1, SEEK_SET, -1 },
		{ 1, SEEK_CUR, -1 },
		{ 5, SEEK_SET, 5 },
		{ INT64_MAX, SEEK_CUR, -1 },
		{ 0, SEEK_DATA, -1 },
		{ 0, SEEK_HOLE, -1 },
		{ 0, 99, -1 },
	};
	off_t at = 0;
	char c = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(seeks); i++) {
		errno = 0;
		EXPECT_EQ(seeks[i].want,
			  lseek(self->fd, seeks[i].offset, seeks[i].whence))
			TH_LOG("seek %zu", i);
		EXPECT_EQ(seeks[i].want < 0 ? EINVAL : 0, errno)
			TH_LOG("seek %zu", i);
		if (seeks[i].want >= 0)
			at = seeks[i].want;
		ASSERT_EQ(at, lseek(self->fd, 0, SEEK_CUR));
		ASSERT_EQ(at < len, pread(self->fd, &c, 1, at));
		EXPECT_TRUE(at == len || self->text[at] == c);
	}
}

TEST_F(file, vectors)
{
	char a[3], b[1], c[1 << 16];
	struct iovec iov[] = {
		{ a, sizeof(a) }, { NULL, 0 }, { b, sizeof(b) }, { c, sizeof(c) },
	};
	ssize_t rest = self->len - 4;

	if (rest > (ssize_t)sizeof(c))
		rest = sizeof(c);
	ASSERT_EQ(rest + 4, readv(self->fd, iov, ARRAY_SIZE(iov)));
	EXPECT_EQ(0, memcmp(a, self->text, 3));
	EXPECT_EQ(0, memcmp(b, self->text + 3, 1));
	EXPECT_EQ(0, memcmp(c, self->text + 4, rest));
}

TEST_F(file, bad_addresses)
{
	long page = sysconf(_SC_PAGESIZE);
	char *nowhere = (char *)(page / 2); /* too low to be mapped */
	char *mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem + page, page));

	EXPECT_EQ(-1, read(self->fd, nowhere, 100));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read(self->fd, mem + page, 100));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_CUR));

	/* What fits is given, and the rest is still there. */
	n = read(self->fd, mem + page - 10, 100);
	EXPECT_EQ(10, n);
	EXPECT_EQ(0, memcmp(mem + page - 10, self->text, 10));
	EXPECT_EQ(10, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(0, read(self->fd, nowhere, 0));
}

TEST_F(file, sendfile)
{
	char buf[4096];
	off_t offset = 0;
	int pipes[2];
	ssize_t n;

	ASSERT_EQ(0, pipe(pipes));
	while (offset < self->len) {
		off_t from = offset;

		n = sendfile(pipes[1], self->fd, &offset, sizeof(buf));
		ASSERT_GT(n, 0) TH_LOG("%m");
		ASSERT_EQ(from + n, offset);
		ASSERT_EQ(n, read(pipes[0], buf, sizeof(buf)));
		ASSERT_EQ(0, memcmp(buf, self->text + from, n));
	}
	EXPECT_EQ(self->len, offset);
	EXPECT_EQ(0, sendfile(pipes[1], self->fd, &offset, sizeof(buf)));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, splice)
{
	char *buf = malloc(self->len);
	ssize_t done = 0;
	int pipes[2];
	ssize_t n;

	ASSERT_EQ(0, pipe(pipes));
	while ((n = splice(self->fd, NULL, pipes[1], NULL, 1000, 0)) > 0) {
		ASSERT_LE(done + n, self->len);
		ASSERT_EQ(n, read(pipes[0], buf + done, n));
		done += n;
	}
	EXPECT_EQ(0, n) TH_LOG("%m");
	EXPECT_EQ(self->len, done);
	EXPECT_EQ(0, memcmp(buf, self->text, done));
	free(buf);
}

/* The text is of the moment of open(), however late it is read. */
TEST_F(file, one_moment)
{
	char *again = malloc(self->len + 1);
	int i;

	ASSERT_EQ(100, read(self->fd, again, 100));
	for (i = 0; i < 50; i++)
		sock_listen("127.0.0.1", 0, 1);
	EXPECT_EQ(self->len - 100, read(self->fd, again + 100, self->len));
	EXPECT_EQ(0, memcmp(again, self->text, self->len));
	free(again);
	EXPECT_EQ(LISTENERS + 50 + 2 * CLIENTS, census_stat("sockets"));
}

TEST_F(file, dup_and_fork_share_the_position)
{
	int other = dup(self->fd), status;
	char c;

	ASSERT_EQ(1, read(other, &c, 1));
	if (!fork())
		_exit(read(self->fd, &c, 1) != 1 || c != self->text[1]);
	ASSERT_GT(wait(&status), 0);
	EXPECT_EQ(0, status);
	ASSERT_EQ(1, read(self->fd, &c, 1));
	EXPECT_EQ(self->text[2], c);
}

static bool refused(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		return errno == EACCES;
	close(fd);
	return false;
}

TEST_F(file, not_for_writing)
{
	static const int flags[] = {
		O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDWR | O_APPEND,
	};
	struct stat st;
	size_t i, len, skip;
	char *text;
	int fd;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_TRUE(refused(variant->path, flags[i]))
			TH_LOG("flags %#o: %m", flags[i]);
	}
	ASSERT_EQ(0, stat(variant->path, &st));
	EXPECT_EQ(S_IFREG | 0444, st.st_mode);
	EXPECT_EQ(0, st.st_uid);

	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, self->fd, 0));

	/* These the kernel may grant to root; they change nothing. */
	EXPECT_NE(1, write(self->fd, "x", 1));
	if (truncate(variant->path, 0))
		printf("# truncate: %m\n");
	fd = open(variant->path, O_RDONLY | O_TRUNC);
	if (fd >= 0)
		close(fd);
	text = file_read(variant->path, &len);
	ASSERT_NE(NULL, text);
	/* The numbers in stat differ each time: the first word is compared. */
	skip = strspn(text, " ");
	ASSERT_LT(0, strcspn(self->text + skip, " "));
	EXPECT_EQ(0, strncmp(text, self->text, skip + strcspn(self->text + skip, " ")));
	EXPECT_LT(self->len / 2, (ssize_t)len);
	free(text);
}

TEST_F(file, for_everyone)
{
	int status;

	if (!fork()) {
		size_t len;

		must(!setresgid(65534, 65534, 65534));
		must(!setresuid(65534, 65534, 65534));
		must(file_read(variant->path, &len));
		must(refused(variant->path, O_WRONLY));
		must(refused(variant->path, O_RDWR));
		must(truncate(variant->path, 0) && errno == EACCES);
		_exit(0);
	}
	ASSERT_GT(wait(&status), 0);
	EXPECT_EQ(0, status);
}

FIXTURE(directory) {
	int netns;
};

FIXTURE_SETUP(directory)
{
	self->netns = net_new();
}

FIXTURE_TEARDOWN(directory)
{
}

TEST_F(directory, read_only)
{
	struct stat st;

	ASSERT_EQ(0, stat(CENSUS_DIR, &st));
	EXPECT_EQ(S_IFDIR | 0555, st.st_mode);
	EXPECT_EQ(-1, open(CENSUS_DIR "nothing", O_RDONLY));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-1, open(CENSUS_DIR "new", O_WRONLY | O_CREAT, 0600));
	EXPECT_EQ(-1, unlink(CENSUS_DIR "states"));
	EXPECT_EQ(-1, mkdir(CENSUS_DIR "new", 0700));
}

TEST_HARNESS_MAIN

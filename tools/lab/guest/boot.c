// SPDX-License-Identifier: GPL-2.0
/* From the initramfs to a system that the command can run in. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

/* The file's content with a NUL after it, or NULL. */
char *read_file(const char *path, size_t *size)
{
	size_t used = 0, room = 4096;
	char *data = malloc(room + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 || !data) {
		free(data);
		return NULL;
	}
	while ((n = read(fd, data + used, room - used)) > 0) {
		used += n;
		if (used == room) {
			room *= 2;
			data = realloc(data, room + 1);
			if (!data)
				die("out of memory reading %s", path);
		}
	}
	close(fd);
	if (n < 0) {
		free(data);
		return NULL;
	}
	data[used] = '\0';
	if (size)
		*size = used;
	return data;
}

/* A file of strings that end in NUL as an array that ends in NULL. */
static char **read_strings(const char *path)
{
	size_t size, count = 0, i;
	char *data = read_file(path, &size);
	char **strings;

	if (!data)
		die("cannot read %s: %s", path, strerror(errno));
	for (i = 0; i < size; i++)
		count += !data[i];
	strings = calloc(count + 1, sizeof(*strings));
	if (!strings)
		die("out of memory reading %s", path);
	for (i = 0; i < count; i++, data += strlen(data) + 1)
		strings[i] = data;
	return strings;
}

void read_request(struct request *req)
{
	char **options = read_strings("/lab/options");

	memset(req, 0, sizeof(*req));
	req->argv = read_strings("/lab/argv");
	req->env = read_strings("/lab/env");
	req->params = "";
	req->cwd = "/";
	for (; *options; options++) {
		if (!strncmp(*options, "module=", 7))
			req->module = *options + 7;
		else if (!strncmp(*options, "params=", 7))
			req->params = *options + 7;
		else if (!strncmp(*options, "cwd=", 4))
			req->cwd = *options + 4;
		else if (!strcmp(*options, "system"))
			req->system = 1;
		else if (sscanf(*options, "tty=%dx%d", &req->rows, &req->cols) == 2)
			req->tty = 1;
	}
}

static void must_mount(const char *source, const char *target, const char *type,
		       unsigned long flags, const char *data)
{
	if (mount(source, target, type, flags, data))
		die("cannot mount %s on %s: %s", type ? type : source, target, strerror(errno));
}

/* Mount what this kernel may not have: a failure is the command's to notice. */
static void try_mount(const char *type, const char *target)
{
	mount(type, target, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

void load_module(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s: %s", path, strerror(errno));
	if (syscall(SYS_finit_module, fd, params, 0) && errno != EEXIST)
		die("%s does not load%s%s: %s", path, *params ? " with parameters " : "",
		    params, strerror(errno));
	close(fd);
}

/* The modules that the disks and the root file system need. */
static void load_boot_modules(void)
{
	char *order = read_file("/boot/order", NULL);
	char path[256], *name;

	if (!order)
		die("the initramfs has no /boot/order");
	for (name = strtok(order, "\n"); name; name = strtok(NULL, "\n")) {
		snprintf(path, sizeof(path), "/boot/%s", name);
		load_module(path, "");
	}
}

/* What is on the disks of user-mode Linux, by their places; NULL elsewhere. */
static char **ubd_names;

/*
 * Find the disk of that name and copy its path to dev: the virtio disk with that serial
 * number, or that of user-mode Linux, which has no numbers, by its place.
 */
static int find_disk(const char *serial, char *dev, size_t size)
{
	struct dirent *entry;
	DIR *dir;
	int i;

	for (i = 0; ubd_names && ubd_names[i]; i++) {
		if (!strcmp(ubd_names[i], serial)) {
			snprintf(dev, size, "/dev/ubd%c", 'a' + i);
			return access(dev, R_OK) == 0;
		}
	}
	dir = opendir("/sys/block");
	if (!dir)
		die("cannot read /sys/block: %s", strerror(errno));
	while ((entry = readdir(dir))) {
		char path[512], *found;
		int same;

		snprintf(path, sizeof(path), "/sys/block/%s/serial", entry->d_name);
		found = read_file(path, NULL);
		same = found && !strcmp(found, serial);
		free(found);
		if (same) {
			snprintf(dev, size, "/dev/%s", entry->d_name);
			closedir(dir);
			return access(dev, R_OK) == 0;
		}
	}
	closedir(dir);
	return 0;
}

static void mount_disk(const char *serial, const char *target, unsigned long flags)
{
	char dev[512];
	int tries;

	mkdir(target, 0755);
	for (tries = 0; !find_disk(serial, dev, sizeof(dev)); tries++) {
		if (tries == 10000)
			die("the disk %s did not appear", serial);
		usleep(1000);
	}
	must_mount(dev, target, "ext4", flags, NULL);
}

/*
 * Below: the image of a distribution. Over it: the kernel's modules, then what
 * this run adds (/top), then memory for what is written. In a whole system that is
 * a disk, for the next boot to find, and there are the modules of another kernel.
 */
static void mount_root(const struct request *req)
{
	mount_disk("root", "/rom", MS_RDONLY);
	mount_disk("kernel", "/kernel", MS_RDONLY);
	mkdir("/rw", 0755);
	mkdir("/other", 0755);
	if (req->system) {
		mount_disk("other", "/other", MS_RDONLY);
		mount_disk("state", "/rw", 0);
	} else {
		must_mount("tmpfs", "/rw", "tmpfs", 0, "mode=755,size=80%");
	}
	mkdir("/rw/up", 0755);
	mkdir("/rw/work", 0755);
	mkdir("/new", 0755);
	must_mount("overlay", "/new", "overlay", 0,
		   "lowerdir=/top:/kernel:/other:/rom,upperdir=/rw/up,workdir=/rw/work");
}

/* What switch_root does; user namespaces are refused below a plain chroot. */
static void switch_root(void)
{
	static const char * const moved[] = { "dev", "proc", "sys" };
	char from[16], to[32];
	size_t i;

	for (i = 0; i < sizeof(moved) / sizeof(*moved); i++) {
		snprintf(from, sizeof(from), "/%s", moved[i]);
		snprintf(to, sizeof(to), "/new/%s", moved[i]);
		must_mount(from, to, NULL, MS_MOVE, NULL);
	}
	if (chdir("/new"))
		die("cannot enter the new root: %s", strerror(errno));
	must_mount(".", "/", NULL, MS_MOVE, NULL);
	if (chroot(".") || chdir("/"))
		die("cannot change to the new root: %s", strerror(errno));
}

static void mount_rest(void)
{
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	must_mount("devpts", "/dev/pts", "devpts", 0, "mode=620,gid=5,ptmxmode=666");
	must_mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	must_mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	must_mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=80%");
	try_mount("cgroup2", "/sys/fs/cgroup");
	try_mount("debugfs", "/sys/kernel/debug");
	try_mount("tracefs", "/sys/kernel/tracing");
	if (!symlink("/proc/self/fd", "/dev/fd")) {
		symlink("/proc/self/fd/0", "/dev/stdin");
		symlink("/proc/self/fd/1", "/dev/stdout");
		symlink("/proc/self/fd/2", "/dev/stderr");
	}
}

/* Where the kernel has it, and did not look for races while it booted. */
static void kcsan_on(void)
{
	int fd = open("/sys/kernel/debug/kcsan", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "on", 2) != 2)
		die("cannot turn KCSAN on: %s", strerror(errno));
	close(fd);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("cannot bring up lo: %s", strerror(errno));
	close(fd);
}

void boot(struct request *req)
{
	int payload;

	mkdir("/dev", 0755);
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
	must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	load_boot_modules();
	port_open();
	read_request(req);
	if (!access("/lab/line", F_OK))
		ubd_names = read_strings("/lab/line");
	payload = access("/lab/payload", F_OK) == 0;
	mount_root(req);
	switch_root();
	if (req->system) {
		execl("/usr/lib/systemd/systemd", "systemd", NULL);
		die("cannot start systemd: %s", strerror(errno));
	}
	mount_rest();
	kcsan_on();
	if (payload)
		mount_disk("payload", "/payload", 0);
	sethostname("census", 6);
	loopback_up();
	if (req->module)
		load_module(req->module, req->params);
}

// SPDX-License-Identifier: GPL-2.0
/* Run the command and carry its output, exactly, to the host. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"

#define HEADER 5
#define CHUNK 32000		/* with its header, within one write of virtio_console */
#define PIPE_CHUNKS 256		/* more than a pipe can hold */

static int port = -1;		/* to the host: virtio-serial or a serial line */

void port_open(void)
{
	const char *path = access("/lab/line", F_OK) ? "/dev/vport0p1" : "/dev/ttyS0";
	struct termios raw;
	int tries;

	for (tries = 0; tries < 10000; tries++) {
		port = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (port >= 0) {
			if (!tcgetattr(port, &raw)) {
				cfmakeraw(&raw);
				tcsetattr(port, TCSANOW, &raw);
			}
			return;
		}
		usleep(1000);
	}
	die("the port to the host did not appear: %s", strerror(errno));
}

static void put_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			size -= n;
		}
	}
}

/* buffer has HEADER bytes free before its size bytes of data. */
static void send_frame(enum frame type, char *buffer, uint32_t size)
{
	buffer[0] = type;
	memcpy(buffer + 1, &size, sizeof(size));
	put_all(port, buffer, HEADER + size);
}

void log_line(const char *format, ...)
{
	char text[512], line[sizeof(text) + 32];
	va_list args;
	int fd, n;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Without its end the kernel would keep it back until the next line comes. */
	n = snprintf(line, sizeof(line), "<6>tcp_census_lab: %s\n", text);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		put_all(fd, line, n);
		close(fd);
	}
}

/* The host takes the kernel log up to this line; it is the last one. */
static void mark_log(void)
{
	log_line("end of run");
}

static void wait_for_host(void)
{
	for (;;)
		pause();
}

void die(const char *format, ...)
{
	char buffer[HEADER + 1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buffer + HEADER, sizeof(buffer) - HEADER, format, args);
	va_end(args);
	if (n > (int)sizeof(buffer) - HEADER - 1)
		n = sizeof(buffer) - HEADER - 1;
	if (port < 0) {
		/* The console is what is left; the end of init panics the kernel. */
		fprintf(stderr, "init: %s\n", buffer + HEADER);
		exit(1);
	}
	mark_log();
	send_frame(FRAME_FAILURE, buffer, n);
	wait_for_host();
	exit(1);
}

struct command {
	pid_t pid;
	int status;		/* from wait */
	int ended;
	int out, err;		/* our ends; the terminal is out, and err is -1 */
};

static void set_window(int fd, int rows, int cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };

	ioctl(fd, TIOCSWINSZ, &size);
}

static void exec_command(struct request *req)
{
	const char *name = req->argv[0];
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char **env;
	int error;

	clearenv();
	setenv("PATH", path, 1);
	for (env = req->env; *env; env++)
		putenv(*env);
	if (chdir(req->cwd))
		dprintf(2, "tools/vm: %s: %s\n", req->cwd, strerror(errno));
	execvp(name, req->argv);
	error = errno;
	dprintf(2, "tools/vm: %s: %s\n", name,
		error == ENOENT ? "command not found" : strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

static void start(struct request *req, struct command *cmd)
{
	int out[2], err[2], terminal = -1;

	if (req->tty) {
		cmd->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (cmd->out < 0 || unlockpt(cmd->out))
			die("no terminal: %s", strerror(errno));
		terminal = open(ptsname(cmd->out), O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (terminal < 0)
			die("no terminal: %s", strerror(errno));
		set_window(terminal, req->rows, req->cols);
		cmd->err = -1;
	} else {
		if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
			die("no pipe: %s", strerror(errno));
		cmd->out = out[0];
		cmd->err = err[0];
	}

	cmd->pid = fork();
	if (cmd->pid < 0)
		die("no process: %s", strerror(errno));
	if (!cmd->pid) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		setsid();
		if (terminal >= 0) {
			ioctl(terminal, TIOCSCTTY, 0);
			dup2(terminal, 0);
			dup2(terminal, 1);
			dup2(terminal, 2);
		} else {
			dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
			dup2(out[1], 1);
			dup2(err[1], 2);
		}
		exec_command(req);
	}
	if (terminal >= 0) {
		close(terminal);
	} else {
		close(out[1]);
		close(err[1]);
	}
	fcntl(cmd->out, F_SETFL, O_NONBLOCK);
	if (cmd->err >= 0)
		fcntl(cmd->err, F_SETFL, O_NONBLOCK);
}

/* Send on what there is; 0 when there is nothing more for now, or for good. */
static int relay(int *fd, enum frame type)
{
	static char buffer[HEADER + CHUNK];
	ssize_t n;

	if (*fd < 0)
		return 0;
	n = read(*fd, buffer + HEADER, CHUNK);
	if (n > 0) {
		send_frame(type, buffer, n);
		return 1;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* End of file; a terminal nobody has open gives EIO. */
		close(*fd);
		*fd = -1;
	}
	return 0;
}

/* Write to the terminal; read it meanwhile, or both sides could wait for ever. */
static void type_in(struct command *cmd, const char *data, size_t size)
{
	while (size && cmd->out >= 0) {
		struct pollfd fd = { .fd = cmd->out, .events = POLLIN | POLLOUT };
		ssize_t n = write(cmd->out, data, size);

		if (n > 0) {
			data += n;
			size -= n;
		} else if (errno != EAGAIN && errno != EINTR) {
			return;
		} else if (poll(&fd, 1, -1) > 0 && fd.revents & (POLLIN | POLLHUP)) {
			relay(&cmd->out, FRAME_STDOUT);
		}
	}
}

/* Keyboard input and window sizes from the host. */
static void from_host(struct command *cmd)
{
	static char buffer[65536];
	static size_t used;
	uint32_t size;
	ssize_t n = read(port, buffer + used, sizeof(buffer) - used);
	size_t done = 0;

	if (n <= 0)
		return;
	used += n;
	while (used - done >= HEADER) {
		memcpy(&size, buffer + done + 1, sizeof(size));
		if (used - done < HEADER + size)
			break;
		if (buffer[done] == FRAME_STDIN) {
			type_in(cmd, buffer + done + HEADER, size);
		} else if (buffer[done] == FRAME_WINDOW && size == 4 && cmd->out >= 0) {
			uint16_t window[2];

			memcpy(window, buffer + done + HEADER, sizeof(window));
			set_window(cmd->out, window[0], window[1]);
		}
		done += HEADER + size;
	}
	memmove(buffer, buffer + done, used - done);
	used -= done;
}

/* Init is the parent of every orphan. */
static void reap(struct command *cmd)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == cmd->pid) {
			cmd->status = status;
			cmd->ended = 1;
		}
	}
}

void run(struct request *req)
{
	struct command cmd = { .ended = 0 };
	struct signalfd_siginfo info;
	char frame[HEADER + 4];
	sigset_t children;
	int32_t status;
	int signals, chunks;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	signals = signalfd(-1, &children, SFD_CLOEXEC);
	send_frame(FRAME_STARTED, frame, 0);
	start(req, &cmd);

	while (!cmd.ended) {
		struct pollfd fds[] = {
			{ .fd = cmd.out, .events = POLLIN },
			{ .fd = cmd.err, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
			{ .fd = req->tty ? port : -1, .events = POLLIN },
		};

		if (poll(fds, 4, -1) < 0)
			continue;
		if (fds[0].revents)
			relay(&cmd.out, FRAME_STDOUT);
		if (fds[1].revents)
			relay(&cmd.err, FRAME_STDERR);
		if (fds[3].revents & POLLIN)
			from_host(&cmd);
		if (fds[2].revents && read(signals, &info, sizeof(info)) > 0)
			reap(&cmd);
	}
	/* What it wrote before its end; background processes may go on writing. */
	for (chunks = 0; chunks < PIPE_CHUNKS && relay(&cmd.err, FRAME_STDERR); chunks++)
		;
	for (chunks = 0; chunks < PIPE_CHUNKS && relay(&cmd.out, FRAME_STDOUT); chunks++)
		;

	status = WIFEXITED(cmd.status) ? WEXITSTATUS(cmd.status) : 128 + WTERMSIG(cmd.status);
	memcpy(frame + HEADER, &status, sizeof(status));
	if (!req->system)
		unload_all();
	mark_log();
	send_frame(FRAME_EXIT, frame, sizeof(status));
	if (req->system) {
		/* The host waits for its orderly end. */
		execl("/usr/bin/systemctl", "systemctl", "--no-block", "reboot", NULL);
		die("cannot start systemctl: %s", strerror(errno));
	}
	wait_for_host();
	exit(1);
}

int main(void)
{
	struct request req;

	if (getpid() == 1) {
		boot(&req);
	} else {
		/* In a whole system, started by its init. */
		port_open();
		read_request(&req);
	}
	run(&req);
}

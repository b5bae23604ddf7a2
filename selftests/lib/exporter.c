// SPDX-License-Identifier: GPL-2.0
/* node_exporter, with nothing but what it says of TCP. */

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "exporter.h"
#include "net.h"

#define EXPORTER_PORT 9100

static bool exporter_runs(void)
{
	struct addr to = addr("127.0.0.1", EXPORTER_PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool runs = !connect(fd, &to.sa, to.len);

	close(fd);
	return runs;
}

static pid_t start(void)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(!dup2(open("/dev/null", O_RDWR), 0));
		dup2(0, 1);
		dup2(0, 2);
		execlp("prometheus-node-exporter", "prometheus-node-exporter",
		       "--collector.disable-defaults", "--collector.tcpstat",
		       "--web.listen-address=127.0.0.1:9100", NULL);
		_exit(127);
	}
	return pid;
}

/**
 * exporter_start() - have it run in this network namespace
 *
 * It ends with this process, or by SIGKILL.
 *
 * Return: its process, or -1 if there is none.
 */
pid_t exporter_start(void)
{
	pid_t pid = start();
	bool gone = false;
	int status;

	must(wait_for((gone = waitpid(pid, &status, WNOHANG) == pid) || exporter_runs()));
	return gone ? -1 : pid;
}

/* What node_exporter says, which is running; to be freed. */
char *exporter_ask(size_t *len)
{
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	struct addr to = addr("127.0.0.1", EXPORTER_PORT);
	int fd = sock_connect(&to);
	char *text;

	must(write(fd, request, sizeof(request) - 1) == sizeof(request) - 1);
	text = fd_read_all(fd, len);
	must(text);
	close(fd);
	return text;
}

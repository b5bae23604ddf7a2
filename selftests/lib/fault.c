// SPDX-License-Identifier: GPL-2.0
/* Memory that makes whoever touches it wait. */

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "fault.h"

/**
 * fault_page() - make a page whose first touch waits for us
 * @page: the page
 *
 * Return: the userfaultfd, or -1 if there is none to be had.
 */
int fault_page(char **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	/* Without O_NONBLOCK poll() always says POLLERR, at once. */
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0)
		return -1;
	must(!ioctl(uffd, UFFDIO_API, &api));
	*page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(*page != MAP_FAILED);
	reg.range.start = (uintptr_t)*page;
	reg.range.len = 4096;
	must(!ioctl(uffd, UFFDIO_REGISTER, &reg));
	return uffd;
}

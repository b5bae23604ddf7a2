/* SPDX-License-Identifier: GPL-2.0 */
/* node_exporter, with nothing but what it says of TCP. */
#ifndef LIB_EXPORTER_H
#define LIB_EXPORTER_H

#include <stddef.h>
#include <sys/types.h>

pid_t exporter_start(void);
char *exporter_ask(size_t *len);

#endif /* LIB_EXPORTER_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The file sockets: a line for each CLOSE_WAIT socket, as they are met. */
#ifndef TCPC_STREAM_H
#define TCPC_STREAM_H

#include <linux/proc_fs.h>

extern const struct proc_ops tcpc_stream_ops;

#endif /* TCPC_STREAM_H */

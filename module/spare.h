/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for where none can be allocated. */
#ifndef TCPC_SPARE_H
#define TCPC_SPARE_H

#include <linux/types.h>

/* The most bytes a spare has: a chunk of served ports is largest. */
#define TCPC_SPARE_SIZE 1024

void *tcpc_spare_get(size_t size, gfp_t gfp);
void tcpc_spare_put(void *spare);
void tcpc_spare_init(void);
void tcpc_spare_exit(void);

#endif /* TCPC_SPARE_H */

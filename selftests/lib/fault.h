/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that makes whoever touches it wait. */
#ifndef LIB_FAULT_H
#define LIB_FAULT_H

int fault_page(char **page);

#endif /* LIB_FAULT_H */

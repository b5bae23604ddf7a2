/* SPDX-License-Identifier: GPL-2.0 */
/* Whose allocations fail: the caller's, or those of all the kernel's workers. */
#ifndef LIB_INJECT_TASKS_H
#define LIB_INJECT_TASKS_H

#include <stdbool.h>

/**
 * enum tasks_left - how far they came
 * @TASKS_UNSEEN: there was nothing that could have failed
 * @TASKS_PASSED: it was not that many
 * @TASKS_FIRED: one has failed
 */
enum tasks_left { TASKS_UNSEEN, TASKS_PASSED, TASKS_FIRED };

void tasks_begin(bool workers);
void tasks_arm(unsigned int n, bool rest);
enum tasks_left tasks_left(void);
enum tasks_left tasks_disarm(void);
void tasks_end(void);

#endif /* LIB_INJECT_TASKS_H */

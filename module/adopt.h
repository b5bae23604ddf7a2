/* SPDX-License-Identifier: GPL-2.0 */
/* Adopting listeners: a record for each that has none. */
#ifndef TCPC_ADOPT_H
#define TCPC_ADOPT_H

void tcpc_adopt(void);
void tcpc_adopt_later(void);
void tcpc_adopt_exit(void);

#endif /* TCPC_ADOPT_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Links between namespaces, to be cut. */
#ifndef LIB_LINK_H
#define LIB_LINK_H

void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void link_addr6(const char *dev, const char *ip);
void link_make(const char *name, int a, int b, unsigned int number);
void link_cut(const char *name, int b);

#endif /* LIB_LINK_H */

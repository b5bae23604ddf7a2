/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_SIZES_H
#define SHIM_LINUX_SIZES_H

#define SZ_256M 0x10000000

#endif /* SHIM_LINUX_SIZES_H */

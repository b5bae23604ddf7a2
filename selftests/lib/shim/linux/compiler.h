/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_COMPILER_H
#define SHIM_LINUX_COMPILER_H

#define READ_ONCE(place) (place)
#define WRITE_ONCE(place, value) ((place) = (value))

#endif /* SHIM_LINUX_COMPILER_H */

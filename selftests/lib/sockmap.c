// SPDX-License-Identifier: GPL-2.0
/* Connections that a BPF program has, of which no process knows. */

#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "sockmap.h"

#define CGROUP "/sys/fs/cgroup"

#define INSN(code_, dst, src, off_, imm_)				\
	((struct bpf_insn){						\
		.code = (code_), .dst_reg = (dst), .src_reg = (src),	\
		.off = (off_), .imm = (imm_),				\
	})
#define LOAD(dst, src, member)						\
	INSN(BPF_LDX | BPF_W | BPF_MEM, dst, src,			\
	     offsetof(struct bpf_sock_ops, member), 0)
#define MOVE(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)

static union bpf_attr attached;

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Puts what comes into the queue of a port into the map, one instead of the other. */
static int load(int map, unsigned short port)
{
	struct bpf_insn insns[] = {
		MOVE(BPF_REG_6, BPF_REG_1),
		LOAD(BPF_REG_2, BPF_REG_6, op),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 10,
		     BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB),
		LOAD(BPF_REG_2, BPF_REG_6, local_port),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 8, port),
		INSN(BPF_ST | BPF_W | BPF_MEM, BPF_REG_10, 0, -4, 0),
		MOVE(BPF_REG_1, BPF_REG_6),
		/* One instruction of twice the length. */
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		MOVE(BPF_REG_3, BPF_REG_10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, -4),
		SET(BPF_REG_4, BPF_ANY),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sock_map_update),
		SET(BPF_REG_0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCK_OPS,
		.insns = (uintptr_t)insns,
		.insn_cnt = sizeof(insns) / sizeof(struct bpf_insn),
		.license = (uintptr_t)"GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

/**
 * sockmap_begin() - from now on a sockmap has what is queued at a port
 * @port: of IPv4 or IPv6; the last of its connections
 *
 * Return: false if that cannot be had on this kernel, or here.
 */
bool sockmap_begin(unsigned short port)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_SOCKMAP,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1,
	};
	int map = bpf(BPF_MAP_CREATE, &attr), program, cgroup;

	if (map < 0)
		return false;
	program = load(map, port);
	cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(&attached, 0, sizeof(attached));
	attached.target_fd = cgroup;
	attached.attach_bpf_fd = program;
	attached.attach_type = BPF_CGROUP_SOCK_OPS;
	return program >= 0 && cgroup >= 0 && !bpf(BPF_PROG_ATTACH, &attached);
}

/* Connections that are in the map stay there. */
void sockmap_end(void)
{
	must(!bpf(BPF_PROG_DETACH, &attached));
}

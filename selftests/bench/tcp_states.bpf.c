// SPDX-License-Identifier: GPL-2.0
/*
 * A BPF iterator that counts a namespace's TCP sockets by state: what compare has beside
 * the module's states.
 *
 *	clang -O2 -g -target bpf -c tcp_states.bpf.c
 *	bpftool iter pin tcp_states.bpf.o /sys/fs/bpf/tcp_states
 *	cat /sys/fs/bpf/tcp_states
 */

#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define STATES 16
#define FAMILIES 2
#define AF_INET6 10

/* As much of the kernel's types as is read here; the loader puts in where that is. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
};

struct sock_common {
	unsigned short skc_family;
	unsigned char skc_state;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

#pragma clang attribute pop

/* One file is read at a time. */
static unsigned int counts[STATES][FAMILIES];

SEC("iter/tcp")
int tcp_states(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;
	unsigned int state;

	if (ctx->meta->seq_num == 0)
		__builtin_memset(counts, 0, sizeof(counts));
	if (sk) {
		counts[sk->skc_state % STATES][sk->skc_family == AF_INET6]++;
		return 0;
	}
	for (state = 1; state < STATES; state++)
		BPF_SEQ_PRINTF(seq, "%u %u %u\n", state, counts[state][0], counts[state][1]);
	return 0;
}

char _license[] SEC("license") = "GPL";

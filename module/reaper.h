/* SPDX-License-Identifier: GPL-2.0 */
/* The reaper: ends what has been dead for long enough, where it is told to. */
#ifndef TCPC_REAPER_H
#define TCPC_REAPER_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "action.h"
#include "seen.h"
#include "setting.h"

struct tcpc_net;

/* Why something was not acted on. */
enum tcpc_skip {
	TCPC_SKIP_BUSY, /* somebody had the socket, or the listener */
	TCPC_SKIP_KEEPALIVE, /* keepalive was on: that is left to it */
	TCPC_SKIP_MPTCP, /* a queued one of MPTCP */
	TCPC_SKIP_TFO, /* a queued one by fast open */
	TCPC_SKIP_RATE, /* no more in this second */
	TCPC_SKIP_EXCEPT, /* close_wait_except, or not close_wait_only */
	TCPC_SKIPS,
};

extern const char *const tcpc_skip_names[TCPC_SKIPS];

/**
 * struct tcpc_reap - the reaper in one namespace
 * @settings: what it may do; under the reaper's lock, replaced as a whole
 * @candidates: sockets the last pass would act on, or has acted on
 * @skipped: how often one was not acted on, and why
 * @seen: candidates of the last pass, sorted, if its action was to count; the
 *	reaper's own
 * @log: what was done
 */
struct tcpc_reap {
	struct tcpc_settings *settings;
	atomic64_t candidates;
	atomic64_t skipped[TCPC_SKIPS];
	struct tcpc_seen seen;
	struct tcpc_log log;
};

/* Module parameters. */
extern unsigned int tcpc_max_action;
extern unsigned int tcpc_max_rate;
extern bool tcpc_inherit;

struct tcpc_settings *tcpc_reap_settings(struct tcpc_reap *reap);
int tcpc_reap_set(struct tcpc_reap *reap, const struct tcpc_setting *setting,
		  const char *text, size_t len);
void tcpc_reaper_kick(void);
unsigned int tcpc_reaper_walk_us(void);
u64 tcpc_reaper_starved(void);

void tcpc_reap_net_init(struct tcpc_net *tn);
void tcpc_reap_net_exit(struct tcpc_net *tn);

int tcpc_reaper_init(void);
void tcpc_reaper_exit(void);

#endif /* TCPC_REAPER_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The trace event tcp_census:close_wait_action. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tcp_census

#if !defined(TCPC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TCPC_TRACE_H

#include <linux/tracepoint.h>

#include "action.h"

/* So that perf and others know their values, not only tracefs itself. */
TRACE_DEFINE_ENUM(TCPC_CAUSE_EXEMPT);
TRACE_DEFINE_ENUM(TCPC_CAUSE_UNACCEPTED);
TRACE_DEFINE_ENUM(TCPC_CAUSE_SENDING);
TRACE_DEFINE_ENUM(TCPC_CAUSE_UNREAD);
TRACE_DEFINE_ENUM(TCPC_CAUSE_FIN_PENDING);
TRACE_DEFINE_ENUM(TCPC_CAUSE_DRAINED);
TRACE_DEFINE_ENUM(TCPC_ACTION_COUNT);
TRACE_DEFINE_ENUM(TCPC_ACTION_PROBE);
TRACE_DEFINE_ENUM(TCPC_ACTION_ABORT);
TRACE_DEFINE_ENUM(TCPC_RESULT_CANDIDATE);
TRACE_DEFINE_ENUM(TCPC_RESULT_PROBING);
TRACE_DEFINE_ENUM(TCPC_RESULT_RESET);
TRACE_DEFINE_ENUM(TCPC_RESULT_EVICTED);
TRACE_DEFINE_ENUM(TCPC_RESULT_GONE);
TRACE_DEFINE_ENUM(TCPC_SERVER);
TRACE_DEFINE_ENUM(TCPC_CLIENT);

TRACE_EVENT(close_wait_action,
	    TP_PROTO(unsigned int netns, const struct tcpc_log_entry *e),
	    TP_ARGS(netns, e),
	    TP_STRUCT__entry(__field(u32, netns)
			     __field(u8, cause)
			     __field(u8, action)
			     __field(u8, result)
			     __field(u8, role)
			     __field(u16, sport)
			     __field(u16, dport)
			     __field(u32, uid)
			     __field(u32, idle_s)
			     __array(u8, saddr, 16)
			     __array(u8, daddr, 16)),
	    TP_fast_assign(__entry->netns = netns;
			   __entry->cause = e->cause;
			   __entry->action = e->action;
			   __entry->result = e->result;
			   __entry->role = e->role;
			   __entry->sport = e->local_port;
			   __entry->dport = e->remote_port;
			   __entry->uid = __kuid_val(e->uid);
			   __entry->idle_s = e->idle_s;
			   memcpy(__entry->saddr, &e->local, 16);
			   memcpy(__entry->daddr, &e->remote, 16);),
	    TP_printk("netns=%u cause=%s action=%s result=%s role=%s local=[%pI6c]:%u remote=[%pI6c]:%u uid=%u idle_s=%u",
		      __entry->netns,
		      __print_symbolic(__entry->cause,
				       { TCPC_CAUSE_EXEMPT, "exempt" },
				       { TCPC_CAUSE_UNACCEPTED, "unaccepted" },
				       { TCPC_CAUSE_SENDING, "sending" },
				       { TCPC_CAUSE_UNREAD, "unread" },
				       { TCPC_CAUSE_FIN_PENDING, "fin_pending" },
				       { TCPC_CAUSE_DRAINED, "drained" }),
		      __print_symbolic(__entry->action,
				       { TCPC_ACTION_COUNT, "count" },
				       { TCPC_ACTION_PROBE, "probe" },
				       { TCPC_ACTION_ABORT, "abort" }),
		      __print_symbolic(__entry->result,
				       { TCPC_RESULT_CANDIDATE, "candidate" },
				       { TCPC_RESULT_PROBING, "probing" },
				       { TCPC_RESULT_RESET, "reset" },
				       { TCPC_RESULT_EVICTED, "evicted" },
				       { TCPC_RESULT_GONE, "gone" }),
		      __print_symbolic(__entry->role,
				       { TCPC_SERVER, "server" },
				       { TCPC_CLIENT, "client" }),
		      __entry->saddr, __entry->sport, __entry->daddr, __entry->dport,
		      __entry->uid, __entry->idle_s)
);

#endif /* TCPC_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

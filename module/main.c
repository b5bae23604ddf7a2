// SPDX-License-Identifier: GPL-2.0
/* Loading, unloading and the module's parameters. */

#include <linux/module.h>
#include <linux/moduleparam.h>

#include "adopt.h"
#include "events.h"
#include "metrics.h"
#include "net.h"
#include "proc.h"
#include "reaper.h"
#include "record.h"
#include "snapshot.h"
#include "tally.h"

static int tcpc_snapshot_ms_set(const char *val, const struct kernel_param *kp)
{
	/* Out of range is one error here, however far out it is. */
	return param_set_uint_minmax(val, kp, 0, TCPC_SNAPSHOT_MS_MAX) ? -EINVAL : 0;
}

static const struct kernel_param_ops tcpc_snapshot_ms_ops = {
	.set = tcpc_snapshot_ms_set,
	.get = param_get_uint,
};

module_param_cb(census_ms, &tcpc_snapshot_ms_ops, &tcpc_snapshot_ms, 0644);
MODULE_PARM_DESC(census_ms,
		 "age in ms up to which a walk's result is shown again, 0 to 3600000; 0: every open() walks (default 1000)");

static int tcpc_max_endpoints_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, TCPC_ENDPOINTS_MIN,
				     TCPC_ENDPOINTS_MAX) ?
		       -EINVAL :
		       0;
}

static const struct kernel_param_ops tcpc_max_endpoints_ops = {
	.set = tcpc_max_endpoints_set,
	.get = param_get_uint,
};

module_param_cb(max_endpoints, &tcpc_max_endpoints_ops, &tcpc_max_endpoints, 0644);
MODULE_PARM_DESC(max_endpoints,
		 "lines of a network namespace in each of close_wait, endpoints and ports, 16 to 65536 (default 4096)");

module_param_named(events, tcpc_events, bool, 0444);
MODULE_PARM_DESC(events,
		 "follow the state changes of sockets: transitions, time to close, peaks of accept queues; 0: leave the tracepoint alone (default 1)");

module_param_named(metrics_cgroup_depth, tcpc_metrics_depth, uint, 0444);
MODULE_PARM_DESC(metrics_cgroup_depth,
		 "components of a cgroup's path in the labels of metrics, 0: all (default 2)");

static int tcpc_max_action_set(const char *val, const struct kernel_param *kp)
{
	int action = tcpc_action_parse(val, strlen(val));

	if (action < 0)
		return action;
	WRITE_ONCE(tcpc_max_action, action);
	tcpc_reaper_kick();
	return 0;
}

static int tcpc_max_action_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", tcpc_action_names[tcpc_max_action]);
}

static const struct kernel_param_ops tcpc_max_action_ops = {
	.set = tcpc_max_action_set,
	.get = tcpc_max_action_get,
};

module_param_cb(max_action, &tcpc_max_action_ops, NULL, 0644);
MODULE_PARM_DESC(max_action,
		 "the most that close_wait_action of any network namespace does: off, count, probe or abort (default abort)");

static int tcpc_max_rate_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, TCPC_RATE_MAX) ? -EINVAL : 0;
}

static const struct kernel_param_ops tcpc_max_rate_ops = {
	.set = tcpc_max_rate_set,
	.get = param_get_uint,
};

module_param_cb(max_rate, &tcpc_max_rate_ops, &tcpc_max_rate, 0644);
MODULE_PARM_DESC(max_rate,
		 "actions a second of all network namespaces together, 1 to 100000 (default 1000)");

module_param_named(inherit, tcpc_inherit, bool, 0644);
MODULE_PARM_DESC(inherit,
		 "new network namespaces begin with 0: the defaults, 1: the settings of the initial one (default 0)");

static int tcpc_proc_gid_set(const char *val, const struct kernel_param *kp)
{
	int gid, err = kstrtoint(val, 10, &gid);

	if (err || gid < -1)
		return -EINVAL;
	WRITE_ONCE(tcpc_proc_gid, gid);
	return 0;
}

static const struct kernel_param_ops tcpc_proc_gid_ops = {
	.set = tcpc_proc_gid_set,
	.get = param_get_int,
};

module_param_cb(proc_gid, &tcpc_proc_gid_ops, &tcpc_proc_gid, 0644);
MODULE_PARM_DESC(proc_gid,
		 "group whose members, too, may read /proc/tcp_census, -1: none (default -1)");

/* Once there are no readers: events and walks, then what they are about. */
static void tcpc_end(void)
{
	tcpc_reaper_exit();
	tcpc_events_exit();
	tcpc_snapshot_exit();
	/* Walks may ask for it, too. */
	tcpc_adopt_exit();
	tcpc_net_exit();
	tcpc_record_exit();
}

static int __init tcpc_init(void)
{
	int err;

	err = tcpc_snapshot_init();
	if (err)
		return err;
	err = tcpc_reaper_init();
	if (err)
		goto err_snapshot;
	err = tcpc_net_init();
	if (err)
		goto err_reaper;
	/* For the namespaces that are known now. */
	tcpc_events_init();
	/* Last: from here on there are readers. */
	err = tcpc_net_open();
	if (err) {
		/* There may have been readers of some files, and their walk goes on. */
		tcpc_end();
		return err;
	}
	tcpc_snapshot_prime();
	return 0;

err_reaper:
	tcpc_reaper_exit();
err_snapshot:
	tcpc_snapshot_exit();
	return err;
}

static void __exit tcpc_exit(void)
{
	tcpc_net_close();
	tcpc_end();
}

module_init(tcpc_init);
module_exit(tcpc_exit);

MODULE_DESCRIPTION("TCP sockets by state, listeners and accept queues, in /proc/net/tcp_census");
MODULE_AUTHOR("The tcp_census authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(TCPC_VERSION);

// SPDX-License-Identifier: GPL-2.0
/*
 * Rules, and a connection that they may be about: of a role, with ports and an address,
 * in a cgroup. They are about it if another reading of them says so.
 */

#include "kselftest_harness.h"

/* The tests there are not for here, but what they are made of. */
#undef TEST_HARNESS_MAIN
#define TEST_HARNESS_MAIN
#include "../rule_unit.c"

#include "fuzz.h"

static const char *const addresses[] = {
	"10.0.0.5", "0.0.0.0", "::", "::1", "2001:db8::5", "fe80::1", "::10.0.0.5",
};

int fuzz_one(const uint8_t *data, size_t size)
{
	static const struct tcpc_setting *const setting = &tcpc_settings_table[SET_ONLY];
	struct input in = { data, size };
	char remote[INET6_ADDRSTRLEN];
	struct tcpc_settings *s;
	struct someone who = {};
	uint8_t address[16];
	char *cgroup, *rules;

	who.client = in_below(&in, 2);
	who.local_port = in_below(&in, 0x10000);
	who.remote_port = in_below(&in, 0x10000);
	snprintf(remote, sizeof(remote), "%s", addresses[in_below(&in, 7)]);
	if (in_below(&in, 4) == 3) {
		in_bytes(&in, address, sizeof(address));
		must(inet_ntop(AF_INET6, address, remote, sizeof(remote)));
	}
	who.remote = remote;
	cgroup = in_part(&in, '\0');
	who.cgroup = *cgroup == '/' ? cgroup : NULL;
	rules = in_copy(&in, TCPC_RULES_TEXT_MAX);

	s = tcpc_settings_change(&tcpc_settings_default, setting, rules, strlen(rules));
	must(!IS_ERR(s) == setting_right(SET_ONLY, rules));
	if (!IS_ERR(s)) {
		must(rules_about(rules, &who) == (s->only && is_match(s->only, &who)));
		tcpc_settings_put(s);
	}
	free(rules);
	free(cgroup);
	must(!shim_memory.blocks);
	return 0;
}

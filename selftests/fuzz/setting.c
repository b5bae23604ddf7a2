// SPDX-License-Identifier: GPL-2.0
/*
 * Settings that are written one after another: texts, each behind a byte that says to
 * which, with a NUL between two. What is said of one in rule_unit.c holds for any: it is
 * taken if it is right by another reading of what is; it says the same when it is read
 * back and written again; one that is refused changes nothing.
 */

#include "kselftest_harness.h"

/* The tests there are not for here, but what they are made of. */
#undef TEST_HARNESS_MAIN
#define TEST_HARNESS_MAIN
#include "../rule_unit.c"

#include "fuzz.h"

/* Without memory nothing is changed, and nothing lost. */
static void want_of_memory(const struct tcpc_settings *now, enum setting which,
			   const char *text, unsigned int bad)
{
	struct tcpc_settings *s;
	long blocks = shim_memory.blocks;

	shim_memory.asked = 0;
	shim_memory.failed = 0;
	shim_memory.bad = bad;
	s = change(now, which, text);
	shim_memory.bad = 0;
	must(!shim_memory.failed == (PTR_ERR(s) != -ENOMEM));
	if (!IS_ERR(s))
		tcpc_settings_put(s);
	must(shim_memory.blocks == blocks);
}

/* Nobody looks beyond either end of what was written. */
static void between_ends(const struct tcpc_settings *now, enum setting which,
			 const char *text)
{
	size_t len = strlen(text);
	struct tcpc_settings *s;
	char *only = malloc(len);

	must(only || !len);
	if (len)
		memcpy(only, text, len);
	s = tcpc_settings_change(now, &tcpc_settings_table[which], only, len);
	free(only);
	must(IS_ERR(s) == !setting_right(which, text));
	if (!IS_ERR(s))
		tcpc_settings_put(s);
}

/* The name of an action alone, as for max_action. */
static void action(const char *text)
{
	static const char *const names[] = { "off", "count", "probe", "abort" };
	const char *word = text + strspn(text, " \t\n");
	size_t len = strcspn(word, " \t\n");
	bool one = len && !word[len + strspn(word + len, " \t\n")];
	int want = -EINVAL;
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (one && len == strlen(names[i]) && !memcmp(word, names[i], len))
			want = i;
	must(tcpc_action_parse(at_the_end(text, strlen(text)), strlen(text)) == want);
}

int fuzz_one(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct tcpc_settings *now = change(&tcpc_settings_default, SET_RATE, "5");
	unsigned int taken = 0, bad = in_below(&in, 8);
	enum setting which;
	char *text;

	while (in.left) {
		which = in_below(&in, SETTINGS);
		text = in_part(&in, '\0');
		if (strlen(text) <= TCPC_RULES_TEXT_MAX + 100) {
			must(!try_text(&now, which, text, &taken));
			between_ends(now, which, text);
			want_of_memory(now, which, text, bad);
			action(text);
		}
		free(text);
	}
	tcpc_settings_put(now);
	must(!shim_memory.blocks);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* The settings of a namespace: what the reaper may do there. */

#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "cause.h"
#include "format.h"
#include "gfp.h"
#include "setting.h"
#include "text.h"

const char *const tcpc_action_names[TCPC_ACTIONS] = {
	[TCPC_ACTION_OFF] = "off",
	[TCPC_ACTION_COUNT] = "count",
	[TCPC_ACTION_PROBE] = "probe",
	[TCPC_ACTION_ABORT] = "abort",
};

static u32 *tcpc_setting_u32(const struct tcpc_setting *setting, struct tcpc_settings *s)
{
	return (void *)s + setting->offset;
}

static u32 tcpc_setting_get(const struct tcpc_setting *setting,
			    const struct tcpc_settings *s)
{
	return *(const u32 *)((const void *)s + setting->offset);
}

/* The number of a name, or -EINVAL. */
static int tcpc_setting_word(const char *const *words, unsigned int nr, const char *word,
			     size_t len)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (strlen(words[i]) == len && !memcmp(words[i], word, len))
			return i;
	return -EINVAL;
}

/* One word of decimal digits. */
static int tcpc_setting_parse_number(const struct tcpc_setting *setting,
				     struct tcpc_settings *s, const char *text, size_t len)
{
	const char *word;
	size_t n, i;
	u64 v = 0;

	if (!tcpc_word_next(&word, &n, &text, &len))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (!isdigit(word[i]))
			return -EINVAL;
		v = v * 10 + word[i] - '0';
		if (v > U32_MAX)
			return -EINVAL;
	}
	if (tcpc_word_next(&word, &n, &text, &len))
		return -EINVAL;
	if ((v < setting->min || v > setting->max) && (v || !setting->zero))
		return -EINVAL;
	*tcpc_setting_u32(setting, s) = v;
	return 0;
}

static void tcpc_setting_show_number(const struct tcpc_setting *setting,
				     const struct tcpc_settings *s, struct tcpc_text *t)
{
	tcpc_text_printf(t, "%u", tcpc_setting_get(setting, s));
}

/* One word. */
static int tcpc_setting_parse_one(const struct tcpc_setting *setting,
				  struct tcpc_settings *s, const char *text, size_t len)
{
	const char *word;
	size_t n;
	int i;

	if (!tcpc_word_next(&word, &n, &text, &len))
		return -EINVAL;
	i = tcpc_setting_word(setting->words, setting->nr_words, word, n);
	if (i < 0 || !(setting->allowed & BIT(i)) ||
	    tcpc_word_next(&word, &n, &text, &len))
		return -EINVAL;
	*tcpc_setting_u32(setting, s) = i;
	return 0;
}

static void tcpc_setting_show_one(const struct tcpc_setting *setting,
				  const struct tcpc_settings *s, struct tcpc_text *t)
{
	tcpc_text_printf(t, "%s", setting->words[tcpc_setting_get(setting, s)]);
}

/* At least one word, none twice. */
static int tcpc_setting_parse_set(const struct tcpc_setting *setting,
				  struct tcpc_settings *s, const char *text, size_t len)
{
	const char *word;
	u32 bits = 0;
	size_t n;
	int i;

	while (tcpc_word_next(&word, &n, &text, &len)) {
		i = tcpc_setting_word(setting->words, setting->nr_words, word, n);
		if (i < 0 || !(setting->allowed & ~bits & BIT(i)))
			return -EINVAL;
		bits |= BIT(i);
	}
	if (!bits)
		return -EINVAL;
	*tcpc_setting_u32(setting, s) = bits;
	return 0;
}

static void tcpc_setting_show_set(const struct tcpc_setting *setting,
				  const struct tcpc_settings *s, struct tcpc_text *t)
{
	u32 bits = tcpc_setting_get(setting, s);
	const char *gap = "";
	unsigned int i;

	for (i = 0; i < setting->nr_words; i++) {
		if (!(bits & BIT(i)))
			continue;
		tcpc_text_printf(t, "%s%s", gap, setting->words[i]);
		gap = " ";
	}
}

static struct tcpc_rules **tcpc_setting_rules(const struct tcpc_setting *setting,
					      struct tcpc_settings *s)
{
	return (void *)s + setting->offset;
}

/* Words as rule.c reads them; none at all takes the rules away. */
static int tcpc_setting_parse_rules(const struct tcpc_setting *setting,
				    struct tcpc_settings *s, const char *text, size_t len)
{
	struct tcpc_rules **place = tcpc_setting_rules(setting, s);
	struct tcpc_rules *rules;

	rules = tcpc_rules_parse(text, len);
	if (IS_ERR(rules))
		return PTR_ERR(rules);
	tcpc_rules_put(*place);
	*place = rules;
	return 0;
}

static void tcpc_setting_show_rules(const struct tcpc_setting *setting,
				    const struct tcpc_settings *s, struct tcpc_text *t)
{
	const struct tcpc_rules *const *place = (const void *)s + setting->offset;

	if (*place)
		tcpc_text_printf(t, "%s", (*place)->text);
}

#define TCPC_NUMBER(member) \
	.parse = tcpc_setting_parse_number, .show = tcpc_setting_show_number, \
	.offset = offsetof(struct tcpc_settings, member)
#define TCPC_ONE(member, names, nr) \
	.parse = tcpc_setting_parse_one, .show = tcpc_setting_show_one, \
	.offset = offsetof(struct tcpc_settings, member), .words = (names), .nr_words = (nr)
#define TCPC_SET(member, names, nr) \
	.parse = tcpc_setting_parse_set, .show = tcpc_setting_show_set, \
	.offset = offsetof(struct tcpc_settings, member), .words = (names), .nr_words = (nr)
#define TCPC_RULES(member) \
	.parse = tcpc_setting_parse_rules, .show = tcpc_setting_show_rules, \
	.offset = offsetof(struct tcpc_settings, member), .pieces = true

const struct tcpc_setting tcpc_settings_table[TCPC_SETTINGS] = {
	{ .name = "close_wait_timeout", TCPC_NUMBER(timeout_s),
	  .min = TCPC_TIMEOUT_MIN_S, .max = TCPC_TIMEOUT_MAX_S, .zero = true },
	{ .name = "close_wait_action", TCPC_ONE(action, tcpc_action_names, TCPC_ACTIONS),
	  .allowed = BIT(TCPC_ACTION_COUNT) | BIT(TCPC_ACTION_PROBE) |
		     BIT(TCPC_ACTION_ABORT) },
	{ .name = "close_wait_causes", TCPC_SET(causes, tcpc_cause_names, TCPC_CAUSES),
	  .allowed = BIT(TCPC_CAUSE_UNACCEPTED) | BIT(TCPC_CAUSE_FIN_PENDING) |
		     BIT(TCPC_CAUSE_DRAINED) },
	{ .name = "close_wait_roles", TCPC_SET(roles, tcpc_role_names, 2),
	  .allowed = BIT(TCPC_SERVER) | BIT(TCPC_CLIENT) },
	{ .name = "close_wait_rate", TCPC_NUMBER(rate), .min = 1, .max = TCPC_RATE_MAX },
	{ .name = "close_wait_only", TCPC_RULES(only) },
	{ .name = "close_wait_except", TCPC_RULES(except) },
};

/* The settings a namespace begins with; this reference is never put. */
struct tcpc_settings tcpc_settings_default = {
	.ref = REFCOUNT_INIT(1),
	.action = TCPC_ACTION_COUNT,
	.causes = BIT(TCPC_CAUSE_UNACCEPTED) | BIT(TCPC_CAUSE_DRAINED),
	.roles = BIT(TCPC_SERVER),
	.rate = 100,
};

/**
 * tcpc_settings_change() - the same settings but for one
 * @old: the settings
 * @setting: the one
 * @text: what was written; no NUL in it
 * @len: how many bytes
 *
 * Context: process, may sleep.
 * Return: new settings with one reference, or an ERR_PTR: -EINVAL, -ENOMEM.
 */
struct tcpc_settings *tcpc_settings_change(const struct tcpc_settings *old,
					   const struct tcpc_setting *setting,
					   const char *text, size_t len)
{
	struct tcpc_settings *s;
	int err;

	s = kmemdup(old, sizeof(*s), TCPC_GFP_ACCOUNT);
	if (!s)
		return ERR_PTR(-ENOMEM);
	refcount_set(&s->ref, 1);
	tcpc_rules_get(s->only);
	tcpc_rules_get(s->except);
	err = setting->parse(setting, s, text, len);
	if (!err)
		return s;
	tcpc_settings_put(s);
	return ERR_PTR(err);
}

/**
 * tcpc_settings_get() - take one more reference
 * @s: the settings
 *
 * Context: any.
 * Return: @s.
 */
struct tcpc_settings *tcpc_settings_get(struct tcpc_settings *s)
{
	refcount_inc(&s->ref);
	return s;
}

/**
 * tcpc_settings_put() - let go of settings
 * @s: them, or NULL
 *
 * Context: process.
 */
void tcpc_settings_put(struct tcpc_settings *s)
{
	if (!s || !refcount_dec_and_test(&s->ref))
		return;
	tcpc_rules_put(s->only);
	tcpc_rules_put(s->except);
	kfree(s);
}

/**
 * tcpc_action_parse() - read the name of an action
 * @text: it, perhaps with spaces around
 * @len: how many bytes
 *
 * Context: any.
 * Return: enum tcpc_action, or -EINVAL.
 */
int tcpc_action_parse(const char *text, size_t len)
{
	const char *word;
	size_t n;
	int i;

	if (!tcpc_word_next(&word, &n, &text, &len))
		return -EINVAL;
	i = tcpc_setting_word(tcpc_action_names, TCPC_ACTIONS, word, n);
	return tcpc_word_next(&word, &n, &text, &len) ? -EINVAL : i;
}

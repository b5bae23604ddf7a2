/* SPDX-License-Identifier: GPL-2.0 */
/* The settings of a namespace: what the reaper may do there. */
#ifndef TCPC_SETTING_H
#define TCPC_SETTING_H

#include <linux/refcount.h>
#include <linux/types.h>

#include "rule.h"

struct tcpc_text;

/* Seconds; below a minute only where tests build the module for themselves. */
#ifndef TCPC_TIMEOUT_MIN_S
#define TCPC_TIMEOUT_MIN_S 60
#endif
#define TCPC_TIMEOUT_MAX_S 86400

#define TCPC_RATE_MAX 100000

/* From what does least to what does most. */
enum tcpc_action {
	TCPC_ACTION_OFF, /* as max_action alone */
	TCPC_ACTION_COUNT,
	TCPC_ACTION_PROBE,
	TCPC_ACTION_ABORT,
	TCPC_ACTIONS,
};

extern const char *const tcpc_action_names[TCPC_ACTIONS];

/**
 * struct tcpc_settings - the settings of a namespace; they never change
 * @ref: users
 * @timeout_s: close_wait_timeout: how long a socket is idle before anything is
 *	done, in seconds; 0: nothing ever is
 * @action: close_wait_action, enum tcpc_action
 * @causes: close_wait_causes, a bit for each enum tcpc_cause
 * @roles: close_wait_roles, a bit for each enum tcpc_role
 * @rate: close_wait_rate: actions a second
 * @only: close_wait_only, or NULL
 * @except: close_wait_except, or NULL
 */
struct tcpc_settings {
	refcount_t ref;
	u32 timeout_s;
	u32 action;
	u32 causes;
	u32 roles;
	u32 rate;
	struct tcpc_rules *only;
	struct tcpc_rules *except;
};

/**
 * struct tcpc_setting - one of them
 * @name: of the file
 * @parse: reads @len bytes of @text, no NUL among them, into @s; returns 0, -EINVAL
 *	or -ENOMEM, and then @s is as it was; process context
 * @show: writes it; process context
 * @offset: for the two, of a u32 of struct tcpc_settings
 * @min: for numbers
 * @max: likewise
 * @zero: and 0 is allowed too
 * @words: for words: the names of the bits, or of the values
 * @nr_words: how many
 * @allowed: bits of those that may be set
 * @pieces: it may be longer than buffered writers write at once
 */
struct tcpc_setting {
	const char *name;
	int (*parse)(const struct tcpc_setting *setting, struct tcpc_settings *s,
		     const char *text, size_t len);
	void (*show)(const struct tcpc_setting *setting, const struct tcpc_settings *s,
		     struct tcpc_text *t);
	size_t offset;
	u32 min;
	u32 max;
	bool zero;
	const char *const *words;
	unsigned int nr_words;
	u32 allowed;
	bool pieces;
};

#define TCPC_SETTINGS 7

extern const struct tcpc_setting tcpc_settings_table[TCPC_SETTINGS];

extern struct tcpc_settings tcpc_settings_default;

struct tcpc_settings *tcpc_settings_change(const struct tcpc_settings *old,
					   const struct tcpc_setting *setting,
					   const char *text, size_t len);
struct tcpc_settings *tcpc_settings_get(struct tcpc_settings *s);
void tcpc_settings_put(struct tcpc_settings *s);
int tcpc_action_parse(const char *text, size_t len);

#endif /* TCPC_SETTING_H */

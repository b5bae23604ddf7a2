// SPDX-License-Identifier: GPL-2.0
/* tcp-census: what the module tcp_census knows, for people and monitoring systems. */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "doctor.h"
#include "failure.h"
#include "json.h"
#include "place.h"
#include "summary.h"

const char *argp_program_version = "tcp-census " VERSION;

static const char doc[] =
	"Why TCP sockets pile up in CLOSE_WAIT, how full accept queues are, and\n"
	"where local ports go, from the files of the kernel module tcp_census.\n"
	"\vWithout a command: a summary on one screen.\n"
	"\n"
	"\"doctor\" says what is wrong, of which process, and what to do. Its exit status is\n"
	"0 (nothing), 1 (something) or 2 (cannot tell).\n"
	"\n"
	"\"check WHAT\" prints one line for a monitoring system. Its exit status is\n"
	"0 (ok), 1 (warning), 2 (critical) or 3 (unknown). A RANGE is what is right:\n"
	"10, 10:, ~:10, 10:20; or what is wrong: @10:20.\n";

static const char args_doc[] =
	"\n"
	"doctor\n"
	"check close-wait|queue|ports|dead-fds [-w RANGE] [-c RANGE]";

static const struct argp_option options[] = {
	{ "netns", 'n', "NETNS", 0,
	  "look into another network namespace: its inode number, a process, or its name", 0 },
	{ "all", 'a', NULL, 0, "look at all network namespaces", 0 },
	{ "json", 'j', NULL, 0, "print everything as JSON", 0 },
	{ "warning", 'w', "RANGE", 0, "check: a value outside is a warning", 0 },
	{ "critical", 'c', "RANGE", 0, "check: a value outside is critical", 0 },
	{}
};

/**
 * struct asked - the command line
 * @netns: which namespace; NULL for the own one
 * @all: all of them
 * @json: print JSON
 * @command: NULL for the summary
 * @what: what is to be checked
 * @warning: what is right
 * @critical: likewise
 */
struct asked {
	const char *netns;
	bool all;
	bool json;
	const char *command;
	const char *what;
	struct range warning;
	struct range critical;
};

static bool is(const struct asked *asked, const char *command)
{
	return asked->command && !strcmp(asked->command, command);
}

static void parse_word(struct asked *asked, const char *word, struct argp_state *state)
{
	char list[100];

	if (!asked->command && (!strcmp(word, "check") || !strcmp(word, "doctor"))) {
		asked->command = word;
	} else if (is(asked, "check") && !asked->what) {
		asked->what = word;
		check_list(list, sizeof(list));
		if (!check_known(word))
			argp_error(state, "%s: no such check: there are %s", word, list);
	} else {
		argp_error(state, "%s: what is this?", word);
	}
}

static void parse_end(struct asked *asked, struct argp_state *state)
{
	char list[100];

	check_list(list, sizeof(list));
	if (is(asked, "check") && !asked->what)
		argp_error(state, "check what? There are %s", list);
	if (!is(asked, "check") && (asked->warning.text || asked->critical.text))
		argp_error(state, "a range is for check");
	if (is(asked, "check") && asked->json)
		argp_error(state, "check prints one line, and no JSON");
	if (asked->all && asked->netns)
		argp_error(state, "one namespace or all?");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct asked *asked = state->input;

	switch (key) {
	case 'n':
		asked->netns = arg;
		return 0;
	case 'a':
		asked->all = true;
		return 0;
	case 'j':
		asked->json = true;
		return 0;
	case 'w':
	case 'c':
		if (!range_parse(key == 'w' ? &asked->warning : &asked->critical, arg))
			argp_error(state, "%s: not a range", arg);
		return 0;
	case ARGP_KEY_ARG:
		parse_word(asked, arg, state);
		return 0;
	case ARGP_KEY_END:
		parse_end(asked, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options, .parser = parse, .args_doc = args_doc, .doc = doc,
};

/* Returns 0, or a negative errno and why. */
static int find(struct place *place, const struct asked *asked, char *why, size_t size)
{
	int err;

	if (asked->all)
		err = place_all(place);
	else if (asked->netns)
		err = place_netns(place, asked->netns);
	else
		err = place_here(place);
	if (err == -ESRCH || (err && asked->netns && err != -ENOENT))
		snprintf(why, size, "%s: %s", asked->netns,
			 err == -ESRCH ? "no such network namespace" : strerror(-err));
	else if (err)
		failure(why, size, place, "stat", err);
	return err;
}

/* A mistake on the command line is "unknown" for a monitoring system. */
static bool is_check(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "check"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct asked asked = {};
	const char *file = NULL;
	struct place place;
	char why[400];
	int err;

	argp_err_exit_status = is_check(argc, argv) ? CHECK_UNKNOWN : CANNOT_TELL;
	argp_parse(&argp, argc, argv, 0, NULL, &asked);

	err = find(&place, &asked, why, sizeof(why));
	if (err && is(&asked, "check"))
		return check_unknown(asked.what, why);
	if (!err && is(&asked, "check"))
		return check(&place, asked.what, &asked.warning, &asked.critical);
	if (!err) {
		if (is(&asked, "doctor"))
			err = doctor(&place, asked.json, &file);
		else if (asked.json)
			err = json(&place, &file);
		else
			err = summary(&place, &file);
		if (err < 0)
			failure(why, sizeof(why), &place, file, err);
	}
	if (err >= 0 && fflush(stdout)) {
		snprintf(why, sizeof(why), "output: %s", strerror(errno));
		err = -errno;
	}
	if (err >= 0)
		return err;
	fprintf(stderr, "tcp-census: %s\n", why);
	return CANNOT_TELL;
}

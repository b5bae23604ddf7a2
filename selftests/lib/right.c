// SPDX-License-Identifier: GPL-2.0
/* What is right to be written to a setting, and whom rules are about. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "right.h"

/* Rules in one setting, and bytes of a path among them. */
#define WORDS_MAX 64
#define PATH_LEN_MAX 255

/* One word of digits, not below @min unless it is 0, and not above @max. */
static bool number_right(char **word, unsigned int n, unsigned long long min,
			 unsigned long long max, bool zero)
{
	unsigned long long v;

	if (n != 1 || strspn(word[0], "0123456789") != strlen(word[0]))
		return false;
	v = strtoull(word[0], NULL, 10);
	return (v >= min && v <= max) || (zero && !v);
}

static bool port_right(const char *text)
{
	size_t len = strlen(text);

	return len && len <= 5 && strspn(text, "0123456789") == len && atoi(text) > 0 &&
	       atoi(text) <= 65535;
}

/* An IPv4 address, as an IPv6 one. */
static bool mapped(const char *text, struct in6_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->s6_addr[10] = 0xff;
	addr->s6_addr[11] = 0xff;
	return inet_pton(AF_INET, text, &addr->s6_addr[12]) == 1;
}

/* With whom somebody is. */
struct in6_addr someone_remote(const struct someone *who)
{
	struct in6_addr addr;

	must(inet_pton(AF_INET6, who->remote, &addr) == 1 || mapped(who->remote, &addr));
	return addr;
}

/* ADDRESS:PORT taken apart: the address with or without its brackets, and the port. */
static bool client_right(char *text, struct in6_addr *addr, bool *any, int *port)
{
	char *colon = strrchr(text, ':');
	size_t len;

	if (!colon || !port_right(colon + 1))
		return false;
	*port = atoi(colon + 1);
	*colon = '\0';
	len = strlen(text);
	*any = !strcmp(text, "*");
	if (*any)
		return true;
	if (*text == '[' && len > 1 && text[len - 1] == ']') {
		text[len - 1] = '\0';
		return inet_pton(AF_INET6, text + 1, addr) == 1;
	}
	return mapped(text, addr);
}

/* Does it name a cgroup without a detour? Slashes at the end do not count. */
static bool path_right(const char *path)
{
	size_t len = strlen(path);
	char *whole;
	bool right;

	while (len && path[len - 1] == '/')
		len--;
	whole = strf("%.*s/", (int)len, path);
	right = !strstr(whole, "//") && !strstr(whole, "/./") && !strstr(whole, "/../");
	free(whole);
	return right;
}

static bool rule_right(const char *word)
{
	struct in6_addr addr;
	size_t len, i;
	bool any, right;
	char *copy;
	int port;

	if (!strncmp(word, "server:", 7))
		return port_right(word + 7);
	if (!strncmp(word, "client:", 7)) {
		copy = strf("%s", word + 7);
		right = client_right(copy, &addr, &any, &port);
		free(copy);
		return right;
	}
	len = strlen(word);
	if (strncmp(word, "cgroup:/", 8) || len - 7 > PATH_LEN_MAX)
		return false;
	for (i = 0; i < len; i++)
		if ((unsigned char)word[i] < 0x20 || word[i] == 0x7f)
			return false;
	return path_right(word + 7);
}

/* Each word is one of those, and none comes twice. */
static bool set_right(char **word, unsigned int n, const char *allowed)
{
	unsigned int i, k;
	char *name;
	bool known;

	for (i = 0; i < n; i++) {
		name = strf(" %s ", word[i]);
		known = strstr(allowed, name);
		free(name);
		for (k = 0; k < i; k++)
			known &= strcmp(word[i], word[k]) != 0;
		if (!known)
			return false;
	}
	return n;
}

/* Cut a text into its words; at most @max of them are put into @word. */
static unsigned int split(char *text, char **word, unsigned int max)
{
	unsigned int n = 0;
	char *w, *rest;

	for (w = strtok_r(text, " \t\n", &rest); w; w = strtok_r(NULL, " \t\n", &rest), n++)
		if (n < max)
			word[n] = w;
	return n;
}

/* May that be written to a setting? */
bool setting_right(enum setting which, const char *text)
{
	char *copy = strf("%s", text), *word[WORDS_MAX + 1];
	unsigned int i, n = split(copy, word, sizeof(word) / sizeof(*word));
	bool right = true;

	switch (which) {
	case SET_TIMEOUT:
		right = number_right(word, n, 60, 86400, true);
		break;
	case SET_RATE:
		right = number_right(word, n, 1, 100000, false);
		break;
	case SET_ACTION:
		right = n == 1 && set_right(word, n, " count probe abort ");
		break;
	case SET_CAUSES:
		right = n <= 3 && set_right(word, n, " unaccepted fin_pending drained ");
		break;
	case SET_ROLES:
		right = n <= 2 && set_right(word, n, " server client ");
		break;
	default:
		right = n <= WORDS_MAX && strlen(text) <= SETTING_BYTES_MAX;
		for (i = 0; right && i < n; i++)
			right = rule_right(word[i]);
		break;
	}
	free(copy);
	return right;
}

/* Is a path, as files show it, that cgroup or above it? */
static bool path_about(char *path, const char *cgroup)
{
	unsigned int octal;
	size_t len = strlen(path);
	char *from, *to;

	while (len && path[len - 1] == '/')
		path[--len] = '\0';
	for (from = path, to = path; *from;) {
		if (*from == '\\' && strspn(from + 1, "01234567") >= 3 &&
		    sscanf(from + 1, "%3o", &octal) == 1) {
			*to++ = octal;
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	len = to - path;
	return strlen(cgroup) >= len && !memcmp(path, cgroup, len) &&
	       (!cgroup[len] || cgroup[len] == '/');
}

static bool rule_about(char *word, const struct someone *who)
{
	struct in6_addr addr, remote = someone_remote(who);
	bool any;
	int port;

	switch (*word) {
	case 's':
		return !who->client && atoi(word + 7) == who->local_port;
	case 'c':
		if (word[1] == 'g')
			return who->cgroup && path_about(word + 7, who->cgroup);
		return who->client &&
		       client_right(word + 7, &addr, &any, &port) &&
		       port == who->remote_port &&
		       (any || !memcmp(&addr, &remote, sizeof(addr)));
	}
	return false;
}

/* Is one of these rules, which are right, about him? */
bool rules_about(const char *text, const struct someone *who)
{
	char *copy = strf("%s", text), *word[WORDS_MAX];
	unsigned int i, n = split(copy, word, sizeof(word) / sizeof(*word));
	bool about = false;

	for (i = 0; i < n; i++)
		about |= rule_about(word[i], who);
	free(copy);
	return about;
}

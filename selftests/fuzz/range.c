// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of "check": what is taken for one is one by the guidelines' own words, and then
 * alerts for the values it should.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "fuzz.h"

#include "../../tools/tcp-census/range.c"

/* -?digits[.digits] and the like: at least one digit, at most one point. */
static bool is_number(const char *s, size_t len)
{
	size_t i = len && *s == '-', digits = 0, points = 0;

	for (; i < len; i++) {
		digits += s[i] >= '0' && s[i] <= '9';
		points += s[i] == '.';
		if (s[i] != '.' && (s[i] < '0' || s[i] > '9'))
			return false;
	}
	return digits && points < 2;
}

static double value_of(const char *s, size_t len)
{
	char *copy = strndup(s, len);
	double v;

	must(copy);
	v = strtod(copy, NULL);
	free(copy);
	return v;
}

/* Read it another way: from, to, and whether it is turned round. */
static bool is_range(const char *s, double *from, double *to, bool *turned)
{
	const char *colon;

	*turned = *s == '@';
	s += *turned;
	colon = strchr(s, ':');
	*from = 0;
	if (colon && colon == s + 1 && *s == '~') {
		*from = -INFINITY;
	} else if (colon && colon > s) {
		if (!is_number(s, colon - s))
			return false;
		*from = value_of(s, colon - s);
	}
	*to = INFINITY;
	s = colon ? colon + 1 : s;
	if (!colon && !*s)
		return false;
	if (*s) {
		if (!is_number(s, strlen(s)))
			return false;
		*to = value_of(s, strlen(s));
	}
	return *from <= *to;
}

int fuzz_one(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	double value = (double)in_number(&in), from, to;
	char *text = in_copy(&in, in.left);
	struct range range = {};
	bool turned, right = is_range(text, &from, &to, &turned);

	must(!range_alerts(&range, value));
	must(range_parse(&range, text) == right);
	if (right) {
		must(range.text == text);
		must(range_alerts(&range, value) == ((value >= from && value <= to) == turned));
		must(isinf(to) || range_alerts(&range, to) == turned);
		must(range_alerts(&range, nextafter(to, INFINITY)) != turned || isinf(to));
	}
	free(text);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* Ranges as monitoring plugins take them: [@]START:END. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "range.h"

/* All of @text up to @end, in digits; nothing at all is @otherwise. */
static bool number(double *value, const char *text, const char *end, double otherwise)
{
	char *stop;

	*value = otherwise;
	if (text == end)
		return true;
	if (strspn(text, "-.0123456789") < (size_t)(end - text))
		return false;
	*value = strtod(text, &stop);
	return stop == end;
}

/**
 * range_parse() - read a range
 * @range: filled
 * @text: "10", 0 to 10; "10:", from 10; "~:10", to 10; "10:20"; "@10:20", not that
 *
 * Return: false if it is none.
 */
bool range_parse(struct range *range, const char *text)
{
	const char *colon, *end = text + strlen(text);

	range->text = text;
	range->inside = *text == '@';
	if (range->inside)
		text++;
	colon = strchr(text, ':');
	if (text == end)
		return false;
	range->start = 0;
	if (!colon)
		return number(&range->end, text, end, 0) && range->end >= 0;
	if (colon == text + 1 && *text == '~')
		range->start = -INFINITY;
	else if (!number(&range->start, text, colon, 0))
		return false;
	return number(&range->end, colon + 1, end, INFINITY) && range->start <= range->end;
}

/* Is a value one to be told of? */
bool range_alerts(const struct range *range, double value)
{
	bool in = range->text && value >= range->start && value <= range->end;

	return range->text && in == range->inside;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* Ranges as monitoring plugins take them: [@]START:END. */
#ifndef RANGE_H
#define RANGE_H

#include <stdbool.h>

/**
 * struct range - what is right, or with @inside wrong
 * @text: as it was given; NULL if it was not: then all is right
 * @start: from here
 * @end: to here
 * @inside: it is the other way round
 */
struct range {
	const char *text;
	double start;
	double end;
	bool inside;
};

bool range_parse(struct range *range, const char *text);
bool range_alerts(const struct range *range, double value);

#endif /* RANGE_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Any text as a file of the module, for the command-line tool: what it takes is a header
 * and rows of as many cells, printable ASCII, in this order; all else it refuses.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "fuzz.h"

#include "../../tools/tcp-census/table.c"

/* Is it a table, or with @width lines of so many words? Counts them. */
static bool is_table(const char *text, size_t width, size_t *columns, size_t *lines)
{
	size_t len, n, i;

	*columns = 0;
	*lines = 0;
	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		for (i = 0, n = 0; i < len; i++)
			n += text[i] != ' ' && (!i || text[i - 1] == ' ');
		/* Lines with nothing in them are passed over. */
		if (!len)
			continue;
		if (!*columns)
			*columns = n;
		if (!n || n != *columns || (width && n != width))
			return false;
		++*lines;
	}
	return *lines;
}

/* The cells are the words of the text, one after the other. */
static void cells_check(const struct table *t, const char *text, bool stat)
{
	size_t i, len, at;

	for (i = 0; i < (t->rows + 1) * t->columns; i++) {
		text += strspn(text, "\n ");
		len = strcspn(text, "\n ");
		at = stat ? i % 2 * t->columns + i / 2 : i;
		must(len && strlen(t->cell[at]) == len && !memcmp(t->cell[at], text, len));
		must(is_plain(text, len, false));
		must(table_is_number(t->cell[at]) ==
		     (strspn(t->cell[at], "0123456789") == len));
		text += len;
	}
	must(!text[strspn(text, "\n ")]);
}

/* Every cell is found by the name of its column, or another one of that name is. */
static void names_check(const struct table *t)
{
	unsigned long long n;
	const char *text;
	size_t row, i;

	must(!table_has(t, "no such column"));
	must(!strcmp(table_text(t, t->rows, "no such column"), "-"));
	for (row = 0; row < t->rows; row++) {
		for (i = 0; i < t->columns; i++) {
			must(table_has(t, t->cell[i]));
			text = table_text(t, row, t->cell[i]);
			n = table_number(t, row, t->cell[i]);
			must(n == strtoull(text, NULL, 10));
		}
	}
}

int fuzz_one(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	bool stat = in_below(&in, 2), right;
	size_t columns, lines;
	struct table t;
	char *text;
	int err;

	text = in_copy(&in, in.left);
	right = is_plain(text, strlen(text), true) &&
		is_table(text, stat ? 2 : 0, &columns, &lines);
	err = table_parse(&t, stat ? "stat" : "any", strdup(text));
	must(err == (right ? 0 : -EPROTO));
	if (!err) {
		must(t.columns == (stat ? lines : columns));
		must(t.rows == (stat ? 1 : lines - 1));
		cells_check(&t, text, stat);
		if (t.columns < 100)
			names_check(&t);
	}
	table_free(&t);
	free(text);
	return 0;
}

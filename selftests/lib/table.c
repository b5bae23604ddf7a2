// SPDX-License-Identifier: GPL-2.0
/*
 * The module's tables, parsed strictly: one header line, then rows of as many
 * cells, none blank, separated by spaces, and every line ended. Anything else
 * ends the test. Columns may be added, so they are looked up by name.
 */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "table.h"

static void bad(const char *why, const char *line)
{
	die("malformed table: %s: \"%.*s\"", why, (int)strcspn(line, "\n"), line);
}

/* Cut a line into cells; returns how many. */
static size_t split(char *line, char **cell, size_t max)
{
	size_t n = 0, len = strlen(line);
	char *p;

	for (p = line; *p; p++)
		if (!isgraph((unsigned char)*p) && *p != ' ' && !(*p & 0x80))
			bad("a character that is not printable", line);
	if (!len || line[len - 1] == ' ')
		bad(len ? "a space at the end" : "an empty line", line);
	while (*line) {
		line += strspn(line, " ");
		if (n == max)
			bad("too many cells", line);
		cell[n++] = line;
		line += strcspn(line, " ");
		if (*line)
			*line++ = '\0';
	}
	return n;
}

/**
 * table_parse() - parse a table, or end the test
 * @t: filled; table_free() it
 * @text: the text, copied
 * @len: its length
 */
void table_parse(struct table *t, const char *text, size_t len)
{
	size_t lines = 0, i;
	char *line, *end;

	memset(t, 0, sizeof(*t));
	if (!len || text[len - 1] != '\n')
		die("malformed table: %s", len ? "its last line has no end" : "empty");
	if (memchr(text, '\0', len))
		die("malformed table: a NUL in it");
	for (i = 0; i < len; i++)
		lines += text[i] == '\n';

	t->text = strdup(text);
	t->name = calloc(64, sizeof(*t->name));
	if (!t->text || !t->name)
		die("out of memory");
	for (line = t->text; *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		if (!t->cols) {
			t->cols = split(line, t->name, 64);
			t->cell = calloc(lines * t->cols, sizeof(*t->cell));
			if (!t->cell)
				die("out of memory");
			continue;
		}
		if (split(line, t->cell + t->rows * t->cols, t->cols) != t->cols)
			bad("too few cells", line);
		t->rows++;
	}
}

/* Read and parse a file, or end the test. */
void table_read(struct table *t, const char *path)
{
	size_t len;
	char *text = file_read(path, &len);

	if (!text)
		die("%s: %m", path);
	table_parse(t, text, len);
	free(text);
}

void table_free(struct table *t)
{
	free(t->text);
	free(t->cell);
	free(t->name);
	memset(t, 0, sizeof(*t));
}

static size_t table_column(const struct table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->cols; i++)
		if (!strcmp(t->name[i], name))
			return i;
	die("the table has no column %s", name);
}

/* A cell by row and column name; a column that is not there ends the test. */
const char *table_cell(const struct table *t, size_t row, const char *name)
{
	if (row >= t->rows)
		die("the table has no row %zu", row);
	return t->cell[row * t->cols + table_column(t, name)];
}

/* The same, of a cell that must be a whole number. */
unsigned long long table_number(const struct table *t, size_t row,
				const char *name)
{
	const char *cell = table_cell(t, row, name);
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(cell, &end, 10);
	if (!isdigit((unsigned char)*cell) || *end || errno)
		die("not a number in column %s: %s", name, cell);
	return n;
}

/**
 * table_find() - find a row by the value of a column
 * @t: the table
 * @name: of the column
 * @value: of the cell
 * @after: look only behind this row; -1 from the beginning
 *
 * Return: the row, or -1.
 */
long table_find(const struct table *t, const char *name, const char *value,
		long after)
{
	size_t col = table_column(t, name), row;

	for (row = after + 1; row < t->rows; row++)
		if (!strcmp(t->cell[row * t->cols + col], value))
			return row;
	return -1;
}

/**
 * table_match() - find a row by the values of some columns
 * @t: the table
 * @after: look only behind this row; -1 from the beginning
 *
 * Then pairs, of a column's name and a cell's value, and a NULL. A value NULL
 * goes with any cell.
 *
 * Return: the row, or -1.
 */
long table_match(const struct table *t, long after, ...)
{
	const char *name, *value;
	va_list args;
	size_t row;
	bool same;

	for (row = after + 1; row < t->rows; row++) {
		same = true;
		va_start(args, after);
		while (same && (name = va_arg(args, const char *))) {
			value = va_arg(args, const char *);
			same = !value || !strcmp(table_cell(t, row, name), value);
		}
		va_end(args);
		if (same)
			return row;
	}
	return -1;
}

/* A column of numbers, added up. */
unsigned long long table_sum(const struct table *t, const char *name)
{
	unsigned long long sum = 0;
	size_t row;

	for (row = 0; row < t->rows; row++)
		sum += table_number(t, row, name);
	return sum;
}

/* A cell as a string of one's own; one that is too long ends the test. */
void table_copy(char *to, size_t size, const struct table *t, size_t row,
		const char *name)
{
	const char *cell = table_cell(t, row, name);

	if ((size_t)snprintf(to, size, "%s", cell) >= size)
		die("column %s: too long: %s", name, cell);
}

/*
 * Are these among the columns, in this order? Others may come in between. Returns
 * how many are not.
 */
unsigned int table_columns(const struct table *t, const char *const *names,
			   size_t n)
{
	unsigned int missed = 0;
	size_t i, col = 0, at;

	for (i = 0; i < n; i++) {
		for (at = col; at < t->cols && strcmp(t->name[at], names[i]); at++)
			;
		if (at == t->cols) {
			printf("# column %s is not there, or not in its place\n",
			       names[i]);
			missed++;
			continue;
		}
		col = at + 1;
	}
	return missed;
}

// SPDX-License-Identifier: GPL-2.0
/* The files of the module: tables, and lines of a key and a value. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

/*
 * The module writes nothing but printable ASCII in lines. What is said of a file goes to a
 * terminal, and to JSON: in a container somebody else may have put it where the module's
 * should be.
 */
static bool plain(const char *text)
{
	for (; *text; text++)
		if ((*text < ' ' || *text > '~') && *text != '\n')
			return false;
	return true;
}

static size_t words(const char *text, const char *gaps)
{
	size_t n = 0;

	for (text += strspn(text, gaps); *text; text += strspn(text, gaps)) {
		text += strcspn(text, gaps);
		n++;
	}
	return n;
}

/* Cut @line, which ends in NUL, into words; returns how many. */
static size_t cut(char **cell, char *line)
{
	char *word, *save = NULL;
	size_t n = 0;

	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
		cell[n++] = word;
	return n;
}

static int parse_stat(struct table *t)
{
	char *line, *save = NULL, *pair[3];
	size_t i = 0;

	t->columns = words(t->text, "\n ") / 2;
	t->rows = 1;
	t->cell = calloc(2 * t->columns + 1, sizeof(*t->cell));
	if (!t->cell)
		return -ENOMEM;
	for (line = strtok_r(t->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (words(line, " ") != 2 || i == t->columns)
			return -EPROTO;
		cut(pair, line);
		t->cell[i] = pair[0];
		t->cell[t->columns + i++] = pair[1];
	}
	return i && i == t->columns ? 0 : -EPROTO;
}

static int parse_table(struct table *t)
{
	char *line, *save = NULL;
	size_t cells = words(t->text, "\n "), n = 0;

	t->cell = calloc(cells + 1, sizeof(*t->cell));
	if (!t->cell)
		return -ENOMEM;
	for (line = strtok_r(t->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t in_line = words(line, " ");

		if (!t->columns)
			t->columns = in_line;
		if (!in_line || in_line != t->columns)
			return -EPROTO;
		n += cut(t->cell + n, line);
	}
	if (!t->columns)
		return -EPROTO;
	t->rows = n / t->columns - 1;
	return 0;
}

/**
 * table_parse() - read a file of the module
 * @t: filled; to be freed with table_free(), on failure too
 * @name: of the file
 * @text: what is in it; freed with the table
 *
 * Return: 0, -ENOMEM, or -EPROTO: it is not what such a file is.
 */
int table_parse(struct table *t, const char *name, char *text)
{
	memset(t, 0, sizeof(*t));
	t->name = name;
	t->text = text;
	if (!plain(text))
		return -EPROTO;
	return strcmp(name, "stat") ? parse_table(t) : parse_stat(t);
}

/* Let go of it. */
void table_free(struct table *t)
{
	free(t->cell);
	free(t->text);
	memset(t, 0, sizeof(*t));
}

static const char *find(const struct table *t, size_t row, const char *column)
{
	size_t i;

	for (i = 0; i < t->columns; i++)
		if (!strcmp(t->cell[i], column))
			return t->cell[(row + 1) * t->columns + i];
	return NULL;
}

/* Is there such a column? Another version of the module may have others. */
bool table_has(const struct table *t, const char *column)
{
	return t->rows && find(t, 0, column);
}

/* A cell; "-" if there is no such column. */
const char *table_text(const struct table *t, size_t row, const char *column)
{
	return find(t, row, column) ?: "-";
}

/* A number; 0 if there is no such column. */
unsigned long long table_number(const struct table *t, size_t row, const char *column)
{
	return strtoull(table_text(t, row, column), NULL, 10);
}

/* Is it a number, and so to be written as one? */
bool table_is_number(const char *cell)
{
	return *cell && !cell[strspn(cell, "0123456789")];
}

/**
 * table_meant() - what a cell stands for: "\040" is a space, and so on
 * @cell: the cell, in place
 *
 * Return: how many bytes it is; there may be a NUL among them.
 */
size_t table_meant(char *cell)
{
	const char *from = cell;
	char *to = cell;

	while (*from) {
		if (*from == '\\' && strspn(from + 1, "01234567") >= 3) {
			*to++ = (from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0');
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return to - cell;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* The files of the module: tables, and lines of a key and a value. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct table - a file of the module
 * @name: of the file
 * @text: what the cells point into
 * @columns: how many
 * @rows: how many, without the header
 * @cell: the names of the columns, then row by row
 *
 * stat has no header: it is a table of one row, its keys are the columns.
 */
struct table {
	const char *name;
	char *text;
	size_t columns;
	size_t rows;
	char **cell;
};

int table_parse(struct table *t, const char *name, char *text);
void table_free(struct table *t);

bool table_has(const struct table *t, const char *column);
const char *table_text(const struct table *t, size_t row, const char *column);
unsigned long long table_number(const struct table *t, size_t row, const char *column);
bool table_is_number(const char *cell);
size_t table_meant(char *cell);

#endif /* TABLE_H */

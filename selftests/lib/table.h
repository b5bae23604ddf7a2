/* SPDX-License-Identifier: GPL-2.0 */
/* The module's tables, parsed strictly and looked up by the column's name. */
#ifndef LIB_TABLE_H
#define LIB_TABLE_H

#include <stddef.h>

/**
 * struct table - a parsed table
 * @text: what the cells point into
 * @cell: @rows * @cols cells, row by row, without the header
 * @name: names of the columns
 * @rows: rows, without the header
 * @cols: columns
 */
struct table {
	char *text;
	char **cell;
	char **name;
	size_t rows;
	size_t cols;
};

void table_parse(struct table *t, const char *text, size_t len);
void table_read(struct table *t, const char *path);
void table_free(struct table *t);

const char *table_cell(const struct table *t, size_t row, const char *name);
unsigned long long table_number(const struct table *t, size_t row,
				const char *name);
long table_find(const struct table *t, const char *name, const char *value,
		long after);
long table_match(const struct table *t, long after, ...)
	__attribute__((sentinel));
unsigned int table_columns(const struct table *t, const char *const *names,
			   size_t n);
unsigned long long table_sum(const struct table *t, const char *name);
void table_copy(char *to, size_t size, const struct table *t, size_t row,
		const char *name);

#endif /* LIB_TABLE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Text for a file: a growing buffer, and tables in it. */
#ifndef TCPC_TEXT_H
#define TCPC_TEXT_H

#include <linux/compiler_attributes.h>
#include <linux/types.h>

#define TCPC_TEXT_COLUMNS_MAX 24

/**
 * struct tcpc_text - text being written
 * @buf: the text, not NUL-terminated
 * @len: its length in bytes
 * @cap: room in @buf
 * @err: -ENOMEM once something did not fit; all later writes do nothing
 *
 * The memory is charged to the memory cgroup of the caller. Start with all
 * fields zero; free @buf with kvfree().
 */
struct tcpc_text {
	char *buf;
	size_t len;
	size_t cap;
	int err;
};

/**
 * struct tcpc_column - a column of a table
 * @name: in the header line
 * @text: aligned to the left, and "-" when there is nothing to show; numbers
 *	are aligned to the right and always there
 * @width: the column is at least so wide, in bytes
 * @offset: where in the row the value stands, for those @cell that need it
 * @cell: writes the cell of @row, with tcpc_text_printf() or tcpc_text_word();
 *	@view is the caller's
 */
struct tcpc_column {
	const char *name;
	bool text;
	unsigned int width;
	size_t offset;
	void (*cell)(struct tcpc_text *t, const struct tcpc_column *col,
		     const void *view, const void *row);
};

/**
 * struct tcpc_table - a table being written
 * @text: where to
 * @columns: from left to right
 * @nr_columns: how many
 * @start: where in @text it begins
 * @rows: lines so far, the header included; of this piece
 * @width: of the widest cell so far, by column, in bytes; of all pieces
 */
struct tcpc_table {
	struct tcpc_text *text;
	const struct tcpc_column *columns;
	unsigned int nr_columns;
	size_t start;
	size_t rows;
	unsigned int width[TCPC_TEXT_COLUMNS_MAX];
};

__printf(2, 3)
void tcpc_text_printf(struct tcpc_text *t, const char *fmt, ...);
void tcpc_text_word(struct tcpc_text *t, const char *s);
void tcpc_text_bytes(struct tcpc_text *t, const char *s, size_t n);
void tcpc_text_quote(struct tcpc_text *t, const struct tcpc_text *word);

void tcpc_table_begin(struct tcpc_table *table, struct tcpc_text *t,
		      const struct tcpc_column *columns, unsigned int nr);
void tcpc_table_resume(struct tcpc_table *table, struct tcpc_text *t);
void tcpc_table_row(struct tcpc_table *table, const void *view, const void *row);
void tcpc_table_end(struct tcpc_table *table);

#endif /* TCPC_TEXT_H */

// SPDX-License-Identifier: GPL-2.0
/* Text for a file: a growing buffer, and tables in it. */

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "gfp.h"
#include "resched.h"
#include "text.h"

/* More than any table bounded as ours are comes to; a stop for mistakes. */
#define TCPC_TEXT_MAX SZ_256M

/* A cell wider than this does not widen its column for all the other rows. */
#define TCPC_TEXT_WIDTH_MAX 48

/* Room for @more bytes. Process context. */
static bool tcpc_text_reserve(struct tcpc_text *t, size_t more)
{
	size_t cap;
	char *buf;

	if (t->err)
		return false;
	if (t->cap - t->len >= more)
		return true;
	cap = max_t(size_t, 2 * t->cap, PAGE_SIZE);
	while (cap - t->len < more)
		cap *= 2;
	buf = cap <= TCPC_TEXT_MAX ? kvmalloc(cap, TCPC_GFP_ACCOUNT) : NULL;
	if (!buf) {
		t->err = -ENOMEM;
		return false;
	}
	if (t->len)
		memcpy(buf, t->buf, t->len);
	kvfree(t->buf);
	t->buf = buf;
	t->cap = cap;
	return true;
}

/**
 * tcpc_text_printf() - append formatted text
 * @t: the text
 * @fmt: as for printk()
 *
 * Context: process, may sleep.
 */
void tcpc_text_printf(struct tcpc_text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	/* A guess that nearly always holds; a second try knows the length. */
	if (!tcpc_text_reserve(t, 64))
		return;
	va_start(args, fmt);
	n = vsnprintf(t->buf + t->len, t->cap - t->len, fmt, args);
	va_end(args);
	if (n >= t->cap - t->len) {
		if (!tcpc_text_reserve(t, n + 1))
			return;
		va_start(args, fmt);
		vsnprintf(t->buf + t->len, t->cap - t->len, fmt, args);
		va_end(args);
	}
	t->len += n;
}

/**
 * tcpc_text_bytes() - append bytes that others chose, as one word
 * @t: the text
 * @s: the bytes
 * @n: how many
 *
 * All but printable ASCII, and backslashes, are written as \ooo, so that no name can
 * break a line, a cell or a terminal, and any reader takes it for text.
 *
 * Context: process, may sleep.
 */
void tcpc_text_bytes(struct tcpc_text *t, const char *s, size_t n)
{
	if (!tcpc_text_reserve(t, 4 * n))
		return;
	for (; n; s++, n--) {
		unsigned char c = *s;

		if (c > ' ' && c < 0x7f && c != '\\') {
			t->buf[t->len++] = c;
			continue;
		}
		t->buf[t->len++] = '\\';
		t->buf[t->len++] = '0' + (c >> 6);
		t->buf[t->len++] = '0' + ((c >> 3) & 7);
		t->buf[t->len++] = '0' + (c & 7);
	}
}

/**
 * tcpc_text_word() - append a string that others chose, as one word
 * @t: the text
 * @s: the string
 *
 * Context: process, may sleep.
 */
void tcpc_text_word(struct tcpc_text *t, const char *s)
{
	tcpc_text_bytes(t, s, strlen(s));
}

/**
 * tcpc_text_quote() - append a word for between the quotes of a label of metrics
 * @t: the text
 * @word: the word, as it stands in a cell of a table
 *
 * Context: process, may sleep.
 */
void tcpc_text_quote(struct tcpc_text *t, const struct tcpc_text *word)
{
	size_t i;

	if (!tcpc_text_reserve(t, 2 * word->len))
		return;
	for (i = 0; i < word->len; i++) {
		if (word->buf[i] == '\\' || word->buf[i] == '"')
			t->buf[t->len++] = '\\';
		t->buf[t->len++] = word->buf[i];
	}
}

/* Ends a cell that began at @from. Until the table ends, cells end in NUL. */
static void tcpc_table_cell_end(struct tcpc_table *table, unsigned int column,
				size_t from)
{
	struct tcpc_text *t = table->text;

	if (t->len == from)
		tcpc_text_printf(t, "-");
	if (!tcpc_text_reserve(t, 1))
		return;
	table->width[column] = max_t(unsigned int, table->width[column],
				     min_t(size_t, t->len - from,
					   TCPC_TEXT_WIDTH_MAX));
	t->buf[t->len++] = '\0';
}

/**
 * tcpc_table_begin() - begin a table, with its header line
 * @table: the table
 * @t: where to write it; nothing else may be written before the table ends
 * @columns: its columns; at most TCPC_TEXT_COLUMNS_MAX
 * @nr: how many
 *
 * Context: process, may sleep.
 */
void tcpc_table_begin(struct tcpc_table *table, struct tcpc_text *t,
		      const struct tcpc_column *columns, unsigned int nr)
{
	unsigned int i;
	size_t from;

	memset(table, 0, sizeof(*table));
	table->text = t;
	table->columns = columns;
	table->nr_columns = min_t(unsigned int, nr, TCPC_TEXT_COLUMNS_MAX);
	table->start = t->len;
	table->rows = 1;
	for (i = 0; i < table->nr_columns; i++) {
		from = t->len;
		tcpc_text_word(t, columns[i].name);
		tcpc_table_cell_end(table, i, from);
		table->width[i] = max(table->width[i], columns[i].width);
	}
}

/**
 * tcpc_table_resume() - go on with a table, in another text
 * @table: a table that was ended
 * @t: where to write the next piece; nothing else may be written before it ends
 *
 * Context: process, may sleep.
 */
void tcpc_table_resume(struct tcpc_table *table, struct tcpc_text *t)
{
	table->text = t;
	table->start = t->len;
	table->rows = 0;
}

/**
 * tcpc_table_row() - write a row
 * @table: the table
 * @view: passed to the columns
 * @row: passed to the columns
 *
 * Context: process, may sleep.
 */
void tcpc_table_row(struct tcpc_table *table, const void *view, const void *row)
{
	struct tcpc_text *t = table->text;
	unsigned int i;
	size_t from;

	for (i = 0; i < table->nr_columns; i++) {
		from = t->len;
		table->columns[i].cell(t, &table->columns[i], view, row);
		tcpc_table_cell_end(table, i, from);
	}
	table->rows++;
	tcpc_resched();
}

/* Write the cells of @raw to @out, aligned, and a line each row. */
static void tcpc_table_align(const struct tcpc_table *table,
			     struct tcpc_text *out, const char *raw)
{
	unsigned int i, pad;
	size_t row, len;

	for (row = 0; row < table->rows && !out->err; row++) {
		for (i = 0; i < table->nr_columns; i++) {
			bool last = i == table->nr_columns - 1;

			len = strlen(raw);
			pad = table->width[i] > len ? table->width[i] - len : 0;
			if (!tcpc_text_reserve(out, len + pad + 1))
				return;
			if (!table->columns[i].text) {
				memset(out->buf + out->len, ' ', pad);
				out->len += pad;
			}
			memcpy(out->buf + out->len, raw, len);
			out->len += len;
			if (table->columns[i].text && !last) {
				memset(out->buf + out->len, ' ', pad);
				out->len += pad;
			}
			out->buf[out->len++] = last ? '\n' : ' ';
			raw += len + 1;
		}
		tcpc_resched();
	}
}

/**
 * tcpc_table_end() - align the columns of a table, or of this piece of it
 * @table: the table
 *
 * Context: process, may sleep.
 */
void tcpc_table_end(struct tcpc_table *table)
{
	struct tcpc_text *t = table->text;
	struct tcpc_text out = {};

	if (t->err || !tcpc_text_reserve(&out, t->len + 1)) {
		t->err = -ENOMEM;
		return;
	}
	memcpy(out.buf, t->buf, table->start);
	out.len = table->start;
	tcpc_table_align(table, &out, t->buf + table->start);
	kvfree(t->buf);
	*t = out;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of any columns, with any cells, written in pieces of any size:
 * - every line has as many cells as the header, none of them blank, one newline at its
 *   end and no space before it;
 * - the command-line tool finds the cells that were written, the same in all pieces;
 * - numbers end where their column does, unless something is wider than it;
 * - without memory the text says so.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "fuzz.h"
#include "shim.h"

#include "../../module/text.c"

#include "../../tools/tcp-census/table.c"

#define ROWS_MAX 64

/**
 * struct cell - what is written
 * @bytes: a word, in a column of texts
 * @number: else this
 */
struct cell {
	char *bytes;
	uint64_t number;
};

static void cell_write(struct tcpc_text *t, const struct tcpc_column *col, const void *view,
		       const void *row)
{
	const struct cell *cell = (const struct cell *)row + col->offset;

	must(!view);
	if (col->text)
		tcpc_text_word(t, cell->bytes);
	else
		tcpc_text_printf(t, "%llu", (unsigned long long)cell->number);
}

/* What a cell is to say. */
static void cell_check(const struct tcpc_column *col, const struct cell *cell,
		       const char *shown)
{
	size_t len;
	char *text;

	if (!col->text) {
		must(table_is_number(shown) && strtoull(shown, NULL, 10) == cell->number);
		return;
	}
	if (!*cell->bytes) {
		must(!strcmp(shown, "-"));
		return;
	}
	text = unescape(shown, strlen(shown), &len);
	must(len == strlen(cell->bytes) && !memcmp(text, cell->bytes, len));
	free(text);
}

/* The lines of it, as they are. */
static void lines_check(const struct tcpc_text *t, size_t lines)
{
	size_t i, n = 0;

	must(t->len && t->len <= t->cap && t->buf[t->len - 1] == '\n');
	must(is_plain(t->buf, t->len, true) && t->buf[0] != '\n');
	for (i = 0; i < t->len; i++) {
		n += t->buf[i] == '\n';
		must(t->buf[i] != '\n' || (i && t->buf[i - 1] != ' ' && t->buf[i - 1] != '\n'));
	}
	must(n == lines);
}

static void table_check(const struct tcpc_text *t, const struct tcpc_column *columns,
			unsigned int nr, const struct cell *cells, size_t rows)
{
	struct table found;
	unsigned int i;
	size_t row;
	char *text;

	lines_check(t, rows + 1);
	text = strndup(t->buf, t->len);
	must(text && !table_parse(&found, "any", text));
	must(found.columns == nr && found.rows == rows);
	for (i = 0; i < nr; i++)
		must(!strcmp(found.cell[i], columns[i].name));
	for (row = 0; row < rows; row++)
		for (i = 0; i < nr; i++)
			cell_check(&columns[i], &cells[row * nr + i],
				   found.cell[(row + 1) * nr + i]);
	table_free(&found);
}

/* How wide the columns of numbers are may only grow, from one line to the next. */
static void align_check(const struct tcpc_text *t, unsigned int nr, bool text_too)
{
	size_t from = 0, at, last = 0;

	if (text_too || nr != 1)
		return;
	for (at = 0; at < t->len; at++) {
		if (t->buf[at] != '\n')
			continue;
		must(at - from >= last);
		last = at - from;
		from = at + 1;
	}
}

int fuzz_one(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "netns", "a", "percent_of_all_of_them" };
	struct tcpc_column columns[TCPC_TEXT_COLUMNS_MAX] = {};
	struct input in = { data, size };
	struct tcpc_text t = {}, whole = {};
	struct tcpc_table table;
	struct cell *cells;
	unsigned int nr, i, piece, bad;
	bool text_too = false;
	size_t rows, row;

	nr = 1 + in_below(&in, TCPC_TEXT_COLUMNS_MAX);
	piece = in_below(&in, 10);
	bad = in_below(&in, 0x100);
	rows = in_below(&in, ROWS_MAX);
	for (i = 0; i < nr; i++) {
		columns[i].name = names[in_below(&in, 3)];
		columns[i].text = in_below(&in, 2);
		columns[i].width = in_below(&in, 60);
		columns[i].offset = i;
		columns[i].cell = cell_write;
		text_too |= columns[i].text;
	}
	cells = calloc(rows * nr + 1, sizeof(*cells));
	must(cells);
	for (row = 0; row < rows; row++)
		for (i = 0; i < nr; i++) {
			if (columns[i].text)
				cells[row * nr + i].bytes = in_part(&in, '\0');
			else
				cells[row * nr + i].number = in_number(&in);
		}

	shim_memory = (struct shim_memory){ .bad = bad < 16 ? bad : 0 };
	tcpc_table_begin(&table, &t, columns, nr);
	for (row = 0; row < rows; row++) {
		tcpc_table_row(&table, NULL, &cells[row * nr]);
		if (!piece || (row + 1) % piece)
			continue;
		/* As the file sockets is written: piece after piece. */
		tcpc_table_end(&table);
		tcpc_text_bytes(&whole, "", 0);
		if (!t.err)
			must(t.len && t.buf[t.len - 1] == '\n');
		if (!t.err && !whole.err && tcpc_text_reserve(&whole, t.len)) {
			memcpy(whole.buf + whole.len, t.buf, t.len);
			whole.len += t.len;
		}
		t.len = 0;
		tcpc_table_resume(&table, &t);
	}
	tcpc_table_end(&table);
	if (!t.err && !whole.err && tcpc_text_reserve(&whole, t.len)) {
		memcpy(whole.buf + whole.len, t.buf, t.len);
		whole.len += t.len;
	}
	if (shim_memory.failed) {
		must(t.err == -ENOMEM || whole.err == -ENOMEM);
	} else {
		table_check(&whole, columns, nr, cells, rows);
		align_check(&whole, nr, text_too);
	}
	for (i = 0; i < rows * nr; i++)
		free(cells[i].bytes);
	free(cells);
	kvfree(t.buf);
	kvfree(whole.buf);
	must(!shim_memory.blocks);
	return 0;
}

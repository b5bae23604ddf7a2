// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes that others chose, as a cell of a table and as the value of a label of metrics:
 * - a cell is printable ASCII without a space, and stands for the same bytes;
 * - a label holds no newline and no quote that is not escaped, and stands for the cell;
 * - neither is longer than what there was room for, or than four, and five, bytes each;
 * - without memory the text says so, and is not written to any more.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "fuzz.h"
#include "shim.h"

#include "../../module/text.c"

/* The value of a label, as Prometheus reads it; how long it is without what ends it. */
static char *label_value(const char *s, const char *end, size_t *len)
{
	char *value = malloc(end - s + 1);

	must(value);
	for (*len = 0; s < end && *s != '"'; s++) {
		must(*s != '\n');
		if (*s != '\\') {
			value[(*len)++] = *s;
			continue;
		}
		must(++s < end && (*s == '\\' || *s == '"' || *s == 'n'));
		value[(*len)++] = *s == 'n' ? '\n' : *s;
	}
	/* The quote that ends it is the last one. */
	must(s == end - 1);
	return value;
}

static void check(const struct tcpc_text *word, const struct tcpc_text *label,
		  const char *bytes, size_t n)
{
	size_t len;
	char *back;

	must(is_plain(word->buf, word->len, false) && !memchr(word->buf, ' ', word->len));
	must(word->len >= n && word->len <= 4 * n && word->len <= word->cap);
	back = unescape(word->buf, word->len, &len);
	must(len == n && !memcmp(back, bytes, n));
	free(back);

	/* After a=" and before the last quote. */
	must(label->len <= label->cap && label->len <= 4 + 5 * n && label->len > 3);
	must(is_plain(label->buf, label->len, false));
	back = label_value(label->buf + 3, label->buf + label->len, &len);
	must(len == word->len && !memcmp(back, word->buf, len));
	free(back);
}

int fuzz_one(const uint8_t *data, size_t size)
{
	struct tcpc_text word = {}, label = {}, same = {};
	struct input in = { data, size };
	char *bytes, *string;
	size_t n;

	shim_memory = (struct shim_memory){ .bad = in_below(&in, 0x100) };
	if (shim_memory.bad > 8)
		shim_memory.bad = 0;
	n = in.left;
	bytes = malloc(n + 1);
	must(bytes);
	in_bytes(&in, bytes, n);

	tcpc_text_bytes(&word, bytes, n);
	tcpc_text_printf(&label, "a=\"");
	tcpc_text_quote(&label, &word);
	tcpc_text_printf(&label, "%c", '"');
	if (shim_memory.failed)
		must(word.err == -ENOMEM || label.err == -ENOMEM);
	else if (n)
		check(&word, &label, bytes, n);

	/* And the same of a string, up to its end. */
	bytes[n] = '\0';
	string = strdup(bytes);
	must(string);
	tcpc_text_word(&same, string);
	if (!shim_memory.failed)
		must(same.len <= word.len && !(same.len && memcmp(same.buf, word.buf, same.len)));
	tcpc_text_printf(&same, "%s %llu%%", string, 7ULL);
	if (!shim_memory.failed) {
		must(same.len >= strlen(string) + 3);
		must(!memcmp(same.buf + same.len - strlen(string) - 3, string, strlen(string)));
	}
	free(string);
	free(bytes);
	kvfree(word.buf);
	kvfree(label.buf);
	kvfree(same.buf);
	must(!shim_memory.blocks);
	return 0;
}

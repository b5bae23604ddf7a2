// SPDX-License-Identifier: GPL-2.0
/*
 * Everything the command-line tool prints of the module's files, whatever is in these:
 * - it ends, with one of its exit statuses, and says so of a file that is none;
 * - it prints nothing but printable ASCII in lines, and not much more than it read;
 * - what is to be JSON is, and has the cells as they are.
 * Files are separated by form feeds, behind a byte that says what is printed and one of
 * what processes are made up.
 */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base.h"
#include "fuzz.h"

#include "../../tools/tcp-census/check.h"
#include "../../tools/tcp-census/dead.h"
#include "../../tools/tcp-census/doctor.h"
#include "../../tools/tcp-census/finding.h"
#include "../../tools/tcp-census/json.h"
#include "../../tools/tcp-census/place.h"
#include "../../tools/tcp-census/process.h"
#include "../../tools/tcp-census/summary.h"

static const char *const names[] = {
	"states", "transitions", "listeners", "close_wait", "endpoints", "ports", "actions",
	"ended", "stat",
};

#define FILES (sizeof(names) / sizeof(*names))

static char *files[FILES];
static struct process someone;
static unsigned int sharers;

int place_read(const struct place *place, struct table *t, const char *file)
{
	size_t i;

	must(!strcmp(place->path, "here"));
	memset(t, 0, sizeof(*t));
	for (i = 0; i < FILES; i++)
		if (!strcmp(file, names[i]))
			return *files[i] ? table_parse(t, file, strdup(files[i])) : -ENOENT;
	die("%s is read", file);
}

bool holders_find(struct holder *holder, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		holder[i].n = sharers;
		holder[i].pid[0] = 1;
		holder[i].pid[1] = 42;
	}
	return sharers != 2;
}

bool process_read(struct process *p, pid_t pid)
{
	*p = someone;
	p->pid = pid;
	return pid == 42 || sharers;
}

size_t dead_find(struct dead *dead, size_t max, bool *all)
{
	must(max);
	*all = sharers;
	dead[0] = (struct dead){ .pid = 42, .n = 7 };
	return 1;
}

/**
 * struct printed - what is printed from print_begin() to print_end()
 * @out: to stdout
 * @len: of that
 * @err: to stderr
 * @err_len: of that
 * @old_out: stdout as it was
 * @old_err: stderr as it was
 */
struct printed {
	char *out;
	size_t len;
	char *err;
	size_t err_len;
	FILE *old_out;
	FILE *old_err;
};

static void print_begin(struct printed *p)
{
	memset(p, 0, sizeof(*p));
	p->old_out = stdout;
	p->old_err = stderr;
	stdout = open_memstream(&p->out, &p->len);
	stderr = open_memstream(&p->err, &p->err_len);
	must(stdout && stderr);
}

static void print_end(struct printed *p, size_t most)
{
	must(!fclose(stdout) && !fclose(stderr));
	stdout = p->old_out;
	stderr = p->old_err;
	must(is_plain(p->out, p->len, true) && is_plain(p->err, p->err_len, true));
	must(!p->len || p->out[p->len - 1] == '\n');
	must(p->len <= most && p->err_len < 500);
}

static void print_free(struct printed *p)
{
	free(p->out);
	free(p->err);
}

/* Is a file one of the module's, and what is in it? */
static bool readable(const struct place *here, const char *name, size_t *rows)
{
	struct table t;
	bool good = !place_read(here, &t, name);

	*rows += t.rows;
	table_free(&t);
	return good;
}

static bool all_readable(const struct place *here, const char *const *which, size_t n,
			 size_t *rows)
{
	bool good = true;
	size_t i;

	*rows = 0;
	for (i = 0; i < n; i++)
		good &= readable(here, which[i], rows);
	return good;
}

/* "\\040" is a space; what is no such number stays. */
static char *meant(const char *cell, size_t *len)
{
	char *text = strdup(cell), *to = text;

	must(text);
	while (*cell) {
		if (*cell == '\\' && strspn(cell + 1, "01234567") >= 3) {
			*to++ = (cell[1] - '0') * 64 + (cell[2] - '0') * 8 + cell[3] - '0';
			cell += 4;
		} else {
			*to++ = *cell++;
		}
	}
	*len = to - text;
	return text;
}

/* A cell as a value of JSON. */
static void cell_check(json_t *value, const char *cell)
{
	char *text;
	size_t len;

	if (!strcmp(cell, "-")) {
		must(json_is_null(value));
	} else if (table_is_number(cell) && strlen(cell) < 19) {
		must(json_is_integer(value));
		must(json_integer_value(value) == strtoll(cell, NULL, 10));
	} else {
		must(json_is_string(value));
		/* As it is shown, or as it is meant. */
		if (!strcmp(json_string_value(value), cell))
			return;
		text = meant(cell, &len);
		must(len == json_string_length(value));
		must(!memcmp(text, json_string_value(value), len));
		free(text);
	}
}

static void json_check(const struct place *here, json_t *all)
{
	json_t *rows, *row;
	struct table t;
	size_t i, r, c;

	must(json_object_size(all) == FILES);
	for (i = 0; i < FILES; i++) {
		must(!place_read(here, &t, names[i]));
		rows = json_object_get(all, names[i]);
		must(json_is_array(rows) == !!strcmp(names[i], "stat"));
		must(!json_is_array(rows) || json_array_size(rows) == t.rows);
		for (r = 0; r < t.rows; r++) {
			row = json_is_array(rows) ? json_array_get(rows, r) : rows;
			must(json_is_object(row));
			/* Of two columns of one name the last is there. */
			for (c = 0; c < t.columns; c++)
				if (json_object_size(row) == t.columns)
					cell_check(json_object_get(row, t.cell[c]),
						   t.cell[(r + 1) * t.columns + c]);
		}
		table_free(&t);
	}
}

static void try_json(const struct place *here, size_t size)
{
	struct printed p;
	const char *file;
	size_t rows;
	json_t *all;
	int err;

	print_begin(&p);
	err = json(here, &file);
	/* A byte may be six, and every cell has the name of its column with it. */
	print_end(&p, 200 + (size + 100) * (size + 100));
	must(!err == all_readable(here, names, FILES, &rows));
	must(!err || err == -EPROTO || err == -ENOENT);
	if (!err) {
		all = json_loadb(p.out, p.len, JSON_ALLOW_NUL, NULL);
		must(all);
		json_check(here, all);
		json_decref(all);
	} else {
		must(!p.len);
	}
	print_free(&p);
}

static void try_summary(const struct place *here, size_t size)
{
	static const char *const used[] = {
		"states", "close_wait", "listeners", "ports", "stat",
	};
	struct printed p;
	const char *file;
	size_t rows;
	int err;

	print_begin(&p);
	err = summary(here, &file);
	print_end(&p, 5000 + 2 * size);
	must(!err == all_readable(here, used, 5, &rows));
	must(err || p.len);
	print_free(&p);
}

static void try_doctor(const struct place *here)
{
	static const char *const used[] = {
		"close_wait", "listeners", "endpoints", "ports", "stat",
	};
	size_t rows, i;
	struct printed p;
	const char *file;
	json_t *all;
	int err;

	for (i = 0; i < 2; i++) {
		bool good = all_readable(here, used, 5, &rows);

		print_begin(&p);
		err = doctor(here, i, &file);
		print_end(&p, 1000 + (3 * rows + 1) * 6000);
		must((err >= 0) == good);
		must(err < 0 || err == HEALTHY || err == FINDINGS || err == CANNOT_TELL);
		must((err == CANNOT_TELL) <= !!p.err_len);
		if (good && i) {
			all = json_loadb(p.out, p.len, 0, NULL);
			must(json_is_array(all));
			must(!json_array_size(all) == (err != FINDINGS));
			json_decref(all);
		}
		print_free(&p);
	}
}

static void try_check(const struct place *here, size_t size)
{
	static const char *const kinds[] = { "close-wait", "queue", "ports", "dead-fds" };
	struct range warning, critical;
	struct printed p;
	size_t i, rows = 0;
	int status;

	must(range_parse(&warning, "10") && range_parse(&critical, "100"));
	for (i = 0; i < 4; i++) {
		print_begin(&p);
		status = check(here, kinds[i], &warning, &critical);
		print_end(&p, 2000 + size);
		must(status >= CHECK_OK && status <= CHECK_UNKNOWN);
		must(readable(here, "stat", &rows) || status == CHECK_UNKNOWN);
		must(p.len && memchr(p.out, '\n', p.len) == p.out + p.len - 1);
		print_free(&p);
	}
}

int fuzz_one(const uint8_t *data, size_t size)
{
	static const char states[] = "RSTtDZ";
	struct input in = { data, size };
	struct place here = { .path = "here", .fd = -1 };
	unsigned int what = in_below(&in, 5), flags = in_below(&in, 0x100), i;

	here.all = flags & 1;
	sharers = flags >> 1 & 3;
	someone = (struct process){
		.name = "someone", .state = states[(flags >> 3) % 6],
		.fds = flags & 64 ? 1024 : 10, .fds_max = 1024,
		.frozen = flags & 128, .throttled = flags & 32 ? 100 : 0,
	};
	for (i = 0; i < FILES; i++)
		files[i] = in_part(&in, '\f');
	/* One of them, or all. */
	if (what == 0 || what == 4)
		try_json(&here, size);
	if (what == 1 || what == 4)
		try_summary(&here, size);
	if (what == 2 || what == 4)
		try_doctor(&here);
	if (what == 3 || what == 4)
		try_check(&here, size);
	for (i = 0; i < FILES; i++)
		free(files[i]);
	return 0;
}

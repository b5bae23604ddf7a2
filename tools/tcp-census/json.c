// SPDX-License-Identifier: GPL-2.0
/* All files as one JSON object: a table is an array of objects, stat is an object. */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static const char *const files[] = {
	"states", "transitions", "listeners", "close_wait", "endpoints", "ports",
	"actions", "ended", "stat",
};

/* As it is meant; what is no UTF-8 then stays as it is shown. */
static json_t *json_text(const char *cell)
{
	char *text = strdup(cell);
	json_t *value;

	if (!text)
		return NULL;
	value = json_stringn(text, table_meant(text));
	free(text);
	return value;
}

static json_t *json_cell(const char *cell)
{
	json_t *value;

	if (!strcmp(cell, "-"))
		return json_null();
	/* As many as fit into a signed one. */
	if (table_is_number(cell) && strlen(cell) < 19)
		return json_integer(strtoll(cell, NULL, 10));
	value = json_text(cell);
	return value ?: json_string(cell);
}

static json_t *json_row(const struct table *t, size_t row)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < t->columns; i++)
		if (json_object_set_new(object, t->cell[i],
					json_cell(t->cell[(row + 1) * t->columns + i])))
			break;
	if (i < t->columns) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *json_table(const struct table *t)
{
	json_t *array;
	size_t row;

	if (!strcmp(t->name, "stat"))
		return json_row(t, 0);
	array = json_array();
	for (row = 0; row < t->rows; row++)
		if (json_array_append_new(array, json_row(t, row)))
			break;
	if (row < t->rows) {
		json_decref(array);
		return NULL;
	}
	return array;
}

/**
 * json() - print all files
 * @place: where
 * @file: set to the name of the file that cannot be read, if one cannot
 *
 * Return: 0 or a negative errno.
 */
int json(const struct place *place, const char **file)
{
	json_t *all = json_object();
	struct table t;
	unsigned int i;
	int err = 0;

	for (i = 0; i < sizeof(files) / sizeof(*files) && !err; i++) {
		*file = files[i];
		err = place_read(place, &t, files[i]);
		if (!err && json_object_set_new(all, files[i], json_table(&t)))
			err = -ENOMEM;
		table_free(&t);
	}
	if (!err && json_dumpf(all, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII))
		err = -EIO;
	if (!err)
		putchar('\n');
	json_decref(all);
	return err;
}

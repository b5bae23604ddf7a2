// SPDX-License-Identifier: GPL-2.0
/* The module's metrics, parsed strictly. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "metrics.h"

#define PREFIX "tcp_census_"

/* The metric whose samples are being read. */
struct metric {
	char name[80];
	char type[16];
};

static int by_name(const void *pa, const void *pb)
{
	const struct sample *a = pa, *b = pb;

	return strcmp(a->series, b->series);
}

/* Is this the name of the metric, or of a part of it if it is a histogram? */
static bool name_fits(const struct metric *metric, const char *name, size_t len)
{
	static const char *const parts[] = { "_bucket", "_sum", "_count" };
	size_t own = strlen(metric->name), i;

	if (strncmp(name, metric->name, own))
		return false;
	if (strcmp(metric->type, "histogram"))
		return len == own;
	for (i = 0; i < 3; i++)
		if (len == own + strlen(parts[i]) &&
		    !strncmp(name + own, parts[i], strlen(parts[i])))
			return true;
	return false;
}

/* Where the labels end: after the brace, which no value of one may seem to be. */
static char *labels_end(char *s)
{
	for (;;) {
		must(*s >= 'a' && *s <= 'z');
		s += strspn(s, "abcdefghijklmnopqrstuvwxyz_");
		must(*s++ == '=');
		must(*s++ == '"');
		for (; *s != '"'; s++) {
			/* Nothing but printable ASCII, and what may be escaped. */
			must(*s > ' ' && *s < 0x7f);
			if (*s == '\\')
				must(strchr("\\\"", *++s) && *s);
		}
		s++;
		if (*s == '}')
			return s + 1;
		must(*s++ == ',');
	}
}

static void sample_parse(struct sample *s, char *line, const struct metric *metric)
{
	char *end = line + strcspn(line, "{ "), *rest;

	must(name_fits(metric, line, end - line));
	if (*end == '{')
		end = labels_end(end + 1);
	must(*end == ' ');
	*end++ = '\0';
	must(*end >= '0' && *end <= '9');
	s->value = strtod(end, &rest);
	must(!*rest);
	must(!strncmp(line, PREFIX, strlen(PREFIX)));
	s->series = line + strlen(PREFIX);
	s->grows = strcmp(metric->type, "gauge");
}

/* "# HELP name text", then "# TYPE name type": what is not in order is no metric. */
static void head_parse(struct metric *metric, const char *help, const char *type)
{
	char name[80];
	int n = 0;

	must(sscanf(help, "# HELP %79s %n", name, &n) == 1 && n && help[n]);
	must(sscanf(type, "# TYPE %79s %15s%n", metric->name, metric->type, &n) == 2);
	must(!type[n] && !strcmp(name, metric->name));
	must(!strcmp(metric->type, "gauge") || !strcmp(metric->type, "counter") ||
	     !strcmp(metric->type, "histogram"));
	n = strlen(name) - strlen("_total");
	must(!strcmp(metric->type, "counter") == !strcmp(name + n, "_total"));
}

/**
 * metrics_parse() - parse them
 * @m: filled; to be freed with metrics_free()
 * @text: the text; taken over
 * @len: its length
 *
 * Dies of a line that is none, of a name that stands there twice, and of a series
 * that does.
 */
void metrics_parse(struct metrics *m, char *text, size_t len)
{
	char *heads[100], *line, *next;
	struct metric metric = {};
	size_t nr_heads = 0, i;

	m->text = text;
	m->size = len;
	must(m->size && m->text[m->size - 1] == '\n' && strlen(m->text) == m->size);
	m->samples = calloc(m->size / 2, sizeof(*m->samples));
	must(m->samples);
	m->nr = 0;
	for (line = m->text; *line; line = next) {
		next = strchr(line, '\n');
		*next++ = '\0';
		if (*line != '#') {
			sample_parse(&m->samples[m->nr++], line, &metric);
			continue;
		}
		heads[nr_heads] = next;
		next = strchr(next, '\n');
		must(next);
		*next++ = '\0';
		head_parse(&metric, line, heads[nr_heads]);
		for (i = 0; i < nr_heads; i++)
			must(strcmp(heads[i], heads[nr_heads]));
		must(++nr_heads < 100);
	}
	qsort(m->samples, m->nr, sizeof(*m->samples), by_name);
	for (i = 1; i < m->nr; i++)
		if (!strcmp(m->samples[i - 1].series, m->samples[i].series))
			die("twice: %s", m->samples[i].series);
}

/**
 * metrics_read() - read them
 * @m: filled; to be freed with metrics_free()
 * @path: the file
 */
void metrics_read(struct metrics *m, const char *path)
{
	size_t len;
	char *text = file_read(path, &len);

	must(text);
	metrics_parse(m, text, len);
}

/**
 * metrics_free() - free them
 */
void metrics_free(struct metrics *m)
{
	free(m->text);
	free(m->samples);
}

/**
 * metrics_value() - the value of a series
 * @m: the metrics
 * @fmt: name and labels, without tcp_census_, as for printf()
 *
 * Return: it, or -1 if there is no such series.
 */
double metrics_value(const struct metrics *m, const char *fmt, ...)
{
	struct sample *s, key;
	char name[1000];
	va_list args;

	va_start(args, fmt);
	must(vsnprintf(name, sizeof(name), fmt, args) < (int)sizeof(name));
	va_end(args);
	key.series = name;
	s = bsearch(&key, m->samples, m->nr, sizeof(key), by_name);
	return s ? s->value : -1;
}

static bool sample_is(const struct sample *s, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(s->series, name, n) && (!s->series[n] || s->series[n] == '{');
}

/**
 * metrics_sum() - the sum of all series of a name
 */
double metrics_sum(const struct metrics *m, const char *name)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < m->nr; i++)
		if (sample_is(&m->samples[i], name))
			sum += m->samples[i].value;
	return sum;
}

/**
 * metrics_count() - how many series a name has
 */
size_t metrics_count(const struct metrics *m, const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < m->nr; i++)
		n += sample_is(&m->samples[i], name);
	return n;
}

/**
 * metrics_fallen() - how many counters are lower than before?
 * @before: earlier
 * @now: and later; what is in only one of them does not matter
 *
 * Says which.
 */
unsigned int metrics_fallen(const struct metrics *before, const struct metrics *now)
{
	unsigned int fallen = 0;
	double was, is;
	size_t i;

	for (i = 0; i < now->nr; i++) {
		if (!now->samples[i].grows)
			continue;
		is = now->samples[i].value;
		was = metrics_value(before, "%s", now->samples[i].series);
		if (was <= is)
			continue;
		fprintf(stderr, "# %s fell from %.0f to %.0f\n", now->samples[i].series, was,
			is);
		fallen++;
	}
	return fallen;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The module's tables of any census, for any reader: as the command-line tool reads them
 * each has its columns and all its rows, numbers are numbers, addresses are addresses, and
 * a cgroup is one the reader may see. The settings take an endpoint as it is shown.
 */

#include <stdlib.h>
#include <string.h>

#include <linux/cgroup.h>
#include <linux/slab.h>

#include "base.h"
#include "census.h"
#include "right.h"
#include "shim.h"

#include "../../tools/tcp-census/table.h"

/* ADDRESS:PORT, or with @port NULL an ADDRESS alone; "~" may stand before an endpoint. */
static void address_check(const char *cell, const struct in6_addr *want, const u16 *port)
{
	char text[200], *end, *scope;
	struct in6_addr addr = {};

	must(strlen(cell) < sizeof(text));
	strcpy(text, cell + (*cell == '~'));
	if (port) {
		end = strrchr(text, ':');
		must(end && strspn(end + 1, "0123456789") == strlen(end + 1));
		must(atoi(end + 1) == *port);
		*end = '\0';
	}
	if (*text != '[') {
		addr.s6_addr32[2] = htonl(0xffff);
		must(inet_pton(AF_INET, text, &addr.s6_addr32[3]) == 1);
	} else {
		end = text + strlen(text) - 1;
		must(*end == ']');
		*end = '\0';
		scope = strchr(text, '%');
		must(!scope || (scope[1] && tcpc_addr_scoped(want)));
		if (scope)
			*scope = '\0';
		must(inet_pton(AF_INET6, text + 1, &addr) == 1);
	}
	must(!memcmp(&addr, want, sizeof(addr)));
}

/* A cell that was shown as a rule: it is one, unless it has an interface. */
static void rule_check(const char *kind, const char *cell)
{
	char *rule = strf("%s:%s", kind, cell + (*cell == '~'));

	must(setting_right(SET_ONLY, rule) ==
	     (!strchr(cell, '%') && strcmp(strrchr(cell, ':'), ":0")));
	free(rule);
}

/* The path of a cgroup, as far as this reader sees it. */
static void cgroup_check(const struct world *w, const char *cell, const struct cgroup *cgrp)
{
	const char *top = w->names.ns ? w->top_set.dfl_cgrp->path : "", *path;
	size_t len, above = strcmp(top, "/") ? strlen(top) : 0;
	bool below;
	char *text;

	below = cgrp && !strncmp(cgrp->path, top, above) &&
		(!cgrp->path[above] || cgrp->path[above] == '/');
	must(below == !!strcmp(cell, "-"));
	if (!below)
		return;
	path = cgrp->path[above] ? cgrp->path + above : "/";
	text = unescape(cell, strlen(cell), &len);
	must(*text == '/');
	if (strlen(path) <= TCPC_CGROUP_SHOWN)
		must(len == strlen(path) && !memcmp(text, path, len));
	else
		must(len == TCPC_CGROUP_SHOWN + 3 && !memcmp(text, path, TCPC_CGROUP_SHOWN) &&
		     !strcmp(text + TCPC_CGROUP_SHOWN, "..."));
	free(text);
}

static void text_cells_check(const struct tcpc_format *format, const struct table *t)
{
	unsigned int i;
	size_t row;

	for (i = 0; i < format->nr_columns; i++) {
		must(!strcmp(t->cell[i], format->columns[i].name));
		for (row = 0; row < t->rows && !format->columns[i].text; row++)
			must(table_is_number(t->cell[(row + 1) * t->columns + i]));
	}
}

/* The row in the table of what is at @at in the census; before each net's may be others. */
static void row_check(const struct world *w, const struct tcpc_format *format,
		      const struct table *t, size_t row, unsigned int at)
{
	const struct tcpc_close_wait_row *cw = &w->rows.close_wait[at];
	const struct tcpc_ports_row *ports = &w->rows.ports[at];
	const struct tcpc_listener *l = &w->listeners[at];

	if (format == &tcpc_format_listeners) {
		address_check(table_text(t, row, "local"), &l->addr, &l->port);
		cgroup_check(w, table_text(t, row, "cgroup"), l->cgroup);
		must(table_number(t, row, "depth") == l->depth);
		must(table_number(t, row, "filled") == l->peaks.filled);
		must(strcmp(table_text(t, row, "uid"), "-") == !!(l->uid % 5) ||
		     table_number(t, row, "uid") == l->uid);
	} else if (format == &tcpc_format_close_wait) {
		address_check(table_text(t, row, "endpoint"), &cw->key.ep.addr,
			      &cw->key.ep.port);
		must(cw->top.approx == (*table_text(t, row, "endpoint") == '~'));
		cgroup_check(w, table_text(t, row, "cgroup"), cw->key.cgroup);
		must(table_number(t, row, "drained") == cw->cause[TCPC_CAUSE_DRAINED]);
		must(table_number(t, row, "unread_bytes") == cw->unread_bytes);
		rule_check("client", table_text(t, row, "endpoint"));
	} else if (format == &tcpc_format_endpoints) {
		must(table_number(t, row, "closing") ==
		     w->rows.endpoints[at].state[TCP_CLOSING]);
	} else if (format == &tcpc_format_ports) {
		address_check(table_text(t, row, "source"), &ports->key.source, NULL);
		must(table_number(t, row, "used") == ports->top.count);
	}
}

static void rows_check(const struct world *w, const struct tcpc_format *format,
		       const struct table *t)
{
	const struct tcpc_census_net *cn, *end = w->nets + w->census.nr_nets;
	size_t row = 0, i, listed;

	for (cn = w->view.cn ?: w->nets; cn < end; cn++) {
		if (format == &tcpc_format_ports) {
			must(!strcmp(table_text(t, row, "source"), "any"));
			must(cn->ports || !table_number(t, row, "percent"));
			must(table_number(t, row++, "percent") <= 100);
		}
		if (format == &tcpc_format_states) {
			must(table_number(t, row, "netns") == cn->inum);
			row += TCPC_STATES - 1;
		}
		listed = format == &tcpc_format_states ? 0 : cn->listeners;
		if (format == &tcpc_format_listeners && !w->view.cn)
			listed = min_t(size_t, listed, w->census.listeners_each);
		for (i = 0; i < listed; i++) {
			must(table_number(t, row, "netns") == cn->inum);
			row_check(w, format, t, row++, cn->first + i);
		}
		if (w->view.cn)
			break;
	}
	must(row == t->rows);
}

int fuzz_one(const uint8_t *data, size_t size)
{
	static const struct tcpc_format *const formats[] = {
		&tcpc_format_states, &tcpc_format_listeners, &tcpc_format_close_wait,
		&tcpc_format_endpoints, &tcpc_format_ports,
	};
	struct input in = { data, size };
	unsigned int bad = in_below(&in, 0x100), i;
	struct world *w = world_make(&in);
	struct tcpc_text t;
	struct table found;

	shim_memory = (struct shim_memory){ .bad = bad < 48 ? bad : 0 };
	for (i = 0; i < 5; i++) {
		memset(&t, 0, sizeof(t));
		shim_memory.failed = 0;
		tcpc_format_render(formats[i], &t, &w->view);
		must(!t.err || t.err == -ENOMEM);
		if (!t.err) {
			must(!table_parse(&found, formats[i]->name, strndup(t.buf, t.len)));
			must(found.columns == formats[i]->nr_columns);
			text_cells_check(formats[i], &found);
			rows_check(w, formats[i], &found);
			table_free(&found);
		}
		kvfree(t.buf);
	}
	world_free(w);
	must(!shim_memory.blocks);
	return 0;
}

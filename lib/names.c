/* SPDX-License-Identifier: Apache-2.0 */
/* Which names there are from the start, and what a client may do with them, is one table each. */
#include "names.h"

#define INSTANCE "MQ_INST_"

/* Letters, digits and those of `more`: false at the first other byte. */
static bool only(struct str name, const char *more)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i], low = c | 0x20;

		if ((c < '0' || c > '9') && (low < 'a' || low > 'z') &&
			(!c || !strchr(more, c)))
			return false;
	}
	return true;
}

static int check(struct str name, size_t min, size_t max, const char *more, const char *what,
	struct err *e)
{
	if (name.n < min || name.n > max)
		return err_set(e, TQ_EINVAL,
			"%s name '" STR_FMT "' has %zu characters, not %zu to %zu", what,
			(int)MIN(name.n, 140), name.p ? name.p : "", name.n, min, max);
	if (!only(name, more))
		return err_set(e, TQ_EINVAL,
			"%s name '" STR_FMT
			"' has characters other than letters, digits and '%s'",
			what, STR_ARG(name), more);
	return 0;
}

int names_check_topic(struct str name, struct err *e)
{
	return check(name, 3, 64, "-_", "topic", e);
}

int names_check_group(struct str name, struct err *e)
{
	return check(name, 3, 64, "-_", "group", e);
}

int names_check_namespace(struct str name, struct err *e)
{
	return check(name, 3, 32, "-_", "namespace", e);
}

int names_check_wire_topic(struct str name, struct err *e)
{
	return check(name, 1, WIRE_TOPIC_MAX, "%|_-", "topic", e);
}

int names_check_wire_group(struct str name, struct err *e)
{
	return check(name, 1, WIRE_GROUP_MAX, "%|_-", "group", e);
}

bool names_is_retry(struct str topic)
{
	return str_starts(topic, STR(NAMES_RETRY));
}

bool names_is_dlq(struct str topic)
{
	return str_starts(topic, STR(NAMES_DLQ));
}

struct str names_group_of(struct str topic)
{
	if (names_is_retry(topic))
		return str_skip(topic, strlen(NAMES_RETRY));
	return names_is_dlq(topic) ? str_skip(topic, strlen(NAMES_DLQ)) : topic;
}

struct reserved {
	const char *name;
	bool prefix; /* and whatever begins so */
	bool not_sendable; /* clients must not send there */
};

static const struct reserved topics[] = {
	{ NAMES_TEMPLATE },
	{ "SELF_TEST_TOPIC", false, true },
	{ "BenchmarkTest" },
	{ "OFFSET_MOVED_EVENT", false, true },
	{ NAMES_SCHEDULE, false, true },
	{ "TRANS_CHECK_MAX_TIME_TOPIC", false, true },
	{ NAMES_HALF, false, true },
	{ "RMQ_SYS_TRANS_OP_HALF_TOPIC", false, true },
	{ "rmq_sys_timer", false, true },
	{ "RMQ_SYS_", true },
	{ "rmq_sys_", true },
};

static const struct reserved groups[] = {
	{ NAMES_TOOLS_GROUP },
	{ "FILTERSRV_CONSUMER" },
	{ "SCHEDULE_CONSUMER" },
	{ "__MONITOR_CONSUMER" },
	{ "SELF_TEST_C_GROUP" },
	{ "SELF_TEST_P_GROUP" },
	{ "CLIENT_INNER_PRODUCER" },
	{ "CID_ONS-HTTP-PROXY" },
	{ "CID_ONSAPI_", true },
	{ "CID_RMQ_SYS_", true },
	{ "_INNER_TRACE_PRODUCER", true },
};

static const struct reserved *find(const struct reserved *table, size_t n, struct str name)
{
	for (size_t i = 0; name.n && i < n; i++) {
		struct str own;

		if (table[i].name[0] != name.p[0]) /* asked for each message: mostly none */
			continue;
		own = str_of(table[i].name);
		if (table[i].prefix ? str_starts(name, own) : str_eq(name, own))
			return &table[i];
	}
	return NULL;
}

bool names_is_system_topic(struct str topic)
{
	return find(topics, ARRAY_LEN(topics), topic);
}

/* The prefixes stand behind the names. */
const char *names_system_topic_at(size_t i)
{
	return i < ARRAY_LEN(topics) && !topics[i].prefix ? topics[i].name : NULL;
}

bool names_is_system_group(struct str group)
{
	return find(groups, ARRAY_LEN(groups), group);
}

bool names_is_not_sendable(struct str topic)
{
	const struct reserved *r = find(topics, ARRAY_LEN(topics), topic);

	return r && r->not_sendable;
}

void names_split(struct str wire, struct str *ns, struct str *name)
{
	struct str rest = wire;

	str_cut(&rest, '%', ns);
	*name = rest;
	if (rest.p)
		return;
	*ns = STR(NAMES_DEFAULT_NS);
	*name = wire;
}

void names_join(struct buf *out, struct str ns, struct str name)
{
	if (ns.n && !str_eq(ns, STR(NAMES_DEFAULT_NS))) {
		buf_add_str(out, ns);
		buf_putc(out, '%');
	}
	buf_add_str(out, name);
}

/* Takes the cluster id without its dash off the front of *s. */
static bool skip_bare_id(struct str *s, struct str id)
{
	struct str rest = *s, part;

	while (str_cut(&id, '-', &part)) {
		if (!str_starts(rest, part))
			return false;
		rest = str_skip(rest, part.n);
	}
	*s = rest;
	return true;
}

/* The rest of a name behind its alias; all of it where there is none. */
static struct str without_alias(struct str name, struct str id)
{
	struct str rest = name;

	if (!id.n)
		return name;
	if (str_starts(name, id)) {
		rest = str_skip(name, id.n);
		if (rest.n && rest.p[0] == '|')
			return str_skip(rest, 1);
	}
	if (!str_starts(name, STR(INSTANCE)))
		return name;
	rest = str_skip(name, strlen(INSTANCE));
	if (!skip_bare_id(&rest, id) || !rest.n || rest.p[0] != '_')
		return name;
	return str_skip(rest, 1);
}

struct str names_canonical(struct str wire, struct str cluster_id, struct buf *out)
{
	struct str name = names_group_of(wire), rest = without_alias(name, cluster_id);
	struct str prefix = { wire.p, wire.n - name.n };
	size_t start = out->n;

	if (str_starts(rest, STR(NAMES_DEFAULT_NS "%")))
		rest = str_skip(rest, strlen(NAMES_DEFAULT_NS "%"));
	if (rest.n == name.n)
		return wire;
	if (!prefix.n) /* a tail of what was given */
		return rest;
	buf_add_str(out, prefix);
	buf_add_str(out, rest);
	return buf_err(out) ? wire : (struct str){ out->p + start, out->n - start };
}

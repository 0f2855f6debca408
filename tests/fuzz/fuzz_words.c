/* SPDX-License-Identifier: Apache-2.0 */
/* What people type: the first byte says which: a filter, a time, a command line. */
#include "fuzz.h"
#include "opt.h"
#include "rowfilter.h"
#include "when.h"

static const struct col cols[] = {
	{ "name", "name", COL_TEXT, 0 },
	{ "lag", "lag", COL_COUNT, 0 },
	{ "size", "size", COL_BYTES, 0 },
	{ "idle", "idle", COL_MS, 0 },
	{ "since", "since", COL_TIME, 0 },
	{ "on", "on", COL_BOOL, 0 },
	{ "used", "used", COL_PERCENT, 0 },
	COL_END,
};

static void filter(const char *text)
{
	struct rowfilter *f = NULL;
	struct err e = ERR_INIT;
	cJSON *item = NULL;

	BUG_ON(json_parse(STR("{\"name\":\"orders\",\"lag\":12,\"size\":4096,\"idle\":null,"
			      "\"since\":1772323200000,\"on\":true}"),
		JSON_STRICT, &item, &e));
	if (rowfilter_new(text, cols, true, &f, &e)) {
		BUG_ON(!e.msg[0]);
	} else {
		rowfilter_match(f, item);
		BUG_ON(rowfilter_check(text, NULL));
	}
	rowfilter_free(f);
	cJSON_Delete(item);
}

/* An instant written as RFC 3339 is the same instant. */
static void moment(struct str s)
{
	int64_t ms, again = 0;
	struct buf b;

	if (when_parse(s, 1772345678901, true, &ms, NULL))
		return;
	if (ms < -62135596800000 || ms > 253402300799999) /* years 1 to 9999 */
		return;
	buf_init(&b, 100);
	when_rfc3339(&b, ms, true);
	BUG_ON(when_parse(buf_str(&b), 0, false, &again, NULL) || again != ms);
	buf_release(&b);
}

struct args {
	struct strv names, list, pairs;
	const char *group;
	int type, n, verbose;
	int64_t wait_ms, size, since_ms;
	double rate;
	bool all, help;
};

static const char *const types[] = { "normal", "fifo", NULL };
static const struct opt opts[] = {
	OPT_ENUM('t', "type", struct args, type, types, 0, "type"),
	OPT_INT('n', "count", "n", struct args, n, -5, 500, 3, "count"),
	OPT_NAME('g', "group", "name", struct args, group, NAMES_GROUP, "group"),
	OPT_MS('w', "wait", struct args, wait_ms, 0, 1000, 5, "wait"),
	OPT_BYTES('s', "size", struct args, size, 0, 1000, 5, "size"),
	OPT_TIME(0, "since", struct args, since_ms, 0, "since"),
	OPT_RATE('r', "rate", struct args, rate, "rate"),
	OPT_LIST('l', "list", "list", struct args, list, NAMES_TOPIC, "list"),
	OPT_KV('H', "pair", struct args, pairs, "pair"),
	OPT_COUNT('v', "verbose", struct args, verbose, "more"),
	OPT_BOOL('A', "all", struct args, all, "all"),
	OPT_SWITCH('h', "help", struct args, help, OPT_ALONE, "help"),
	OPT_END,
};
static const struct arg words[] = {
	ARG(ARG_ANY, NAMES_NEW_TOPIC, "TOPIC", struct args, names),
	ARG_END,
};

/* Words are lines. */
static void command_line(struct str text)
{
	struct args got;
	struct opt_set set = { opts, &got, NULL };
	struct strv argv, out;
	struct err e = ERR_INIT;
	struct arena mem;
	struct str word, value;
	int rc;

	arena_init(&mem);
	argv = strv_in(&mem);
	out = strv_in(&mem);
	while (str_cut(&text, '\n', &word))
		strv_add(&argv, word);
	rc = opt_parse(&set, 1, words, (int)argv.n, argv.v, &mem, &e);
	BUG_ON(rc && (rc != TQ_EUSAGE || e.code != TQ_EUSAGE));
	if (!rc && !got.help)
		BUG_ON(got.n < -5 || got.n > 500 || got.wait_ms > 1000 || got.type > 1);
	if (argv.n)
		opt_candidates(&set, 1, words, (int)argv.n - 1, argv.v, argv.v[argv.n - 1],
			&out, &value);
	opt_take_word(opts, &(int){ (int)argv.n }, argv.v);
	arena_release(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p;

	if (size < 1 || size > 5000)
		return 0;
	p = calloc(1, size + 1);
	memcpy(p, data, size);
	if (p[0] == 'f')
		filter(p + 1);
	else if (p[0] == 't')
		moment((struct str){ p + 1, size - 1 });
	else
		command_line((struct str){ p + 1, size - 1 });
	free(p);
	return 0;
}

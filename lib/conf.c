/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value has one text form, the one people write; file, environment and conf_set() go through
 * set_text(), the dump through add_text(), and comparing values is comparing texts. Flags come
 * from opt already as values.
 */
#include "conf.h"

#include <ctype.h>
#include <limits.h>

#include "facts.h"
#include "mem.h"
#include "secret.h"
#include "when.h"
#include "yamldoc.h"

#define FILE_MAX (1u << 20)
#define NAME_MAX_ 80 /* of a key, with what it is nested in */

static void *member(const struct conf *c, size_t i)
{
	return (char *)c->into + c->keys[i].at;
}

void conf_key_put(const struct conf_key *k, void *into, int64_t v)
{
	void *to = (char *)into + k->at;

	if (k->kind == CONF_T_BOOL)
		*(bool *)to = v != 0;
	else if (k->kind == CONF_T_CHOICE)
		*(int *)to = (int)v;
	else
		*(int64_t *)to = v;
}

int64_t conf_key_get(const struct conf_key *k, const void *into)
{
	const void *from = (const char *)into + k->at;

	if (k->kind == CONF_T_BOOL)
		return *(const bool *)from;
	if (k->kind == CONF_T_CHOICE)
		return *(const int *)from;
	return *(const int64_t *)from;
}

static bool is_text(const struct conf_key *k)
{
	return k->kind == CONF_T_TEXT || k->kind == CONF_T_LIST;
}

static void set_default(struct conf *c, size_t i)
{
	const struct conf_key *k = &c->keys[i];
	void *to = member(c, i);

	if (k->kind == CONF_T_TEXT) {
		*(const char **)to = k->text ? k->text : "";
	} else if (k->kind == CONF_T_LIST) {
		*(struct strv *)to = strv_in(&c->arena);
		strv_split(to, str_of(k->text), ',');
	} else {
		conf_key_put(k, c->into, k->absent);
	}
	c->origins[i] = CONF_FROM_DEFAULT;
}

static const char *dashed(struct arena *a, const char *text)
{
	char *s = arena_str(a, text);

	for (char *p = s; *p; p++)
		if (*p == '_' || *p == '.')
			*p = '-';
	return s;
}

void conf_init(struct conf *c, const struct conf_key *keys, void *into, const char *env_prefix)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->arena);
	c->keys = keys;
	c->into = into;
	c->env_prefix = env_prefix;
	while (keys[c->n].kind)
		c->n++;
	c->names = arena_alloc(&c->arena, (c->n + 1) * sizeof(*c->names));
	c->origins = arena_alloc(&c->arena, (c->n + 1) * sizeof(*c->origins));
	c->flags = arena_alloc(&c->arena, (c->n + 1) * sizeof(*c->flags));
	for (size_t i = 0; i < c->n; i++) {
		c->names[i] = dashed(&c->arena, keys[i].member);
		set_default(c, i);
	}
}

void conf_release(struct conf *c)
{
	arena_release(&c->arena);
	memset(c, 0, sizeof(*c));
}

/* How each kind is an option: its type, the name of its value, and which member takes it. */
static const struct {
	enum opt_type type;
	const char *arg;
	size_t at, size;
} as_option[] = {
	[CONF_T_TEXT] = { OPT_T_STR, "text", offsetof(struct conf_flag, text), sizeof(char *) },
	[CONF_T_LIST] = { OPT_T_LIST, "list", offsetof(struct conf_flag, list),
		sizeof(struct strv) },
	[CONF_T_NUMBER] = { OPT_T_INT, "n", offsetof(struct conf_flag, number),
		sizeof(int64_t) },
	[CONF_T_TIME] = { OPT_T_MS, "duration", offsetof(struct conf_flag, number),
		sizeof(int64_t) },
	[CONF_T_BYTES] = { OPT_T_BYTES, "size", offsetof(struct conf_flag, number),
		sizeof(int64_t) },
	[CONF_T_CHOICE] = { OPT_T_ENUM, NULL, offsetof(struct conf_flag, choice), sizeof(int) },
	[CONF_T_BOOL] = { OPT_T_BOOL, NULL, offsetof(struct conf_flag, on), sizeof(bool) },
};

static struct opt option_of(const struct conf *c, size_t i)
{
	const struct conf_key *k = &c->keys[i];

	return (struct opt){
		.type = as_option[k->kind].type,
		.name = c->names[i],
		.arg = k->flags & CONF_FILE ? "path" : as_option[k->kind].arg,
		.at = i * sizeof(struct conf_flag) + as_option[k->kind].at,
		.size = as_option[k->kind].size,
		.min = k->min,
		.max = k->max,
		.absent = k->absent,
		.absent_text = k->text && *k->text ? k->text : NULL,
		.names = k->names,
		.kind = k->flags & CONF_FILE	   ? NAMES_FILE
			: k->kind == CONF_T_CHOICE ? NAMES_ENUM
						   : NAMES_NONE,
		.help = k->doc,
	};
}

const struct opt *conf_opts(struct conf *c)
{
	size_t n = 0;

	if (c->opts)
		return c->opts;
	c->opts = arena_alloc(&c->arena, (c->n * 2 + 1) * sizeof(*c->opts));
	for (size_t i = 0; i < c->n; i++) {
		struct opt *no = &c->opts[n + 1];

		if (c->keys[i].flags & CONF_NO_FLAG)
			continue;
		c->opts[n++] = option_of(c, i);
		if (c->keys[i].kind != CONF_T_BOOL)
			continue;
		*no = option_of(c, i);
		no->name = arena_fmt(&c->arena, "no-%s", c->names[i]);
		no->at = i * sizeof(struct conf_flag) + offsetof(struct conf_flag, off);
		no->flags = OPT_HIDDEN;
		n++;
	}
	return c->opts;
}

void *conf_opts_into(struct conf *c)
{
	return c->flags;
}

static bool find(const struct conf *c, const char *name, size_t *at)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->names[i], name)) {
			*at = i;
			return true;
		}
	return false;
}

static int unknown(const struct conf *c, const char *name, struct err *e)
{
	const char **names = mem_array(c->n + 1, sizeof(*names));
	const char *near;

	memcpy(names, c->names, c->n * sizeof(*names));
	near = opt_nearest(str_of(name), names);
	err_set(e, TQ_EINVAL, "there is no setting '%s'", name);
	if (near)
		err_hint(e, "did you mean %s?", near);
	mem_free(names);
	return TQ_EINVAL;
}

void conf_key_text(const struct conf_key *k, int64_t v, struct buf *b)
{
	if (k->kind == CONF_T_TIME)
		when_span_exact(b, v);
	else if (k->kind == CONF_T_BYTES)
		facts_bytes(b, v);
	else if (k->kind == CONF_T_BOOL)
		buf_puts(b, v ? "true" : "false");
	else if (k->kind == CONF_T_CHOICE)
		buf_puts(b, k->names[v]);
	else
		buf_i64(b, v);
}

static int out_of_bounds(const struct conf_key *k, struct err *e)
{
	struct buf low, high;

	buf_init(&low, 100);
	buf_init(&high, 100);
	conf_key_text(k, k->min, &low);
	conf_key_text(k, k->max, &high);
	err_set(e, TQ_EINVAL, "not between %s and %s", low.p, high.p);
	buf_release(&low);
	buf_release(&high);
	return TQ_EINVAL;
}

static int read_bool(struct str s, int64_t *out, struct err *e)
{
	static const char *const words[] = { "false", "true", "off", "on", "no", "yes", "0",
		"1", NULL };
	int i = str_index(s, words);

	if (i < 0)
		return err_set(e, TQ_EINVAL, "'" STR_FMT "' is not true or false", STR_ARG(s));
	*out = i & 1;
	return 0;
}

int conf_key_read(const struct conf_key *k, struct str s, int64_t *out, struct err *e)
{
	int64_t v = 0;
	int choice, rc;

	if (k->kind == CONF_T_BOOL)
		return read_bool(s, out, e);
	if (k->kind == CONF_T_CHOICE) {
		rc = opt_choose(k->names, s, &choice, e);
		*out = rc ? *out : choice;
		return rc;
	}
	if (k->kind == CONF_T_TIME)
		rc = str_to_ms(s, &v, e);
	else if (k->kind == CONF_T_BYTES)
		rc = str_to_bytes(s, &v, e);
	else
		rc = str_to_i64(s, INT64_MIN, INT64_MAX, &v, "value", e);
	if (!rc && (v < k->min || v > k->max))
		rc = out_of_bounds(k, e);
	if (!rc)
		*out = v;
	return rc;
}

static int set_text(
	struct conf *c, size_t i, const char *text, enum conf_origin origin, struct err *e)
{
	const struct conf_key *k = &c->keys[i];
	struct str s = str_of(text);
	int64_t v = 0;
	int rc = 0;

	if (k->kind == CONF_T_TEXT && (int64_t)s.n > k->max) {
		rc = err_set(e, TQ_EINVAL, "text of more than %lld bytes", (long long)k->max);
	} else if (k->kind == CONF_T_TEXT) {
		*(const char **)member(c, i) = arena_str(&c->arena, text);
	} else if (k->kind == CONF_T_LIST) {
		*(struct strv *)member(c, i) = strv_in(&c->arena);
		strv_split(member(c, i), s, ',');
	} else {
		rc = conf_key_read(k, s, &v, e);
		if (!rc)
			conf_key_put(k, c->into, v);
	}
	if (!rc)
		c->origins[i] = origin;
	return rc;
}

struct file {
	struct conf *c;
	struct yamldoc *doc;
	bool *seen; /* by index */
	struct err *e;
};

static int set_list(struct file *f, size_t i, const cJSON *list)
{
	struct strv *to = member(f->c, i);
	const cJSON *item;

	*to = strv_in(&f->c->arena);
	cJSON_ArrayForEach (item, list) {
		const char *text = yamldoc_text(f->doc, item);

		if (!text) {
			err_set(f->e, TQ_EINVAL, "%s: a list of texts is wanted",
				f->c->names[i]);
			return yamldoc_wrap(f->doc, item, f->e);
		}
		strv_add(to, str_of(text));
	}
	f->c->origins[i] = CONF_FROM_FILE;
	return 0;
}

static int set_node(struct file *f, const char *name, const cJSON *node)
{
	const char *text = yamldoc_text(f->doc, node);
	size_t i;
	int rc;

	if (!find(f->c, name, &i)) {
		rc = unknown(f->c, name, f->e);
	} else if (f->seen[i]) {
		rc = err_set(f->e, TQ_EINVAL, "%s is set twice", name);
	} else {
		f->seen[i] = true;
		if (cJSON_IsArray(node) && f->c->keys[i].kind == CONF_T_LIST)
			return set_list(f, i, node);
		if (text)
			rc = set_text(f->c, i, text, CONF_FROM_FILE, f->e);
		else
			rc = err_set(f->e, TQ_EINVAL, "one value is wanted");
		if (rc)
			err_wrap(f->e, "%s", name);
	}
	if (rc)
		yamldoc_wrap(f->doc, node, f->e);
	return rc;
}

static int set_map(struct file *f, const char *front, const cJSON *map)
{
	const cJSON *child;
	struct arena mem;
	int rc = 0;

	arena_init(&mem);
	cJSON_ArrayForEach (child, map) {
		const char *name = dashed(&mem, child->string);

		if (*front)
			name = arena_fmt(&mem, "%s-%s", front, name);
		if (strlen(name) > NAME_MAX_) {
			rc = err_set(f->e, TQ_EINVAL, "a key of more than %d bytes", NAME_MAX_);
			yamldoc_wrap(f->doc, child, f->e);
		} else if (cJSON_IsObject(child)) {
			rc = set_map(f, name, child);
		} else {
			rc = set_node(f, name, child);
		}
		if (rc)
			break;
	}
	arena_release(&mem);
	return rc;
}

/* A file with a secret in it is the owner's alone. */
static int check_secrets(const struct conf *c, const char *path, struct err *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->keys[i].flags & CONF_SECRET && c->origins[i] == CONF_FROM_FILE &&
			secret_check_file(path, e))
			return err_wrap(e, "%s", c->names[i]);
	return 0;
}

static int load_file(struct conf *c, const char *path, struct err *e)
{
	struct file f = { .c = c, .e = e };
	const cJSON *root;
	int rc = yamldoc_load(path, FILE_MAX, &f.doc, e);

	if (rc)
		return rc;
	f.seen = mem_array(c->n, sizeof(*f.seen));
	root = yamldoc_count(f.doc) ? yamldoc_root(f.doc, 0) : NULL;
	if (yamldoc_count(f.doc) > 1)
		rc = err_set(e, TQ_EINVAL, "'%s' holds more than one document", path);
	else if (root && !cJSON_IsObject(root))
		rc = err_set(e, TQ_EINVAL, "'%s' holds no settings (key: value)", path);
	else if (root)
		rc = set_map(&f, "", root);
	if (!rc)
		rc = check_secrets(c, path, e);
	mem_free(f.seen);
	yamldoc_free(f.doc);
	return rc;
}

static int load_env(struct conf *c, struct err *e)
{
	struct buf name;
	int rc = 0;

	if (!c->env_prefix)
		return 0;
	buf_init(&name, 200);
	for (size_t i = 0; i < c->n && !rc; i++) {
		const char *value;

		buf_clear(&name);
		buf_puts(&name, c->env_prefix);
		for (const char *p = c->names[i]; *p; p++)
			buf_putc(&name, *p == '-' ? '_' : (char)toupper((unsigned char)*p));
		BUG_ON(buf_err(&name));
		value = getenv(name.p);
		if (!value || !*value)
			continue;
		rc = set_text(c, i, value, CONF_FROM_ENV, e);
		if (rc)
			err_wrap(e, "%s in the environment", name.p);
	}
	buf_release(&name);
	return rc;
}

static int load_flag(struct conf *c, size_t i, const struct opt *o, struct err *e)
{
	const struct conf_flag *f = &c->flags[i];
	const struct conf_key *k = &c->keys[i];

	c->origins[i] = CONF_FROM_FLAG;
	switch (k->kind) {
	case CONF_T_TEXT:
		return set_text(c, i, f->text, CONF_FROM_FLAG, e);
	case CONF_T_LIST:
		*(struct strv *)member(c, i) = strv_in(&c->arena);
		for (size_t j = 0; j < f->list.n; j++)
			strv_add(member(c, i), str_of(f->list.v[j]));
		return 0;
	case CONF_T_CHOICE:
		conf_key_put(k, c->into, f->choice);
		return 0;
	case CONF_T_BOOL:
		if (f->on && f->off)
			return err_set(e, TQ_EUSAGE, "both --%s and --no-%s", c->names[i],
				c->names[i]);
		conf_key_put(k, c->into, o->flags & OPT_HIDDEN ? 0 : 1);
		return 0;
	default:
		conf_key_put(k, c->into, f->number);
		return 0;
	}
}

static int load_flags(struct conf *c, const struct opt_set *flags, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; flags && flags->opts[i].type && !rc; i++)
		if (flags->given[i])
			rc = load_flag(c, flags->opts[i].at / sizeof(struct conf_flag),
				&flags->opts[i], e);
	return rc;
}

static size_t struct_size(const struct conf *c)
{
	size_t size = 0;

	for (size_t i = 0; i < c->n; i++)
		size = MAX(size, c->keys[i].at + c->keys[i].size);
	return size;
}

int conf_load(struct conf *c, const char *file, const struct opt_set *flags, struct err *e)
{
	size_t size = struct_size(c), origins = c->n * sizeof(*c->origins);
	void *before = mem_alloc(size + origins);
	int rc = 0;

	memcpy(before, c->into, size);
	memcpy((char *)before + size, c->origins, origins);
	for (size_t i = 0; i < c->n; i++)
		set_default(c, i);
	if (file)
		rc = load_file(c, file, e);
	if (!rc)
		rc = load_env(c, e);
	if (!rc)
		rc = load_flags(c, flags, e);
	if (rc) {
		memcpy(c->into, before, size);
		memcpy(c->origins, (char *)before + size, origins);
	}
	mem_free(before);
	return rc;
}

int conf_set(struct conf *c, const char *key, const char *value, struct err *e)
{
	size_t i;
	int rc;

	if (!find(c, key, &i))
		return unknown(c, key, e);
	rc = set_text(c, i, value, CONF_FROM_FLAG, e);
	if (rc)
		err_wrap(e, "%s", key);
	return rc;
}

static void add_text(const struct conf *c, size_t i, struct buf *b)
{
	const struct conf_key *k = &c->keys[i];

	if (k->kind == CONF_T_TEXT) {
		buf_puts(b, *(const char **)member(c, i));
	} else if (k->kind == CONF_T_LIST) {
		const struct strv *v = member(c, i);

		for (size_t j = 0; j < v->n; j++)
			buf_addf(b, "%s%s", j ? "," : "", v->v[j]);
	} else {
		conf_key_text(k, conf_key_get(k, c->into), b);
	}
	buf_add(b, "", 0);
}

static void add_default(const struct conf_key *k, struct buf *b)
{
	if (is_text(k))
		buf_puts(b, k->text ? k->text : "");
	else
		conf_key_text(k, k->absent, b);
	buf_add(b, "", 0);
}

static bool same_text(const struct conf *a, const struct conf *b, size_t i)
{
	struct buf x, y;
	bool same;

	buf_init(&x, FILE_MAX);
	buf_init(&y, FILE_MAX);
	add_text(a, i, &x);
	add_text(b, i, &y);
	same = str_eq(buf_str(&x), buf_str(&y));
	buf_release(&x);
	buf_release(&y);
	return same;
}

static bool is_default(const struct conf *c, size_t i)
{
	struct buf now, def;
	bool same;

	buf_init(&now, FILE_MAX);
	buf_init(&def, FILE_MAX);
	add_text(c, i, &now);
	add_default(&c->keys[i], &def);
	same = str_eq(buf_str(&now), buf_str(&def));
	buf_release(&now);
	buf_release(&def);
	return same;
}

/* Takes one value over; strings move into this arena. */
static void adopt(struct conf *c, const struct conf *fresh, size_t i)
{
	struct buf text;

	buf_init(&text, FILE_MAX);
	add_text(fresh, i, &text);
	BUG_ON(buf_err(&text) || set_text(c, i, text.p, fresh->origins[i], NULL));
	buf_release(&text);
}

void conf_adopt(
	struct conf *c, const struct conf *fresh, struct strv *changed, struct strv *restart)
{
	BUG_ON(c->keys != fresh->keys);
	for (size_t i = 0; i < c->n; i++) {
		bool live = c->keys[i].flags & CONF_RELOAD;

		if (same_text(c, fresh, i))
			continue;
		strv_add(live ? changed : restart, str_of(c->names[i]));
		if (live)
			adopt(c, fresh, i);
	}
}

bool conf_get(const struct conf *c, const char *key, struct buf *out)
{
	size_t i;

	if (!find(c, key, &i))
		return false;
	if (c->keys[i].flags & CONF_SECRET && !is_default(c, i))
		buf_puts(out, "***");
	else
		add_text(c, i, out);
	return true;
}

static void dump_list(cJSON *doc, const char *name, const struct strv *v)
{
	cJSON *list = cJSON_AddArrayToObject(doc, name);

	for (size_t i = 0; i < v->n; i++)
		json_add_str(list, NULL, str_of(v->v[i]));
}

static void dump_value(const struct conf *c, size_t i, cJSON *doc)
{
	const struct conf_key *k = &c->keys[i];
	struct buf b;

	if (k->kind == CONF_T_LIST && !(k->flags & CONF_SECRET)) {
		dump_list(doc, c->names[i], member(c, i));
		return;
	}
	if (k->kind == CONF_T_NUMBER) {
		json_add_i64(doc, c->names[i], conf_key_get(k, c->into));
		return;
	}
	buf_init(&b, FILE_MAX);
	conf_get(c, c->names[i], &b);
	if (k->kind == CONF_T_BOOL)
		cJSON_AddBoolToObject(doc, c->names[i], str_is(buf_str(&b), "true"));
	else
		json_add_str(doc, c->names[i], buf_str(&b));
	buf_release(&b);
}

void conf_dump(const struct conf *c, bool only_changed, struct buf *out)
{
	cJSON *doc = cJSON_CreateObject();

	for (size_t i = 0; i < c->n; i++)
		if (!only_changed || !is_default(c, i))
			dump_value(c, i, doc);
	if (doc->child)
		(void)!yamldoc_write(out, doc, true, NULL); /* texts came from files: UTF-8 */
	cJSON_Delete(doc);
}

/* "default 2m; 1s to 1d; changes without a restart" */
static void add_facts(const struct conf_key *k, struct buf *b)
{
	buf_puts(b, "default ");
	if (is_text(k) && !(k->text && *k->text))
		buf_puts(b, "empty");
	else
		add_default(k, b);
	if (k->kind == CONF_T_CHOICE) {
		buf_puts(b, "; one of ");
		facts_words(b, k->names);
	}
	if (k->kind == CONF_T_NUMBER || k->kind == CONF_T_TIME || k->kind == CONF_T_BYTES) {
		buf_puts(b, "; ");
		conf_key_text(k, k->min, b);
		buf_puts(b, " to ");
		conf_key_text(k, k->max, b);
	}
	if (k->flags & CONF_RELOAD)
		buf_puts(b, "; may change without a restart");
}

void conf_sample(const struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_key *k = &c->keys[i];
		struct buf def;

		buf_addf(out, "%s# %s\n# (", i ? "\n" : "", k->doc);
		add_facts(k, out);
		buf_init(&def, FILE_MAX);
		add_default(k, &def);
		buf_addf(out, ")\n#%s: %s\n", c->names[i], def.n ? def.p : "\"\"");
		buf_release(&def);
	}
}

void conf_describe_mdoc(const struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		struct buf facts;

		buf_init(&facts, FILE_MAX);
		add_facts(&c->keys[i], &facts);
		buf_addf(out, ".It Ic %s\n", c->names[i]);
		facts_sentence(out, str_of(c->keys[i].doc));
		facts_sentence(out, buf_str(&facts));
		buf_release(&facts);
	}
}

static size_t size_of(enum conf_kind kind)
{
	switch (kind) {
	case CONF_T_TEXT:
		return sizeof(char *);
	case CONF_T_BOOL:
		return sizeof(bool);
	case CONF_T_CHOICE:
		return sizeof(int);
	case CONF_T_LIST:
		return sizeof(struct strv);
	default:
		return sizeof(int64_t);
	}
}

void conf_check(const struct conf_key *keys, struct buf *complaints)
{
	for (const struct conf_key *k = keys; k->kind; k++) {
		int64_t n = 0;

		facts_check_help(k->member, k->doc, complaints);
		if (k->size != size_of(k->kind))
			buf_addf(complaints, "%s: its member has %zu bytes\n", k->member,
				k->size);
		while (k->kind == CONF_T_CHOICE && k->names[n])
			n++;
		if (k->kind == CONF_T_CHOICE
				? k->absent < 0 || k->absent >= n
				: !is_text(k) && (k->absent < k->min || k->absent > k->max))
			buf_addf(complaints, "%s: default is out of bounds\n", k->member);
		for (const struct conf_key *other = keys; other < k; other++)
			if (!strcmp(other->member, k->member))
				buf_addf(complaints, "%s: twice\n", k->member);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_edit: the configuration file is people's own text, with comments. So a change is made to
 * its lines, and is then read back: only a text that says what was meant replaces the file.
 */
#include <libgen.h>
#include <unistd.h>

#include "config.h"
#include "fsio.h"
#include "yamldoc.h"

#define CONFIG_MAX (1u << 20)
#define NEW_MODE 0600

struct edit {
	const char *path;
	mode_t mode;
	struct buf old, new;
};

static int edit_open(struct edit *ed, const char *path, struct arena *mem, struct err *e)
{
	struct stat st;
	bool must;

	buf_init(&ed->old, CONFIG_MAX);
	buf_init(&ed->new, CONFIG_MAX);
	ed->mode = NEW_MODE;
	ed->path = config_path(path, &must, mem);
	if (!ed->path) {
		err_set(e, TQ_EPRECOND, "no place for a configuration file");
		return err_hint(e, "set HOME or XDG_CONFIG_HOME, or name one: --config FILE");
	}
	if (stat(ed->path, &st))
		return 0;
	ed->mode = st.st_mode & 0777;
	return fsio_read_file(ed->path, CONFIG_MAX, &ed->old, e);
}

static void edit_release(struct edit *ed)
{
	buf_release(&ed->old);
	buf_release(&ed->new);
}

static bool is_key(struct str line, const char *key)
{
	return str_starts(line, str_of(key)) && line.n > strlen(key) &&
	       line.p[strlen(key)] == ':';
}

/* Whether the new text is a configuration that has the context, as current one if so wanted. */
static int check(const struct edit *ed, const char *context, bool current, struct err *e)
{
	const cJSON *root, *all;
	struct yamldoc *doc;
	const char *text;
	bool good;
	int rc = yamldoc_parse(buf_str(&ed->new), ed->path, &doc, e);

	if (rc)
		return rc;
	root = yamldoc_count(doc) ? yamldoc_root(doc, 0) : NULL;
	all = cJSON_GetObjectItemCaseSensitive(root, "contexts");
	text = yamldoc_text(doc, cJSON_GetObjectItemCaseSensitive(root, "currentContext"));
	good = cJSON_GetObjectItemCaseSensitive(all, context) &&
	       (!current || (text && !strcmp(text, context)));
	yamldoc_free(doc);
	return good ? 0 : err_set(e, TQ_EFORMAT, "the context would not be there");
}

static int save(
	struct edit *ed, const char *context, bool current, struct arena *mem, struct err *e)
{
	char *copy = arena_str(mem, ed->path);
	int rc = check(ed, context, current, e);

	if (rc) {
		err_wrap(e, "cannot change '%s' in its present form", ed->path);
		err_hint(e, "edit it by hand: FILES in tdmqctl(1)");
		return e->code = TQ_EPRECOND;
	}
	rc = fsio_mkdirs(dirname(copy), 0700, e);
	return rc ? rc : fsio_replace(ed->path, buf_str(&ed->new), ed->mode, e);
}

static void add_line(struct buf *b, struct str line)
{
	buf_add_str(b, line);
	buf_putc(b, '\n');
}

/* Old lines to new ones; the end of the text is the end of its last line. */
static bool next_line(struct str *rest, struct str *line)
{
	return rest->n && str_cut(rest, '\n', line);
}

int config_use(const char *path, const char *context, struct arena *mem, struct err *e)
{
	struct edit ed;
	struct str rest, line;
	bool done = false;
	int rc = edit_open(&ed, path, mem, e);

	for (rest = buf_str(&ed.old); !rc && next_line(&rest, &line);) {
		if (!is_key(line, "currentContext")) {
			add_line(&ed.new, line);
			continue;
		}
		buf_addf(&ed.new, "currentContext: %s\n", context);
		done = true;
	}
	if (!rc && !done) {
		buf_clear(&ed.new);
		buf_addf(&ed.new, "currentContext: %s\n", context);
		buf_add_str(&ed.new, buf_str(&ed.old));
	}
	if (!rc)
		rc = save(&ed, context, true, mem, e);
	edit_release(&ed);
	return rc;
}

/* ---- a new context ---- */

/* `, key: "text"`: a double-quoted scalar of YAML is a string of JSON. */
static void put(struct buf *b, const char *before, const char *key, const char *text)
{
	if (!text)
		return;
	buf_addf(b, "%s%s: ", before, key);
	json_quote(b, str_of(text));
}

static void put_list(struct buf *b, const char *list)
{
	struct str rest = str_of(list), item;
	const char *comma = "";

	buf_puts(b, "nameservers: [");
	for (; str_cut(&rest, ',', &item); comma = ", ") {
		buf_puts(b, comma);
		json_quote(b, str_trim(item));
	}
	buf_putc(b, ']');
}

static void put_context(
	struct buf *b, struct str indent, const char *name, const struct config *c)
{
	buf_addf(b, STR_FMT "%s: {", STR_ARG(indent), name);
	put_list(b, c->nameservers);
	put(b, ", ", "namespace", c->namespace);
	if (c->access_key || c->role) {
		buf_puts(b, ", credentials: {");
		put(b, "", "accessKey", c->access_key);
		put(b, ", ", "secretFrom", c->access_key ? c->secret_from : NULL);
		put(b, "", "role", c->role);
		put(b, ", ", "tokenFrom", c->role ? c->token_from : NULL);
		buf_putc(b, '}');
	}
	if (c->protected)
		buf_puts(b, ", protected: true");
	if (c->read_only)
		buf_puts(b, ", readOnly: true");
	buf_puts(b, "}\n");
}

/* Blanks in front of the contexts that are there already. */
static struct str indent_of(struct str rest)
{
	struct str line, text;

	while (next_line(&rest, &line)) {
		text = str_trim(line);
		if (!text.n || text.p[0] == '#')
			continue;
		if (text.p == line.p)
			break;
		return (struct str){ line.p, (size_t)(text.p - line.p) };
	}
	return STR("  ");
}

int config_add(const char *path, const char *name, const struct config *c, struct arena *mem,
	struct err *e)
{
	struct edit ed;
	struct str rest, line;
	bool done = false;
	int rc = edit_open(&ed, path, mem, e);

	for (rest = buf_str(&ed.old); !rc && next_line(&rest, &line);) {
		add_line(&ed.new, line);
		if (done || !is_key(line, "contexts"))
			continue;
		put_context(&ed.new, indent_of(rest), name, c);
		done = true;
	}
	if (!rc && !done) {
		buf_puts(&ed.new, "contexts:\n");
		put_context(&ed.new, STR("  "), name, c);
	}
	if (!rc)
		rc = save(&ed, name, false, mem, e);
	edit_release(&ed);
	return rc;
}

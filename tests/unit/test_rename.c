/* SPDX-License-Identifier: Apache-2.0 */
/* rename, planfile, html: what people and strangers write, cut at each byte. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "migrate.h"
#include "migrate/html.h"
#include "migrate/mapping.h"
#include "migrate/planfile.h"

static void expect_name(struct rename *rn, const char *source, const char *ns, const char *name)
{
	struct mapping m = { .rename = rn };
	struct target_name to = { "", "", false };
	struct err e = ERR_INIT;

	cr_expect(zero(int, (int)mapping_apply(&m, OBJ_TOPIC, source, &to, &e)), "'%s': %s",
		source, e.msg);
	cr_expect(zero(int, strcmp(to.ns, ns)), "'%s' -> '%s'", source, to.ns);
	cr_expect(zero(int, strcmp(to.name, name)), "'%s' -> '%s'", source, to.name);
}

Test(rename, file_goes_before_rules_and_auto_comes_last)
{
	struct rename rn;
	struct err e = ERR_INIT;

	rename_init(&rn);
	cr_assert(zero(int, rename_rule(&rn, "a(.)c=x\\1z\\0", &e)), "%s", e.msg);
	cr_assert(zero(int, rename_rule(&rn, "a.*=later", &e)));
	cr_assert(zero(int, rename_rule(&rn, "auto", &e)));
	cr_assert(
		zero(int,
			rename_text(&rn, "r.csv",
				STR("kind,source,namespace,name\r\n"
				    "topic,shop%abc,,filed\r\n\"topic\",\"s%\"\"q\"\"\",deep,\r\n"
				    "# a remark\n"),
				&e)),
		"%s", e.msg);
	expect_name(&rn, "shop%abc", "shop", "filed");
	expect_name(&rn, "aXc", "default", "xXzaXc");
	expect_name(&rn, "abcd", "default", "later");
	expect_name(&rn, "s%\"q\"", "deep", "-q-");
	expect_name(&rn, "MQ_INST_1234567890_abcdefghijklmnopqrs%orders",
		"MQ_INST_1234567890_abcd-b6405b8a", "orders");
	rename_release(&rn);
}

Test(rename, refuses_files_that_lie)
{
	static const struct {
		const char *why, *text;
	} cases[] = {
		{ "an unknown kind", "role,a,b,c\n" },
		{ "no new name", "topic,a,,\n" },
		{ "twice", "topic,a,b,c\ntopic,a,b,d\n" },
		{ "an open quote", "topic,\"a,b,c\n" },
		{ "one field", "topic\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rename rn;
		struct err e = ERR_INIT;

		rename_init(&rn);
		cr_expect(eq(int, rename_text(&rn, "r.csv", str_of(cases[i].text), &e),
				  TQ_EFORMAT),
			"%s", cases[i].why);
		cr_expect(
			strstr(e.msg, "'r.csv', line ") != NULL, "%s: %s", cases[i].why, e.msg);
		rename_release(&rn);
	}
}

static const char plan[] =
	"{\"format\":\"tdmqctl-plan/1\",\"target\":{\"id\":\"x\"},\"onConflict\":\"fail\",\"items\":["
	"{\"kind\":\"namespace\",\"verdict\":\"create\",\"namespace\":\"shop\","
	"\"object\":{\"name\":\"shop\"}},"
	"{\"kind\":\"topic\",\"verdict\":\"create\",\"source\":\"shop%a1b\",\"namespace\":\"shop\","
	"\"name\":\"a1b\",\"warnings\":[\"CASE_TWIN\",7],\"object\":{\"topicName\":\"shop%a1b\"}},"
	"{\"kind\":\"group\",\"verdict\":\"adjust\",\"source\":\"g\",\"namespace\":\"default\","
	"\"name\":\"g-1\",\"object\":{\"groupName\":\"g-1\",\"retryMaxTimes\":3}},"
	"{\"kind\":\"group\",\"verdict\":\"refused\",\"reason\":\"INVALID_NAME\",\"source\":\"?\"}]}";

static int read_plan(struct str text, size_t *n, struct err *e)
{
	struct planfile head;
	struct plan p;
	int rc;

	plan_init(&p);
	rc = planfile_read_text(&p, &head, "p.json", text, e);
	*n = p.n;
	plan_release(&p);
	return rc;
}

Test(planfile, reads_what_it_is_and_nothing_else)
{
	struct str all = str_of(plan);
	struct err e = ERR_INIT;
	size_t n = 0;
	char *copy;

	cr_assert(zero(int, read_plan(all, &n, &e)), "%s", e.msg);
	cr_expect(eq(sz, n, 4));
	for (size_t cut = 0; cut < all.n; cut++)
		cr_expect(read_plan((struct str){ all.p, cut }, &n, NULL) != 0, "cut at %zu",
			cut);
	for (size_t bit = 0; bit < 8 * all.n; bit++) {
		copy = mem_strn(all.p, all.n);
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
		(void)!read_plan((struct str){ copy, all.n }, &n, NULL);
		mem_free(copy);
	}
}

Test(html, shows_markup_and_controls_as_text)
{
	static const struct {
		const char *text, *html;
	} cases[] = {
		{ "<b a='1' c=\"2\">&", "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;" },
		{ "\033[31m\n", "\\x1b[31m\\x0a" },
		{ "\xe2\x80\xae"
		  "evil",
			"\\xe2\\x80\\xae"
			"evil" },
		{ "caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac" },
		{ "\xe2\x80", "\xe2\x80" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;

		buf_init(&b, 200);
		html_text(&b, cases[i].text);
		cr_expect(str_is(buf_str(&b), cases[i].html), "%.*s", (int)b.n, b.p);
		buf_release(&b);
	}
}

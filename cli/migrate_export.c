/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys are found, the cloud is asked, the export is written: in this order, so that nothing is
 * written when something went wrong on the way. Words go to stderr, the export to its file.
 */
#include "migrate_export.h"

#include <stdlib.h>

#include "cmd.h"
#include "ctx.h"
#include "migrate/apache_live.h"
#include "migrate/fetch.h"
#include "progress.h"

struct export_source {
	const char *name;
	enum cloud cloud;
	int (*fetch)(struct export *x, const struct fetch_opts *o, struct err *e);
};

static const struct export_source sources_known[] = {
	{ "huawei", CLOUD_HUAWEI, fetch_huawei },
	{ "ons", CLOUD_ALI, fetch_ons },
};
const char *const export_sources[] = { "apache", "huawei", "ons", NULL };

static void on_note(void *arg, const char *line)
{
	ctx_note(arg, "%s", line);
}

static const char *environment(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static struct fetch_opts fetch_options(
	struct ctx *cx, const struct export_args *a, const struct cloudkey *key)
{
	struct fetch_opts o = { .key = key,
		.region = a->cloud.region,
		.project = a->project,
		.instance = a->instance,
		.endpoint = a->cloud.endpoint,
		.subscriptions = a->subscriptions,
		.policies = a->policies,
		.signature_1 = a->signature == 1,
		.note = on_note,
		.arg = cx };

	o.iam_endpoint =
		a->iam_endpoint ? a->iam_endpoint : environment("HUAWEICLOUD_SDK_IAM_ENDPOINT");
	o.web = cloud_web(cx, &a->cloud);
	if (!o.endpoint || !o.iam_endpoint || strcmp(o.endpoint, o.iam_endpoint) != 0)
		cloud_warn_plain(cx, o.iam_endpoint);
	return o;
}

static int write_out(struct ctx *cx, const struct export_args *a, struct export *x)
{
	const char *path = a->file ? a->file : "-";
	struct buf text;
	int rc;

	buf_init(&text, 2 * SOURCE_MAX_BYTES);
	rc = export_text(x, (enum export_format)a->format, &text, &cx->err);
	if (!rc && stop_asked())
		rc = err_set(&cx->err, TQ_EINTERRUPTED, "interrupted: nothing is written");
	if (!rc)
		rc = export_write(path, buf_str(&text), &cx->err);
	buf_release(&text);
	return rc;
}

static void report(struct ctx *cx, const struct export_args *a, const struct export *x)
{
	const cJSON *part;

	cJSON_ArrayForEach (part, x->incomplete)
		ctx_warn(cx, "%s: %s: %s", json_text(part, "what", ""),
			json_text(part, "reason", ""), json_text(part, "message", ""));
	ctx_done(cx, "%lld topics and %lld groups%s%s%s", (long long)x->topics,
		(long long)x->groups, a->file ? " in '" : "", a->file ? a->file : "",
		a->file ? "'" : "");
	cx->partial |= export_n_incomplete(x) > 0;
}

static int export_cloud(
	struct ctx *cx, const struct export_args *a, const struct export_source *s)
{
	struct fetch_opts o;
	struct cloudkey key;
	struct export x;
	int rc;

	if (a->signature == 2)
		return err_set(&cx->err, TQ_EUSAGE, "--ali-signature is 1 or 3");
	rc = cloud_key(cx, s->cloud, &a->cloud, &key);
	if (rc)
		return rc;
	o = fetch_options(cx, a, &key);
	export_init(&x, s->name);
	stop_watch();
	rc = s->fetch(&x, &o, &cx->err);
	if (!rc)
		rc = write_out(cx, a, &x);
	if (!rc)
		report(cx, a, &x);
	export_release(&x);
	cloudkey_release(&key);
	return rc;
}

/* A cluster that can be asked itself: the command's own. */
static int export_apache(struct ctx *cx, const struct export_args *a)
{
	struct apache_live o = { a->cluster, a->groups_only, a->topics_only,
		cx->set.brokers.n > 0 };
	struct export x;
	int rc;

	if (a->topics_only && a->groups_only)
		return err_set(&cx->err, TQ_EUSAGE, "--topics-only and --groups-only: which?");
	export_init(&x, "apache");
	stop_watch();
	rc = apache_live_fetch(cx->admin, &o, &x, &cx->err);
	if (!rc)
		rc = write_out(cx, a, &x);
	if (!rc)
		report(cx, a, &x);
	export_release(&x);
	return rc;
}

int migrate_export(struct ctx *cx, const void *args)
{
	const struct export_args *a = args;

	if (!strcmp(a->source, "apache"))
		return export_apache(cx, a);
	for (size_t i = 0; i < ARRAY_LEN(sources_known); i++)
		if (!strcmp(a->source, sources_known[i].name))
			return export_cloud(cx, a, &sources_known[i]);
	return err_set(&cx->err, TQ_EUSAGE, "'%s' is no source", a->source);
}

const struct opt export_opts[] = {
	OPT_NAME('f', "file", "file", struct export_args, file, NAMES_FILE,
		"where to, mode 0600; without it standard output"),
	OPT_ENUM(0, "format", struct export_args, format, export_format_names, EXPORT_OWN,
		"of the file: all as the source said it, or a form others read"),
	OPT_STR(0, "cluster", "name", struct export_args, cluster,
		"of Apache's, where the name server knows several"),
	OPT_BOOL(0, "topics-only", struct export_args, topics_only, "of Apache's: no groups"),
	OPT_BOOL(0, "groups-only", struct export_args, groups_only, "of Apache's: no topics"),
	CLOUD_OPTS(struct export_args, cloud),
	OPT_STR(0, "project-id", "id", struct export_args, project,
		"of Huawei; looked up when not given"),
	OPT_STR(0, "instance-id", "id", struct export_args, instance,
		"without it the instances are listed"),
	OPT_STR(0, "iam-endpoint", "url", struct export_args, iam_endpoint,
		"of Huawei, where the project is looked up"),
	OPT_BOOL(0, "with-subscriptions", struct export_args, subscriptions,
		"what each group reads, a request a group"),
	OPT_BOOL(0, "with-policies", struct export_args, policies,
		"on Huawei: who may use each topic, a request a topic"),
	OPT_INT(0, "ali-signature", "version", struct export_args, signature, 1, 3, 3,
		"3, or 1 where only the older is known"),
	OPT_END,
};

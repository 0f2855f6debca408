/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate_to.h"

#include "migrate/target_tencent.h"
#include "progress.h"

#define RATE 10 /* half of what the service allows for each action */

const char *const to_names[] = { "cluster", "tencent", NULL };

static int need(struct ctx *cx, const char *value, const char *what)
{
	if (value && *value)
		return 0;
	err_set(&cx->err, TQ_EUSAGE, "--to tencent: which %s?", what);
	return err_hint(&cx->err, "%s",
		what[0] == 'c' ? "--cluster-id rocketmq-..."
			       : "--region ap-guangzhou, ap-shanghai, ap-singapore ...");
}

int migrate_target(struct ctx *cx, const struct to_args *to, struct target **out)
{
	struct target_tencent_opts o = { .cluster = to->cluster_id };
	struct cloud_args cloud = to->cloud;
	int rc;

	if (to->kind == TO_CLUSTER)
		return target_remoting_new(cx->admin, out, &cx->err);
	rc = need(cx, to->cluster_id, "cluster");
	if (!rc)
		rc = cloud_key(cx, CLOUD_TENCENT, &cloud, &o.key);
	if (rc)
		return rc;
	o.region = cloud.region ? cloud.region : o.key.region;
	o.endpoint = cloud.endpoint;
	cloud.rate = cloud.rate > 0 ? cloud.rate : RATE;
	rc = need(cx, o.region, "region");
	if (rc) {
		cloudkey_release(&o.key);
		return rc;
	}
	stop_watch();
	o.web = cloud_web(cx, &cloud);
	return target_tencent_new(&o, out, &cx->err);
}

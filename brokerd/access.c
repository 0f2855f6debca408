/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access: see access.h. The secret is made only where nobody said where it is, so that a wrong
 * path is an error and not a second secret.
 */
#include "brokerd/access.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "brokerd/acl.h"
#include "brokerd/server.h"
#include "log.h"
#include "mem.h"
#include "secret.h"

#define LOG_ACCESS "access"

/* Sanitizers look for leaks by the same door. */
#if defined(__SANITIZE_ADDRESS__)
#define MAY_BE_DUMPED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAY_BE_DUMPED 1
#endif
#endif
#ifndef MAY_BE_DUMPED
#define MAY_BE_DUMPED 0
#endif

static void forbid_dumps(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	if (!MAY_BE_DUMPED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		log_warn(LOG_ACCESS, "core dumps cannot be turned off");
}

static int make_secret(const char *path, char **out, struct err *e)
{
	char fresh[SECRET_TEXT];
	int rc;

	secret_make(fresh);
	rc = secret_write_file(path, fresh, e);
	if (!rc) {
		*out = mem_str(fresh);
		log_info(LOG_ACCESS, "the administrator's secret was made: '%s'", path);
	}
	explicit_bzero(fresh, sizeof(fresh));
	return rc;
}

static int read_secret(const struct config *cfg, char **out, struct err *e)
{
	char *path;
	int rc;

	if (cfg->admin_secret[0]) {
		*out = mem_str(cfg->admin_secret);
		return 0;
	}
	if (cfg->admin_secret_file[0])
		return secret_read_file(cfg->admin_secret_file, out, e);
	path = mem_fmt("%s/" ADMIN_SECRET_FILE, cfg->data);
	rc = secret_read_file(path, out, e);
	if (rc == TQ_ENOTFOUND)
		rc = make_secret(path, out, e);
	mem_free(path);
	return rc;
}

static int find_secret(const struct config *cfg, char **out, struct err *e)
{
	int rc = read_secret(cfg, out, e);

	if (rc)
		return err_wrap(e, "the administrator's secret");
	if (strlen(*out) >= ACL_ADMIN_SECRET_MIN)
		return 0;
	secret_free(*out);
	*out = NULL;
	err_set(e, TQ_EPRECOND, "the administrator's secret has less than %d bytes",
		ACL_ADMIN_SECRET_MIN);
	return err_hint(e, "leave it out and brokerd makes one");
}

/* Ends the connections of a role, and with them what waits on them and what they are members of. */
static void lost(void *arg, uint32_t role, bool old_only)
{
	struct broker *b = arg;
	struct conn *c = NULL;

	while ((c = server_next_conn(b->server, c))) {
		if ((c->role == role || c->many_roles) && (!old_only || c->old_key))
			conn_close(c);
	}
}

int access_open(struct broker *b, struct err *e)
{
	struct acl_opts o = {
		.required = b->cfg->authentication,
		.max_roles = (int)b->cfg->max_roles,
		.on_lost = lost,
		.arg = b,
	};
	char *secret = NULL;
	int rc = 0;

	if (o.required) {
		forbid_dumps();
		rc = find_secret(b->cfg, &secret, e);
	}
	o.admin_secret = secret;
	if (!rc)
		rc = acl_open(b->metadb, &o, &b->acl, e);
	secret_free(secret);
	if (!rc && !o.required)
		log_info(LOG_ACCESS, "authentication is off: who connects may do anything");
	return rc;
}

void access_reload(struct broker *b)
{
	acl_opts(b->acl)->max_roles = (int)b->cfg->max_roles;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* credentials: see credentials.h. */
#include "credentials.h"

#include <stdlib.h>

#include "secret.h"

struct finder {
	const struct config *file;
	bool environment; /* counts, and before the file */
	struct credentials *c;
	struct err *e;
};

/* Set and not empty. */
static const char *env(const struct finder *f, const char *name)
{
	const char *v = f->environment ? getenv(name) : NULL;

	return v && *v ? v : NULL;
}

static int no_secret(struct err *e, const char *key)
{
	err_set(e, TQ_EUSAGE, "access key '%s' without a secret", key);
	return err_hint(e, "set TDMQCTL_SECRET_FILE, or secretFrom in the context");
}

static int read_file(const struct finder *f, const char *variable, char **out)
{
	int rc = secret_read_file(env(f, variable), out, f->e);

	return rc ? err_wrap(f->e, "%s", variable) : 0;
}

static int read_from(const struct finder *f, const char *key, const char *where, char **out)
{
	return secret_read(where, out, f->e) ? err_wrap(f->e, "%s", key) : 0;
}

static int find_secret(const struct finder *f, const char *key)
{
	const char *text = env(f, "TDMQCTL_SECRET_KEY");

	if (env(f, "TDMQCTL_SECRET_FILE"))
		return read_file(f, "TDMQCTL_SECRET_FILE", &f->c->secret_key);
	if (text) {
		f->c->secret_key = mem_str(text);
		return 0;
	}
	if (!f->file->secret_from)
		return no_secret(f->e, key);
	return read_from(f, "secretFrom", f->file->secret_from, &f->c->secret_key);
}

static int find_token(const struct finder *f, const char *role)
{
	f->c->secret_key = mem_str(role);
	if (env(f, "TDMQCTL_TOKEN_FILE"))
		return read_file(f, "TDMQCTL_TOKEN_FILE", &f->c->access_key);
	if (f->file->token_from)
		return read_from(f, "tokenFrom", f->file->token_from, &f->c->access_key);
	err_set(f->e, TQ_EUSAGE, "role '%s' without a token", role);
	return err_hint(f->e, "set TDMQCTL_TOKEN_FILE, or tokenFrom in the context");
}

static int find(const struct finder *f)
{
	const char *key = env(f, "TDMQCTL_ACCESS_KEY"), *role = env(f, "TDMQCTL_ROLE");

	if (!key && !role) {
		key = f->file->access_key;
		role = f->file->role;
	}
	if (key && role)
		return err_set(f->e, TQ_EUSAGE, "either an access key or a role");
	if (role)
		return find_token(f, role);
	if (!key)
		return 0;
	f->c->access_key = mem_str(key);
	return find_secret(f, key);
}

int credentials_find(
	const struct config *file, bool environment, struct credentials *c, struct err *e)
{
	struct finder f = { file, environment, c, e };
	int rc;

	*c = (struct credentials){ 0 };
	rc = find(&f);
	if (rc)
		credentials_release(c);
	return rc;
}

void credentials_release(struct credentials *c)
{
	secret_free(c->access_key);
	secret_free(c->secret_key);
	*c = (struct credentials){ 0 };
}

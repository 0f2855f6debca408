/* SPDX-License-Identifier: Apache-2.0 */
/* credentials: see credentials.h. */
#include "credentials.h"

#include <stdlib.h>

#include "secret.h"

/* Set and not empty. */
static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static int no_secret(struct err *e, const char *key)
{
	err_set(e, TQ_EUSAGE, "access key '%s' without a secret", key);
	return err_hint(e, "set TDMQCTL_SECRET_FILE, or secretFrom in the context");
}

static int read_file(const char *variable, char **out, struct err *e)
{
	return secret_read_file(env(variable), out, e) ? err_wrap(e, "%s", variable) : 0;
}

static int read_from(const char *key, const char *where, char **out, struct err *e)
{
	return secret_read(where, out, e) ? err_wrap(e, "%s", key) : 0;
}

static int find_secret(
	const struct config *file, const char *key, struct credentials *c, struct err *e)
{
	const char *text = env("TDMQCTL_SECRET_KEY");

	if (env("TDMQCTL_SECRET_FILE"))
		return read_file("TDMQCTL_SECRET_FILE", &c->secret_key, e);
	if (text) {
		c->secret_key = mem_str(text);
		return 0;
	}
	if (!file->secret_from)
		return no_secret(e, key);
	return read_from("secretFrom", file->secret_from, &c->secret_key, e);
}

static int find_token(
	const struct config *file, const char *role, struct credentials *c, struct err *e)
{
	c->secret_key = mem_str(role);
	if (env("TDMQCTL_TOKEN_FILE"))
		return read_file("TDMQCTL_TOKEN_FILE", &c->access_key, e);
	if (file->token_from)
		return read_from("tokenFrom", file->token_from, &c->access_key, e);
	err_set(e, TQ_EUSAGE, "role '%s' without a token", role);
	return err_hint(e, "set TDMQCTL_TOKEN_FILE, or tokenFrom in the context");
}

static int find(const struct config *file, struct credentials *c, struct err *e)
{
	const char *key = env("TDMQCTL_ACCESS_KEY"), *role = env("TDMQCTL_ROLE");

	if (!key && !role) {
		key = file->access_key;
		role = file->role;
	}
	if (key && role)
		return err_set(e, TQ_EUSAGE, "either an access key or a role");
	if (role)
		return find_token(file, role, c, e);
	if (!key)
		return 0;
	c->access_key = mem_str(key);
	return find_secret(file, key, c, e);
}

int credentials_find(const struct config *file, struct credentials *c, struct err *e)
{
	int rc;

	*c = (struct credentials){ 0 };
	rc = find(file, c, e);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	globalWhiteRemoteAddresses:
 *	- "10.1.2.*"
 *	accounts:
 *	- accessKey: "..."
 *	  secretKey: "..."
 *	  whiteRemoteAddress: ""
 *	  admin: false
 *	  defaultTopicPerm: "DENY"
 *	  defaultGroupPerm: "DENY"
 *	  topicPerms:
 *	  - "shop%orders=PUB|SUB"
 *	  groupPerms:
 *	  - "shop%billing=SUB"
 *
 * What a role may do with a name is asked of acl_may(), which knows how grants go together. A line
 * is written only where the answer differs from the role's default. Apache does not start with a
 * file that has one bad account, so those it would refuse are left out.
 */
#include "brokerd/handover_acl.h"

#include "brokerd/acl.h"

/* In YAML's double quotes. */
static void quoted(struct buf *b, const char *s)
{
	buf_putc(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *s);
	}
	buf_putc(b, '"');
}

static const char *perm_of(int bits)
{
	static const char *const words[] = { "DENY", "PUB", "SUB", "PUB|SUB" };

	return words[bits & ACL_EITHER];
}

static int bits_of(const struct acl_role *r, enum acl_kind kind, struct str wire)
{
	int bits = 0;

	if (acl_may(r, ACL_PRODUCE, kind, wire, NULL))
		bits |= ACL_PRODUCE;
	if (acl_may(r, ACL_CONSUME, kind, wire, NULL))
		bits |= ACL_CONSUME;
	return bits;
}

static int default_bits(const struct acl_role *r, enum acl_kind kind)
{
	for (size_t i = 0; i < r->n_grants; i++)
		if (r->grants[i].kind == kind)
			return r->grants[i].bits & ACL_DENY ? 0 : r->grants[i].bits;
	return 0;
}

static void print_perm(struct buf *b, bool *any, const char *list, const char *name, int bits)
{
	char *text = mem_fmt("%s=%s", name, perm_of(bits));

	if (!*any)
		buf_addf(b, "  %s:\n", list);
	*any = true;
	buf_puts(b, "  - ");
	quoted(b, text);
	buf_putc(b, '\n');
	mem_free(text);
}

static void print_perms(struct buf *b, const struct acl_role *r, const struct apache_config *c)
{
	int topics = default_bits(r, ACL_ALL_TOPICS), groups = default_bits(r, ACL_ALL_GROUPS);
	bool any = false;

	buf_addf(b, "  defaultTopicPerm: \"%s\"\n  defaultGroupPerm: \"%s\"\n", perm_of(topics),
		perm_of(groups));
	for (size_t i = 0; i < c->n_topics; i++) {
		int bits = bits_of(r, ACL_TOPIC, str_of(c->topics[i].name));

		if (bits != topics)
			print_perm(b, &any, "topicPerms", c->topics[i].name, bits);
	}
	any = false;
	for (size_t i = 0; i < c->n_groups; i++) {
		int bits = bits_of(r, ACL_GROUP, str_of(c->groups[i].name));

		if (bits != groups)
			print_perm(b, &any, "groupPerms", c->groups[i].name, bits);
	}
}

static bool fits(const struct acl_role *r, const char *secret)
{
	return strlen(r->key) >= ACL_KEY_MIN && strlen(secret) >= ACL_KEY_MIN;
}

static void print_account(struct buf *b, const struct acl_role *r, const char *secret,
	const struct apache_config *c)
{
	buf_puts(b, "- accessKey: ");
	quoted(b, r->key);
	buf_puts(b, "\n  secretKey: ");
	quoted(b, secret);
	buf_addf(b, "\n  whiteRemoteAddress: \"\"\n  admin: %s\n", r->admin ? "true" : "false");
	print_perms(b, r, c);
}

static void print_white(struct buf *b, const char *list)
{
	struct str rest = str_of(list), one;

	buf_puts(b, "globalWhiteRemoteAddresses:");
	if (!list[0])
		buf_puts(b, " []");
	buf_putc(b, '\n');
	while (list[0] && str_cut(&rest, ',', &one)) {
		while (one.n && one.p[0] == ' ')
			one = (struct str){ one.p + 1, one.n - 1 };
		if (one.n)
			buf_addf(b, "- \"" STR_FMT "\"\n", STR_ARG(one));
	}
}

void handover_acl_print(const struct acl *a, const struct apache_config *names, struct buf *out,
	struct handover_acl *r)
{
	const struct acl_role **roles;
	struct arena mem;
	size_t n;

	memset(r, 0, sizeof(*r));
	arena_init(&mem);
	n = acl_roles(a, &mem, &roles);
	for (size_t i = 0; i < n; i++) {
		const char *secret = roles[i]->secret ? roles[i]->secret : roles[i]->name;

		if (!fits(roles[i], secret)) {
			r->left++;
			continue;
		}
		if (!r->accounts++) {
			print_white(out, acl_allow_list(a));
			buf_puts(out, "accounts:\n");
		}
		r->narrowed += roles[i]->allow_from[0] != '\0';
		print_account(out, roles[i], secret, names);
	}
	arena_release(&mem);
}

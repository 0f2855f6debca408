/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing: S5, whether the time that a refusal takes says how much of a secret was right. As dudect
 * does it: two kinds of inputs in random order, the time of each, and Welch's t-test over those
 * times but for the slowest tenth, which are other programs'. Below 4.5 there is no difference.
 *
 *	torture-timing [TRIES]		a million unless it says
 *
 * Prints TAP. A third pair has a difference, by a comparison that stops at the first wrong byte:
 * what could not see that would be no test.
 */
#include <math.h>
#include <time.h>

#include "brokerd/acl_impl.h"
#include "mem.h"
#include "sign.h"

#define LIMIT 4.5
#define BATCH 1000

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct sample {
	int64_t ns;
	bool near;
};

static int by_time(const void *a, const void *b)
{
	int64_t x = ((const struct sample *)a)->ns, y = ((const struct sample *)b)->ns;

	return (x > y) - (x < y);
}

static double welch(struct sample *s, size_t n)
{
	double mean[2] = { 0 }, square[2] = { 0 }, count[2] = { 0 }, error = 0;

	qsort(s, n, sizeof(*s), by_time);
	n -= n / 10;
	for (size_t i = 0; i < n; i++) {
		double d = (double)s[i].ns - mean[s[i].near];

		count[s[i].near]++;
		mean[s[i].near] += d / count[s[i].near];
		square[s[i].near] += d * ((double)s[i].ns - mean[s[i].near]);
	}
	for (int k = 0; k < 2; k++)
		error += square[k] / (count[k] - 1) / count[k];
	return error > 0 ? (mean[0] - mean[1]) / sqrt(error) : 0;
}

/* A text that is right but for its last byte, or wrong in all of them. */
static void make(const char *right, size_t n, bool near, char *out)
{
	memcpy(out, right, n);
	for (size_t i = near ? n - 1 : 0; i < n; i++)
		out[i] = (char)(right[i] == 'x' ? 'y' : 'x');
}

struct subject {
	const char *name;
	bool differs;
	bool (*try)(const char *text, size_t n);
	const char *right;
};

/* Inputs are made beforehand: making one must not leave traces that its measuring sees. */
static void measure_some(const struct subject *s, struct sample *all, size_t n_all)
{
	static char texts[BATCH][256];
	size_t n = strlen(s->right);
	int64_t begin;

	for (size_t i = 0; i < n_all; i++) {
		all[i].near = arc4random() & 1;
		make(s->right, n, all[i].near, texts[i]);
	}
	for (size_t i = 0; i < n_all; i++) {
		begin = now_ns();
		BUG_ON(s->try(texts[i], n));
		all[i].ns = now_ns() - begin;
	}
}

static double measure(const struct subject *s, size_t tries)
{
	struct sample *all = mem_array(tries, sizeof(*all));
	double t;

	for (size_t i = 0; i < tries; i += BATCH)
		measure_some(s, all + i, MIN(tries - i, (size_t)BATCH));
	t = welch(all, tries);
	mem_free(all);
	return t;
}

/* --- what is tried --- */

static struct command rq;
static struct acl *roles;

static bool try_signature(const char *text, size_t n)
{
	rq.ext[rq.n_ext - 1].value = (struct str){ text, n };
	return sign_ok(&rq, STR("a-secret-of-somebody"));
}

static bool try_token(const char *text, size_t n)
{
	return acl_find_key(roles, (struct str){ text, n }) != NULL;
}

static char long_right[200];

static __attribute__((noinline)) bool try_naive(const char *text, size_t n)
{
	for (volatile size_t i = 0; i < n; i++) {
		if (text[i] != long_right[i])
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	size_t tries = argc > 1 ? (size_t)atol(argv[1]) : 1000000;
	static char signature[SIGN_TEXT];
	struct acl none = { 0 };
	struct acl_role role = { .name = "billing",
		.key = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG" };
	struct subject subjects[] = {
		{ "a signature that is right but for its last byte", false, try_signature,
			signature },
		{ "a token that is right but for its last byte", false, try_token, role.key },
		{ "a comparison that stops early", true, try_naive, long_right },
	};
	int failed = 0;

	roles = &none;
	acl_add(roles, &role);
	command_init(&rq, REQ_GET_MAX_OFFSET);
	command_add(&rq, "AccessKey", STR("somebody"));
	command_add(&rq, "topic", STR("orders"));
	sign_request(&rq, STR("a-secret-of-somebody"), signature);
	command_add(&rq, "Signature", STR(""));
	memset(long_right, 'a', sizeof(long_right) - 1);
	printf("1..%zu\n", ARRAY_LEN(subjects));
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		double t = measure(&subjects[i], tries);
		bool ok = (fabs(t) >= LIMIT) == subjects[i].differs;

		printf("%s %zu - %s: |t| = %.2f over %zu tries\n", ok ? "ok" : "not ok", i + 1,
			subjects[i].name, fabs(t), tries);
		failed += !ok;
	}
	return failed != 0;
}

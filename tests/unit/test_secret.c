/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "secret.h"
#include "str.h"

static char dir[64], path[96];

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/tdmq-secret.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/secret", dir);
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
}

TestSuite(secret, .init = setup, .fini = teardown, .timeout = 30);

static void put(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

Test(secret, made_ones_differ_and_are_plain)
{
	char a[SECRET_TEXT], b[SECRET_TEXT];

	secret_make(a);
	secret_make(b);
	cr_assert_str_neq(a, b);
	cr_assert_eq(strlen(a), (size_t)SECRET_TEXT - 1);
	cr_assert_eq(
		strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
		strlen(a));
}

Test(secret, files_are_private_whatever_the_umask)
{
	static const mode_t masks[] = { 0, 022, 077 };
	struct err e = ERR_INIT;
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		umask(masks[i]);
		cr_assert_eq(secret_write_file(path, "word", &e), 0, "%s", e.msg);
		cr_assert_eq(stat(path, &st), 0);
		cr_assert_eq(st.st_mode & 07777, 0600);
		cr_assert_eq(secret_write_file(path, "other", &e), TQ_EEXIST);
		unlink(path);
	}
}

Test(secret, a_planted_link_is_not_followed)
{
	char *victim = mem_fmt("%s/victim", dir);
	struct err e = ERR_INIT;

	cr_assert_eq(symlink(victim, path), 0);
	cr_assert_eq(secret_write_file(path, "word", &e), TQ_EEXIST);
	cr_assert(access(victim, F_OK), "nothing was written behind it");
	mem_free(victim);
}

static const struct {
	const char *why, *text;
	mode_t mode;
	int rc;
	const char *want;
} files[] = {
	{ "a line", "word\n", 0600, 0, "word" },
	{ "without its end", "word", 0400, 0, "word" },
	{ "with blanks, and more lines", " word \r\nother\n", 0600, 0, "word" },
	{ "its group may read it", "word\n", 0640, TQ_EPRECOND, NULL },
	{ "others may read it", "word\n", 0604, TQ_EPRECOND, NULL },
	{ "others may write it", "word\n", 0602, TQ_EPRECOND, NULL },
	{ "nothing in it", "", 0600, TQ_EFORMAT, NULL },
	{ "a first line of blanks", "  \nword\n", 0600, TQ_EFORMAT, NULL },
};

Test(secret, only_private_files_are_read)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct err e = ERR_INIT;
		char *s = NULL;

		put(files[i].text, files[i].mode);
		cr_assert_eq(secret_read_file(path, &s, &e), files[i].rc, "%s: %s",
			files[i].why, e.msg);
		if (!files[i].rc)
			cr_assert_str_eq(s, files[i].want);
		cr_assert_null(strstr(e.msg, "word"), "%s", files[i].why);
		secret_free(s);
		unlink(path);
	}
}

Test(secret, a_missing_file_and_a_directory)
{
	struct err e = ERR_INIT;
	char *s = NULL;

	cr_assert_eq(secret_read_file(path, &s, &e), TQ_ENOTFOUND);
	cr_assert_eq(secret_read_file(dir, &s, &e), TQ_EPRECOND);
}

static const struct {
	const char *why, *where;
	int rc;
	const char *want;
} places[] = {
	{ "the environment", "env:TDMQ_TEST_SECRET", 0, "from the environment" },
	{ "a variable that is not there", "env:TDMQ_TEST_NOTHING", TQ_EUSAGE, NULL },
	{ "a program", "exec:printf %s\\n word", 0, "word" },
	{ "a program that fails", "exec:false", TQ_EFAIL, NULL },
	{ "a program that says nothing", "exec:true", TQ_EFORMAT, NULL },
	{ "a program that is not there", "exec:/no/such/program", TQ_EFAIL, NULL },
	{ "no program", "exec: ", TQ_EUSAGE, NULL },
	{ "words are not for a shell", "exec:echo $HOME;id", 0, "$HOME;id" },
	{ "a shell", "sh:printf '%s' \"a b\" | tr a c", 0, "c b" },
	{ "the word itself", "word", TQ_EUSAGE, NULL },
	{ "no place", "", TQ_EUSAGE, NULL },
};

Test(secret, comes_from_where_it_says)
{
	setenv("TDMQ_TEST_SECRET", "from the environment", 1);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct err e = ERR_INIT;
		char *s = NULL;

		cr_assert_eq(secret_read(places[i].where, &s, &e), places[i].rc, "%s: %s",
			places[i].why, e.msg);
		if (!places[i].rc)
			cr_assert_str_eq(s, places[i].want, "%s: %s", places[i].why, s);
		secret_free(s);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are looked at once they are open, so what is checked is what is read. A program's output
 * is read until its first line is whole, and the program is ended.
 */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "mem.h"
#include "strv.h"

#define PATIENCE_MS 10000
#define WORDS_MAX 32

void secret_make(char out[SECRET_TEXT])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char raw[SECRET_TEXT - 1];

	arc4random_buf(raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		out[i] = letters[raw[i] & 63];
	out[sizeof(raw)] = '\0';
	explicit_bzero(raw, sizeof(raw));
}

void secret_free(char *s)
{
	if (s)
		mem_wipe_free(s, strlen(s));
}

/* --- files --- */

/* The first line without blanks around it. */
static int first_line(const char *p, size_t n, const char *from, char **out, struct err *e)
{
	struct str rest = { p, n }, line = STR_NONE;

	str_cut(&rest, '\n', &line);
	line = str_trim(line);
	if (!line.n || memchr(line.p, '\0', line.n))
		return err_set(e, TQ_EFORMAT, "%s: there is no secret in it", from);
	*out = mem_strn(line.p, line.n);
	return 0;
}

static int check_mode(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (vfs()->fstat(fd, &st))
		return err_sys(e, TQ_EIO, "cannot look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, TQ_EPRECOND, "'%s' is no plain file", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		err_set(e, TQ_EPRECOND, "'%s' has mode %03o: others may get at the secret",
			path, (unsigned)st.st_mode & 0777);
		return err_hint(e, "chmod 600 %s", path);
	}
	if (st.st_uid && st.st_uid != geteuid())
		return err_set(e, TQ_EPRECOND, "'%s' belongs to another user", path);
	return 0;
}

int secret_check_file(const char *path, struct err *e)
{
	int rc, fd = vfs()->open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(
			e, errno == ENOENT ? TQ_ENOTFOUND : TQ_EIO, "cannot open '%s'", path);
	rc = check_mode(fd, path, e);
	vfs()->close(fd);
	return rc;
}

int secret_read_file(const char *path, char **out, struct err *e)
{
	char text[SECRET_MAX];
	ssize_t n;
	int rc, fd = vfs()->open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(
			e, errno == ENOENT ? TQ_ENOTFOUND : TQ_EIO, "cannot open '%s'", path);
	rc = check_mode(fd, path, e);
	n = rc ? 0 : vfs()->pread(fd, text, sizeof(text), 0);
	if (n < 0)
		rc = err_sys(e, TQ_EIO, "cannot read '%s'", path);
	if (!rc)
		rc = first_line(text, (size_t)n, path, out, e);
	explicit_bzero(text, sizeof(text));
	vfs()->close(fd);
	return rc;
}

int secret_write_file(const char *path, const char *s, struct err *e)
{
	struct iovec iov[] = { { (void *)(uintptr_t)s, strlen(s) },
		{ (void *)(uintptr_t) "\n", 1 } };
	int rc, fd = vfs()->open(
			path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(e, errno == EEXIST ? TQ_EEXIST : fsio_err_code(errno),
			"cannot create '%s'", path);
	rc = fsio_write_full(fd, iov, 2, 0, path, e);
	if (!rc && vfs()->fdatasync(fd))
		rc = err_sys(e, fsio_err_code(errno), "cannot sync '%s'", path);
	vfs()->close(fd);
	if (rc)
		vfs()->unlink(path);
	return rc;
}

/* --- programs --- */

static void run(char *const *argv, int out)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(out, STDOUT_FILENO) >= 0)
		execvp(argv[0], argv);
	_exit(127);
}

/* Until a line is whole, the end, or the time is up; negative: errno or ETIMEDOUT. */
static ssize_t read_line(int fd, char *text, size_t size)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS, left;
	struct pollfd p = { fd, POLLIN, 0 };
	ssize_t n = 0, got;

	while ((size_t)n < size && !memchr(text, '\n', (size_t)n)) {
		left = end - clock_mono_ms();
		if (left <= 0 || !poll(&p, 1, (int)left))
			return -ETIMEDOUT;
		got = read(fd, text + n, size - (size_t)n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += got;
	}
	return n;
}

static int finish_program(
	pid_t pid, ssize_t n, const char *what, const char *text, char **out, struct err *e)
{
	int status = 0;

	if (n < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n == -ETIMEDOUT)
		return err_set(
			e, TQ_ETIMEDOUT, "%s: no secret within %d s", what, PATIENCE_MS / 1000);
	if (n < 0)
		return err_set(e, TQ_EIO, "%s: %s", what, strerror((int)-n));
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return err_set(e, TQ_EFAIL, "%s: exit status %d", what, WEXITSTATUS(status));
	return first_line(text, (size_t)n, what, out, e);
}

static int from_program(char *const *argv, const char *what, char **out, struct err *e)
{
	char text[SECRET_MAX] = "";
	int rc, ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return err_sys(e, TQ_EIO, "pipe");
	pid = fork();
	if (!pid)
		run(argv, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_sys(e, TQ_EIO, "fork");
	}
	n = read_line(ends[0], text, sizeof(text));
	close(ends[0]);
	rc = finish_program(pid, n, what, text, out, e);
	explicit_bzero(text, sizeof(text));
	return rc;
}

static int from_words(const char *command, char **out, struct err *e)
{
	struct str rest = str_of(command), word;
	char *argv[WORDS_MAX + 1] = { NULL };
	size_t n = 0;
	int rc;

	while (n < WORDS_MAX && str_cut(&rest, ' ', &word)) {
		if (word.n)
			argv[n++] = mem_strn(word.p, word.n);
	}
	if (!n || rest.p)
		rc = err_set(
			e, TQ_EUSAGE, "exec: a program and at most %d words", WORDS_MAX - 1);
	else
		rc = from_program(argv, argv[0], out, e);
	while (n--)
		mem_free(argv[n]);
	return rc;
}

static int from_shell(const char *command, char **out, struct err *e)
{
	char *argv[] = { mem_str("/bin/sh"), mem_str("-c"), mem_str(command), NULL };
	int rc = from_program(argv, "sh", out, e);

	for (size_t i = 0; argv[i]; i++)
		mem_free(argv[i]);
	return rc;
}

/* --- people --- */

static int from_terminal(char **out, struct err *e)
{
	char text[SECRET_MAX];
	struct termios was, quiet;
	ssize_t n;
	int rc, fd = vfs()->open("/dev/tty", O_RDWR | O_CLOEXEC, 0);

	if (fd < 0 || tcgetattr(fd, &was)) {
		if (fd >= 0)
			vfs()->close(fd);
		return err_set(e, TQ_EUSAGE, "there is no terminal to ask for the secret on");
	}
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fd, TCSAFLUSH, &quiet);
	dprintf(fd, "secret: ");
	n = read(fd, text, sizeof(text));
	tcsetattr(fd, TCSAFLUSH, &was);
	dprintf(fd, "\n");
	rc = first_line(text, n < 0 ? 0 : (size_t)n, "terminal", out, e);
	explicit_bzero(text, sizeof(text));
	vfs()->close(fd);
	return rc;
}

static int from_environment(const char *name, char **out, struct err *e)
{
	const char *v = getenv(name);

	if (!v || !*v)
		return err_set(e, TQ_EUSAGE, "'%s' is not set", name);
	*out = mem_str(v);
	return 0;
}

int secret_read(const char *where, char **out, struct err *e)
{
	static const struct {
		const char *kind;
		int (*read)(const char *what, char **out, struct err *e);
	} kinds[] = {
		{ "file:", secret_read_file },
		{ "env:", from_environment },
		{ "exec:", from_words },
		{ "sh:", from_shell },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].kind);

		if (!strncmp(where, kinds[i].kind, n))
			return kinds[i].read(where + n, out, e);
	}
	if (!strcmp(where, "prompt"))
		return from_terminal(out, e);
	return err_set(e, TQ_EUSAGE,
		"'%s': a secret comes from file:PATH, env:NAME, exec:PROGRAM, sh:COMMAND or prompt",
		where);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fsio: whole reads and writes over a disk that interrupts and cuts short, and safe replacement. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsio.h"
#include "mem.h"

static char dir[] = "/tmp/test_fsio_XXXXXX";
static char path[64];
static struct err err;
static struct vfs faulty;
static int calls, fail_at, fail_with; /* the fail_at-th call fails; counted over all of them */

static bool fault(void)
{
	if (++calls != fail_at)
		return false;
	errno = fail_with;
	return true;
}

static ssize_t short_pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	(void)n;
	if (calls++ % 2) {
		errno = EINTR;
		return -1;
	}
	return pwrite(fd, iov->iov_base, MIN(iov->iov_len, 3), off);
}

static int f_open(const char *p, int flags, mode_t mode)
{
	return fault() ? -1 : vfs_system.open(p, flags, mode);
}

static ssize_t f_pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	return fault() ? -1 : vfs_system.pwritev(fd, iov, n, off);
}

static int f_fdatasync(int fd)
{
	return fault() ? -1 : vfs_system.fdatasync(fd);
}

static int f_close(int fd)
{
	int rc = vfs_system.close(fd);

	return fault() ? -1 : rc;
}

static int f_rename(const char *from, const char *to)
{
	return fault() ? -1 : vfs_system.rename(from, to);
}

static int f_fsync_dir(const char *p)
{
	return fault() ? -1 : vfs_system.fsync_dir(p);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	faulty = vfs_system;
}

static void teardown(void)
{
	char *command = mem_fmt("rm -rf '%s'", dir);

	vfs_set(NULL);
	(void)!system(command);
	mem_free(command);
}

TestSuite(fsio, .init = setup, .fini = teardown);

static void expect_file(const char *want)
{
	struct buf b;

	buf_init(&b, 100000);
	cr_assert_eq(fsio_read_file(path, 1000, &b, &err), 0, "%s", err.msg);
	cr_expect_str_eq(b.p, want);
	buf_release(&b);
}

Test(fsio, goes_on_after_interruptions_and_short_counts)
{
	struct iovec iov[] = { { (char[]){ "" }, 0 }, { (char[]){ "hello, " }, 7 },
		{ (char[]){ "" }, 0 }, { (char[]){ "world" }, 5 }, { (char[]){ "" }, 0 } };
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	char got[12];

	faulty.pwritev = short_pwritev;
	vfs_set(&faulty);
	cr_assert_eq(fsio_write_full(fd, iov, ARRAY_LEN(iov), 2, path, &err), 0, "%s", err.msg);
	cr_assert_eq(pread(fd, got, 12, 2), 12);
	cr_expect_eq(memcmp(got, "hello, world", 12), 0);
	close(fd);
}

Test(fsio, a_full_disk_has_its_own_code)
{
	struct iovec iov = { (char[]){ "x" }, 1 };
	int fd = open("/dev/full", O_RDWR);

	cr_expect_eq(fsio_write_full(fd, &iov, 1, 0, "/dev/full", &err), TQ_ENOSPACE);
	cr_expect_eq(err.sys, ENOSPC);
	close(fd);
	cr_expect_eq(fsio_err_code(EDQUOT), TQ_ENOSPACE);
	cr_expect_eq(fsio_err_code(EIO), TQ_EIO);
}

Test(fsio, replaces_whole_or_not_at_all)
{
	int failures = 0;

	cr_assert_eq(fsio_replace(path, STR("old"), 0640, &err), 0, "%s", err.msg);
	expect_file("old");
	faulty.open = f_open;
	faulty.pwritev = f_pwritev;
	faulty.fdatasync = f_fdatasync;
	faulty.close = f_close;
	faulty.rename = f_rename;
	faulty.fsync_dir = f_fsync_dir;
	fail_with = ENOSPC;
	for (fail_at = 1;; fail_at++) {
		struct stat st;
		int rc;

		cr_assert_eq(fsio_replace(path, STR("old"), 0640, &err), 0);
		calls = 0;
		vfs_set(&faulty);
		rc = fsio_replace(path, STR("new"), 0640, &err);
		vfs_set(NULL);
		cr_assert_eq(stat(path, &st), 0);
		cr_expect_eq(st.st_mode & 0777, 0640);
		if (!rc)
			break;
		failures++;
		cr_expect_eq(rc, TQ_ENOSPACE);
		expect_file(
			calls > 5 ? "new" : "old"); /* only the directory's sync comes later */
	}
	cr_expect_eq(failures, 6);
	expect_file("new");
	cr_expect_neq(rmdir(dir), 0);
	unlink(path);
	cr_expect_eq(rmdir(dir), 0, "a temporary file was left");
}

Test(fsio, reads_no_more_than_it_may)
{
	struct buf b;

	buf_init(&b, 100000);
	cr_assert_eq(fsio_replace(path, STR("12345"), 0600, &err), 0);
	cr_expect_eq(fsio_read_file(path, 4, &b, &err), TQ_ETOOBIG);
	cr_expect_eq(b.n, 0);
	cr_expect_eq(fsio_read_file(path, 5, &b, &err), 0);
	buf_release(&b);
	buf_init(&b, 5); /* a buffer of just that size will do */
	cr_expect_eq(fsio_read_file(path, 5, &b, &err), 0, "%s", err.msg);
	cr_expect_eq(fsio_read_file(path, 5, &b, &err), TQ_ETOOBIG);
	buf_clear(&b);
	cr_expect_eq(fsio_read_file(dir, 5, &b, &err), TQ_EIO);
	cr_expect(strstr(err.msg, "is a directory") != NULL, "%s", err.msg);
	unlink(path);
	cr_expect_eq(fsio_read_file(path, 5, &b, &err), TQ_ENOTFOUND);
	buf_release(&b);
}

Test(fsio, reads_standard_input)
{
	struct buf b;
	int fds[2];

	buf_init(&b, 100000);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], "piped", 5), 5);
	close(fds[1]);
	dup2(fds[0], STDIN_FILENO);
	cr_assert_eq(fsio_read_file("-", 100, &b, &err), 0, "%s", err.msg);
	cr_expect_str_eq(b.p, "piped");
	buf_release(&b);
}

Test(fsio, makes_directories_in_between)
{
	char deep[100], below[100];
	struct stat st;

	snprintf(deep, sizeof(deep), "%s/a//b/c/", dir);
	snprintf(below, sizeof(below), "%s/file/x", dir);
	cr_expect_eq(fsio_mkdirs(deep, 0700, &err), 0, "%s", err.msg);
	cr_expect_eq(fsio_mkdirs(deep, 0700, &err), 0, "%s", err.msg);
	cr_expect(!stat(deep, &st) && S_ISDIR(st.st_mode));
	cr_assert_eq(fsio_replace(path, STR("x"), 0600, &err), 0);
	cr_expect_eq(fsio_mkdirs(below, 0700, &err), TQ_EIO);
	cr_expect_eq(fsio_mkdirs(path, 0700, &err), TQ_EIO);
}

Test(fsio, one_process_holds_the_lock)
{
	int fd = -1, status;
	pid_t pid;

	cr_assert_eq(fsio_lock(path, &fd, &err), 0, "%s", err.msg);
	pid = fork();
	if (!pid) {
		int rc = fsio_lock(path, &fd, &err);

		_exit(rc == TQ_EPRECOND && strstr(err.why, "process") ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(fd);
	cr_expect_eq(fsio_lock(path, &fd, &err), 0);
	close(fd);
}

/* In a folder others may write to (S8). */
Test(fsio, replaces_a_planted_link_and_not_what_it_points_at)
{
	char victim[96];
	struct buf b;

	snprintf(victim, sizeof(victim), "%s.victim", path);
	cr_assert_eq(fsio_replace(victim, STR("precious"), 0600, &err), 0);
	cr_assert_eq(symlink(victim, path), 0);
	cr_assert_eq(fsio_replace(path, STR("new"), 0600, &err), 0, "%s", err.msg);
	buf_init(&b, 100);
	cr_assert_eq(fsio_read_file(victim, 100, &b, &err), 0);
	cr_expect(str_is(buf_str(&b), "precious"));
	buf_clear(&b);
	cr_assert_eq(fsio_read_file(path, 100, &b, &err), 0);
	cr_expect(str_is(buf_str(&b), "new"));
	buf_release(&b);
	unlink(victim);
}

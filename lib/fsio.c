/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls behind one struct, and the loops around them: EINTR is tried again, a short
 * count goes on where it stopped, and every error names its path.
 */
#include "fsio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

static int sys_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags | O_CLOEXEC, mode);
}

static int sys_fstat(int fd, struct stat *st)
{
	return fstat(fd, st);
}

static ssize_t sys_pread_nowait(int fd, void *p, size_t n, off_t off)
{
	struct iovec v = { p, n };
	ssize_t got = preadv2(fd, &v, 1, off, RWF_NOWAIT);

	return got < 0 && errno != EAGAIN ? pread(fd, p, n, off) : got;
}

static int sys_fsync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc, sys;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	sys = errno;
	close(fd);
	errno = sys;
	return rc;
}

const struct vfs vfs_system = {
	.open = sys_open,
	.close = close,
	.pread = pread,
	.pread_nowait = sys_pread_nowait,
	.pwritev = pwritev,
	.fdatasync = fdatasync,
	.fallocate = fallocate,
	.ftruncate = ftruncate,
	.mmap = mmap,
	.munmap = munmap,
	.mincore = mincore,
	.rename = rename,
	.unlink = unlink,
	.mkdir = mkdir,
	.rmdir = rmdir,
	.fstat = sys_fstat,
	.fsync_dir = sys_fsync_dir,
	.syncfs = syncfs,
};

static const struct vfs *current = &vfs_system;

const struct vfs *vfs(void)
{
	return current;
}

void vfs_set(const struct vfs *v)
{
	current = v ? v : &vfs_system;
}

int fsio_err_code(int sys)
{
	if (sys == EMFILE || sys == ENFILE)
		return TQ_EBUSY;
	return sys == ENOSPC || sys == EDQUOT ? TQ_ENOSPACE : TQ_EIO;
}

static int failed(struct err *e, const char *what, const char *path)
{
	return err_sys(e, fsio_err_code(errno), "%s '%s'", what, path);
}

/* Takes the first `done` bytes off the front of the list. */
static void use_up(struct iovec **iov, int *n, size_t done)
{
	while (*n && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		++*iov;
		--*n;
	}
	if (*n) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

int fsio_write_full(
	int fd, struct iovec *iov, int n, off_t off, const char *path, struct err *e)
{
	use_up(&iov, &n, 0); /* empty ones at the front would look like a full disk */
	while (n) {
		ssize_t put = current->pwritev(fd, iov, MIN(n, 1024), off); /* IOV_MAX */

		if (put < 0 && errno == EINTR)
			continue;
		if (!put)
			errno = ENOSPC;
		if (put <= 0)
			return failed(e, "cannot write", path);
		off += put;
		use_up(&iov, &n, (size_t)put);
	}
	return 0;
}

/* Pipes and terminals know no offsets: read() in order, until the end. */
static ssize_t read_some(int fd, void *p, size_t n, off_t off)
{
	return fd == STDIN_FILENO ? read(fd, p, n) : current->pread(fd, p, n, off);
}

static int read_all(int fd, size_t max, struct buf *out, const char *path, struct err *e)
{
	char chunk[32768];
	size_t total = 0;

	for (;;) {
		ssize_t got = read_some(fd, chunk, sizeof(chunk), (off_t)total);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(e, "cannot read", path);
		if (!got)
			break;
		total += (size_t)got;
		if (total > max)
			return err_set(
				e, TQ_ETOOBIG, "'%s' is larger than %zu bytes", path, max);
		buf_add(out, chunk, (size_t)got);
		if (buf_err(out))
			return err_set(e, TQ_ETOOBIG, "'%s' is too large to be read", path);
	}
	buf_add(out, "", 0);
	return 0;
}

int fsio_read_file(const char *path, size_t max, struct buf *out, struct err *e)
{
	bool is_stdin = !strcmp(path, "-");
	const char *name = is_stdin ? "standard input" : path;
	size_t start = out->n;
	struct stat st;
	int fd = STDIN_FILENO, rc = 0;

	if (!is_stdin)
		fd = current->open(path, O_RDONLY, 0);
	if (fd < 0)
		return errno == ENOENT ? err_set(e, TQ_ENOTFOUND, "no file '%s'", path)
				       : failed(e, "cannot open", path);
	if (!is_stdin && !current->fstat(fd, &st) && S_ISDIR(st.st_mode))
		rc = err_set(e, TQ_EIO, "'%s' is a directory", path);
	if (!rc)
		rc = read_all(fd, max, out, name, e);
	if (!is_stdin)
		current->close(fd);
	if (rc && !buf_err(out) && out->p) {
		out->n = start;
		out->p[start] = '\0';
	}
	return rc;
}

/* "dir/x" -> "dir", "x" -> ".", "/x" -> "/". The caller frees. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_str(".");
	return mem_strn(path, slash == path ? 1 : (size_t)(slash - path));
}

static int write_temporary(const char *tmp, struct str data, mode_t mode, struct err *e)
{
	struct iovec iov = { (void *)(uintptr_t)data.p, data.n };
	int fd, rc;

	fd = current->open(tmp, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return failed(e, "cannot create", tmp);
	rc = fsio_write_full(fd, &iov, 1, 0, tmp, e);
	if (!rc && current->fdatasync(fd))
		rc = failed(e, "cannot sync", tmp);
	if (current->close(fd) && !rc)
		rc = failed(e, "cannot close", tmp);
	return rc;
}

int fsio_replace(const char *path, struct str data, mode_t mode, struct err *e)
{
	static _Atomic unsigned serial;
	char *tmp = mem_fmt("%s.tmp-%ld-%u", path, (long)getpid(), serial++);
	char *dir = directory_of(path);
	int rc = write_temporary(tmp, data, mode, e);

	if (!rc && current->rename(tmp, path))
		rc = failed(e, "cannot replace", path);
	if (rc)
		current->unlink(tmp);
	else if (current->fsync_dir(dir))
		rc = failed(e, "cannot sync directory", dir);
	mem_free(dir);
	mem_free(tmp);
	return rc;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

int fsio_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char *part = mem_str(path);
	int rc = 0;

	for (char *p = part + 1; !rc && *part; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (current->mkdir(part, mode) && !(errno == EEXIST && is_directory(part)) &&
			!is_directory(part))
			rc = failed(e, "cannot create directory", part);
		*p = c;
		if (!c)
			break;
	}
	mem_free(part);
	return rc;
}

int fsio_lock(const char *path, int *out, struct err *e)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1
	};
	int fd = current->open(path, O_RDWR | O_CREAT, 0644);
	int rc;

	if (fd < 0)
		return failed(e, "cannot open lock file", path);
	if (!fcntl(fd, F_SETLK, &lock)) {
		*out = fd;
		return 0;
	}
	if (errno != EACCES && errno != EAGAIN) {
		rc = failed(e, "cannot lock", path);
	} else {
		rc = err_set(e, TQ_EPRECOND, "'%s' is locked by another process", path);
		if (!fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK && lock.l_pid > 0)
			err_why(e, "process %ld uses this directory", (long)lock.l_pid);
	}
	current->close(fd);
	return rc;
}

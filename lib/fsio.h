/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsio: the one door to the disk. Every durable byte goes through struct vfs, so that a test can
 * fail the Nth call, write short, drop what was not synced, or stop the world at call N. Only
 * this file and tests call open, write, fsync and their like; `make lint` checks it.
 */
#ifndef TDMQ_FSIO_H
#define TDMQ_FSIO_H

#include <sys/stat.h>
#include <sys/uio.h>

#include "buf.h"
#include "err.h"

/* As the system calls of the same name: -1 and errno on failure. */
struct vfs {
	int (*open)(const char *path, int flags, mode_t mode);
	int (*close)(int fd);
	ssize_t (*pread)(int fd, void *p, size_t n, off_t off);
	/* EAGAIN rather than wait for the disk; waits where the filesystem cannot tell. */
	ssize_t (*pread_nowait)(int fd, void *p, size_t n, off_t off);
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int n, off_t off);
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
	int (*ftruncate)(int fd, off_t len);
	void *(*mmap)(void *at, size_t n, int prot, int flags, int fd, off_t off);
	int (*munmap)(void *at, size_t n);
	int (*mincore)(void *at, size_t n, unsigned char *pages);
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*mkdir)(const char *path, mode_t mode);
	int (*rmdir)(const char *path);
	int (*fstat)(int fd, struct stat *st);
	int (*fsync_dir)(const char *path);
	int (*syncfs)(int fd); /* all of the filesystem fd is on */
};

extern const struct vfs vfs_system;
/* What everything uses; tests put their own in front before any thread starts. */
const struct vfs *vfs(void);
void vfs_set(const struct vfs *v); /* NULL: back to vfs_system */

/* All of iov at off; after a short write it goes on, so an error means "some or none". iov is used up. */
int fsio_write_full(
	int fd, struct iovec *iov, int n, off_t off, const char *path, struct err *e);
/* The whole file, at most max bytes (TQ_ETOOBIG beyond). path "-" is standard input. */
int fsio_read_file(const char *path, size_t max, struct buf *out, struct err *e);
/* Temporary file, sync, rename over path, sync of the directory: old or new, never neither. */
int fsio_replace(const char *path, struct str data, mode_t mode, struct err *e);
int fsio_mkdirs(const char *path, mode_t mode, struct err *e); /* as mkdir -p */
/*
 * Creates the file if needed and takes a POSIX write lock on its first byte, the lock Apache's
 * broker takes. *fd stays open for life: closing any descriptor of the file drops the lock.
 * TQ_EPRECOND when another process has it.
 */
int fsio_lock(const char *path, int *fd, struct err *e);
/* TQ_ENOSPACE for ENOSPC and EDQUOT, TQ_EBUSY without descriptors, else TQ_EIO: with err_sys(). */
int fsio_err_code(int sys);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a dead letter: "OFFSET-ID@STORE-MS". Lines are appended; a torn last line reads as a
 * letter nobody has.
 */
#include "resent.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fsio.h"
#include "state.h"

#define LEDGER_MAX (256u << 20)
#define LINE_MAX_ 96

static void name_letter(const struct message *m, char line[LINE_MAX_])
{
	message_offset_id(line, &m->store, m->phys_off);
	snprintf(line + strlen(line), LINE_MAX_ - MESSAGE_ID_MAX, "@%lld",
		(long long)m->store_ms);
}

static int read_known(struct resent *l, struct err *e)
{
	struct str rest, line;
	struct buf b;
	int rc;

	if (access(l->path, F_OK))
		return 0;
	buf_init(&b, LEDGER_MAX);
	rc = fsio_read_file(l->path, LEDGER_MAX, &b, e);
	rest = buf_str(&b);
	l->end = (off_t)b.n;
	while (!rc && str_cut(&rest, '\n', &line))
		if (line.n)
			strv_add(&l->known, line);
	strv_sort(&l->known);
	buf_release(&b);
	return rc;
}

int resent_open(
	struct resent *l, struct arena *mem, const char *group, bool writable, struct err *e)
{
	const char *dir = state_path(mem, "resent");
	int rc;

	*l = (struct resent){ .fd = -1, .known = strv_in(mem) };
	if (!dir)
		return err_set(e, TQ_EPRECOND, "no home directory to keep the ledger in");
	l->path = arena_fmt(mem, "%s/%s", dir, group);
	if (writable) {
		rc = fsio_mkdirs(dir, 0700, e);
		if (!rc)
			rc = fsio_lock(l->path, &l->fd, e);
		if (rc)
			return rc;
	}
	return read_known(l, e);
}

bool resent_has(const struct resent *l, const struct message *m)
{
	char line[LINE_MAX_];

	name_letter(m, line);
	return strv_has_sorted(&l->known, line);
}

int resent_add(struct resent *l, const struct message *m, struct err *e)
{
	char line[LINE_MAX_];
	struct iovec iov = { line, 0 };
	size_t n;
	int rc;

	name_letter(m, line);
	n = strlen(line);
	line[n++] = '\n';
	iov.iov_len = n;
	rc = fsio_write_full(l->fd, &iov, 1, l->end, l->path, e);
	if (!rc)
		l->end += (off_t)n;
	return rc;
}

void resent_close(struct resent *l)
{
	if (l->fd >= 0) {
		vfs()->fdatasync(l->fd);
		vfs()->close(l->fd);
	}
	l->fd = -1;
}

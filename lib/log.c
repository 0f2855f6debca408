/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is built on the stack and leaves with one write, under a lock, so lines of several
 * threads never mix. Lines end at LINE_MAX_ bytes; what does not fit is cut and marked. A log that
 * cannot be written is no reason to stop: the loss is silent.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "mem.h"
#include "table.h"
#include "when.h"

#define LINE_MAX_ 2048

_Atomic int log_threshold = LOG_INFO_;

static struct {
	pthread_mutex_t lock;
	FILE *f; /* NULL: stderr */
	char *path; /* owned; NULL: stderr */
	enum log_format format;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static FILE *open_file(const char *path)
{
	int fd = vfs_system.open(path, O_WRONLY | O_CREAT | O_APPEND, 0640);

	return fd < 0 ? NULL : fdopen(fd, "a");
}

int log_open(const char *path, enum log_format format, enum log_level level, struct err *e)
{
	FILE *f = path ? open_file(path) : NULL;

	if (path && !f)
		return err_sys(e, TQ_EIO, "cannot open log '%s'", path);
	pthread_mutex_lock(&sink.lock);
	if (sink.f)
		fclose(sink.f);
	mem_free(sink.path);
	sink.f = f;
	sink.path = mem_str(path);
	sink.format = format;
	pthread_mutex_unlock(&sink.lock);
	log_set_level(level);
	return 0;
}

void log_reopen(void)
{
	FILE *f;

	pthread_mutex_lock(&sink.lock);
	f = sink.path ? open_file(sink.path) : NULL;
	if (f) {
		fclose(sink.f);
		sink.f = f;
	}
	pthread_mutex_unlock(&sink.lock);
}

void log_set_level(enum log_level level)
{
	log_threshold = (int)level;
}

/* Control bytes as \xNN, so that a line stays a line; quotes too, inside quotes. */
static void add_escaped(struct buf *b, const char *s, bool quoted)
{
	for (size_t n; *s; s += n) {
		n = strcspn(s, "\"\\");
		table_clean(b, (struct str){ s, n });
		if (n)
			continue;
		n = 1;
		if (quoted)
			buf_putc(b, '\\');
		buf_putc(b, *s);
	}
}

static void add_line(struct buf *b, enum log_level level, const char *module, const char *text)
{
	bool logfmt = sink.format == LOG_LOGFMT;

	if (logfmt)
		buf_puts(b, "time=");
	when_rfc3339(b, clock_wall_ms(), true);
	if (logfmt)
		buf_addf(b, " level=%s module=%s msg=\"", level_names[level], module);
	else
		buf_addf(b, " %-5s %s: ", level_names[level], module);
	add_escaped(b, text, logfmt);
	buf_puts(b, logfmt ? "\"\n" : "\n");
}

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
	char text[LINE_MAX_];
	struct buf b;
	va_list ap;
	FILE *f;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	buf_init(&b, LINE_MAX_ * 4 + 256);
	pthread_mutex_lock(&sink.lock);
	add_line(&b, level, module, text);
	f = sink.f ? sink.f : stderr;
	fwrite(b.p, 1, b.n, f);
	fflush(f);
	pthread_mutex_unlock(&sink.lock);
	buf_release(&b);
}

bool log_allowed(struct log_limit *limit, int secs)
{
	int64_t now = clock_mono_ms(), next = limit->next_ms;
	int swallowed;

	if (now < next ||
		!atomic_compare_exchange_strong(&limit->next_ms, &next, now + secs * 1000)) {
		limit->swallowed++;
		return false;
	}
	swallowed = limit->swallowed;
	limit->swallowed -= swallowed;
	if (swallowed)
		log_write(LOG_INFO_, "log", "%d more of the following in between", swallowed);
	return true;
}

void log_err(const char *module, const struct err *e)
{
	char tail[sizeof(e->why) + sizeof(e->hint) + 32];

	if (!log_on(LOG_ERROR_))
		return;
	snprintf(tail, sizeof(tail), "%s%s%s%s", e->why[0] ? "; why: " : "", e->why,
		e->hint[0] ? "; try: " : "", e->hint);
	log_write(LOG_ERROR_, module, "%s%s", e->msg, tail);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pick: drawn whole after each key on the terminal's second screen, so that nothing stays behind.
 * Signals only set a flag; the loop puts the terminal back and raises them again.
 */
#include "base.h"

#include "pick.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "buf.h"
#include "mem.h"

#define FRAME 4 /* rows around the list */
#define FILTER_MAX 64
#define ESCAPE_MS 50 /* within which the rest of an arrow key has to come */

enum key {
	KEY_UP = 256,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_ESCAPE,
	KEY_NONE, /* a signal came, or nothing that means something */
	KEY_GONE, /* no terminal any more */
};

struct pick {
	const char *title;
	struct pick_line *lines;
	size_t n;
	size_t *shown; /* owned; places of the lines that pass the filter */
	size_t n_shown, at, top;
	char filter[FILTER_MAX];
	bool typing; /* keys go into the filter */
	int rows, cols;
	struct termios before;
	sigset_t open; /* signals that may come while it waits for a key */
};

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };

/* Blocked but for the moments of waiting, so that none slips in between. */
static void watch_signals(struct pick *p, struct sigaction *before)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t set;

	caught = 0;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		sigaddset(&set, signals[i]);
		sigaction(signals[i], &sa, &before[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &p->open);
}

static void unwatch_signals(const struct pick *p, const struct sigaction *before)
{
	sigprocmask(SIG_SETMASK, &p->open, NULL);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &before[i], NULL);
}

/* ---- the terminal ---- */

static void put(struct buf *b)
{
	size_t done = 0;
	ssize_t n;

	while (done < b->n) {
		n = write(STDERR_FILENO, b->p + done, b->n - done);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	buf_clear(b);
}

static void put_text(const char *s)
{
	struct buf b;

	buf_init(&b, 256);
	buf_puts(&b, s);
	put(&b);
	buf_release(&b);
}

static bool terminal_raw(struct pick *p)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &p->before))
		return false;
	raw = p->before;
	raw.c_iflag &= (tcflag_t) ~(ICRNL | IXON);
	raw.c_lflag &= (tcflag_t) ~(ECHO | ICANON | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw))
		return false;
	put_text("\033[?1049h\033[?25l");
	return true;
}

static void terminal_back(const struct pick *p)
{
	put_text("\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &p->before);
}

static void measure(struct pick *p)
{
	struct winsize ws;

	p->rows = 24;
	p->cols = 80;
	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) && ws.ws_row > FRAME && ws.ws_col > 10) {
		p->rows = ws.ws_row;
		p->cols = ws.ws_col;
	}
}

/* A byte, or -1 when none comes within wait_ms (-1: forever). */
static int read_byte(const struct pick *p, int wait_ms)
{
	struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000l };
	struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };
	unsigned char c;

	if (ppoll(&fd, 1, wait_ms < 0 ? NULL : &wait, &p->open) <= 0)
		return -1;
	return read(STDIN_FILENO, &c, 1) == 1 ? c : -2;
}

static int read_escape(const struct pick *p)
{
	int c = read_byte(p, ESCAPE_MS);

	if (c != '[' && c != 'O')
		return KEY_ESCAPE;
	switch (c = read_byte(p, ESCAPE_MS)) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	case '5':
	case '6':
		(void)read_byte(p, ESCAPE_MS); /* '~' */
		return c == '5' ? KEY_PAGE_UP : KEY_PAGE_DOWN;
	default:
		return KEY_NONE;
	}
}

static int read_key(const struct pick *p)
{
	int c = read_byte(p, -1);

	if (c == -2)
		return KEY_GONE;
	if (c == -1)
		return KEY_NONE;
	return c == 033 ? read_escape(p) : c;
}

/* ---- what is shown ---- */

static bool passes(const struct pick *p, const char *text)
{
	size_t n = strlen(p->filter);

	for (; *text; text++)
		if (!strncasecmp(text, p->filter, n))
			return true;
	return !n;
}

static void apply_filter(struct pick *p)
{
	p->n_shown = 0;
	for (size_t i = 0; i < p->n; i++)
		if (passes(p, p->lines[i].text))
			p->shown[p->n_shown++] = i;
	p->at = p->top = 0;
}

static size_t count_on(const struct pick *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->lines[i].on;
	return n;
}

/* Cut at the edge; what could move the cursor is not let through. */
static void put_clean(struct buf *b, const char *text, int cols)
{
	for (; *text && cols > 0; text++, cols--)
		buf_putc(b, *text >= 0x20 && *text < 0x7f ? *text : '?');
}

static void draw(struct pick *p)
{
	size_t room = (size_t)(p->rows - FRAME);
	struct buf b;

	if (p->at < p->top)
		p->top = p->at;
	if (p->at >= p->top + room)
		p->top = p->at - room + 1;
	buf_init(&b, 1 << 20);
	buf_puts(&b, "\033[H\033[2J");
	put_clean(&b, p->title, p->cols);
	buf_addf(&b, "\r\n%s%s%s\r\n", p->filter[0] || p->typing ? "/" : "", p->filter,
		p->typing ? "_" : "");
	for (size_t i = p->top; i < MIN(p->n_shown, p->top + room); i++) {
		const struct pick_line *l = &p->lines[p->shown[i]];

		buf_addf(&b, "%s [%c] ", i == p->at ? ">" : " ", l->on ? 'x' : ' ');
		put_clean(&b, l->text, p->cols - 6);
		buf_puts(&b, "\r\n");
	}
	buf_addf(&b, "\033[%d;1H", p->rows - 1);
	buf_addf(&b, "%zu of %zu chosen\r\n", count_on(p), p->n);
	put_clean(
		&b, "space choose  a all  n none  / filter  enter go on  q stop", p->cols - 1);
	put(&b);
	buf_release(&b);
}

/* ---- keys ---- */

static void move(struct pick *p, long by)
{
	long last = (long)p->n_shown - 1, to = (long)p->at + by;

	p->at = last < 0 ? 0 : (size_t)MAX(0, MIN(to, last));
}

static void choose(struct pick *p, bool on)
{
	for (size_t i = 0; i < p->n_shown; i++)
		p->lines[p->shown[i]].on = on;
}

static void type(struct pick *p, int key)
{
	size_t n = strlen(p->filter);

	if (key == '\r' || key == '\n') {
		p->typing = false;
		return;
	}
	if (key == KEY_ESCAPE) {
		p->typing = false;
		p->filter[0] = '\0';
	} else if ((key == 0x7f || key == '\b') && n) {
		p->filter[n - 1] = '\0';
	} else if (key >= 0x20 && key < 0x7f && n + 1 < sizeof(p->filter)) {
		p->filter[n] = (char)key;
		p->filter[n + 1] = '\0';
	}
	apply_filter(p);
}

/* False when the list is done with; *go: with what is chosen. */
static bool press(struct pick *p, int key, bool *go)
{
	long page = p->rows - FRAME;

	if (key == KEY_GONE || key == 3)
		return false;
	if (p->typing && key < KEY_UP) {
		type(p, key);
		return true;
	}
	switch (key) {
	case KEY_UP:
	case 'k':
		move(p, -1);
		break;
	case KEY_DOWN:
	case 'j':
		move(p, 1);
		break;
	case KEY_PAGE_UP:
		move(p, -page);
		break;
	case KEY_PAGE_DOWN:
		move(p, page);
		break;
	case KEY_HOME:
		move(p, -(long)p->n);
		break;
	case KEY_END:
		move(p, (long)p->n);
		break;
	case ' ':
		if (p->n_shown)
			p->lines[p->shown[p->at]].on = !p->lines[p->shown[p->at]].on;
		break;
	case 'a':
	case 'n':
		choose(p, key == 'a');
		break;
	case '/':
		p->typing = true;
		break;
	case KEY_ESCAPE:
		type(p, KEY_ESCAPE);
		break;
	case 'q':
		return false;
	case '\r':
	case '\n':
		*go = true;
		return false;
	default:
		break;
	}
	return true;
}

int pick_run(const char *title, struct pick_line *lines, size_t n, struct err *e)
{
	struct sigaction before[ARRAY_LEN(signals)];
	struct pick p = { .title = title, .lines = lines, .n = n };
	bool more = true, go = false;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || !terminal_raw(&p))
		return err_set(e, TQ_EUSAGE, "a checklist needs a terminal");
	watch_signals(&p, before);
	p.shown = mem_array(n + 1, sizeof(*p.shown));
	apply_filter(&p);
	while (more && (!caught || caught == SIGWINCH)) {
		caught = 0;
		measure(&p);
		draw(&p);
		more = press(&p, read_key(&p), &go);
	}
	terminal_back(&p);
	unwatch_signals(&p, before);
	mem_free(p.shown);
	if (caught && caught != SIGWINCH)
		raise(caught);
	return go ? 0 : err_set(e, TQ_EDECLINED, "nothing was chosen");
}

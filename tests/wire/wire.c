/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: plays requests from text files against a running brokerd and compares the replies.
 *
 *	wire ADDRESS:PORT FILE...
 *	wire -r BROKER NAMESERVER FILE...	record replies instead of judging them, JSON headers only
 *
 *	# a remark; so is an empty line
 *	case a send is answered with ids			the name of what follows
 *	> 310 b=$T e=0 f=0 g=1 h=0 i=TAGS\x01A body=hi		a request
 *	< 0 msgId=* queueId=0 !remark				its reply
 *	? 40 consumerGroup=$T					a request of the broker's own
 *	! 0 body=...						its answer
 *	= id							$V is the last reply's header field of that name,
 *								or the number that follows "id": in its body
 *	b> ... / b< ...						the same on connection b
 *	~ 50							no frame for 50 ms; also b~
 *	raw \x00\x01 / closed					bytes; end of stream
 *
 * A key with a value in a reply has to match it, with * and ?; `!key` must be absent. `remark`
 * and `body` stand for those parts of a frame; `oneway` and `lang=` for header fields. \xHH and \s
 * (a blank) are escapes, in patterns too. $T is a topic of the case and of the header type alone:
 * every case is played twice, with JSON headers and with binary ones. Prints TAP.
 *
 * With -r a reply is written as "== REQUEST" as it stands in the file, and a line for each part of
 * it, in order, so that two servers' replies can be compared; what they are expected to be is not
 * looked at. Connection n goes to the name server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "mem.h"
#include "message.h"
#include "rd.h"
#include "remoting.h"
#include "str.h"
#include "strv.h"

#define CONNS 8
#define WAIT_MS 12000 /* Apache looks at waiting pulls each 5 s */
#define LINE_MAX_ 65536

struct peer {
	char name;
	int fd;
	int32_t asked; /* opaque of the last request of the broker's */
	int32_t sent; /* opaque of the last request that expects a reply */
	char *text; /* of that request, the arena's */
	struct buf in;
	size_t used; /* of in: the frame looked at last */
};

struct play {
	struct sockaddr_in to, nameserver; /* the latter for recording */
	bool record;
	enum header_type type;
	struct peer peers[CONNS];
	struct arena arena; /* of the case */
	char topic[64], value[64];
	int32_t opaque;
	struct command *last; /* reply, until the next frame */
	int cases, failed;
	char *name; /* of the case, NULL before the first */
	char why[2048]; /* it failed */
	int line;
};

static void fail(struct play *p, const char *fmt, ...) PRINTF(2, 3);
static void fail(struct play *p, const char *fmt, ...)
{
	int n = snprintf(p->why, sizeof(p->why), "line %d: ", p->line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why + n, sizeof(p->why) - (size_t)n, fmt, ap);
	va_end(ap);
}

/* --- text --- */

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Escapes and $T. */
static struct str expand(struct play *p, const char *s)
{
	struct str out = { NULL, 0 };
	struct buf b;

	buf_init(&b, 1 << 24);
	for (; *s; s++) {
		if (s[0] == '\\' && s[1] == 'x' && hex(s[2]) >= 0 && hex(s[3]) >= 0) {
			buf_putc(&b, (char)(hex(s[2]) * 16 + hex(s[3])));
			s += 3;
		} else if (s[0] == '\\' && s[1] == 's') {
			buf_putc(&b, ' ');
			s++;
		} else if (s[0] == '$' && s[1] == 'T') {
			buf_puts(&b, p->topic);
			s++;
		} else if (s[0] == '$' && s[1] == 'V') {
			buf_puts(&b, p->value);
			s++;
		} else {
			buf_putc(&b, *s);
		}
	}
	out.n = b.n;
	out.p = arena_strn(&p->arena, b.p ? b.p : "", b.n);
	buf_release(&b);
	return out;
}

/* --- connections --- */

static struct peer *peer(struct play *p, char name)
{
	struct timeval tv = { .tv_sec = WAIT_MS / 1000 };
	struct peer *c = p->peers;
	struct sockaddr_in *to;

	for (; c < p->peers + CONNS && c->name; c++) {
		if (c->name == name)
			return c;
	}
	BUG_ON(c == p->peers + CONNS);
	c->name = name;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	to = p->record && name == 'n' ? &p->nameserver : &p->to;
	if (connect(c->fd, (struct sockaddr *)to, sizeof(*to)))
		fail(p, "connect: %s", strerror(errno));
	buf_init(&c->in, FRAME_MAX * 2);
	return c;
}

static void peers_close(struct play *p)
{
	for (struct peer *c = p->peers; c < p->peers + CONNS && c->name; c++) {
		close(c->fd);
		buf_release(&c->in);
	}
	memset(p->peers, 0, sizeof(p->peers));
}

static void put(struct play *p, struct peer *c, struct str bytes)
{
	while (bytes.n) {
		ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0) {
			fail(p, "send: %s", strerror(errno));
			return;
		}
		bytes = str_skip(bytes, (size_t)n);
	}
}

/* One frame; *cmd points into c->in until the next. */
static bool take(struct play *p, struct peer *c, struct command *cmd)
{
	struct err e = ERR_INIT;
	size_t total;
	ssize_t n;
	int rc;

	buf_drop(&c->in, c->used);
	c->used = 0;
	while ((rc = frame_measure(buf_str(&c->in), &total, &e)) == TQ_ENOTYET) {
		char *at = buf_reserve(&c->in, 65536);

		n = recv(c->fd, at, 65536, 0);
		if (n <= 0) {
			fail(p, "no reply: %s", n ? strerror(errno) : "connection closed");
			return false;
		}
		c->in.n += (size_t)n;
	}
	if (!rc)
		rc = command_decode(c->in.p, total, cmd, &e);
	if (rc) {
		fail(p, "reply: %s", e.msg);
		return false;
	}
	c->used = total;
	return true;
}

/* --- lines --- */

/* `answer`: to the broker's last request. */
static void request(struct play *p, struct peer *c, char *text, bool answer)
{
	static struct command cmd;
	struct buf out;
	char *word, *rest = text;

	if (!answer)
		c->text = arena_str(&p->arena, text + strspn(text, " "));
	word = strtok_r(rest, " ", &rest);
	command_init(&cmd, word ? (int)strtol(word, NULL, 10) : 0);
	cmd.type = answer ? HEADER_JSON : p->type;
	cmd.language = LANG_JAVA;
	cmd.opaque = answer ? c->asked : ++p->opaque;
	cmd.flag = answer ? FLAG_RESPONSE : 0;
	while ((word = strtok_r(rest, " ", &rest))) {
		char *eq = strchr(word, '=');

		if (!eq) {
			cmd.flag |= strcmp(word, "oneway") ? 0 : FLAG_ONEWAY;
			continue;
		}
		*eq = '\0';
		if (answer && !strcmp(word, "remark"))
			cmd.remark = expand(p, eq + 1);
		else if (!strcmp(word, "body"))
			cmd.body = expand(p, eq + 1);
		else if (!strcmp(word, "lang"))
			cmd.language = language_from_name(eq + 1, strlen(eq + 1));
		else
			command_add(&cmd, arena_str(&p->arena, word), expand(p, eq + 1));
	}
	if (!answer && !(cmd.flag & FLAG_ONEWAY))
		c->sent = cmd.opaque;
	buf_init(&out, FRAME_MAX);
	command_encode(&out, &cmd);
	put(p, c, buf_str(&out));
	buf_release(&out);
}

static struct str part(const struct command *cmd, const char *key)
{
	if (!strcmp(key, "remark"))
		return cmd->remark;
	if (!strcmp(key, "body"))
		return cmd->body.n ? cmd->body : STR_NONE;
	return command_ext(cmd, key);
}

/* As a shell pattern, but for bytes: bodies have zeros in them. '*' and '?' only. */
static bool matches(struct str pattern, struct str s)
{
	for (; pattern.n; pattern = str_skip(pattern, 1), s = str_skip(s, 1)) {
		if (pattern.p[0] == '*') {
			do {
				if (matches(str_skip(pattern, 1), s))
					return true;
			} while (s.n && (s = str_skip(s, 1), true));
			return false;
		}
		if (!s.n || (pattern.p[0] != '?' && pattern.p[0] != s.p[0]))
			return false;
	}
	return !s.n;
}

static void expect(struct play *p, const struct command *cmd, char *word)
{
	char *eq = strchr(word, '=');
	struct str got;

	if (word[0] == '!') {
		got = part(cmd, word + 1);
		if (got.p)
			fail(p, "%s is '" STR_FMT "', not absent", word + 1, STR_ARG(got));
		return;
	}
	if (!eq)
		return;
	*eq = '\0';
	got = part(cmd, word);
	if (!got.p)
		fail(p, "no %s", word);
	else if (!matches(expand(p, eq + 1), got))
		fail(p, "%s is '" STR_FMT "', not '%s'", word, STR_ARG(got), eq + 1);
}

/* --- recording --- */

static void add(struct strv *lines, const char *fmt, ...) PRINTF(2, 3);
static void add(struct strv *lines, const char *fmt, ...)
{
	static char text[LINE_MAX_];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *at = text; *at; at++)
		*at = *at == '\n' ? ' ' : *at == '\x01' ? '=' : *at == '\x02' ? ';' : *at;
	strv_add(lines, str_of(text));
}

/* A line for each scalar: the way to it, with [] for any element, and its value. */
static void flatten(struct strv *lines, const char *path, const cJSON *node)
{
	char *text, *deeper;
	const cJSON *child;

	if (!cJSON_IsObject(node) && !cJSON_IsArray(node)) {
		text = cJSON_PrintUnformatted(node);
		add(lines, "body %s = %s", path, text);
		cJSON_free(text);
		return;
	}
	if (!node->child)
		add(lines, "body %s = %s", path, cJSON_IsObject(node) ? "{}" : "[]");
	cJSON_ArrayForEach (child, node) {
		deeper = cJSON_IsArray(node) ? mem_fmt("%s[]", path)
					     : mem_fmt("%s.%s", path, child->string);
		flatten(lines, deeper, child);
		mem_free(deeper);
	}
}

static bool record_messages(struct strv *lines, struct str body)
{
	struct rd r = rd_init(body);
	struct message m;

	while (rd_left(&r)) {
		if (message_decode(&r, &m, NULL))
			return false;
		add(lines,
			"message " STR_FMT
			" queue %d offset %lld sysflag %d retries %d flag %d: "
			"'" STR_FMT "' '" STR_FMT "'",
			STR_ARG(m.topic), m.queue_id, (long long)m.queue_off, m.sysflag,
			m.reconsume_times, m.flag, STR_ARG(m.body), STR_ARG(m.properties));
	}
	return true;
}

static void record(const struct command *cmd, const char *head)
{
	struct strv lines = { 0 };
	cJSON *doc = NULL;

	add(&lines, "%s %d", cmd->flag & FLAG_RESPONSE ? "code" : "request", cmd->code);
	if (cmd->remark.n)
		add(&lines, "remark " STR_FMT, STR_ARG(cmd->remark));
	for (int i = 0; i < cmd->n_ext; i++)
		add(&lines, "ext " STR_FMT " = " STR_FMT, STR_ARG(cmd->ext[i].key),
			STR_ARG(cmd->ext[i].value));
	if (cmd->body.n && !json_parse(cmd->body, JSON_LOOSE, &doc, NULL))
		flatten(&lines, "", doc);
	else if (cmd->body.n && !record_messages(&lines, cmd->body))
		add(&lines, "body of %zu bytes", cmd->body.n);
	strv_sort(&lines);
	printf("== %s\n", head);
	for (size_t i = 0; i < lines.n; i++)
		printf("%s\n", lines.v[i]);
	strv_release(&lines);
	cJSON_Delete(doc);
}

/* --- what comes --- */

static void reply(struct play *p, struct peer *c, char *text)
{
	static struct command cmd;
	char *rest = text, *word = strtok_r(rest, " ", &rest);
	int code = word ? (int)strtol(word, NULL, 10) : 0;

	if (!take(p, c, &cmd))
		return;
	if (p->record) {
		record(&cmd, c->text ? c->text : "");
		p->last = &cmd;
		return;
	}
	if (!(cmd.flag & FLAG_RESPONSE))
		fail(p, "request %d instead of a reply", cmd.code);
	else if (cmd.opaque != c->sent)
		fail(p, "reply to %d, not to %d", cmd.opaque, c->sent);
	else if (cmd.type != p->type)
		fail(p, "the reply's header is of another type than the request's");
	else if (cmd.version != TDMQ_WIRE_VERSION || cmd.language != LANG_OTHER)
		fail(p, "version %d, language %d", cmd.version, cmd.language);
	else if (cmd.code != code)
		fail(p, "code %d: " STR_FMT, cmd.code, STR_ARG(cmd.remark));
	while (!p->why[0] && (word = strtok_r(rest, " ", &rest)))
		expect(p, &cmd, word);
	p->last = &cmd;
}

/* $V: a header field, or the digits behind "key": in the body. */
static void remember(struct play *p, const char *key)
{
	struct str ext = p->last ? command_ext(p->last, key) : STR_NONE;
	struct str body = p->last ? p->last->body : STR_NONE;
	char *quoted = mem_fmt("\"%s\":", key), *at;

	at = body.n ? memmem(body.p, body.n, quoted, strlen(quoted)) : NULL;
	if (ext.n)
		snprintf(p->value, sizeof(p->value), STR_FMT, STR_ARG(ext));
	else if (at)
		snprintf(p->value, sizeof(p->value), "%lld",
			strtoll(at + strlen(quoted), NULL, 10));
	else
		fail(p, "no %s in the body", quoted);
	mem_free(quoted);
}

static void notice(struct play *p, struct peer *c, char *text)
{
	static struct command cmd;
	char *rest = text, *word = strtok_r(rest, " ", &rest);

	if (!take(p, c, &cmd))
		return;
	c->asked = cmd.opaque;
	if (p->record) {
		record(&cmd, "asked");
		return;
	}
	if (cmd.flag & FLAG_RESPONSE || cmd.type != HEADER_JSON)
		fail(p, "no JSON request");
	else if (!word || cmd.code != strtol(word, NULL, 10))
		fail(p, "request %d", cmd.code);
	while (!p->why[0] && (word = strtok_r(rest, " ", &rest)))
		expect(p, &cmd, word);
}

static void closed(struct play *p, struct peer *c)
{
	char b[256];
	ssize_t n;

	while ((n = recv(c->fd, b, sizeof(b), 0)) > 0)
		;
	if (n < 0 && errno != ECONNRESET)
		fail(p, "not closed: %s", strerror(errno));
}

static void quiet(struct play *p, struct peer *c, int ms)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

	if (c->in.n > c->used || poll(&pfd, 1, ms))
		fail(p, "something came");
}

static void run_line(struct play *p, char *s)
{
	char name = 'a';

	if (s[0] >= 'a' && s[0] <= 'z' && s[1] && strchr("<>?!~", s[1]))
		name = *s++;
	if (s[0] == '>')
		request(p, peer(p, name), s + 1, false);
	else if (s[0] == '!')
		request(p, peer(p, name), s + 1, true);
	else if (!strncmp(s, "= ", 2))
		remember(p, s + 2);
	else if (s[0] == '<')
		reply(p, peer(p, name), s + 1);
	else if (s[0] == '?')
		notice(p, peer(p, name), s + 1);
	else if (s[0] == '~')
		quiet(p, peer(p, name), (int)strtol(s + 1, NULL, 10));
	else if (!strncmp(s, "raw ", 4))
		put(p, peer(p, 'a'), expand(p, s + 4));
	else if (!strcmp(s, "closed"))
		closed(p, peer(p, 'a'));
	else
		fail(p, "what is '%s'?", s);
}

static void verdict(struct play *p)
{
	if (p->record) {
		if (p->why[0])
			fprintf(stderr, "%s: %s\n", p->name, p->why);
	} else {
		printf("%sok %d - %s (%s header)\n", p->why[0] ? "not " : "", p->cases + 1,
			p->name, p->type == HEADER_JSON ? "JSON" : "binary");
		if (p->why[0])
			printf("# %s\n", p->why);
	}
	p->cases++;
	p->failed += p->why[0] != '\0';
}

static void case_end(struct play *p)
{
	if (!p->name)
		return;
	verdict(p);
	peers_close(p);
	arena_clear(&p->arena);
	mem_free(p->name);
	p->name = NULL;
	p->why[0] = '\0';
}

static void play_file(struct play *p, const char *path)
{
	static char line[LINE_MAX_];
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(1);
	}
	for (p->line = 1; fgets(line, sizeof(line), f); p->line++) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		if (!strncmp(line, "case ", 5)) {
			case_end(p);
			p->name = mem_fmt("%s: %s", path, line + 5);
			snprintf(p->topic, sizeof(p->topic), "wire-%d-%d", (int)p->type,
				p->cases);
		} else if (!p->why[0]) {
			run_line(p, line);
		}
	}
	case_end(p);
	fclose(f);
}

static bool address(const char *text, struct sockaddr_in *to)
{
	const char *colon = strrchr(text, ':');
	char ip[INET_ADDRSTRLEN];

	if (!colon || (size_t)(colon - text) >= sizeof(ip))
		return false;
	snprintf(ip, sizeof(ip), "%.*s", (int)(colon - text), text);
	to->sin_family = AF_INET;
	to->sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
	return inet_pton(AF_INET, ip, &to->sin_addr) == 1;
}

int main(int argc, char **argv)
{
	static struct play p;
	int at = 1;

	p.record = argc > 1 && !strcmp(argv[1], "-r");
	at += p.record;
	if (argc < at + 2 + p.record || !address(argv[at++], &p.to) ||
		(p.record && !address(argv[at++], &p.nameserver))) {
		fputs("usage: wire ADDRESS:PORT FILE...\n"
		      "       wire -r BROKER NAMESERVER FILE...\n",
			stderr);
		return 2;
	}
	for (int type = HEADER_JSON; type <= (p.record ? HEADER_JSON : HEADER_BINARY); type++) {
		p.type = (enum header_type)type;
		for (int i = at; i < argc; i++)
			play_file(&p, argv[i]);
	}
	if (!p.record)
		printf("1..%d\n", p.cases);
	arena_release(&p.arena);
	return p.failed ? 1 : 0;
}

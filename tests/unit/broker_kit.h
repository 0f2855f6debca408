/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of a whole broker share: it runs in a child process, its clients in the test.
 * What the disk does to it is decided by a VFS in front of the real one, told through shared
 * memory. A suite says .init = setup, .fini = teardown.
 */
#ifndef TDMQ_TEST_BROKER_KIT_H
#define TDMQ_TEST_BROKER_KIT_H

#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "brokerd/broker.h"
#include "brokerd/dispatch.h"
#include "brokerd/hold.h"
#include "brokerd/server.h"
#include "brokerd/store/store.h"
#include "client.h"
#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "thread.h"

struct shared {
	_Atomic int port;
	_Atomic bool sync_fails, sync_hangs, disk_full;
	_Atomic bool cold; /* nothing of the store is in memory */
	_Atomic int syncs, slow_ms; /* of each write to the log */
	_Atomic int held, conns; /* pulls that wait, connections; each 20 ms */
	_Atomic int64_t skip_ms; /* the clock goes on from so much later, once */
};

static struct shared *sh;
static char dir[64];
static pid_t child;

/* --- the disk --- */

static inline int odd_fdatasync(int fd)
{
	while (sh->sync_hangs)
		usleep(1000);
	sh->syncs++;
	if (sh->sync_fails) {
		errno = EIO;
		return -1;
	}
	return vfs_system.fdatasync(fd);
}

static inline ssize_t odd_pwritev(int fd, const struct iovec *v, int n, off_t off)
{
	if (sh->slow_ms)
		usleep((useconds_t)sh->slow_ms * 1000);
	return vfs_system.pwritev(fd, v, n, off);
}

static inline int odd_mincore(void *at, size_t n, unsigned char *pages)
{
	int r = vfs_system.mincore(at, n, pages);

	if (sh->cold)
		memset(pages, 0, (n + 4095) / 4096);
	return r;
}

static inline int odd_fallocate(int fd, int mode, off_t off, off_t len)
{
	if (sh->disk_full) {
		errno = ENOSPC;
		return -1;
	}
	return vfs_system.fallocate(fd, mode, off, len);
}

/* --- the child --- */

static inline void watch_parent(void *arg)
{
	struct broker *b = arg;

	if (getppid() == 1)
		broker_quit(b);
}

static struct broker *stopping;

static inline void on_term(int sig UNUSED)
{
	stopping->stopping = true; /* seen by look_for_stop() */
}

static inline void look_for_stop(void *arg)
{
	struct broker *b = arg;

	if (b->stopping)
		broker_quit(b);
	sh->held = hold_count(b->hold);
	sh->conns = server_conns(b->server);
	if (sh->skip_ms)
		clock_test_skip(atomic_exchange(&sh->skip_ms, 0));
}

typedef void (*tune)(struct config *cfg);

static inline int serve(tune change)
{
	struct vfs odd = vfs_system;
	struct err e = ERR_INIT;
	struct config cfg;
	struct broker b;
	struct conf conf;
	int rc;

	odd.fdatasync = odd_fdatasync;
	odd.fallocate = odd_fallocate;
	odd.mincore = odd_mincore;
	odd.pwritev = odd_pwritev;
	vfs_set(&odd);
	thread_become(&on_loop);
	log_set_level(LOG_ERROR_);
	conf_init(&conf, config_keys, &cfg, NULL);
	cfg.data = dir;
	cfg.nameserver_port = cfg.broker_port = cfg.vip_port = 0;
	cfg.auto_create_topics = cfg.auto_create_groups = true;
	cfg.unlimited = true;
	cfg.commitlog_file_size = 16 << 20;
	if (change)
		change(&cfg);
	rc = broker_start(&b, &cfg, &e);
	if (rc) {
		fprintf(stderr, "%s\n", e.msg);
		sh->port = -1;
		return 1;
	}
	stopping = &b;
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	server_every(b.server, 20, look_for_stop, &b);
	server_every(b.server, 500, watch_parent, &b);
	sh->port = b.broker_port;
	broker_run(&b);
	return broker_stop(&b, &e) ? 2 : 0;
}

static inline void start(tune change)
{
	sh->port = 0;
	child = fork();
	if (!child)
		_exit(serve(change));
	for (int i = 0; i < 500 && !sh->port; i++)
		usleep(10000);
	cr_assert_gt(sh->port, 0);
}

static inline int stop(void)
{
	int status = -1;

	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void setup(void)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(sh, MAP_FAILED);
	snprintf(dir, sizeof(dir), "/tmp/tdmq-broker.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static inline void teardown(void)
{
	char *line = mem_fmt("rm -rf %s", dir);

	if (child)
		kill(child, SIGKILL);
	cr_assert_eq(system(line), 0);
	mem_free(line);
}

/* --- clients --- */

static inline const char *address(void)
{
	static char a[32];

	snprintf(a, sizeof(a), "127.0.0.1:%d", sh->port);
	return a;
}

static inline void fill_send(struct command *rq, const char *topic, struct str body)
{
	command_init(rq, REQ_SEND_MESSAGE_V2);
	command_add(rq, "b", str_of(topic));
	command_add(rq, "c", STR("TBW102"));
	command_add(rq, "d", STR("4"));
	command_add(rq, "e", STR("0"));
	command_add(rq, "f", STR("0"));
	command_add(rq, "g", STR("1"));
	command_add(rq, "h", STR("0"));
	rq->body = body;
}

/* Code of the answer; -1 when none came. */
static inline int send_one(struct client *c, struct str body, int timeout_ms)
{
	static struct command rq;
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int code = -1;

	fill_send(&rq, "t-1", body);
	if (!client_call(c, address(), &rq, timeout_ms, &r, &e))
		code = r->cmd.code;
	reply_free(r);
	return code;
}

static inline int64_t queue_end(struct client *c)
{
	static struct command rq;
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int64_t end = -1;

	command_init(&rq, REQ_GET_MAX_OFFSET);
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	cr_assert_eq(client_call(c, address(), &rq, 5000, &r, &e), 0, "%s", e.msg);
	cr_assert_eq(
		str_to_i64(command_ext(&r->cmd, "offset"), 0, INT64_MAX, &end, "offset", &e),
		0);
	reply_free(r);
	return end;
}

static inline struct client *client(void)
{
	struct client_opts o = { 0 };

	return client_new(&o);
}

static inline void never_flush(struct config *cfg)
{
	cfg->flush = STORE_FLUSH_ASYNC;
	cfg->flush_interval = 60000;
}

static inline int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)sh->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline void put_frame(int fd, const struct command *cmd)
{
	struct buf out;

	buf_init(&out, FRAME_MAX);
	command_encode(&out, cmd);
	cr_assert_not(buf_err(&out));
	cr_assert_eq(send(fd, out.p, out.n, MSG_NOSIGNAL), (ssize_t)out.n);
	buf_release(&out);
}

/* The next frame; *cmd is valid until the next call. False when none comes. */
static inline bool get_frame(int fd, struct command *cmd)
{
	static char frame[1 << 16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct err e = ERR_INIT;
	size_t n = 0, total = 4;

	while (n < total) {
		ssize_t got = poll(&p, 1, 3000) == 1 ? recv(fd, frame + n, total - n, 0) : 0;

		if (got <= 0)
			return false;
		n += (size_t)got;
		if (n == 4)
			frame_measure((struct str){ frame, n }, &total, &e);
		cr_assert_leq(total, sizeof(frame));
	}
	cr_assert_eq(command_decode(frame, total, cmd, &e), 0, "%s", e.msg);
	return true;
}

/* A whole request for the handler, with a plausible value for every field. */
static inline void fill_request(struct command *rq, const struct handler *h)
{
	command_init(rq, h->code);
	for (const struct field *f = h->fields; f && f->type != FIELD_TYPE_END; f++) {
		bool name = f->type <= FIELD_TYPE_GROUP;

		command_add(rq, f->name, name ? STR("t-1") : STR("1"));
	}
	rq->body = STR("{\"clientID\":\"c\",\"producerDataSet\":[{\"groupName\":\"p\"}]}");
}

static inline int64_t drain(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static char b[1 << 16];
	int64_t total = 0;
	ssize_t n;

	while (poll(&p, 1, ms) == 1 && (n = recv(fd, b, sizeof(b), 0)) > 0)
		total += n;
	return total;
}

/* --- what it does to them and itself --- */

static inline bool ends_within(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, ms) == 1 && recv(fd, &c, 1, 0) <= 0;
}

/* Memory of the broker that is not of files. */
static inline int64_t resident_kib(void)
{
	char path[64], line[256];
	int64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "RssAnon:", 8))
			kib = strtoll(line + 8, NULL, 10);
	}
	if (f)
		fclose(f);
	return kib;
}

#endif

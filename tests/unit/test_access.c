/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker with authentication in a child process. S1: the matrix of all codes and all kinds of
 * clients, made from the table of handlers; what a role loses hits its open connections; S2, names
 * that would get out of a namespace; S6, S7: where secrets may not be found, and modes of files.
 */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "brokerd/broker.h"
#include "brokerd/dispatch.h"
#include "brokerd/server.h"
#include "client.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "secret.h"
#include "thread.h"

static _Atomic int *port;
static char dir[64], data[96], log_path[96];
static pid_t child;
static struct broker *running;

/* --- the broker --- */

static void on_term(int sig UNUSED)
{
	running->stopping = true;
}

static void look_for_stop(void *arg)
{
	struct broker *b = arg;

	if (b->stopping || getppid() == 1)
		broker_quit(b);
}

static int serve(void)
{
	struct err e = ERR_INIT;
	struct config cfg;
	struct broker b;
	struct conf conf;

	umask(0);
	thread_become(&on_loop);
	if (log_open(log_path, LOG_PLAIN, LOG_DEBUG_, &e))
		return 1;
	conf_init(&conf, config_keys, &cfg, NULL);
	cfg.data = data;
	cfg.nameserver_port = cfg.broker_port = cfg.vip_port = 0;
	cfg.auto_create_topics = cfg.auto_create_groups = true;
	cfg.commitlog_file_size = 16 << 20;
	cfg.authentication = true;
	if (broker_start(&b, &cfg, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		*port = -1;
		return 1;
	}
	running = &b;
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	server_every(b.server, 20, look_for_stop, &b);
	*port = b.broker_port;
	broker_run(&b);
	return broker_stop(&b, &e) ? 2 : 0;
}

static void start(void)
{
	*port = 0;
	child = fork();
	if (!child)
		_exit(serve());
	for (int i = 0; i < 1000 && !*port; i++)
		usleep(10000);
	cr_assert_gt(*port, 0);
}

static void stop(void)
{
	int status = -1;

	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	child = 0;
	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void setup(void)
{
	port = mmap(
		NULL, sizeof(*port), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq((void *)port, MAP_FAILED);
	snprintf(dir, sizeof(dir), "/tmp/tdmq-access.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(data, sizeof(data), "%s/data", dir);
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
}

static void teardown(void)
{
	char *line = mem_fmt("rm -rf %s", dir);

	if (child)
		kill(child, SIGKILL);
	cr_assert_eq(system(line), 0);
	mem_free(line);
}

TestSuite(access, .init = setup, .fini = teardown, .timeout = 60);

/* --- clients --- */

static struct client *client(const char *key, const char *secret)
{
	struct client_opts o = { .access_key = key, .secret_key = secret };

	return client_new(&o);
}

static char *admin_secret(void)
{
	char *path = mem_fmt("%s/admin.secret", data), *s = NULL;
	struct err e = ERR_INIT;

	cr_assert_eq(secret_read_file(path, &s, &e), 0, "%s", e.msg);
	mem_free(path);
	return s;
}

static struct client *administrator(void)
{
	char *s = admin_secret();
	struct client *c = client("admin", s);

	secret_free(s);
	return c;
}

static const char *address(void)
{
	static char a[32];

	snprintf(a, sizeof(a), "127.0.0.1:%d", *port);
	return a;
}

/* Code of the answer; its remark and body in text. -1: none came. */
static int call(struct client *c, struct command *rq, struct buf *text)
{
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int code = -1, rc;

	buf_clear(text);
	rc = client_call(c, address(), rq, 20000, &r, &e);
	if (rc == TQ_EUNREACHABLE) /* who fails too often is hung up on */
		rc = client_call(c, address(), rq, 20000, &r, &e);
	if (!rc) {
		code = r->cmd.code;
		buf_add_str(text, r->cmd.remark);
		buf_add_str(text, r->cmd.body);
	}
	buf_putc(text, '\0');
	reply_free(r);
	return code;
}

static struct command rq; /* large */
static struct buf text;

/* A request with fields "k", "v", ..., NULL. */
static int ask(struct client *c, int code, const char *body, ...)
{
	const char *key;
	va_list ap;

	command_init(&rq, code);
	va_start(ap, body);
	while ((key = va_arg(ap, const char *)))
		command_add(&rq, key, str_of(va_arg(ap, const char *)));
	va_end(ap);
	rq.body = str_of(body);
	return call(c, &rq, &text);
}

/* Its token. */
static char *make_role(struct client *admin, const char *name, const char *ns, const char *may)
{
	char *body = mem_fmt("{\"name\":\"%s\"}", name), *token;
	struct err e = ERR_INIT;
	cJSON *doc;

	cr_assert_eq(ask(admin, REQ_CREATE_ROLE, body, NULL), 0, "%s", text.p);
	cr_assert_eq(json_parse(str_of(text.p), JSON_STRICT, &doc, &e), 0, "%s", e.msg);
	token = mem_str(json_text(doc, "token", NULL));
	cJSON_Delete(doc);
	mem_free(body);
	if (may)
		cr_assert_eq(ask(admin, REQ_GRANT_ROLE, NULL, "role", name, "namespace", ns,
				     may, "true", NULL),
			0, "%s", text.p);
	return token;
}

static void make_namespaces(struct client *admin)
{
	cr_assert_eq(ask(admin, REQ_CREATE_NAMESPACE, "{\"name\":\"shop\"}", NULL), 0);
	cr_assert_eq(ask(admin, REQ_CREATE_NAMESPACE, "{\"name\":\"other\"}", NULL), 0);
}

static int send_to(struct client *c, const char *topic)
{
	return ask(c, REQ_SEND_MESSAGE_V2, "body", "b", topic, "c", "TBW102", "d", "1", "e",
		"0", "f", "0", "g", "1", "h", "0", NULL);
}

/* --- S1 --- */

enum person { NOBODY, LIAR, LIAR_ADMIN, PRODUCER, CONSUMER, STRANGER, LISTED, ADMIN, PERSONS };

static const char *const persons[] = { "nobody", "a bad signature",
	"a bad signature of the administrator", "a producer", "a consumer",
	"both, in another namespace", "an allowed address", "the administrator" };

static const char *value_of(const struct field *f)
{
	switch (f->type) {
	case FIELD_TYPE_BOOL:
		return "false";
	case FIELD_TYPE_I32:
	case FIELD_TYPE_U32:
	case FIELD_TYPE_I64:
		return strcmp(f->name, "commitOrRollback") ? "0" : "8";
	case FIELD_TYPE_TOPIC:
		return "shop%topic";
	case FIELD_TYPE_GROUP:
		return "shop%group";
	default:
		return "word";
	}
}

/* Bodies that name something of the namespace. */
static const char *body_of(int code)
{
	switch (code) {
	case REQ_HEART_BEAT:
		return "{\"clientID\":\"c\",\"consumerDataSet\":[{\"groupName\":\"shop%group\","
		       "\"subscriptionDataSet\":[]}]}";
	case REQ_LOCK_BATCH_MQ:
	case REQ_UNLOCK_BATCH_MQ:
		return "{\"consumerGroup\":\"shop%group\",\"clientId\":\"c\",\"mqSet\":[]}";
	default:
		return "{}";
	}
}

static bool has_names(const struct handler *h)
{
	for (const struct field *f = h->fields; f && f->type != FIELD_TYPE_END; f++) {
		if (f->type == FIELD_TYPE_TOPIC || f->type == FIELD_TYPE_GROUP)
			return true;
	}
	return false;
}

/* What stands in the manual, said once more. */
static bool may(const struct handler *h, enum person p)
{
	switch (h->need) {
	case NEED_NOTHING:
		return true;
	case NEED_ROLE: /* these ask for more */
		if (h->code == REQ_HEART_BEAT || h->code == REQ_VIEW_MESSAGE_BY_ID ||
			h->code == REQ_LOCK_BATCH_MQ || h->code == REQ_UNLOCK_BATCH_MQ)
			return p == CONSUMER || p == LISTED || p == ADMIN;
		return p >= PRODUCER;
	case NEED_PUB:
		return p == PRODUCER || p == LISTED || p == ADMIN;
	case NEED_SUB:
		return p == CONSUMER || p == LISTED || p == ADMIN;
	case NEED_READ:
		return (has_names(h) && (p == PRODUCER || p == CONSUMER || p == LISTED)) ||
		       p == ADMIN;
	case NEED_BROKER:
		return p == LISTED || p == ADMIN;
	default:
		return p == ADMIN;
	}
}

/* Refused for who he is: handlers have reasons of their own for the same code. */
static bool refused(int code)
{
	static const char *const words[] = { "No accessKey", "No acl config", "Check signature",
		"No default permission", "Need admin" };

	for (size_t i = 0; code == RESP_NO_PERMISSION && i < ARRAY_LEN(words); i++) {
		if (!strncmp(text.p, words[i], strlen(words[i])))
			return true;
	}
	return false;
}

static int ask_as_the_table_says(struct client *c, const struct handler *h)
{
	command_init(&rq, h->code);
	for (const struct field *f = h->fields; f && f->type != FIELD_TYPE_END; f++)
		command_add(&rq, f->name, str_of(value_of(f)));
	rq.body = str_of(body_of(h->code));
	return call(c, &rq, &text);
}

/* An allowed address that does not sign is nobody elsewhere. */
static void allow(struct client *admin, bool on)
{
	static bool was;

	if (on != was)
		cr_assert_eq(ask(admin, REQ_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG, NULL,
				     "globalWhiteAddrs", on ? "127.0.0.1" : "", NULL),
			0, "%s", text.p);
	was = on;
}

Test(access, the_matrix_of_all_codes_and_all_clients)
{
	struct client *who[PERSONS], *admin;
	char *producer, *consumer, *stranger;
	const struct handler *h;
	int cells = 0, wrong = 0, code;

	buf_init(&text, 16 << 20);
	start();
	admin = who[ADMIN] = administrator();
	make_namespaces(admin);
	producer = make_role(admin, "producer", "shop", "produce");
	consumer = make_role(admin, "consumer", "shop", "consume");
	stranger = make_role(admin, "stranger", "other", "produce");
	cr_assert_eq(ask(admin, REQ_GRANT_ROLE, NULL, "role", "stranger", "namespace", "other",
			     "consume", "true", NULL),
		0);
	cr_assert_eq(send_to(admin, "shop%topic"), 0, "%s", text.p);
	who[NOBODY] = client(NULL, NULL);
	who[LIAR] = client(producer, "consumer");
	who[LIAR_ADMIN] = client("admin", "0123456789abcdef");
	who[PRODUCER] = client(producer, "producer");
	who[CONSUMER] = client(consumer, "consumer");
	who[STRANGER] = client(stranger, "stranger");
	who[LISTED] = client(NULL, NULL);
	for (size_t i = 0; (h = handler_at(i)); i++) {
		for (int p = 0; p < PERSONS; p++) {
			allow(admin, p == LISTED);
			cells++;
			code = ask_as_the_table_says(who[p], h);
			if (code >= 0 && refused(code) != may(h, (enum person)p))
				continue;
			wrong++;
			fprintf(stderr, "%d %s by %s: %d %s\n", h->code, request_name(h->code),
				persons[p], code, text.p);
		}
	}
	cr_assert_eq(wrong, 0, "%d of %d cells are wrong", wrong, cells);
	cr_assert_gt(cells, 500);
	for (int p = 0; p < PERSONS; p++) {
		cr_assert_eq(ask(who[p], 9999, NULL, NULL), RESP_REQUEST_CODE_NOT_SUPPORTED);
		client_free(who[p]);
	}
	stop();
	mem_free(producer);
	mem_free(consumer);
	mem_free(stranger);
	buf_release(&text);
}

/* --- what a role loses --- */

struct waiting {
	int rc, code;
	bool done;
};

static void answered(void *arg, int rc, struct reply *r, const struct err *e UNUSED)
{
	struct waiting *w = arg;

	w->rc = rc;
	w->code = rc ? -1 : r->cmd.code;
	w->done = true;
	reply_free(r);
}

static void fill_pull(const char *topic, const char *group, const char *hold_ms)
{
	command_init(&rq, REQ_PULL_MESSAGE);
	command_add(&rq, "consumerGroup", str_of(group));
	command_add(&rq, "topic", str_of(topic));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "queueOffset", STR("1"));
	command_add(&rq, "maxMsgNums", STR("32"));
	command_add(&rq, "sysFlag", STR("6"));
	command_add(&rq, "commitOffset", STR("0"));
	command_add(&rq, "suspendTimeoutMillis", str_of(hold_ms));
	command_add(&rq, "subscription", STR("*"));
	command_add(&rq, "subVersion", STR("0"));
}

/* A pull that waits, until `act` is done; it must end without a message, at once. */
static void loses(struct client *admin, struct client *c, int code, const char *body,
	const char *key, const char *value)
{
	struct waiting w = { 0 };
	struct err e = ERR_INIT;

	fill_pull("shop%topic", "shop%group", "30000");
	cr_assert_eq(client_submit(c, address(), &rq, 40000, answered, &w, &e), 0);
	client_run(c, 200);
	cr_assert_not(w.done, "it waits: %d", w.code);
	cr_assert_eq(ask(admin, code, body, "role", "app", key, value, "consume", "true", NULL),
		0, "%s", text.p);
	for (int i = 0; i < 100 && !w.done; i++)
		client_run(c, 50);
	cr_assert(w.done && w.rc == TQ_EUNREACHABLE, "%d %d", w.rc, w.code);
	fill_pull("shop%topic", "shop%group", "1");
	cr_assert_eq(call(c, &rq, &text), RESP_NO_PERMISSION, "%s", text.p);
}

Test(access, what_a_role_loses_hits_its_open_connections_at_once)
{
	struct client *admin, *c;
	char *token;

	buf_init(&text, 16 << 20);
	start();
	admin = administrator();
	make_namespaces(admin);
	token = make_role(admin, "app", "shop", "consume");
	c = client(token, "app");
	cr_assert_eq(send_to(admin, "shop%topic"), 0);
	loses(admin, c, REQ_REVOKE_ROLE, NULL, "namespace", "shop");
	cr_assert(
		strstr(text.p, "role 'app' may not consume in namespace 'shop'"), "%s", text.p);
	cr_assert_eq(ask(admin, REQ_GRANT_ROLE, NULL, "role", "app", "namespace", "shop",
			     "consume", "true", NULL),
		0);
	fill_pull("shop%topic", "shop%group", "1");
	cr_assert_eq(
		call(c, &rq, &text), RESP_PULL_NOT_FOUND, "a grant works at once: %s", text.p);
	loses(admin, c, REQ_ROTATE_ROLE, NULL, "graceMs", "0");
	mem_free(token);
	client_free(c);
	token = make_role(admin, "app2", NULL, NULL);
	cr_assert_eq(ask(admin, REQ_GET_ROLE, NULL, "role", "app", NULL), 0);
	cr_assert_null(strstr(text.p, "token"), "only when it was asked for");
	cr_assert_eq(
		ask(admin, REQ_GET_ROLE, NULL, "role", "app", "showToken", "true", NULL), 0);
	cr_assert_not_null(strstr(text.p, "token"));
	cr_assert_eq(ask(admin, REQ_DELETE_ROLE, NULL, "role", "app", NULL), RESP_SYSTEM_ERROR);
	cr_assert_eq(ask(admin, REQ_DELETE_NAMESPACE, NULL, "namespace", "other", NULL), 0);
	cr_assert_eq(ask(admin, REQ_GRANT_ROLE, NULL, "role", "app", "namespace", "nowhere",
			     "consume", "true", NULL),
		RESP_QUERY_NOT_FOUND);
	mem_free(token);
	client_free(admin);
	stop();
	buf_release(&text);
}

/* --- 50 to 53 --- */

static const struct {
	const char *why, *key, *secret, *topics, *white;
	int code;
	const char *says;
} accounts[] = {
	{ "a new one", "account1", "12345678", "T1=PUB|SUB,T2=DENY", NULL, 0, NULL },
	{ "other permissions", "account1", NULL, "T1=PUB", NULL, 0, NULL },
	{ "no such permission", "account1", NULL, "T1=WRITE", NULL, 209, "WRITE" },
	{ "no permission at all", "account1", NULL, "T1", NULL, 209, "NAME=PERMISSION" },
	{ "an address that need not sign", "account1", NULL, NULL, "10.0.0.1", 209,
		"whiteRemoteAddress" },
	{ "a new one without a secret", "account2", NULL, NULL, NULL, 209, "secretKey" },
	{ "a short key", "x", "12345678", NULL, NULL, 209, "shorter" },
	{ "no key", NULL, "12345678", NULL, NULL, 1, "accessKey" },
	{ "a role's name", "a-role-01", "12345678", NULL, NULL, 209, "taken" },
	{ "the administrator's", "admin", "12345678", NULL, NULL, 209, "" },
};

Test(access, accounts_of_apaches_tools)
{
	struct client *admin, *c;

	buf_init(&text, 16 << 20);
	start();
	admin = administrator();
	mem_free(make_role(admin, "a-role-01", NULL, NULL));
	for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
		command_init(&rq, REQ_UPDATE_AND_CREATE_ACL_CONFIG);
		command_add(&rq, "accessKey", str_of(accounts[i].key));
		command_add(&rq, "secretKey", str_of(accounts[i].secret));
		command_add(&rq, "topicPerms", str_of(accounts[i].topics));
		command_add(&rq, "whiteRemoteAddress", str_of(accounts[i].white));
		cr_assert_eq(call(admin, &rq, &text), accounts[i].code, "%s: %s",
			accounts[i].why, text.p);
		if (accounts[i].says)
			cr_assert(strstr(text.p, accounts[i].says), "%s: %s", accounts[i].why,
				text.p);
		cr_assert_null(strstr(text.p, "12345678"));
	}
	c = client("account1", "12345678");
	cr_assert_eq(send_to(c, "T1"), 0, "%s", text.p);
	cr_assert_eq(send_to(c, "T2"), RESP_NO_PERMISSION);
	cr_assert_eq(ask(admin, REQ_DELETE_ACL_CONFIG, NULL, "accessKey", "account1", NULL), 0);
	cr_assert_eq(send_to(c, "T1"), RESP_NO_PERMISSION);
	cr_assert_eq(
		ask(admin, REQ_DELETE_ACL_CONFIG, NULL, "accessKey", "account1", NULL), 210);
	client_free(c);
	cr_assert_eq(ask(admin, REQ_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG, NULL, "globalWhiteAddrs",
			     "nonsense", NULL),
		211);
	cr_assert_eq(ask(admin, REQ_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG, NULL, "globalWhiteAddrs",
			     "10.9.0.*,127.0.0.1", NULL),
		0);
	c = client(NULL, NULL);
	cr_assert_eq(send_to(c, "T1"), 0, "%s", text.p);
	cr_assert_eq(ask(c, REQ_GET_ALL_TOPIC_CONFIG, NULL, NULL), 0, "it may look");
	cr_assert_eq(ask(c, REQ_LIST_ROLES, NULL, NULL), RESP_NO_PERMISSION);
	cr_assert_eq(ask(admin, REQ_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG, NULL, NULL), 0);
	cr_assert_eq(send_to(c, "T1"), RESP_NO_PERMISSION, "%s", text.p);
	cr_assert_eq(ask(admin, REQ_GET_BROKER_CLUSTER_ACL_INFO, NULL, NULL), 0);
	client_free(c);
	client_free(admin);
	stop();
	buf_release(&text);
}

/* --- S2 --- */

#define A_LOT \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const escapes[] = { "other%t", "t", "%other%t", "%RETRY%other%g",
	"%DLQ%other%g", "%RETRY%%RETRY%shop%g", "%DLQ%%DLQ%shop%g", "%RETRY%g", "SHOP%t",
	"../shop%t", "shop/../other%t", "default%t", "other|shop%t", "SCHEDULE_TOPIC_XXXX",
	"RMQ_SYS_TRANS_HALF_TOPIC", "rmq_sys_timer", "TBW102", "DefaultCluster", "brokerd",
	"TRANS_CHECK_MAX_TIME_TOPIC", "RMQ_SYS_TRACE_TOPIC", "DefaultCluster_REPLY_TOPIC",
	"shop\xef\xbc\x85t", "sh\xd0\xbep%t", "shop%" A_LOT };

/* What clients of all namespaces write to and nobody reads. */
static bool is_for_all(const char *topic)
{
	return !strcmp(topic, "RMQ_SYS_TRACE_TOPIC") ||
	       !strcmp(topic, "DefaultCluster_REPLY_TOPIC");
}

Test(access, no_name_leads_out_of_a_namespace)
{
	struct client *admin, *c;
	char *token;
	int code;

	buf_init(&text, 16 << 20);
	start();
	admin = administrator();
	make_namespaces(admin);
	token = make_role(admin, "app", "shop", "produce");
	cr_assert_eq(ask(admin, REQ_GRANT_ROLE, NULL, "role", "app", "namespace", "shop",
			     "consume", "true", NULL),
		0);
	c = client(token, "app");
	for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
		code = send_to(c, escapes[i]);
		if (!is_for_all(escapes[i]))
			cr_assert(code == RESP_NO_PERMISSION || code == RESP_SYSTEM_ERROR,
				"sent to '%s': %d", escapes[i], code);
		fill_pull(escapes[i], "shop%g", "1");
		code = call(c, &rq, &text);
		cr_assert(code == RESP_NO_PERMISSION || code == RESP_SYSTEM_ERROR,
			"pulled from '%s': %d %s", escapes[i], code, text.p);
		fill_pull("shop%t", escapes[i], "1");
		code = call(c, &rq, &text);
		cr_assert(code == RESP_NO_PERMISSION || code == RESP_SYSTEM_ERROR,
			"pulled as '%s': %d %s", escapes[i], code, text.p);
	}
	cr_assert_eq(send_to(c, "shop%t"), 0, "%s", text.p);
	cr_assert_eq(send_to(c, "shop%%DLQ%other%g"), 0, "odd, and inside: %s", text.p);
	cr_assert_eq(ask(c, REQ_GET_BROKER_CLUSTER_INFO, NULL, NULL), 0);
	mem_free(token);
	client_free(c);
	client_free(admin);
	stop();
	buf_release(&text);
}

static int send_half(struct client *c, const char *group)
{
	char *props = mem_fmt("TRAN_MSG\001true\002PGROUP\001%s\002", group);
	int code = ask(c, REQ_SEND_MESSAGE_V2, "body", "b", "shop%t", "c", "TBW102", "d", "1",
		"e", "0", "f", "4", "g", "1", "h", "0", "i", props, NULL);

	mem_free(props);
	return code;
}

/* Its members would be asked what is to become of the message, and would see it. */
Test(access, a_transaction_is_of_a_group_of_its_own_namespace)
{
	struct client *admin, *c;
	char *token;

	buf_init(&text, 16 << 20);
	start();
	admin = administrator();
	make_namespaces(admin);
	token = make_role(admin, "app", "shop", "produce");
	c = client(token, "app");
	cr_assert_eq(send_half(c, "shop%p"), 0, "%s", text.p);
	cr_assert_eq(send_half(c, "other%p"), RESP_NO_PERMISSION, "%s", text.p);
	cr_assert_eq(ask(c, REQ_HEART_BEAT,
			     "{\"clientID\":\"c\",\"producerDataSet\":[{\"groupName\":"
			     "\"other%p\"}]}",
			     NULL),
		RESP_NO_PERMISSION, "%s", text.p);
	mem_free(token);
	client_free(c);
	client_free(admin);
	stop();
	buf_release(&text);
}

/* A message that is known by its place in the log only. */
Test(access, an_offset_is_no_way_into_another_namespace)
{
	char *token,
		body[] = "{\"clientID\":\"c\",\"consumerDataSet\":[{\"groupName\":\"shop%g\","
			 "\"subscriptionDataSet\":[]}]}";
	struct client *admin, *c;

	buf_init(&text, 16 << 20);
	start();
	admin = administrator();
	make_namespaces(admin);
	token = make_role(admin, "app", "shop", "consume");
	c = client(token, "app");
	cr_assert_eq(send_to(admin, "other%t"), 0);
	cr_assert_eq(ask(c, REQ_HEART_BEAT, body, NULL), 0, "%s", text.p);
	cr_assert_eq(ask(c, REQ_VIEW_MESSAGE_BY_ID, NULL, "offset", "0", NULL),
		RESP_NO_PERMISSION, "%s", text.p);
	cr_assert_eq(ask(c, REQ_CONSUMER_SEND_MSG_BACK, NULL, "group", "shop%g", "offset", "0",
			     "delayLevel", "1", NULL),
		RESP_NO_PERMISSION, "%s", text.p);
	cr_assert_eq(ask(admin, REQ_VIEW_MESSAGE_BY_ID, NULL, "offset", "0", NULL), 0);
	mem_free(token);
	client_free(c);
	client_free(admin);
	stop();
	buf_release(&text);
}

/* --- S6, S7 --- */

static bool file_has(const char *path, const char *word)
{
	FILE *f = fopen(path, "r");
	char part[4096];
	struct buf b;
	size_t n;
	bool has;

	buf_init(&b, 64 << 20);
	while (f && (n = fread(part, 1, sizeof(part), f)))
		buf_add(&b, part, n);
	if (f)
		fclose(f);
	has = b.n && memmem(b.p, b.n, word, strlen(word));
	buf_release(&b);
	return has;
}

static mode_t mode_of(const char *name)
{
	char *path = mem_fmt("%s/%s", data, name);
	struct stat st;

	cr_assert_eq(stat(path, &st), 0, "%s", path);
	mem_free(path);
	return st.st_mode & 07777;
}

Test(access, secrets_are_found_nowhere_and_files_are_private)
{
	static const char *const private[] = { "admin.secret", "meta.db", "meta.db-wal",
		"meta.db-shm" };
	struct client *admin, *liar, *c;
	char *token, *secret, *path;

	buf_init(&text, 16 << 20);
	start();
	admin = administrator();
	make_namespaces(admin);
	token = make_role(admin, "app", "shop", "consume");
	secret = admin_secret();
	liar = client(token, "wrong");
	for (int i = 0; i < 30; i++) {
		cr_assert_eq(send_to(liar, "shop%t"), RESP_NO_PERMISSION);
		cr_assert_null(strstr(text.p, token), "%s", text.p);
	}
	c = client(token, "app");
	cr_assert_eq(send_to(c, "shop%t"), RESP_NO_PERMISSION);
	cr_assert_null(strstr(text.p, token), "%s", text.p);
	cr_assert_eq(ask(admin, REQ_LIST_ROLES, NULL, NULL), 0);
	cr_assert_null(strstr(text.p, token), "%s", text.p);
	cr_assert_eq(ask(admin, REQ_GET_BROKER_CONFIG, NULL, NULL), 0);
	cr_assert_null(strstr(text.p, secret));
	cr_assert_eq(ask(admin, REQ_GET_BROKER_RUNTIME_INFO, NULL, NULL), 0);
	cr_assert_null(strstr(text.p, secret));
	cr_assert_not(file_has(log_path, token));
	cr_assert_not(file_has(log_path, secret));
	cr_assert(file_has(log_path, "Check signature failed"));
	path = mem_fmt("/proc/%d/cmdline", (int)child);
	cr_assert_not(file_has(path, secret));
	for (size_t i = 0; i < ARRAY_LEN(private); i++)
		cr_assert_eq(mode_of(private[i]), 0600, "%s", private[i]);
	cr_assert_eq(mode_of(""), 0700);
	stop();
	/* Others may read it: no start. */
	mem_free(path);
	path = mem_fmt("%s/admin.secret", data);
	cr_assert_eq(chmod(path, 0640), 0);
	*port = 0;
	child = fork();
	if (!child) {
		close(STDERR_FILENO);
		_exit(serve());
	}
	waitpid(child, NULL, 0);
	child = 0;
	cr_assert_eq(*port, -1);
	mem_free(path);
	mem_free(token);
	secret_free(secret);
	client_free(admin);
	client_free(liar);
	client_free(c);
	buf_release(&text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: directories with messages, without a server. What only reads is done here; a handover is
 * done by brokerd, which knows its own metadata: it is run with --handover and its report shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_offline.h"
#include "view.h"

#define REPORT_MAX (1 << 20)

struct store_args {
	const char *dir, *config;
	bool plan;
	int to;
};

static const char *const handover_targets[] = { "apache", NULL };

static const struct col handover_cols[] = {
	{ "object", "object" },
	{ "taken", "taken", COL_NUMBER },
	{ "left", "left", COL_NUMBER },
	{ "file", "file" },
	{ "note", "note" },
	COL_END,
};
const struct view view_handover = { "HandoverPart", "object", handover_cols };

static int inspect(struct ctx *cx, const void *args)
{
	const struct store_args *a = args;

	return store_inspect(cx, a->dir);
}

static int verify(struct ctx *cx, const void *args)
{
	const struct store_args *a = args;

	return store_verify(cx, a->dir, a->plan);
}

/* ---- handover ---- */

/* brokerd as it was installed with us, else the one of PATH. */
static const char *find_brokerd(struct ctx *cx)
{
	static const char *const beside[] = { "brokerd", "../sbin/brokerd", NULL };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		const char *dir;

		self[n] = '\0';
		dir = dirname(self);
		for (int i = 0; beside[i]; i++) {
			const char *path = arena_fmt(&cx->mem, "%s/%s", dir, beside[i]);

			if (!access(path, X_OK))
				return path;
		}
	}
	return "brokerd";
}

static int run_brokerd(
	struct ctx *cx, const char *const *argv, struct buf *out, int *status, struct err *e)
{
	posix_spawn_file_actions_t fa;
	int p[2], rc;
	pid_t pid;
	ssize_t n;

	if (pipe2(p, O_CLOEXEC))
		return err_sys(e, TQ_EFAIL, "no pipe");
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, p[1], STDOUT_FILENO);
	rc = posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(p[1]);
	if (rc) {
		close(p[0]);
		errno = rc;
		err_sys(e, TQ_EUNSUPPORTED, "cannot run '%s'", argv[0]);
		return err_hint(
			e, "brokerd does the handover: install it, or put it into PATH");
	}
	for (;;) {
		char *to = buf_reserve(out, 4096);

		n = to ? read(p[0], to, 4096) : -1;
		if (n < 0 && to && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		out->n += (size_t)n;
	}
	close(p[0]);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	(void)cx;
	return buf_err(out) ? err_set(e, TQ_ETOOBIG, "'%s': a report too long", argv[0]) : 0;
}

/* brokerd has said on stderr what is wrong; its exit status says the same as a code. */
static int code_of(int status)
{
	static const int codes[] = { TQ_EFAIL, TQ_EUSAGE, TQ_EPARTIAL, TQ_ENOTFOUND,
		TQ_EPRECOND, TQ_EBUSY };

	for (size_t i = 0; WIFEXITED(status) && i < ARRAY_LEN(codes); i++)
		if (err_exit(codes[i]) == WEXITSTATUS(status))
			return codes[i];
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : TQ_EFAIL;
}

static int show_report(struct ctx *cx, struct str text)
{
	cJSON *items = cJSON_CreateArray(), *o;
	struct str line;
	int rc = 0;

	while (!rc && str_cut(&text, '\n', &line)) {
		if (!line.n)
			continue;
		rc = json_parse(line, JSON_STRICT, &o, &cx->err);
		if (!rc)
			cJSON_AddItemToArray(items, o);
	}
	if (rc || !cJSON_GetArraySize(items)) {
		cJSON_Delete(items);
		return rc;
	}
	return ctx_list(cx, &view_handover, items);
}

static int handover(struct ctx *cx, const void *args)
{
	const struct store_args *a = args;
	const char *argv[8] = { find_brokerd(cx), "--data", a->dir, "--handover" };
	struct buf out;
	int n = 4, status = 0, rc, code;

	if (cx->set.dry_run)
		argv[n++] = "--dry-run";
	if (a->config) {
		argv[n++] = "--config";
		argv[n++] = a->config;
	}
	buf_init(&out, REPORT_MAX);
	rc = run_brokerd(cx, argv, &out, &status, &cx->err);
	code = rc ? rc : code_of(status);
	if (!rc)
		rc = show_report(cx, buf_str(&out));
	buf_release(&out);
	if (rc || !code) {
		if (!rc && !cx->set.dry_run)
			ctx_done(cx, "store '%s' handed over: mqbroker -c %s/broker.conf",
				a->dir, a->dir);
		return rc;
	}
	err_set(&cx->err, code, "'%s' was not handed over as a whole", a->dir);
	cx->reported = true;
	return code;
}

/* ---- the table ---- */

#define ARG_DIR ARG(ARG_ONE, NAMES_FILE, "DIR", struct store_args, dir)

static const struct opt verify_opts[] = {
	OPT_BOOL(
		0, "repair-plan", struct store_args, plan, "say what to do about each finding"),
	OPT_END,
};

static const struct opt handover_opts[] = {
	OPT_ENUM(0, "to", struct store_args, to, handover_targets, 0,
		"whose broker is to serve it"),
	OPT_NAME(0, "brokerd-config", "file", struct store_args, config, NAMES_FILE,
		"settings brokerd ran with, for names and ports"),
	OPT_END,
};

const struct cmd cmd_store[] = {
	{ "inspect", "what a store directory holds, brokerd's or Apache's",
		{ ARG_DIR, ARG_END }, NULL, sizeof(struct store_args), inspect,
		CMD_LOCAL | CMD_STREAMS, "store inspect data",
		"DIR is brokerd's --data or Apache's storePathRootDir. Nothing is written: a copy or "
		"a read-only mount will do. FROM and TO are offsets in the log, or of messages in a "
		"queue." },
	{ "verify", "check each record, queue and index entry of a store", { ARG_DIR, ARG_END },
		verify_opts, sizeof(struct store_args), verify, CMD_LOCAL | CMD_STREAMS,
		"store verify data\nstore verify data --repair-plan -o ndjson",
		"Reads the whole log, and writes nothing. 'mended' is what the next start of a "
		"broker puts right without loss, such as a torn tail after a kill; 'damaged' is what "
		"lost messages or hides them: exit status 20." },
	{ "handover", "make brokerd's directory one that Apache's broker serves",
		{ ARG_DIR, ARG_END }, handover_opts, sizeof(struct store_args), handover,
		CMD_LOCAL | CMD_WRITES, "store handover data --to apache --dry-run",
		"brokerd must be stopped. Writes config/*.json and broker.conf beside the messages "
		"and says what cannot go along: exit status 3 if there is any. 'brokerd --adopt "
		"DIR' takes the directory back. With --dry-run nothing of Apache's is written, but "
		"the store is opened as brokerd opens it: what a kill left is put right, queues and "
		"all. Where nothing at all may be written, try it on a copy." },
	CMD_END,
};

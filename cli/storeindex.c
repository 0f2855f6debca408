/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files do not say how many slots they have. Everybody keeps Apache's proportion of four
 * entries to a slot, which the length then tells; files of another proportion are shown by
 * their headers and not compared.
 *
 *	header 40: begin ms 8 | end ms 8 | begin offset 8 | end offset 8 | slots used 4 | next entry 4
 *	slots 4 each, entries 20 each: hash 4 | offset 8 | seconds 4 | previous entry of its slot 4
 */
#include "storeindex.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "props.h"

#define HEADER 40
#define SLOT 4
#define ENTRY 20
#define PROPORTION 4
#define SLOTS_MAX (64 << 20)
#define PAGE 4096 /* entries */

/* ---- the files ---- */

static int64_t name_of(const char *name)
{
	int64_t v = 0;
	size_t i;

	for (i = 0; name[i] >= '0' && name[i] <= '9' && i < 17; i++)
		v = v * 10 + (name[i] - '0');
	return i == 17 && !name[i] ? v : -1;
}

static void read_head(struct storeindex_file *f)
{
	int64_t per_slot = SLOT + PROPORTION * ENTRY, slots = (f->bytes - HEADER) / per_slot;
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	char h[HEADER];

	if (fd < 0 || pread(fd, h, sizeof(h), 0) != sizeof(h)) {
		f->bad = "its header cannot be read";
	} else {
		f->begin_ms = (int64_t)get_be64(h);
		f->end_ms = (int64_t)get_be64(h + 8);
		f->begin_phys = (int64_t)get_be64(h + 16);
		f->end_phys = (int64_t)get_be64(h + 24);
		f->count = MAX(1, (int32_t)get_be32(h + 36));
	}
	if (fd >= 0)
		close(fd);
	if (slots > 0 && slots <= SLOTS_MAX && HEADER + slots * per_slot == f->bytes) {
		f->slots = (int32_t)slots;
		f->entries = PROPORTION * f->slots;
	}
	if (!f->bad && f->entries && f->count > f->entries)
		f->bad = "it counts more entries than it has room for";
	if (!f->bad && f->end_phys < f->begin_phys)
		f->bad = "it ends before it begins";
}

static int by_name(const void *a, const void *b)
{
	const struct storeindex_file *x = a, *y = b;

	return (x->name > y->name) - (x->name < y->name);
}

int storeindex_open(struct storeindex *ix, const char *dir, struct err *e)
{
	char *path = mem_fmt("%s/" STORE_INDEX_DIR, dir);
	DIR *h = opendir(path);
	struct dirent *d;
	int rc = 0;

	memset(ix, 0, sizeof(*ix));
	ix->fd = -1;
	ix->missing_at = -1;
	buf_init(&ix->key, 1 << 20);
	if (!h && errno != ENOENT)
		rc = err_sys(e, TQ_EIO, "cannot read '%s'", path);
	while (h && (d = readdir(h))) {
		struct storeindex_file f = { .name = name_of(d->d_name) };
		struct stat st;

		if (f.name < 0)
			continue;
		f.path = mem_fmt("%s/%s", path, d->d_name);
		f.bytes = stat(f.path, &st) ? 0 : st.st_size;
		read_head(&f);
		if (ix->n == ix->cap) {
			ix->cap = ix->cap ? 2 * ix->cap : 8;
			ix->files = mem_grow(ix->files, ix->cap * sizeof(*ix->files));
		}
		ix->files[ix->n++] = f;
	}
	if (h)
		closedir(h);
	if (ix->n)
		qsort(ix->files, ix->n, sizeof(*ix->files), by_name);
	ix->at = 1;
	mem_free(path);
	return rc;
}

void storeindex_close(struct storeindex *ix)
{
	if (ix->fd >= 0)
		close(ix->fd);
	for (size_t i = 0; i < ix->n; i++)
		mem_free(ix->files[i].path);
	mem_free(ix->files);
	mem_free(ix->heads);
	mem_free(ix->page);
	buf_release(&ix->key);
	memset(ix, 0, sizeof(*ix));
	ix->fd = -1;
}

int64_t storeindex_end(const struct storeindex *ix)
{
	return ix->n ? ix->files[ix->n - 1].end_phys : -1;
}

/* ---- the comparison ---- */

struct entry {
	uint32_t hash;
	int64_t phys;
	int32_t previous;
};

/* The file's slots must say what its entries said. */
static void close_file(struct storeindex *ix)
{
	const struct storeindex_file *f = &ix->files[ix->i];
	char page[PAGE * SLOT];

	for (int32_t s = 0; ix->fd >= 0 && ix->heads && s < f->slots; s += PAGE) {
		int32_t n = MIN(PAGE, f->slots - s);

		if (pread(ix->fd, page, (size_t)n * SLOT, HEADER + (int64_t)s * SLOT) !=
			n * SLOT)
			break;
		for (int32_t i = 0; i < n; i++) {
			int32_t head = (int32_t)get_be32(page + i * SLOT);

			ix->chains +=
				(head > 0 && head < f->count ? head : 0) != ix->heads[s + i];
		}
	}
	if (ix->fd >= 0)
		close(ix->fd);
	ix->fd = -1;
	mem_free(ix->heads);
	ix->heads = NULL;
	ix->page_n = 0;
	ix->at = 1;
	ix->i++;
}

static bool open_file(struct storeindex *ix)
{
	const struct storeindex_file *f = &ix->files[ix->i];

	if (ix->fd >= 0)
		return true;
	if (f->bad || !f->slots)
		return false;
	ix->fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (ix->fd < 0)
		return false;
	ix->heads = mem_array((size_t)f->slots, sizeof(int32_t));
	if (!ix->page)
		ix->page = mem_array(PAGE, ENTRY);
	return true;
}

static bool read_page(struct storeindex *ix)
{
	const struct storeindex_file *f = &ix->files[ix->i];
	int32_t n = MIN(PAGE, f->count - ix->at);
	ssize_t got = pread(ix->fd, ix->page, (size_t)n * ENTRY,
		HEADER + (int64_t)f->slots * SLOT + (int64_t)ix->at * ENTRY);

	ix->page_at = ix->at;
	ix->page_n = got < 0 ? 0 : (int32_t)(got / ENTRY);
	return ix->page_n > 0;
}

/* The next entry, left where it is; false at the end of all files. */
static bool peek(struct storeindex *ix, struct entry *en)
{
	const char *p;

	while (ix->i < ix->n) {
		if (!open_file(ix) || ix->at >= ix->files[ix->i].count) {
			close_file(ix);
			continue;
		}
		if (ix->at < ix->page_at || ix->at >= ix->page_at + ix->page_n)
			if (!read_page(ix)) {
				close_file(ix);
				continue;
			}
		p = ix->page + (ix->at - ix->page_at) * ENTRY;
		en->hash = get_be32(p);
		en->phys = (int64_t)get_be64(p + 4);
		en->previous = (int32_t)get_be32(p + 16);
		return true;
	}
	return false;
}

static void take(struct storeindex *ix, const struct entry *en)
{
	int32_t *head = &ix->heads[en->hash % (uint32_t)ix->files[ix->i].slots];

	ix->chains += (en->previous > 0 ? en->previous : 0) != *head;
	*head = ix->at++;
}

static void expect(struct storeindex *ix, const struct message *m, struct str key)
{
	uint32_t hash;
	struct entry en;
	int32_t h;

	buf_clear(&ix->key);
	buf_add_str(&ix->key, m->topic);
	buf_putc(&ix->key, '#');
	buf_add_str(&ix->key, key);
	h = str_java_hash(buf_str(&ix->key));
	hash = h == INT32_MIN ? 0 : (uint32_t)(h < 0 ? -h : h);
	while (peek(ix, &en) && en.phys < m->phys_off) {
		take(ix, &en);
		ix->extra += ix->begun;
	}
	if (ix->i < ix->n && en.phys == m->phys_off && en.hash == hash) {
		take(ix, &en);
		ix->begun = true;
		ix->matched++;
	} else if (ix->begun && ix->i < ix->n) {
		if (!ix->missing++)
			ix->missing_at = m->phys_off;
	}
}

void storeindex_record(struct storeindex *ix, const struct message *m)
{
	struct str rest = m->properties, unique = STR_NONE, keys = STR_NONE, key;
	struct prop p;

	if (ix->i >= ix->n || (m->sysflag & SYSFLAG_TX_MASK) == SYSFLAG_TX_ROLLBACK)
		return;
	while (props_next(&rest, &p)) {
		if (str_is(p.name, PROP_UNIQ_KEY))
			unique = p.value;
		else if (str_is(p.name, PROP_KEYS))
			keys = p.value;
	}
	if (unique.n)
		expect(ix, m, unique);
	while (keys.n && str_cut(&keys, ' ', &key))
		if (key.n)
			expect(ix, m, key);
}

void storeindex_finish(struct storeindex *ix, int64_t log_min)
{
	struct entry en;

	while (peek(ix, &en)) {
		take(ix, &en);
		ix->extra += en.phys >= log_min;
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Records of a jitdump file. Of a record's bytes only what is needed is read: the code itself and
 * unwinding tables are passed over. Source lines come in a record before the code that they are of;
 * where such a pair is not whole, reading goes on from its first half the next time.
 */

#include "daemon/worker/job-jit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define MAGIC 0x4a695444u
#define VERSION 1
#define FLAG_ARCH_TIMESTAMP 1u /* of the processor's counter: of no use here */
#define RECORD_BYTES_MAX (256u << 20)
#define NAME_ROOM (WORKER_STRING_BYTES_MAX + 64)
#define DEBUG_BYTES_MAX (1u << 20) /* of one record of lines: what is beyond is not read */
#define LINES_PER_CODE_MAX 8192
/* How many records may lie between lines and their code, where the reply is full otherwise. */
#define PAIR_RECORDS_MAX 4

enum record_kind { RECORD_LOAD, RECORD_MOVE, RECORD_DEBUG_INFO, RECORD_CLOSE };

struct file_header {
	uint32_t magic, version, total_size, machine, padding, pid;
	uint64_t timestamp, flags;
};

struct record_head {
	uint32_t id, total_size;
	uint64_t timestamp;
};

struct load {
	uint32_t pid, tid;
	uint64_t vma, address, size, index;
};

struct move {
	uint32_t pid, tid;
	uint64_t vma, from, to, size, index;
};

struct debug_info {
	uint64_t address, n;
};

struct debug_entry {
	uint64_t address;
	uint32_t line, discriminator;
	/* then the file's name with its NUL; 0xff and NUL: the same as before */
};

struct reader {
	int fd;
	bool has_times;
	struct jit_output *output;
	/* Lines that wait for their code: their record's position and address. */
	bool is_pending;
	uint64_t pending_position, pending_address;
	uint32_t n_pending;
	char bytes[NAME_ROOM];
};

static void pending_drop(struct reader *reader)
{
	struct buffer *lines = &reader->output->lines;

	if (!buffer_error(lines)) {
		lines->size -= reader->n_pending * sizeof(struct worker_jit_line);
		reader->output->n_lines -= reader->n_pending;
	}
	reader->n_pending = 0;
	reader->is_pending = false;
}

/* The n bytes of a record's body that lie `skip` behind its head, or fewer. */
static size_t body_read(const struct reader *reader, uint64_t position,
	const struct record_head *head, void *bytes, size_t n)
{
	size_t size = head->total_size - sizeof(*head);
	ssize_t got = pread(
		reader->fd, bytes, n < size ? n : size, (off_t)(position + sizeof(*head)));

	return got < 0 ? 0 : (size_t)got;
}

static void take_load(struct reader *reader, uint64_t position, const struct record_head *head)
{
	size_t n = body_read(reader, position, head, reader->bytes, sizeof(reader->bytes));
	struct worker_jit_code code = {};
	struct load load;

	if (n < sizeof(load))
		return;
	memcpy(&load, reader->bytes, sizeof(load));
	if (reader->is_pending && reader->pending_address != load.address)
		pending_drop(reader);
	code.address = load.address;
	code.size = load.size;
	code.time_ns = reader->has_times ? head->timestamp : 0;
	code.name = jit_output_string(
		reader->output, reader->bytes + sizeof(load), n - sizeof(load));
	code.n_lines = reader->n_pending;
	jit_output_code(reader->output, &code);
	reader->n_pending = 0;
	reader->is_pending = false;
}

static void take_move(struct reader *reader, uint64_t position, const struct record_head *head)
{
	struct worker_jit_code code = {};
	struct move move;

	/* Lines that no code followed. */
	pending_drop(reader);
	if (body_read(reader, position, head, &move, sizeof(move)) < sizeof(move) || !move.from)
		return;
	code.address = move.to;
	code.size = move.size;
	code.time_ns = reader->has_times ? head->timestamp : 0;
	code.moved_from = move.from;
	jit_output_code(reader->output, &code);
}

/* One entry and its name; false: that was the last whole one. */
static bool entry_take(struct reader *reader, const char **at, const char *end, uint32_t *file)
{
	struct debug_entry entry;
	const char *name, *name_end;

	if ((size_t)(end - *at) < sizeof(entry))
		return false;
	memcpy(&entry, *at, sizeof(entry));
	name = *at + sizeof(entry);
	name_end = memchr(name, '\0', (size_t)(end - name));
	if (!name_end)
		return false;
	if ((unsigned char)name[0] != 0xff || name[1])
		*file = jit_output_string(reader->output, name, (size_t)(name_end - name));
	*at = name_end + 1;
	if (entry.line > INT32_MAX)
		return true;
	jit_output_line(reader->output,
		&(struct worker_jit_line){
			.address = entry.address, .file = *file, .line = entry.line});
	reader->n_pending++;
	return true;
}

static int take_debug_info(struct reader *reader, uint64_t position, const struct record_head *head)
{
	size_t size = head->total_size - sizeof(*head);
	CLEANUP(freep) char *bytes = malloc(size < DEBUG_BYTES_MAX ? size + 1 : DEBUG_BYTES_MAX);
	struct debug_info info;
	const char *at, *end;
	uint32_t file = 0;
	size_t n;

	if (!bytes)
		return -ENOMEM;
	if (reader->is_pending)
		pending_drop(reader);
	n = body_read(reader, position, head, bytes, DEBUG_BYTES_MAX);
	if (n < sizeof(info))
		return 0;
	memcpy(&info, bytes, sizeof(info));
	at = bytes + sizeof(info);
	end = bytes + n;
	for (uint64_t i = 0; i < info.n && i < LINES_PER_CODE_MAX; i++)
		if (!entry_take(reader, &at, end, &file))
			break;
	reader->is_pending = true;
	reader->pending_position = position;
	reader->pending_address = info.address;
	return 0;
}

static int header_check(struct reader *reader, uint64_t *position)
{
	struct file_header header;
	ssize_t n = pread(reader->fd, &header, sizeof(header), 0);

	/* Its writer may be about to. */
	if (n >= 0 && n < (ssize_t)sizeof(header))
		return -EAGAIN;
	if (n < 0 || header.magic != MAGIC || header.version != VERSION ||
		header.total_size < sizeof(header) || header.total_size > RECORD_BYTES_MAX)
		return WORKER_STATUS_BAD_ELF;
	reader->has_times = !(header.flags & FLAG_ARCH_TIMESTAMP);
	if (*position < header.total_size)
		*position = header.total_size;
	return 0;
}

static int record_take(struct reader *reader, uint64_t position, const struct record_head *head)
{
	if (head->id == RECORD_LOAD)
		take_load(reader, position, head);
	else if (head->id == RECORD_MOVE)
		take_move(reader, position, head);
	else if (head->id == RECORD_DEBUG_INFO)
		return take_debug_info(reader, position, head);
	return 0;
}

int jitdump_read(int fd, uint64_t *position, struct jit_output *output)
{
	struct reader reader = {.fd = fd, .output = output};
	off_t size = lseek(fd, 0, SEEK_END);
	unsigned n_beyond = 0;
	uint64_t at = *position;
	int r = header_check(&reader, &at);

	if (r)
		return r == -EAGAIN ? 0 : r;
	for (;;) {
		struct record_head head;

		if (jit_output_is_full(output) &&
			(!reader.is_pending || ++n_beyond > PAIR_RECORDS_MAX)) {
			pending_drop(&reader);
			break;
		}
		if (pread(fd, &head, sizeof(head), (off_t)at) != sizeof(head))
			break;
		if (head.total_size < sizeof(head) || head.total_size > RECORD_BYTES_MAX)
			return WORKER_STATUS_BAD_ELF;
		if (size < 0 || at + head.total_size > (uint64_t)size)
			break;
		r = record_take(&reader, at, &head);
		if (r < 0)
			return r;
		at += head.total_size;
	}
	*position = reader.is_pending ? reader.pending_position : at;
	pending_drop(&reader);
	return 0;
}

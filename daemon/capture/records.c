/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A software event that counts nothing, but has the side-band records of perf_event_open(2) on; its
 * rings are libbpf's perf_buffer, which wants a map to put its events into. Nobody reads that map.
 */

#include "daemon/capture/records.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

#define RING_PAGES 8

struct records {
	struct perf_buffer *rings;
	int map_fd;
	struct loop_source *source;
	records_callback *callback;
	void *userdata;
};

/* The beginnings of the records: perf_event_open(2), "MMAP layout". */
struct record {
	struct perf_event_header header;
	uint32_t pid, parent; /* parent: of FORK and EXIT; of the others it is the tid */
	uint32_t tid;
};

static enum bpf_perf_event_ret on_record(void *userdata, int cpu, struct perf_event_header *header)
{
	struct records *records = userdata;
	const struct record *record = (const struct record *)header;

	if (header->type == PERF_RECORD_LOST)
		records->callback(records->userdata, RECORD_LOST, 0, 0);
	if (header->size < sizeof(*record))
		return LIBBPF_PERF_EVENT_CONT;
	if (header->type == PERF_RECORD_MMAP2)
		records->callback(records->userdata, RECORD_MAPPED, record->pid, 0);
	else if (header->type == PERF_RECORD_COMM && header->misc & PERF_RECORD_MISC_COMM_EXEC)
		records->callback(records->userdata, RECORD_EXEC, record->pid, 0);
	else if (header->type == PERF_RECORD_FORK && record->pid != record->parent)
		records->callback(records->userdata, RECORD_FORK, record->pid, record->parent);
	else if (header->type == PERF_RECORD_EXIT && record->pid == record->tid)
		records->callback(records->userdata, RECORD_EXIT, record->pid, 0);
	return LIBBPF_PERF_EVENT_CONT;
}

static int on_ready(void *userdata, uint32_t events)
{
	struct records *records = userdata;

	perf_buffer__consume(records->rings);
	return 0;
}

static int rings_open(struct records *records)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.size = sizeof(attr),
		.mmap = 1,
		.mmap2 = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		/* `wakeup_events` counts samples only: wake at the first byte. */
		.watermark = 1,
		.wakeup_watermark = 1,
	};

	records->map_fd = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "perfd_records",
		sizeof(uint32_t), sizeof(uint32_t), (uint32_t)libbpf_num_possible_cpus(), NULL);
	if (records->map_fd < 0)
		return -errno;
	records->rings = perf_buffer__new_raw(
		records->map_fd, RING_PAGES, &attr, on_record, records, NULL);
	return records->rings ? 0 : -errno;
}

int records_new(
	struct loop *loop, records_callback *callback, void *userdata, struct records **ret_records)
{
	struct records *records = calloc(1, sizeof(*records));
	int r;

	if (!records)
		return -ENOMEM;
	records->map_fd = -1;
	records->callback = callback;
	records->userdata = userdata;
	r = rings_open(records);
	if (!r)
		r = loop_add_fd(loop, perf_buffer__epoll_fd(records->rings), EPOLLIN, on_ready,
			records, &records->source);
	if (r < 0) {
		records_free(records);
		return r;
	}
	/* Before the samples that were taken in what is told of. */
	loop_source_set_priority(records->source, LOOP_PRIORITY_RING - 2);
	*ret_records = records;
	return 0;
}

struct records *records_free(struct records *records)
{
	if (!records)
		return NULL;
	loop_source_free(records->source);
	perf_buffer__free(records->rings);
	closep(&records->map_fd);
	free(records);
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The BPF object's owner; what comes out of its rings is delivered by delivery.c. A slot is one bit of
 * the kernel's masks: while it is taken its recording is in `recordings`, and targets carry its bit.
 */

#include "daemon/capture/capture.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "bpf/perfd.skel.h"
#include "daemon/capture/attach-points.h"
#include "daemon/capture/capture-cost.h"
#include "daemon/capture/capture-functions.h"
#include "daemon/capture/capture-state.h"
#include "daemon/capture/delivery.h"
#include "daemon/capture/filter.h"
#include "daemon/capture/functions.h"
#include "daemon/capture/maps.h"
#include "daemon/capture/mirror.h"
#include "daemon/capture/object.h"
#include "daemon/capture/self-test.h"
#include "proto/base/time.h"

static void on_clock_change(void *userdata, const struct abi_clock *setting)
{
	struct capture *capture = userdata;

	/* A tick that sees one half new takes, at worst, a gap for missed ticks. */
	capture->bpf->bss->sampling_clock = *setting;
	if (capture->mirror)
		mirror_watch(capture->mirror); /* at worst as before: the other CPUs */
}

static uint64_t on_clock_count(void *userdata, unsigned cpu)
{
	struct capture *capture = userdata;
	const volatile struct abi_kept *kept = capture->bpf->bss->kept;

	return kept[cpu & (ABI_KEPT_CPUS - 1)].n;
}

static int capture_load(struct capture *capture, enum capture_mappings mappings,
	struct capture_problem *ret_problem)
{
	struct clock_config clock = {
		.loop = capture->loop,
		.on_change = on_clock_change,
		.on_count = on_clock_count,
		.on_wake = delivery_wake,
		.userdata = capture,
	};
	int r;

	r = object_load(mappings, ret_problem, &capture->bpf);
	if (r < 0)
		return r;
	r = attach_points_attach(capture->bpf->skeleton);
	if (r < 0)
		return object_problem(ret_problem, r,
			"cannot attach to the scheduler's tracepoints",
			"run as root or with CAP_BPF and CAP_PERFMON");
	capture->map_bytes = maps_read_bytes(capture->bpf);
	clock.prog_fd = bpf_program__fd(capture->bpf->progs.on_tick);
	r = delivery_open(capture);
	if (!r)
		r = clock_new(&clock, &capture->clock);
	if (!r && capture->bpf->rodata->use_mirror)
		r = mirror_new(capture->loop, capture->bpf, &capture->mirror);
	if (r < 0)
		return object_problem(
			ret_problem, r, "cannot set up the rings", "is memory short?");
	return 0;
}

int capture_new(struct loop *loop, const struct capture_handlers *handlers, void *userdata,
	enum capture_mappings mappings, struct capture_problem *ret_problem,
	struct capture **ret_capture)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int r;

	if (!capture)
		return object_problem(ret_problem, -ENOMEM, "cannot start", "is memory short?");
	capture->loop = loop;
	capture->handlers = *handlers;
	capture->userdata = userdata;
	r = capture_load(capture, mappings, ret_problem);
	if (r < 0) {
		capture_free(capture);
		return r;
	}
	*ret_capture = capture;
	return 0;
}

struct capture *capture_free(struct capture *capture)
{
	if (!capture)
		return NULL;
	clock_free(capture->clock);
	mirror_free(capture->mirror);
	delivery_stop(capture);
	delivery_close(capture);
	perfd_bpf__destroy(capture->bpf);
	free(capture);
	return NULL;
}

void capture_set_max_frames(struct capture *capture, uint32_t n)
{
	capture->bpf->data->user_frames_max = n;
}

static void slot_write(struct capture *capture, uint32_t index)
{
	const struct slot *slot = &capture->slots[index];

	capture->bpf->bss->recordings[index] = (struct abi_recording){
		.is_on = slot->is_on,
		.flags = (slot->request.with_children ? ABI_RECORDING_CHILDREN : 0) |
			(slot->request.with_kernel ? ABI_RECORDING_KERNEL : 0) |
			(slot->request.with_tables ? ABI_RECORDING_TABLES : 0) |
			(slot->request.with_callers ? ABI_RECORDING_CALLERS : 0) |
			(slot->request.with_programs ? ABI_RECORDING_PROGRAMS : 0),
		.rate = (uint64_t)ldexp(slot->request.frequency_hz / 1e9, 48),
	};
}

/* The clock follows the highest frequency asked. */
static int clock_update(struct capture *capture)
{
	double frequency_hz = 0;
	bool is_cpu_clock = false;
	struct abi_clock setting;
	int r;

	capture->is_told = !capture->mirror;
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++) {
		const struct slot *slot = &capture->slots[i];

		if (!slot->is_on)
			continue;
		if (slot->request.frequency_hz > frequency_hz)
			frequency_hz = slot->request.frequency_hz;
		is_cpu_clock |= slot->request.is_cpu_clock;
		capture->is_told &= slot->request.kinds == CAPTURE_BY_NAME &&
			slot->request.with_programs;
	}
	r = clock_set(capture->clock, frequency_hz, is_cpu_clock, &setting);
	if (r < 0)
		return r;
	capture->bpf->bss->sampling_clock = setting;
	return 0;
}

int capture_take(struct capture *capture, const struct capture_request *request, unsigned *ret_slot)
{
	uint32_t index = 0;
	int r;

	while (index < ABI_RECORDINGS_MAX && capture->slots[index].is_taken)
		index++;
	if (index == ABI_RECORDINGS_MAX)
		return -EBUSY;
	r = maps_clear_counters(capture->bpf, index);
	if (r < 0)
		return r;
	if (!capture->drain_timer) {
		r = delivery_start(capture);
		if (r < 0)
			return r;
		r = capture->mirror ? mirror_watch(capture->mirror) : 0;
		if (r < 0) {
			delivery_stop(capture);
			return r;
		}
	}
	capture->slots[index] = (struct slot){.is_taken = true, .request = *request};
	slot_write(capture, index);
	filter_open(capture->bpf, index, request->kinds);
	*ret_slot = index;
	return 0;
}

int capture_start(struct capture *capture, unsigned slot)
{
	int r;

	capture->slots[slot].is_on = true;
	r = clock_update(capture);
	if (r < 0) {
		capture->slots[slot].is_on = false;
		clock_update(capture);
		return r;
	}
	slot_write(capture, slot);
	return 0;
}

void capture_stop(struct capture *capture, unsigned slot)
{
	struct abi_counters counters;
	uint64_t deadline_ns = time_now_ns(CLOCK_MONOTONIC) + 20 * NS_PER_MS;

	filter_close(capture->bpf, slot);
	if (!capture->slots[slot].is_on)
		return;
	capture->slots[slot].is_on = false;
	slot_write(capture, slot);
	clock_update(capture);
	/* A run under way on another CPU may still count: wait until what was drawn has arrived. */
	do {
		capture_counters(capture, slot, &counters);
		capture_drain(capture);
	} while (counters.taken != counters.delivered + counters.lost_full &&
		time_now_ns(CLOCK_MONOTONIC) < deadline_ns);
	capture_drain(capture);
}

void capture_release(struct capture *capture, unsigned slot)
{
	bool is_idle = true;

	capture_stop(capture, slot);
	capture->slots[slot] = (struct slot){};
	for (size_t i = 0; i < ABI_RECORDINGS_MAX; i++)
		is_idle &= !capture->slots[i].is_taken;
	if (!is_idle)
		return;
	delivery_stop(capture);
	if (capture->mirror)
		mirror_rest(capture->mirror);
}

static int files_ask(struct capture *capture, uint32_t pid)
{
	if (!capture->mirror)
		return maps_ask_files(capture->bpf, pid);
	mirror_read(capture->mirror, pid);
	return 0;
}

int capture_add_target(
	struct capture *capture, unsigned slot, uint32_t pid, uint64_t start_ns, bool on_exec)
{
	/* Its files first: the samples that come then find them known. */
	int r = files_ask(capture, pid);

	return r < 0 ? r : maps_add_target(capture->bpf, slot, pid, start_ns, on_exec);
}

void capture_remove_target(struct capture *capture, unsigned slot, uint32_t pid)
{
	maps_remove_target(capture->bpf, slot, pid);
}

int capture_add_thread(struct capture *capture, unsigned slot, uint32_t tid)
{
	int r = files_ask(capture, tid);

	return r < 0 ? r : filter_add_thread(capture->bpf, slot, tid);
}

void capture_remove_thread(struct capture *capture, unsigned slot, uint32_t tid)
{
	filter_remove_thread(capture->bpf, slot, tid);
}

int capture_add_comm(struct capture *capture, unsigned slot, const char *comm)
{
	return filter_add_comm(capture->bpf, slot, comm);
}

int capture_add_uid(struct capture *capture, unsigned slot, uint32_t uid)
{
	return filter_add_uid(capture->bpf, slot, uid);
}

int capture_add_cgroup(struct capture *capture, unsigned slot, const struct capture_cgroup *cgroup)
{
	return filter_add_cgroup(capture->bpf, slot, cgroup);
}

void capture_ask_files(struct capture *capture, uint32_t pid)
{
	files_ask(capture, pid); /* whoever has gone needs nothing */
}

void capture_ask_all_files(struct capture *capture)
{
	maps_ask_files(capture->bpf, 0); /* at worst the samples ask */
}

void capture_counters(struct capture *capture, unsigned slot, struct abi_counters *ret_counters)
{
	maps_read_counters(capture->bpf, slot, ret_counters);
}

int capture_usage(struct capture *capture, unsigned slot, uint64_t *ret_ns)
{
	return maps_read_usage(capture->bpf, slot, ret_ns);
}

int capture_find_aimed(struct capture *capture, unsigned slot, struct capture_aimed *ret_aimed)
{
	return maps_find_aimed(capture->bpf, slot, ret_aimed);
}

uint64_t capture_events_lost(struct capture *capture)
{
	return maps_read_events_lost(capture->bpf);
}

bool capture_is_file(struct capture *capture, int fd, const struct abi_file_key *key)
{
	struct abi_file_key found;

	return self_test_identify(capture->bpf, fd, &found) == 0 &&
		found.inode_address == key->inode_address && found.inode == key->inode &&
		found.device == key->device && found.generation == key->generation;
}

void capture_answer_file(struct capture *capture, const struct abi_file_key *key)
{
	maps_answer_file(capture->bpf, key);
}

void capture_set_table(struct capture *capture, const struct abi_file_key *key, uint32_t table)
{
	maps_set_table(capture->bpf, key, table);
}

void capture_set_vdso_table(struct capture *capture, uint32_t table)
{
	capture->bpf->bss->vdso_table = table;
	capture->bpf->bss->files_epoch++;
}

void capture_forget_files(struct capture *capture)
{
	maps_forget_files(capture->bpf);
}

void capture_unwind_maps(const struct capture *capture, struct capture_unwind_maps *ret_maps)
{
	*ret_maps = (struct capture_unwind_maps){
		.shards_fd = bpf_map__fd(capture->bpf->maps.shards),
		.tables_fd = bpf_map__fd(capture->bpf->maps.tables),
	};
}

void capture_forget_file(struct capture *capture, const struct abi_file_key *key)
{
	maps_forget_file(capture->bpf, key);
}

int capture_set_frequency(struct capture *capture, unsigned slot, double frequency_hz)
{
	int r;

	capture->slots[slot].request.frequency_hz = frequency_hz;
	if (!capture->slots[slot].is_on)
		return 0;
	r = clock_update(capture);
	if (r < 0)
		return r;
	slot_write(capture, slot);
	return 0;
}

void capture_cost(struct capture *capture, struct capture_cost *ret_cost)
{
	maps_read_cost(capture->bpf, ret_cost);
}

uint64_t capture_map_bytes(const struct capture *capture)
{
	return capture->map_bytes;
}

int capture_tell_function(struct capture *capture, uint64_t address, char *text, size_t size)
{
	return functions_tell(capture->bpf, address, text, size);
}

bool capture_is_mirroring(const struct capture *capture)
{
	return capture->mirror;
}

const char *capture_event(const struct capture *capture)
{
	return clock_event(capture->clock);
}

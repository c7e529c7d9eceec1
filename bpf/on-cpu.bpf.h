/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The tick of a CPU: is a target running? For which recordings is this tick drawn? Then who and where.
 * What is not a target costs one look-up.
 */

/*
 * What is done for each recording, or for each frame, is a turn of bpf_loop(): the verifier, which goes
 * through each turn of other loops, goes through that once. How long it takes is most of how long perfd
 * takes to start.
 */

struct draw {
	struct scratch *scratch;
	__u64 wanted, missed;
	__u32 period_ns;
};

/* Does recording `i` keep a tick that stands for so many nanoseconds? Into the scratch, with its flags. */
static __always_inline void tick_draw(const struct draw *draw, __u32 i)
{
	volatile struct abi_recording *recording = &recordings[i & (ABI_RECORDINGS_MAX - 1)];
	struct abi_counters *counter = bpf_map_lookup_elem(&counters, &i);
	struct scratch *scratch = draw->scratch;
	__s64 wanted, chance; /* 2^32 is one */

	if (!counter || !recording->is_on)
		return;
	counter->missed += draw->missed;
	/* What chance gave too much or too little so far leans on the next draws: they
	 * stay random, and the rate is reached. */
	wanted = draw->period_ns * recording->rate >> 16;
	chance = wanted + (counter->credit >> 2);
	counter->credit += wanted;
	if (chance < 1ll << 32 && (__s64)bpf_get_prandom_u32() >= chance)
		return;
	counter->credit -= 1ll << 32;
	counter->taken++;
	scratch->sample.recordings |= 1ull << (i & 63);
	scratch->flags |= recording->flags;
}

static long draw_next(__u32 i, const struct draw *draw)
{
	if (draw->wanted >> i & 1)
		tick_draw(draw, i);
	return !(draw->wanted >> i >> 1);
}

/* Which of the recordings in `wanted` keep this tick? Into the scratch; false: none. */
static __always_inline bool ticks_draw(
	struct scratch *scratch, __u64 wanted, __u64 missed, __u32 period_ns)
{
	struct draw draw = {scratch, wanted, missed, period_ns};

	scratch->sample.recordings = 0;
	scratch->flags = 0;
	bpf_loop(ABI_RECORDINGS_MAX, draw_next, &draw, 0);
	return scratch->sample.recordings != 0;
}

struct delivery {
	__u64 drawn;
	__u32 is_delivered;
};

static long delivery_count(__u32 i, const struct delivery *delivery)
{
	struct abi_counters *counter = bpf_map_lookup_elem(&counters, &i);

	if (counter && delivery->drawn >> i & 1) {
		counter->delivered += delivery->is_delivered;
		counter->lost_full += !delivery->is_delivered;
	}
	return !(delivery->drawn >> i >> 1);
}

/* Counts, for each recording that drew, whether the ring took the sample. */
static __always_inline void drawn_count(__u64 drawn, bool is_delivered)
{
	struct delivery delivery = {drawn, is_delivered};

	bpf_loop(ABI_RECORDINGS_MAX, delivery_count, &delivery, 0);
}

/* Who the current task is, into the scratch. */
__noinline int identity_read(__u32 pid, __u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct task_struct *task = bpf_get_current_task_btf(), *leader = task->group_leader;
	struct abi_identity *identity;

	if (!scratch)
		return 0;
	identity = &scratch->identity.identity;
	identity->pid = pid;
	identity->tid = current_tid(task);
	identity->start_ns = leader->start_boottime;
	identity->cgroup = bpf_get_current_cgroup_id();
	task_comm(leader, identity->comm);
	task_comm(task, identity->thread);
	task_credentials(task, &identity->credentials);
	return 0;
}

static __always_inline bool identity_is_equal(
	const struct abi_identity *a, const struct abi_identity *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;
	__u64 difference = 0;

	for (__u32 i = 0; i < sizeof(*a) / sizeof(*x); i++)
		difference |= x[i] ^ y[i];
	return !difference;
}

/*
 * Says who the sample is of. Slots belong to their CPU alone, and a slot holds only what the ring has
 * taken, so that all samples of a CPU that name a slot are of the identity told last for it. False
 * if the ring was full.
 */
static __always_inline bool sample_identify(struct scratch *scratch, __u32 pid)
{
	struct abi_identity_record *record = &scratch->identity;
	struct abi_identity *told;
	__u32 slot;

	identity_read(pid, SCRATCH_TICK);
	slot = record->identity.tid & (ABI_IDENTITY_SLOTS - 1);
	scratch->sample.slot = slot;
	told = bpf_map_lookup_elem(&identities, &slot);
	if (!told)
		return false;
	if (identity_is_equal(told, &record->identity))
		return true;
	record->kind = ABI_RECORD_IDENTITY;
	record->cpu = scratch->sample.cpu;
	record->slot = slot;
	if (bpf_ringbuf_output(&samples, record, sizeof(*record), BPF_RB_NO_WAKEUP))
		return false;
	*told = record->identity;
	return true;
}

/* Kernel frames, then user frames, into scratch->frames. */
static __always_inline void sample_stack(struct bpf_perf_event_data *ctx, struct scratch *scratch)
{
	struct abi_sample *sample = &scratch->sample;
	bool is_kernel_mode = !(ctx->regs.cs & 3);
	long bytes = 0;

	if (is_kernel_mode && scratch->flags & ABI_RECORDING_KERNEL)
		bytes = bpf_get_stack(ctx, scratch->frames, ABI_KERNEL_FRAMES_MAX * 8, 0);
	sample->n_kernel = bytes > 0 ? bytes / 8 & 127 : 0;
	sample->stop = walk_user(scratch, SCRATCH_TICK, sample->n_kernel);
	sample->n_user = scratch->walk.n;
}

#define SAMPLE_BYTES_MAX                                                                           \
	(sizeof(struct abi_sample) + (ABI_KERNEL_FRAMES_MAX + ABI_USER_FRAMES_MAX) * 8u)

/* False if the ring was full. */
static __always_inline bool sample_send(struct scratch *scratch)
{
	struct abi_sample *sample = &scratch->sample;
	__u32 n = sample->n_kernel + sample->n_user, bytes;
	__u64 *told = callers_find(scratch, n), flags = BPF_RB_NO_WAKEUP;
	bool is_repeat = told && *told == scratch->callers, is_delivered;

	sample->kind = is_repeat ? ABI_RECORD_REPEAT : ABI_RECORD_SAMPLE;
	bytes = sizeof(*sample) + (is_repeat ? 1 : n) * 8u;
	barrier_var(bytes); /* what is compared is what is used, for the verifier */
	if (bytes > SAMPLE_BYTES_MAX)
		bytes = SAMPLE_BYTES_MAX;
	if (bpf_ringbuf_query(&samples, BPF_RB_AVAIL_DATA) > SAMPLE_RING_BYTES / 2)
		flags = BPF_RB_FORCE_WAKEUP;
	is_delivered = !bpf_ringbuf_output(&samples, sample, bytes, flags);
	if (told && is_delivered)
		*told = scratch->callers;
	return is_delivered;
}

/* Ticks that should have come since the last one and did not. */
static __always_inline __u64 ticks_missed(__u64 elapsed, __u32 period_ns)
{
	__u64 gap_ns = sampling_clock.gap_ns;

	return gap_ns && period_ns && elapsed > gap_ns ? elapsed / period_ns - 1 : 0;
}

static __always_inline void tick(struct bpf_perf_event_data *ctx, struct abi_cpu *cpu)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns(), last = cpu->last_tick_ns;
	__u32 slot = SCRATCH_TICK, period_ns = sampling_clock.period_ns, pid;
	struct scratch *scratch;
	__u64 wanted, missed;
	bool is_delivered;

	cpu->last_tick_ns = now;
	if (!task->pid)
		return; /* idle */
	pid = current_pid(task);
	wanted = filter_find(task, pid);
	missed = last < sampling_clock.since_ns ? 0 : ticks_missed(now - last, period_ns);
	scratch = wanted ? bpf_map_lookup_elem(&scratches, &slot) : NULL;
	if (!scratch || !ticks_draw(scratch, wanted, missed, period_ns))
		return;
	scratch->sample.time_ns = now;
	scratch->sample.period_ns = period_ns;
	scratch->sample.cpu = bpf_get_smp_processor_id();
	kept[scratch->sample.cpu & (ABI_KEPT_CPUS - 1)].n++;
	is_delivered = sample_identify(scratch, pid);
	if (is_delivered) {
		sample_stack(ctx, scratch);
		is_delivered = sample_send(scratch);
	}
	drawn_count(scratch->sample.recordings, is_delivered);
}

SEC("perf_event")
int on_tick(struct bpf_perf_event_data *ctx)
{
	struct abi_cpu *cpu = this_cpu();
	__u64 start;

	if (!cpu)
		return 0;
	start = run_begin(&cpu->ticks);
	tick(ctx, cpu);
	run_end(&cpu->ticks, start);
	return 0;
}

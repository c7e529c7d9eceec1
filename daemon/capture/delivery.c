/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Samples are lazy: the kernel wakes us only at half a ring, we drain it meanwhile; events wake at once.
 * A wake-up costs as much as hundreds of samples, and takes from what is recorded: whatever can wait
 * waits for one that something else needs.
 */

#include "daemon/capture/delivery.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/epoll.h>

#include "bpf/perfd.skel.h"
#include "daemon/capture/mirror.h"
#include "proto/base/time.h"

/* The ring is drained this often, or somewhat later where something else wakes us anyway. */
#define DRAIN_INTERVAL_NS (250 * NS_PER_MS)
#define DRAIN_SLACK_NS (100 * NS_PER_MS)
/*
 * While nothing new happens, samples may lie for longer: what each needs is then in the cache for
 * thousands of them. A new program or process of the targets, or a new file, ends that: its samples are
 * wanted while /proc still tells of it. Until then they wait for a wake-up that something else needs,
 * as the clock does at random moments.
 */
#define DRAIN_INTERVAL_QUIET_NS NS_PER_SECOND
#define DRAIN_SLACK_QUIET_NS NS_PER_SECOND
/* So far ahead the ring itself is fetched, which another CPU has written: some samples. */
#define RING_AHEAD_BYTES 320
/* With one of these we look at what nobody tells us of; not more often than this. */
#define LOOK_INTERVAL_NS (500 * NS_PER_MS)

static void sample_take(struct capture *capture, const struct abi_sample *head, size_t size)
{
	struct sample sample = {.head = head};

	if (size < sizeof(*head) || !callers_find(&capture->callers, head, size, &sample))
		return;
	sample.identity = identities_find(&capture->identities, head->cpu, head->slot);
	if (sample.identity)
		capture->handlers.on_sample(capture->userdata, &sample);
}

/*
 * What a sample needs has left the caches since the last of its kind: it is fetched while the one before
 * it is worked on. What follows in the ring may be no record yet, or an old one: nothing hangs on it but
 * time. The ring is mapped twice, one behind the other (kernel/bpf/ringbuf.c), so that it can be read.
 */
static void sample_expect(struct capture *capture, const void *data, size_t size)
{
	size_t step = (size + 7) / 8 * 8 + BPF_RINGBUF_HDR_SZ;
	const struct abi_sample *next = (const void *)((const char *)data + step);
	uint32_t place;

	__builtin_prefetch((const char *)data + RING_AHEAD_BYTES);
	if (callers_expect(&capture->callers, next, &place))
		capture->handlers.on_soon(
			capture->userdata, next->recordings, place, *(const uint64_t *)(next + 1));
}

static int on_ring_sample(void *userdata, void *data, size_t size)
{
	struct capture *capture = userdata;

	/* What is said of a file, a fork or an exit comes before the samples that follow it: libbpf has
	 * read with acquire semantics that the sample is there. */
	if (!ring_view_is_empty(&capture->events_view))
		ring_buffer__consume(capture->events);
	sample_expect(capture, data, size);
	if (size && *(const uint8_t *)data == ABI_RECORD_IDENTITY)
		identities_take(&capture->identities, data, size);
	else
		sample_take(capture, data, size);
	return 0;
}

static int drain_at(struct capture *capture, uint64_t time_ns, uint64_t slack_ns)
{
	int r = loop_source_set_slack(capture->drain_timer, slack_ns);

	capture->drain_ns = time_ns;
	return r < 0 ? r : loop_source_set_time(capture->drain_timer, time_ns);
}

static int drain_later(struct capture *capture, uint64_t now_ns)
{
	if (capture->is_told && !capture->is_lively)
		return drain_at(capture, now_ns + DRAIN_INTERVAL_QUIET_NS, DRAIN_SLACK_QUIET_NS);
	return drain_at(capture, now_ns + DRAIN_INTERVAL_NS, DRAIN_SLACK_NS);
}

/* Not later than in DRAIN_INTERVAL_NS. */
static void drain_soon(struct capture *capture)
{
	capture->is_lively = true;
	if (capture->is_told)
		drain_later(capture, time_now_ns(CLOCK_MONOTONIC));
}

static int on_ring_event(void *userdata, void *data, size_t size)
{
	struct capture *capture = userdata;
	const struct abi_event *event = data;

	if (size < sizeof(*event))
		return 0;
	if (!capture->is_lively && capture->drain_timer)
		drain_soon(capture);
	if (event->kind != ABI_EVENT_NEED_MAPPINGS)
		capture->handlers.on_event(capture->userdata, event);
	else if (capture->mirror)
		mirror_read(capture->mirror, event->pid);
	return 0;
}

void capture_drain(struct capture *capture)
{
	ring_buffer__consume(capture->events);
	ring_buffer__consume(capture->samples);
}

static int on_samples_ready(void *userdata, uint32_t events)
{
	struct capture *capture = userdata;

	ring_buffer__consume(capture->samples);
	return 0;
}

static int on_events_ready(void *userdata, uint32_t events)
{
	struct capture *capture = userdata;

	ring_buffer__consume(capture->events);
	return 0;
}

static int on_drain_timer(void *userdata)
{
	struct capture *capture = userdata;
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);

	capture->is_lively = false;
	capture_drain(capture);
	if (now_ns - capture->looked_ns >= LOOK_INTERVAL_NS) {
		capture->looked_ns = now_ns;
		clock_look(capture->clock);
		capture->handlers.on_look(capture->userdata);
	}
	return drain_later(capture, now_ns);
}

int delivery_open(struct capture *capture)
{
	int n_cpus = libbpf_num_possible_cpus();
	int r = n_cpus < 0 ? n_cpus : identities_init(&capture->identities, (size_t)n_cpus);

	if (!r)
		r = callers_init(&capture->callers, (size_t)n_cpus);
	if (r < 0)
		return r;
	capture->samples = ring_buffer__new(
		bpf_map__fd(capture->bpf->maps.samples), on_ring_sample, capture, NULL);
	if (!capture->samples)
		return -errno;
	capture->events = ring_buffer__new(
		bpf_map__fd(capture->bpf->maps.events), on_ring_event, capture, NULL);
	if (!capture->events)
		return -errno;
	r = ring_view_open(bpf_map__fd(capture->bpf->maps.events), &capture->events_view);
	if (r < 0)
		return r;
	r = loop_add_fd(capture->loop, ring_buffer__epoll_fd(capture->samples), EPOLLIN,
		on_samples_ready, capture, &capture->sample_source);
	if (r < 0)
		return r;
	loop_source_set_priority(capture->sample_source, LOOP_PRIORITY_RING);
	r = loop_add_fd(capture->loop, ring_buffer__epoll_fd(capture->events), EPOLLIN,
		on_events_ready, capture, &capture->event_source);
	if (r < 0)
		return r;
	loop_source_set_priority(capture->event_source, LOOP_PRIORITY_RING - 1);
	return 0;
}

void delivery_wake(void *userdata)
{
	struct capture *capture = userdata;

	if (!capture->is_told || capture->is_lively ||
		time_now_ns(CLOCK_MONOTONIC) >= capture->drain_ns)
		on_drain_timer(capture);
}

int delivery_start(struct capture *capture)
{
	int r = loop_add_timer(
		capture->loop, UINT64_MAX / 2, on_drain_timer, capture, &capture->drain_timer);

	if (r < 0)
		return r;
	loop_source_set_priority(capture->drain_timer, LOOP_PRIORITY_RING);
	return drain_at(capture, time_now_ns(CLOCK_MONOTONIC) + DRAIN_INTERVAL_NS, DRAIN_SLACK_NS);
}

void delivery_stop(struct capture *capture)
{
	capture->drain_timer = loop_source_free(capture->drain_timer);
}

void delivery_close(struct capture *capture)
{
	loop_source_free(capture->sample_source);
	loop_source_free(capture->event_source);
	ring_buffer__free(capture->samples);
	ring_buffer__free(capture->events);
	ring_view_close(&capture->events_view);
	identities_done(&capture->identities);
	callers_done(&capture->callers);
}

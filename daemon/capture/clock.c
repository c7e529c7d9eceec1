/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A timer with one fixed period locks in with programs that have one, and with those that its own
 * interrupts wake: what runs right after a tick, and for less than a period, has no samples at all. So
 * each CPU has several timers that know nothing of each other: together they fire nearly as by chance.
 * They come in pairs whose rates are drawn at random, as much above the mean as below it: the rate of a
 * CPU is the same at all times, and so is what a sample stands for. At exponentially distributed moments
 * a pair is drawn anew.
 *
 * What harm a period does that happens to be the program's is told by the samples that share it, and
 * a redraw costs as much as hundreds of samples: so a CPU of which few ticks are kept is redrawn as
 * much less often, by chance. That chance hangs on earlier periods alone: how long a period lasts
 * must not hang on what is sampled with it.
 *
 * Invariant: the events are open on exactly the CPUs that were online at the last look.
 */

#include "daemon/capture/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"

/* Its period fits into 32 bits of nanoseconds. */
#define HZ_MIN 1.0
/* How often a CPU is redrawn: one in so many ticks, up to 1 kHz; then the less often, the faster it is. */
#define REDRAW_TICKS 15.0
#define REDRAW_HZ_MAX 15.0
#define REDRAW_HZ_FAST 3.0
#define REDRAW_FAST_FROM_HZ 1000.0
/* Of that, what a CPU has of whose ticks none is kept; and over how long its share is taken. */
#define REDRAW_SHARE_MIN 0.125
#define REDRAW_SHARE_SECONDS 1.0
/* How far the rate of one event is drawn from the mean, at most, as a part of it. */
#define SPREAD 0.8
/* Of hardware counters, a CPU has few: one pair. */
#define HARDWARE_EVENTS 2
/* So many of the longest interval without a tick, and some did not come. */
#define GAP 1.5

/* The list of CPUs ("0-3,6"), which the kernel holds within a page. */
#define ONLINE_PATH "/sys/devices/system/cpu/online"
#define ONLINE_BYTES_MAX 4096

struct cpu_events {
	int fds[CLOCK_EVENTS]; /* -1: the CPU is offline, or there are fewer */
	uint64_t drawn_ns; /* when one of the pairs was, last */
	double share; /* 0 to 1: its chance to be redrawn */
	uint64_t n_kept; /* ticks, ever, at the draw */
};

struct clock {
	struct clock_config config;
	struct cpu_events *cpus;
	size_t n_cpus, n_cpus_allocated, n_open;
	size_t n_events; /* of a CPU */
	int online_fd; /* ONLINE_PATH, kept open: opening takes longer than reading */
	bool is_hardware, is_probed;
	double frequency_hz, redraw_hz;
	uint64_t random;
	uint64_t opened_ns; /* the last time that an event was */
	struct loop_source *redraw_timer;
};

double clock_redraw_hz(double frequency_hz)
{
	/*
	 * Slow clocks have one in fifteen ticks, so that few ticks share a period. The more ticks there
	 * are, the less one period weighs that happens to be the program's: simulated, 15 redraws a
	 * second are as good as any number at 1 kHz, and 3 as good as 7 at 5 kHz.
	 */
	double most = REDRAW_HZ_MAX * fmin(1, REDRAW_FAST_FROM_HZ / frequency_hz);

	return fmin(frequency_hz / REDRAW_TICKS, fmax(REDRAW_HZ_FAST, most));
}

double clock_hz(double frequency_hz)
{
	return fmax(frequency_hz, HZ_MIN);
}

double clock_draw_hz(double mean_hz, double uniform)
{
	return mean_hz * (1 - SPREAD + 2 * SPREAD * uniform);
}

double clock_period_ns(double event_hz, double redraw_hz)
{
	return 1e9 * log1p(redraw_hz / event_hz) / redraw_hz;
}

double clock_redraw_share(double share, double kept, double wanted, double seconds)
{
	double now = wanted > 0 ? fmin(kept / wanted, 1) : 1;

	share += (now - share) * -expm1(-seconds / REDRAW_SHARE_SECONDS);
	return fmin(fmax(share, REDRAW_SHARE_MIN), 1);
}

/* `value`: a period in ns. Hardware counts cycles, whose rate nobody knows: the kernel steers it to reach
 * `value` ticks a second. */
static int event_open(int cpu, uint64_t value, bool is_hardware)
{
	struct perf_event_attr attr = {
		.type = is_hardware ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = is_hardware ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = value, /* and .sample_freq, in a union with it */
		.freq = is_hardware,
		.disabled = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static bool probe_hardware(void)
{
	CLEANUP(closep) int fd = event_open(0, 100, true);

	return fd >= 0;
}

/* xorshift64*: only periods hang on it. Uniform in (0, 1]. */
static double random_uniform(struct clock *clock)
{
	clock->random ^= clock->random >> 12;
	clock->random ^= clock->random << 25;
	clock->random ^= clock->random >> 27;
	return (double)((clock->random * 0x2545f4914f6cdd1du >> 11) + 1) / 9007199254740992.0;
}

/* What an event is to be set to: a period (ns), or a rate (Hz). */
static uint64_t value_of(const struct clock *clock, double event_hz, double redraw_hz)
{
	return (uint64_t)(clock->is_hardware ? fmax(1, event_hz)
					     : clock_period_ns(event_hz, redraw_hz));
}

/* Draws the rates of a pair of this CPU. */
static void draw(struct clock *clock, const struct cpu_events *cpu, uint64_t ret_values[2])
{
	double mean_hz = clock->frequency_hz / (double)clock->n_events;
	double hz = clock_draw_hz(mean_hz, random_uniform(clock));
	double redraw_hz = clock->redraw_hz * cpu->share * 2 / (double)clock->n_events;

	ret_values[0] = value_of(clock, hz, redraw_hz);
	ret_values[1] = value_of(clock, 2 * mean_hz - hz, redraw_hz);
}

static void cpu_close(struct clock *clock, struct cpu_events *cpu)
{
	if (cpu->fds[0] >= 0)
		clock->n_open--;
	for (size_t i = 0; i < CLOCK_EVENTS; i++)
		closep(&cpu->fds[i]);
}

static int event_start(const struct clock *clock, size_t cpu, uint64_t value, int *ret_fd)
{
	CLEANUP(closep) int fd = event_open((int)cpu, value, clock->is_hardware);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, clock->config.prog_fd) < 0 ||
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int cpu_open(struct clock *clock, size_t index)
{
	struct cpu_events *cpu = &clock->cpus[index];
	uint64_t values[2];
	int r = 0;

	cpu->share = 1;
	cpu->n_kept = clock->config.on_count(clock->config.userdata, (unsigned)index);
	cpu->drawn_ns = clock->opened_ns = time_now_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < clock->n_events && !r; i++) {
		if (i % 2 == 0)
			draw(clock, cpu, values);
		r = event_start(clock, index, values[i % 2], &cpu->fds[i]);
		clock->n_open += !r && !i;
	}
	if (r < 0)
		cpu_close(clock, cpu);
	return r;
}

/* Opens or closes the events of one CPU. */
static int cpu_set(struct clock *clock, size_t index, bool is_online)
{
	struct cpu_events *cpu = &clock->cpus[index];

	if (!is_online)
		cpu_close(clock, cpu);
	return is_online && cpu->fds[0] < 0 ? cpu_open(clock, index) : 0;
}

static int cpus_resize(struct clock *clock, size_t n)
{
	int r = array_reserve(&clock->cpus, &clock->n_cpus_allocated, n, sizeof(*clock->cpus));

	if (r < 0)
		return r;
	for (; clock->n_cpus < n; clock->n_cpus++)
		memset(clock->cpus[clock->n_cpus].fds, -1, sizeof(clock->cpus->fds));
	return 0;
}

static int online_read(struct clock *clock, char *ret_text)
{
	ssize_t n;

	if (clock->online_fd < 0)
		clock->online_fd = open(ONLINE_PATH, O_RDONLY | O_CLOEXEC);
	if (clock->online_fd < 0)
		return -errno;
	n = pread(clock->online_fd, ret_text, ONLINE_BYTES_MAX, 0);
	if (n < 0)
		return -errno;
	ret_text[n] = '\0';
	return 0;
}

/* Makes the open events those of the online CPUs. A CPU that goes while we open its event is no
 * error: the next look sees it. */
static int cpus_update(struct clock *clock)
{
	char text[ONLINE_BYTES_MAX + 1];
	size_t next = 0;
	int r = online_read(clock, text);

	if (r < 0)
		return r;
	for (char *p = text; *p && *p != '\n';) {
		size_t first = strtoul(p, &p, 10), last = first;

		if (*p == '-')
			last = strtoul(p + 1, &p, 10);
		if (*p == ',')
			p++;
		r = cpus_resize(clock, last + 1);
		if (r < 0)
			return r;
		for (; next < first; next++)
			cpu_set(clock, next, false);
		for (; next <= last; next++) {
			r = cpu_set(clock, next, true);
			if (r < 0 && r != -ENODEV)
				return r;
		}
	}
	for (; next < clock->n_cpus; next++)
		cpu_set(clock, next, false);
	return clock->n_open ? 0 : -ENODEV;
}

static void clock_close(struct clock *clock)
{
	for (size_t i = 0; i < clock->n_cpus; i++)
		cpu_close(clock, &clock->cpus[i]);
	clock->redraw_timer = loop_source_free(clock->redraw_timer);
}

/* The largest of the CPUs' chances: so often is there anything to do. */
static double share_max(const struct clock *clock)
{
	double most = REDRAW_SHARE_MIN;

	for (size_t i = 0; i < clock->n_cpus; i++)
		if (clock->cpus[i].fds[0] >= 0)
			most = fmax(most, clock->cpus[i].share);
	return most;
}

static uint64_t next_redraw_ns(struct clock *clock, double share)
{
	double wait_ns = -log(random_uniform(clock)) / (clock->redraw_hz * share) * 1e9;

	return time_now_ns(CLOCK_MONOTONIC) + (uint64_t)wait_ns;
}

static void redraw(struct clock *clock, size_t index)
{
	struct cpu_events *cpu = &clock->cpus[index];
	uint64_t n_kept = clock->config.on_count(clock->config.userdata, (unsigned)index);
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	double seconds = (double)(now_ns - cpu->drawn_ns) / 1e9;
	size_t first = (size_t)ceil(random_uniform(clock) * (double)clock->n_events / 2) * 2 - 2;
	uint64_t values[2];

	cpu->share = clock_redraw_share(
		cpu->share, (double)(n_kept - cpu->n_kept), clock->frequency_hz * seconds, seconds);
	cpu->n_kept = n_kept;
	cpu->drawn_ns = now_ns;
	draw(clock, cpu, values);
	for (size_t i = 0; i < 2; i++)
		ioctl(cpu->fds[first + i], PERF_EVENT_IOC_PERIOD, &values[i]);
}

/* Many CPUs at one moment, each with periods of its own: the wake-up is the dearest part. */
static int on_redraw(void *userdata)
{
	struct clock *clock = userdata;
	double most = share_max(clock);

	clock->config.on_wake(clock->config.userdata);
	for (size_t i = 0; i < clock->n_cpus; i++) {
		const struct cpu_events *cpu = &clock->cpus[i];

		if (cpu->fds[0] >= 0 && random_uniform(clock) * most <= cpu->share)
			redraw(clock, i);
	}
	return loop_source_set_time(clock->redraw_timer, next_redraw_ns(clock, share_max(clock)));
}

static struct abi_clock setting(const struct clock *clock)
{
	double period_ns = 1e9 / clock->frequency_hz;

	/* Hardware counters rest with the CPU: a gap says nothing. One of a pair of timers fires once in
	 * the mean period of one, or more often. */
	return (struct abi_clock){
		.period_ns = (uint32_t)lround(period_ns),
		.gap_ns = clock->is_hardware
			? 0
			: (uint64_t)(GAP * (double)clock->n_events * period_ns),
		.since_ns = clock->opened_ns,
	};
}

void clock_look(struct clock *clock)
{
	uint64_t opened_ns = clock->opened_ns;

	if (!clock->redraw_timer)
		return;
	cpus_update(clock); /* what fails now is tried again at the next look */
	if (clock->opened_ns != opened_ns) {
		struct abi_clock changed = setting(clock);

		clock->config.on_change(clock->config.userdata, &changed);
	}
}

static int timer_start(struct clock *clock)
{
	int r = loop_add_timer(clock->config.loop, next_redraw_ns(clock, 1), on_redraw, clock,
		&clock->redraw_timer);

	if (r < 0)
		return r;
	return loop_source_set_priority(clock->redraw_timer, LOOP_PRIORITY_RING);
}

int clock_set(
	struct clock *clock, double frequency_hz, bool is_cpu_clock, struct abi_clock *ret_setting)
{
	int r;

	clock_close(clock);
	if (frequency_hz <= 0) {
		*ret_setting = (struct abi_clock){};
		return 0;
	}
	clock->is_hardware = !is_cpu_clock && probe_hardware();
	clock->is_probed = true;
	clock->frequency_hz = clock_hz(frequency_hz);
	clock->n_events = clock->is_hardware ? HARDWARE_EVENTS : CLOCK_EVENTS;
	clock->redraw_hz = clock_redraw_hz(clock->frequency_hz);
	r = cpus_update(clock);
	if (!r)
		r = timer_start(clock);
	if (r < 0) {
		clock_close(clock);
		return r;
	}
	*ret_setting = setting(clock);
	return 0;
}

const char *clock_event(struct clock *clock)
{
	if (!clock->is_probed) {
		clock->is_hardware = probe_hardware();
		clock->is_probed = true;
	}
	return clock->is_hardware ? "cycles" : "cpu-clock";
}

int clock_new(const struct clock_config *config, struct clock **ret_clock)
{
	struct clock *clock = calloc(1, sizeof(*clock));

	if (!clock)
		return -ENOMEM;
	clock->config = *config;
	clock->online_fd = -1;
	if (getrandom(&clock->random, sizeof(clock->random), 0) < 0)
		clock->random = time_now_ns(CLOCK_REALTIME);
	clock->random |= 1;
	*ret_clock = clock;
	return 0;
}

struct clock *clock_free(struct clock *clock)
{
	if (!clock)
		return NULL;
	clock_close(clock);
	closep(&clock->online_fd);
	free(clock->cpus);
	free(clock);
	return NULL;
}

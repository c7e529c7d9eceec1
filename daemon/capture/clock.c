/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A fixed period locks in with programs that have one: shares are then wrong by many standard
 * errors. So one timer, firing at exponentially distributed moments, redraws the periods of CPUs, and
 * recordings thin the ticks at random: of a short period a tick is kept with a chance as much smaller
 * (bpf/on-cpu.bpf.h), and the longest is little more than what is asked. So equal times have equally many
 * samples, whatever periods were in force in them: phases of a program, and threads on different CPUs.
 *
 * What harm a period does that happens to be the program's is told by the samples that share it, and
 * a redraw costs as much as hundreds of samples: so a CPU of which few ticks are kept is redrawn as
 * much less often, by chance. That chance hangs on earlier periods alone: how long a period lasts
 * must not hang on what is sampled with it.
 *
 * Invariant: an event is open on exactly the CPUs that were online at the last look.
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

#define REDRAW_TICKS 15.0
#define REDRAW_TICKS_UP_TO_HZ 1000.0
#define REDRAW_HZ_MAX 33.0
#define REDRAW_HZ_FAST 7.0
/* Of that, what a CPU has of whose ticks none is kept; and over how long its share is taken. */
#define REDRAW_SHARE_MIN 0.125
#define REDRAW_SHARE_SECONDS 1.0
/* Of a period, to both sides; and how many ticks a second that may cost, about. */
#define JITTER_MAX 0.5
#define JITTER_TICKS 750.0
/* The longest period, of what is asked: what it lacks the next ones make up for. */
#define PERIOD_MAX 1.08
#define HOTPLUG_INTERVAL_NS (500 * NS_PER_MS)
/* That look has time until the next redraw, which wakes us anyway. */
#define HOTPLUG_SLACK_NS (500 * NS_PER_MS)

/* The list of CPUs ("0-3,6"), which the kernel holds within a page. */
#define ONLINE_PATH "/sys/devices/system/cpu/online"
#define ONLINE_BYTES_MAX 4096

struct cpu_event {
	int fd; /* -1: the CPU is offline */
	uint64_t drawn_ns; /* when its period was, last */
	double share; /* 0 to 1: its chance to be redrawn */
	uint64_t n_kept; /* ticks, ever, at the draw */
};

struct clock {
	struct clock_config config;
	struct cpu_event *cpus;
	size_t n_cpus, n_cpus_allocated, n_open;
	int online_fd; /* ONLINE_PATH, kept open: opening takes longer than reading */
	bool is_hardware, is_probed;
	double frequency_hz, base_hz, redraw_hz;
	uint64_t random;
	uint64_t opened_ns; /* the last time that an event was */
	struct loop_source *redraw_timer, *hotplug_timer;
};

double clock_redraw_hz(double base_hz)
{
	/*
	 * Slow clocks have one in fifteen ticks, so that few ticks share a period. The more ticks
	 * there are, the less one period weighs that happens to be the program's: simulated, 20
	 * redraws a second are as good as any number at 1 kHz, and 7 as good as 20 at 5 kHz.
	 */
	return fmin(base_hz / REDRAW_TICKS,
		fmax(REDRAW_HZ_FAST, REDRAW_HZ_MAX * fmin(1, REDRAW_TICKS_UP_TO_HZ / base_hz)));
}

double clock_redraw_share(double share, double kept, double wanted, double seconds)
{
	double now = wanted > 0 ? fmin(kept / wanted, 1) : 1;

	share += (now - share) * -expm1(-seconds / REDRAW_SHARE_SECONDS);
	return fmin(fmax(share, REDRAW_SHARE_MIN), 1);
}

static int event_open(const struct clock *clock, int cpu, double period_ns, bool is_hardware)
{
	struct perf_event_attr attr = {
		.type = is_hardware ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = is_hardware ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_SW_CPU_CLOCK,
		.disabled = 1,
	};

	/* Hardware counts cycles, whose rate nobody knows: the kernel steers it by frequency. */
	if (is_hardware) {
		attr.freq = 1;
		attr.sample_freq = (uint64_t)fmax(1, 1e9 / period_ns);
	} else {
		attr.sample_period = (uint64_t)period_ns;
	}
	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static bool probe_hardware(void)
{
	CLEANUP(closep) int fd = -1;
	struct clock none = {};

	fd = event_open(&none, 0, 1e7, true);
	return fd >= 0;
}

/* xorshift64*: only jitter hangs on it. Uniform in (0, 1]. */
static double random_uniform(struct clock *clock)
{
	clock->random ^= clock->random >> 12;
	clock->random ^= clock->random << 25;
	clock->random ^= clock->random >> 27;
	return (double)((clock->random * 0x2545f4914f6cdd1du >> 11) + 1) / 9007199254740992.0;
}

/*
 * A tick takes a microsecond of a program on bare metal and twenty in a virtual machine, whether it is
 * kept or not: fast clocks, of which one period weighs little, are varied less.
 */
static double jitter(double frequency_hz)
{
	return fmin(JITTER_MAX, JITTER_TICKS / frequency_hz);
}

double clock_base_hz(double frequency_hz)
{
	double j = jitter(frequency_hz);

	/* The mean of 1 / x, for x uniform from 1 - j to 1 + j, is atanh(j) / j. */
	return frequency_hz / PERIOD_MAX * (1 + j) * atanh(j) / j;
}

double clock_draw_period_ns(double frequency_hz, double uniform)
{
	double j = jitter(frequency_hz);

	return PERIOD_MAX * 1e9 / frequency_hz * (1 - j + 2 * j * uniform) / (1 + j);
}

static double draw_period(struct clock *clock, struct cpu_event *event)
{
	event->drawn_ns = time_now_ns(CLOCK_MONOTONIC);
	return clock_draw_period_ns(clock->frequency_hz, random_uniform(clock));
}

/* Opens or closes the event of one CPU. */
static int cpu_set(struct clock *clock, size_t cpu, bool is_online)
{
	struct cpu_event *event = &clock->cpus[cpu];
	CLEANUP(closep) int fd = -1;

	if (!is_online) {
		if (event->fd >= 0)
			clock->n_open--;
		closep(&event->fd);
		return 0;
	}
	if (event->fd >= 0)
		return 0;
	*event = (struct cpu_event){
		.fd = -1,
		.share = 1,
		.n_kept = clock->config.on_count(clock->config.userdata, (unsigned)cpu),
	};
	fd = event_open(clock, (int)cpu, draw_period(clock, event), clock->is_hardware);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, clock->config.prog_fd) < 0 ||
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return -errno;
	event->fd = take_fd(&fd);
	clock->opened_ns = event->drawn_ns;
	clock->n_open++;
	return 0;
}

static int cpus_resize(struct clock *clock, size_t n)
{
	int r = array_reserve(&clock->cpus, &clock->n_cpus_allocated, n, sizeof(*clock->cpus));

	if (r < 0)
		return r;
	for (; clock->n_cpus < n; clock->n_cpus++)
		clock->cpus[clock->n_cpus].fd = -1;
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
		closep(&clock->cpus[i].fd);
	clock->n_open = 0;
	clock->redraw_timer = loop_source_free(clock->redraw_timer);
	clock->hotplug_timer = loop_source_free(clock->hotplug_timer);
	clock->base_hz = 0;
}

/* The largest of the CPUs' chances: so often is there anything to do. */
static double share_max(const struct clock *clock)
{
	double most = REDRAW_SHARE_MIN;

	for (size_t i = 0; i < clock->n_cpus; i++)
		if (clock->cpus[i].fd >= 0)
			most = fmax(most, clock->cpus[i].share);
	return most;
}

static uint64_t next_redraw_ns(struct clock *clock, double share)
{
	double wait_ns = -log(random_uniform(clock)) / (clock->redraw_hz * share) * 1e9;

	return time_now_ns(CLOCK_MONOTONIC) + (uint64_t)wait_ns;
}

static void redraw(struct clock *clock, size_t cpu)
{
	struct cpu_event *event = &clock->cpus[cpu];
	uint64_t n_kept = clock->config.on_count(clock->config.userdata, (unsigned)cpu);
	uint64_t before_ns = event->drawn_ns;
	double period_ns = draw_period(clock, event);
	double seconds = (double)(event->drawn_ns - before_ns) / 1e9;
	uint64_t value = clock->is_hardware ? (uint64_t)fmax(1, 1e9 / period_ns)
					    : (uint64_t)period_ns;

	event->share = clock_redraw_share(event->share, (double)(n_kept - event->n_kept),
		clock->frequency_hz * seconds, seconds);
	event->n_kept = n_kept;
	ioctl(event->fd, PERF_EVENT_IOC_PERIOD, &value);
}

/* Many CPUs at one moment, each with a period of its own: the wake-up is the dearest part. */
static int on_redraw(void *userdata)
{
	struct clock *clock = userdata;
	double most = share_max(clock);

	clock->config.on_wake(clock->config.userdata);
	for (size_t i = 0; i < clock->n_cpus; i++) {
		struct cpu_event *event = &clock->cpus[i];

		if (event->fd >= 0 && random_uniform(clock) * most <= event->share)
			redraw(clock, i);
	}
	return loop_source_set_time(clock->redraw_timer, next_redraw_ns(clock, share_max(clock)));
}

static struct abi_clock setting(const struct clock *clock)
{
	return (struct abi_clock){
		.period_max_ns = (uint64_t)clock_draw_period_ns(clock->frequency_hz, 1),
		.period_ns = (uint64_t)(1e9 / clock->base_hz),
		.since_ns = clock->opened_ns,
		.base_mhz = clock->is_hardware ? (uint32_t)lround(clock->base_hz * 1000) : 0,
	};
}

static int on_hotplug(void *userdata)
{
	struct clock *clock = userdata;
	uint64_t opened_ns = clock->opened_ns;

	cpus_update(clock); /* what fails now is tried again at the next look */
	if (clock->opened_ns != opened_ns) {
		struct abi_clock changed = setting(clock);

		clock->config.on_change(clock->config.userdata, &changed);
	}
	return loop_source_set_time(
		clock->hotplug_timer, time_now_ns(CLOCK_MONOTONIC) + HOTPLUG_INTERVAL_NS);
}

static int timers_start(struct clock *clock)
{
	int r = loop_add_timer(clock->config.loop, next_redraw_ns(clock, 1), on_redraw, clock,
		&clock->redraw_timer);

	if (r < 0)
		return r;
	loop_source_set_priority(clock->redraw_timer, LOOP_PRIORITY_RING);
	r = loop_add_timer(clock->config.loop, time_now_ns(CLOCK_MONOTONIC) + HOTPLUG_INTERVAL_NS,
		on_hotplug, clock, &clock->hotplug_timer);
	if (r < 0)
		return r;
	return loop_source_set_slack(clock->hotplug_timer, HOTPLUG_SLACK_NS);
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
	clock->frequency_hz = frequency_hz;
	clock->base_hz = clock_base_hz(frequency_hz);
	clock->redraw_hz = clock_redraw_hz(clock->base_hz);
	r = cpus_update(clock);
	if (!r)
		r = timers_start(clock);
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

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The budget is for what goes on all the time. While somebody records, nobody is held back but the
 * background's own rate, and what that costs is not held against it: the account stands still.
 */

#include "daemon/throttle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/budget.h"
#include "daemon/base/limits.h"
#include "daemon/pipeline-statistics.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"
#include "proto/base/time.h"

#define INTERVAL_NS (5 * NS_PER_SECOND)
#define SLACK_NS (NS_PER_SECOND / 2)
/* How much of the mean is kept from one interval to the next: about a minute's. */
#define MEMORY_OF_MEAN 0.92
/* Files that no sample has met for so long are let go, looked at so often. */
#define AGE_NS (600 * NS_PER_SECOND)
#define AGE_PRESSED_NS (60 * NS_PER_SECOND)
#define AGE_INTERVAL_PRESSED_NS (20 * NS_PER_SECOND)
#define AGE_INTERVAL_NS (120 * NS_PER_SECOND)
/* The same where somebody may want to unmount what they are on. */
#define PART_NS (10 * NS_PER_SECOND)
#define PART_INTERVAL_NS (15 * NS_PER_SECOND)

struct throttle {
	struct pipeline *pipeline;
	struct continuous *continuous;
	struct loop_source *timer;
	struct budget budget;
	struct own_cost cost_before;
	struct pipeline_cost pipeline_before;
	uint64_t time_ns, aged_ns, parted_ns; /* when it was looked at last */
	double mean; /* CPU; < 0: not known yet */
	const char *held;
	uint64_t n_times_held;
};

static uint64_t sum_ns(const struct own_cost *cost)
{
	return cost->user_ns + cost->system_ns + cost->helpers_user_ns + cost->helpers_system_ns;
}

static double share(uint64_t now_ns, uint64_t before_ns, uint64_t interval_ns)
{
	return now_ns > before_ns ? (double)(now_ns - before_ns) / (double)interval_ns : 0;
}

/* What there was since the last look; and the look is now. */
static struct budget_cost cost_take(
	struct throttle *throttle, const struct pipeline_cost *pipeline, uint64_t now_ns)
{
	const struct pipeline_cost *before = &throttle->pipeline_before;
	uint64_t interval_ns = now_ns - throttle->time_ns;
	struct budget_cost cost = {.seconds = (double)interval_ns / 1e9};
	struct own_cost own;
	double all, tables, naming;

	own_cost_read(&own);
	all = share(sum_ns(&own) + pipeline->ticks_ns + pipeline->tasks_ns,
		sum_ns(&throttle->cost_before) + before->ticks_ns + before->tasks_ns, interval_ns);
	tables = share(pipeline->tables_ns, before->tables_ns, interval_ns);
	naming = share(pipeline->naming_ns, before->naming_ns, interval_ns);
	cost.cpu[BUDGET_TABLES] = tables;
	cost.cpu[BUDGET_NAMING] = naming;
	cost.cpu[BUDGET_SAMPLING] = all > tables + naming ? all - tables - naming : 0;
	cost.own_bytes = own.resident_bytes;
	cost.helper_bytes = own.helpers_resident_bytes;
	throttle->mean = throttle->mean < 0
		? all
		: MEMORY_OF_MEAN * throttle->mean + (1 - MEMORY_OF_MEAN) * all;
	throttle->cost_before = own;
	throttle->pipeline_before = *pipeline;
	throttle->time_ns = now_ns;
	return cost;
}

static void tell(struct throttle *throttle, const struct budget_orders *orders)
{
	const char *held = budget_held(orders);

	if (held && !throttle->held) {
		throttle->n_times_held++;
		log_info("own cost is above the budget of %.1f %% of a CPU or %" PRIu64
			 " MiB: holding back %s",
			100 * throttle->budget.limits.cpu, throttle->budget.limits.own_bytes >> 20,
			held);
	} else if (!held && throttle->held) {
		log_info("own cost is within the budget: nothing is held back");
	}
	throttle->held = held;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static void obey(struct throttle *throttle, const struct budget_orders *orders, bool is_held)
{
	double most = is_held && orders->memory >= BUDGET_MEMORY_NOTHING_NEW ? 0 : BUDGET_FREE;

	pipeline_set_shares(throttle->pipeline,
		is_held ? least(orders->share[BUDGET_TABLES], most) : BUDGET_FREE,
		is_held ? least(orders->share[BUDGET_NAMING], most) : BUDGET_FREE);
	if (orders->helpers_are_large)
		pipeline_trim(throttle->pipeline);
	continuous_hold(throttle->continuous, orders->divisor,
		orders->memory >= BUDGET_MEMORY_FEW_STACKS ? LIMIT_WINDOW_STACKS_PRESSED : 0);
}

static void age(struct throttle *throttle, const struct budget_orders *orders, uint64_t now_ns)
{
	bool is_pressed = orders->memory >= BUDGET_MEMORY_GIVE_BACK;

	if (now_ns - throttle->parted_ns >= PART_INTERVAL_NS) {
		pipeline_part(throttle->pipeline, PART_NS);
		throttle->parted_ns = now_ns;
	}
	if (now_ns - throttle->aged_ns < (is_pressed ? AGE_INTERVAL_PRESSED_NS : AGE_INTERVAL_NS))
		return;
	pipeline_age(throttle->pipeline, is_pressed ? AGE_PRESSED_NS : AGE_NS);
	throttle->aged_ns = now_ns;
}

static int on_timer(void *userdata)
{
	struct throttle *throttle = userdata;
	uint64_t now_ns = time_now_ns(CLOCK_MONOTONIC);
	struct pipeline_cost pipeline;
	struct budget_cost cost;

	pipeline_cost(throttle->pipeline, &pipeline);
	cost = cost_take(throttle, &pipeline, now_ns);
	if (!pipeline.is_in_foreground && continuous_is_recording(throttle->continuous)) {
		budget_step(&throttle->budget, &cost);
		tell(throttle, &throttle->budget.orders);
		age(throttle, &throttle->budget.orders, now_ns);
	}
	obey(throttle, &throttle->budget.orders, !pipeline.is_in_foreground);
	return loop_source_set_time(throttle->timer, now_ns + INTERVAL_NS);
}

void throttle_configure(struct throttle *throttle, const struct config *config)
{
	double cpu = config->budget_cpu;

	if (cpu <= 0)
		cpu = budget_default_cpu((unsigned)sysconf(_SC_NPROCESSORS_ONLN));
	budget_set(&throttle->budget,
		&(struct budget_limits){
			.cpu = cpu,
			.own_bytes = config->budget_memory,
			.helper_bytes = config->budget_helper_memory,
		});
	if (config->continuous_enabled)
		loop_source_set_time(throttle->timer, time_now_ns(CLOCK_MONOTONIC) + INTERVAL_NS);
	else
		loop_source_set_time(throttle->timer, UINT64_MAX / 2);
}

int throttle_new(struct loop *loop, struct pipeline *pipeline, struct continuous *continuous,
	const struct config *config, struct throttle **ret_throttle)
{
	struct throttle *throttle = calloc(1, sizeof(*throttle));
	int r;

	if (!throttle)
		return -ENOMEM;
	throttle->pipeline = pipeline;
	throttle->continuous = continuous;
	throttle->mean = -1;
	throttle->time_ns = time_now_ns(CLOCK_MONOTONIC);
	own_cost_read(&throttle->cost_before);
	pipeline_cost(pipeline, &throttle->pipeline_before);
	r = loop_add_timer(loop, UINT64_MAX / 2, on_timer, throttle, &throttle->timer);
	if (r < 0) {
		free(throttle);
		return r;
	}
	loop_source_set_slack(throttle->timer, SLACK_NS);
	throttle_configure(throttle, config);
	*ret_throttle = throttle;
	return 0;
}

struct throttle *throttle_free(struct throttle *throttle)
{
	if (!throttle)
		return NULL;
	loop_source_free(throttle->timer);
	free(throttle);
	return NULL;
}

void throttle_status(struct throttle *throttle, struct throttle_status *ret_status)
{
	const struct budget *budget = &throttle->budget;
	struct pipeline_cost pipeline;

	pipeline_cost(throttle->pipeline, &pipeline);
	*ret_status = (struct throttle_status){
		.kernel_ns = pipeline.ticks_ns + pipeline.tasks_ns,
		.kernel_bytes = pipeline.kernel_bytes,
		.cpu = throttle->mean < 0 ? 0 : throttle->mean,
		.cpu_max = budget->limits.cpu,
		.own_bytes_max = budget->limits.own_bytes,
		.helper_bytes_max = budget->limits.helper_bytes,
		.divisor = budget->orders.divisor,
		.held = throttle->held ? throttle->held : "none",
		.n_times_held = throttle->n_times_held,
	};
	own_cost_read(&ret_status->cost);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the kernel's own bpf_get_stack() costs: nanoseconds for each sample of a process's user stack,
 * by the kernel's statistics of BPF programs (kernel.bpf_stats_enabled must be on).
 *
 * usage: kernel-stack PID HZ SECONDS
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bench/kernel-stack.skel.h"

static int event_open(pid_t pid, unsigned long hz)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000 / hz,
	};

	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void statistics(int fd, struct bpf_prog_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	if (bpf_obj_get_info_by_fd(fd, ret_info, &size) < 0) {
		perror("cannot read the program's statistics");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct kernel_stack *bpf = kernel_stack__open_and_load();
	struct bpf_prog_info before = {}, after = {};
	int event, program;

	if (argc != 4)
		return 2;
	event = event_open(atoi(argv[1]), strtoul(argv[2], NULL, 10));
	if (!bpf || event < 0 || !bpf_program__attach_perf_event(bpf->progs.on_tick, event)) {
		perror("cannot sample");
		return 1;
	}
	program = bpf_program__fd(bpf->progs.on_tick);
	usleep(200000); /* caches are warm */
	statistics(program, &before);
	usleep((useconds_t)(atof(argv[3]) * 1e6));
	statistics(program, &after);
	if (after.run_cnt == before.run_cnt) {
		fprintf(stderr, "no samples\n");
		return 1;
	}
	printf("%.0f\n",
		(double)(after.run_time_ns - before.run_time_ns) /
			(double)(after.run_cnt - before.run_cnt));
	kernel_stack__destroy(bpf);
	return 0;
}

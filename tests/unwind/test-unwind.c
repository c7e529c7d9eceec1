/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The unwinder of the kernel side, compiled as plain C, on real stacks: a running program is stopped
 * at random moments, its stack is walked with the tables that the worker compiles, and libdwfl walks
 * the same stack. Frame by frame they must agree, up to where libdwfl gives up; and where it reaches
 * the outermost frame, so must we.
 *
 * usage: test-unwind N COMMAND [ARG...]
 *        test-unwind N -p PID
 */

#include <elfutils/libdwfl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/host.h"

#include "proto/base/text.h"
#include "proto/base/time.h"
#include "tests/unwind/child.h"

#define DIFFERENCES_SHOWN 3
#define REWRITTEN_ONE_IN 50

static int on_frame(Dwfl_Frame *frame, void *userdata)
{
	struct walk *walk = userdata;
	Dwarf_Addr pc;
	bool is_activation;

	if (walk->n == CHILD_FRAMES_MAX || !dwfl_frame_pc(frame, &pc, &is_activation))
		return DWARF_CB_ABORT;
	walk->pcs[walk->n++] = pc;
	return DWARF_CB_OK;
}

/* libdwfl's walk of the stopped child; its modules are reported anew since libraries come and go. */
static void walk_dwfl(Dwfl *dwfl, struct walk *walk)
{
	walk->n = 0;
	dwfl_report_begin(dwfl);
	dwfl_linux_proc_report(dwfl, child);
	dwfl_report_end(dwfl, NULL, NULL);
	walk->stop = dwfl_getthread_frames(dwfl, child, on_frame, walk) == 0 ? ABI_STOP_END : -1;
}

/* The same frames, as far as both went; and as far as libdwfl, where it reached the outermost. */
static bool agrees(const struct walk *ours, const struct walk *dwfl)
{
	size_t n = ours->n < dwfl->n ? ours->n : dwfl->n;

	if (memcmp(ours->pcs, dwfl->pcs, n * sizeof(*ours->pcs)) != 0)
		return false;
	if (dwfl->stop != ABI_STOP_END)
		return true;
	return ours->stop == ABI_STOP_END && ours->n == dwfl->n;
}

/*
 * libgcc's unwinder of exceptions, when it has found the handler, writes the handler's registers over
 * those that it saved when it was entered, and then leaves by a jump through a register. Stopped in
 * there, nothing tells the caller's rbp: sooner or later both walks go astray. Ours must not take
 * that for complete.
 */
static bool is_rewritten(const struct walk *ours, const struct walk *dwfl)
{
	return ours->n && ours->stop != ABI_STOP_END && dwfl->n >= ours->n &&
		!memcmp(ours->pcs, dwfl->pcs, ours->n * sizeof(*ours->pcs)) &&
		text_starts_with(child_file_at(ours->pcs[0]), "libgcc_s.so");
}

/*
 * Stops the child after a random time; what signals come to it meanwhile are passed on. False: it
 * has ended.
 */
static bool child_stop(struct user_regs_struct *regs)
{
	uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + (uint64_t)((0.5 + drand48() * 4) * 1e6);
	bool is_asked = false;

	for (;;) {
		int status;
		pid_t pid;

		if (!is_asked && time_now_ns(CLOCK_MONOTONIC) >= end_ns) {
			if (ptrace(PTRACE_INTERRUPT, child, 0, 0) < 0)
				return false;
			is_asked = true;
		}
		pid = waitpid(child, &status, __WALL | (is_asked ? 0 : WNOHANG));
		if (pid == 0) {
			usleep(20);
			continue;
		}
		if (pid != child || !WIFSTOPPED(status))
			return false;
		if (is_asked && status >> 16 == PTRACE_EVENT_STOP)
			return ptrace(PTRACE_GETREGS, child, 0, regs) == 0;
		ptrace(PTRACE_CONT, child, 0,
			status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status));
	}
}

struct counts {
	size_t n_stacks, n_frames, n_complete, n_dwfl_complete, n_wrong, n_rewritten;
};

static void compare(Dwfl *dwfl, const struct user_regs_struct *regs, struct counts *counts)
{
	static struct walk ours, theirs;

	child_read_mappings();
	child_walk(regs, &ours);
	walk_dwfl(dwfl, &theirs);
	counts->n_stacks++;
	counts->n_frames += ours.n;
	counts->n_complete += ours.stop == ABI_STOP_END;
	counts->n_dwfl_complete += theirs.stop == ABI_STOP_END;
	if (ours.is_beyond_rule || agrees(&ours, &theirs))
		return;
	if (is_rewritten(&ours, &theirs)) {
		counts->n_rewritten++;
		return;
	}
	if (counts->n_wrong++ >= DIFFERENCES_SHOWN)
		return;
	child_print_walk("ours", &ours);
	child_print_walk("libdwfl", &theirs);
}

int main(int argc, char **argv)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
	};
	size_t wanted = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct counts counts = {};
	struct user_regs_struct regs;
	Dwfl *dwfl = dwfl_begin(&callbacks);

	if (!wanted)
		return 2;
	if (!child_attach(argv + 2)) {
		fprintf(stderr, "cannot attach to %s\n", argv[2]);
		return 1;
	}
	if (dwfl_linux_proc_report(dwfl, child) != 0 || dwfl_report_end(dwfl, NULL, NULL) != 0 ||
		dwfl_linux_proc_attach(dwfl, child, true) < 0) {
		fprintf(stderr, "cannot attach: %s\n", dwfl_errmsg(-1));
		return 1;
	}
	while (counts.n_stacks < wanted && child_stop(&regs)) {
		compare(dwfl, &regs, &counts);
		ptrace(PTRACE_CONT, child, 0, 0);
	}
	printf("%zu stacks, %zu frames, %zu complete (libdwfl: %zu), %zu rewritten, %zu differ\n",
		counts.n_stacks, counts.n_frames, counts.n_complete, counts.n_dwfl_complete,
		counts.n_rewritten, counts.n_wrong);
	dwfl_end(dwfl);
	return counts.n_wrong || counts.n_rewritten * REWRITTEN_ONE_IN > wanted ||
		counts.n_stacks < wanted;
}

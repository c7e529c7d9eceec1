/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The unwinder of the kernel side, compiled as plain C, behind each single instruction of a running
 * program. The truth is what the program did: each call is noted with where its return address lies,
 * and forgotten when the stack pointer has passed that place; so are signals. Tables of unwinding
 * rules are made for what throws or is debugged, and compilers' are wrong here and there: between a
 * function's first instructions and in its last ones, which random samples seldom meet.
 *
 * usage: test-unwind-steps N COMMAND [ARG...], a program that never changes to another stack but for
 *        signals' handlers
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "bpf/host.h"
#include "tests/unwind/child.h"

#define CALLS_MAX 4096
#define CALL_BYTES_MAX 15
#define DIFFERENCES_SHOWN 3
#define INCOMPLETE_ONE_IN 200

struct call {
	uint64_t slot; /* where the return address lies, or a place beyond which it is no more */
	uint64_t pc; /* where the caller goes on */
};

static struct call calls[CALLS_MAX];
static size_t n_calls;

static uint64_t word_at(uint64_t address)
{
	uint64_t word = 0;

	host_read_user(&word, sizeof(word), (const void *)address);
	return word;
}

static void push(uint64_t slot, uint64_t pc)
{
	if (n_calls == CALLS_MAX) {
		fprintf(stderr, "too many calls\n");
		exit(1);
	}
	calls[n_calls++] = (struct call){slot, pc};
}

/* What the step from `before` to `now` did to the stack of calls. */
static void note(const struct user_regs_struct *before, const struct user_regs_struct *now)
{
	uint64_t top;

	while (n_calls && calls[n_calls - 1].slot < now->rsp)
		n_calls--;
	if (now->rsp != before->rsp - 8 || now->rip - before->rip <= CALL_BYTES_MAX)
		return;
	top = word_at(now->rsp);
	if (top - before->rip - 1 < CALL_BYTES_MAX)
		push(now->rsp, top);
}

/* At the first instruction of a handler: below the interrupted one there is what returns from it. */
static void note_signal(const struct user_regs_struct *before, const struct user_regs_struct *now)
{
	push(now->rsp + 8, before->rip);
	push(now->rsp, word_at(now->rsp));
}

/* One instruction, or the way into a signal's handler. False: the program has ended. */
static bool step(struct user_regs_struct *regs)
{
	struct user_regs_struct before = *regs;
	int status, number = 0;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, child, 0, number) < 0 ||
			waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status) ||
			ptrace(PTRACE_GETREGS, child, 0, regs) < 0)
			return false;
		if (WSTOPSIG(status) == SIGTRAP)
			break;
		number = WSTOPSIG(status);
		before = *regs;
	}
	if (number)
		note_signal(&before, regs);
	else
		note(&before, regs);
	return true;
}

struct counts {
	size_t n_steps, n_frames, n_incomplete, n_wrong;
};

/* Each call that is under way must be in the walk, unless that ended before, and said so. */
static void compare(const struct user_regs_struct *regs, struct counts *counts)
{
	static struct walk ours, truth;
	size_t n;

	child_walk(regs, &ours);
	if (ours.stop == ABI_STOP_NO_MAPPING) {
		child_read_mappings();
		child_walk(regs, &ours);
	}
	truth.n = 0;
	truth.stop = -1;
	truth.pcs[truth.n++] = regs->rip;
	for (size_t i = n_calls; i > 0 && truth.n < CHILD_FRAMES_MAX; i--)
		truth.pcs[truth.n++] = calls[i - 1].pc;
	n = ours.n < truth.n ? ours.n : truth.n;
	counts->n_steps++;
	counts->n_frames += n;
	counts->n_incomplete += ours.stop != ABI_STOP_END;
	if (!memcmp(ours.pcs, truth.pcs, n * sizeof(*ours.pcs)) &&
		(ours.stop != ABI_STOP_END || ours.n >= truth.n))
		return;
	if (counts->n_wrong++ >= DIFFERENCES_SHOWN)
		return;
	child_print_walk("ours", &ours);
	child_print_walk("what it did", &truth);
}

int main(int argc, char **argv)
{
	size_t wanted = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct counts counts = {};
	struct user_regs_struct regs;
	int status;

	if (!wanted)
		return 2;
	if (!child_attach(argv + 2) || ptrace(PTRACE_INTERRUPT, child, 0, 0) < 0 ||
		waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status) ||
		ptrace(PTRACE_GETREGS, child, 0, &regs) < 0) {
		fprintf(stderr, "cannot attach to %s\n", argv[2]);
		return 1;
	}
	child_read_mappings();
	while (counts.n_steps < wanted && step(&regs))
		compare(&regs, &counts);
	printf("%zu steps, %zu frames, %zu incomplete, %zu wrong\n", counts.n_steps,
		counts.n_frames, counts.n_incomplete, counts.n_wrong);
	return counts.n_wrong || counts.n_incomplete * INCOMPLETE_ONE_IN > wanted ||
		counts.n_steps < wanted;
}

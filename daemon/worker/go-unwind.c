/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The CFA is rsp + depth + 8. A function with a frame saves rbp at CFA - 16 by the instruction
 * behind the one that makes the frame, and points rbp there (Go's cmd/internal/obj/x86/obj6.go).
 *
 * The runtime changes stacks within a function (GO_WRITES_SP): where that has a frame, rbp leads back
 * to the stack it came from; where not, the stack that it called on ends there. Other code that
 * writes rsp, such as hand-written hashes, cannot be said.
 */

#include "daemon/worker/go-unwind.h"

struct machine {
	struct cfi_rows *rows;
	size_t first_row;
	const struct go_function *function;
	uint32_t pc, size;
	bool is_runtime;
	int32_t saved_depth; /* of the frame in which rbp was saved; 0: in none yet */
};

static struct cfi_cursor code_at(const struct go_code *code, uint64_t address)
{
	uint64_t distance = address - code->address;

	if (address < code->address || distance >= code->size)
		return (struct cfi_cursor){.is_bad = true};
	return (struct cfi_cursor){.at = code->data + distance, .end = code->data + code->size};
}

static bool begins_with(struct cfi_cursor code, const uint8_t *bytes, size_t n)
{
	return cfi_left(&code) >= n && !memcmp(code.at, bytes, n);
}

static bool begins_named(const struct go_function *function, const char *name)
{
	size_t n = strlen(name);

	return function->name_max >= n && !memcmp(function->name, name, n);
}

static bool is_named(const struct go_function *function, const char *name)
{
	return begins_named(function, name) && function->name_max > strlen(name) &&
		!function->name[strlen(name)];
}

bool go_unwind_is_sigreturn(const struct go_code *code, const struct go_function *function)
{
	/* mov $15, %rax or %eax; syscall */
	static const uint8_t by_rax[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	static const uint8_t by_eax[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
	struct cfi_cursor at = code_at(code, function->start);

	return begins_with(at, by_rax, sizeof(by_rax)) || begins_with(at, by_eax, sizeof(by_eax));
}

/* The bytes from where the frame was made to where rbp has been saved in it; -1: it is not saved. */
static int bytes_to_saved_rbp(const struct go_code *code, uint64_t address)
{
	/* push %rbp; mov %rbp, displacement of 8 or 32 bits(%rsp) */
	static const uint8_t push[] = {0x55};
	static const uint8_t near_store[] = {0x48, 0x89, 0x6c, 0x24};
	static const uint8_t far_store[] = {0x48, 0x89, 0xac, 0x24};

	if (begins_with(code_at(code, address - 1), push, sizeof(push)))
		return 0;
	if (begins_with(code_at(code, address), near_store, sizeof(near_store)))
		return sizeof(near_store) + 1;
	if (begins_with(code_at(code, address), far_store, sizeof(far_store)))
		return sizeof(far_store) + 4;
	return -1;
}

static struct abi_row kind_row(enum abi_cfa kind)
{
	return (struct abi_row){.kinds = ABI_ROW_KINDS(kind, ABI_RBP_SAME)};
}

static struct abi_row depth_row(int32_t depth, bool is_rbp_saved)
{
	struct abi_row row = kind_row(ABI_CFA_UNSUPPORTED);

	if (depth < 0 || depth & 7 || depth / 8 >= INT16_MAX)
		return row;
	row.cfa_offset = (int16_t)(depth / 8 + 1);
	if (is_rbp_saved) {
		row.kinds = ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_CFA);
		row.rbp_offset = -2;
	} else {
		row.kinds = ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_SAME);
	}
	return row;
}

/* Where rsp was written: by the frame pointer, or not at all. */
static struct abi_row written_sp_row(const struct machine *machine, bool is_rbp_saved)
{
	if (!machine->is_runtime)
		return kind_row(ABI_CFA_UNSUPPORTED);
	if (!is_rbp_saved) {
		struct abi_row row = kind_row(ABI_CFA_END);

		row.cfa_offset = 1;
		return row;
	}
	return (struct abi_row){.kinds = ABI_ROW_KINDS(ABI_CFA_RBP, ABI_RBP_CFA_ELSEWHERE),
		.cfa_offset = 2,
		.rbp_offset = -2};
}

static int push(struct machine *machine, uint32_t distance, struct abi_row row)
{
	if (distance >= machine->size)
		return 0;
	row.pc = machine->pc + distance;
	if (ABI_ROW_CFA(row.kinds) == ABI_CFA_UNSUPPORTED)
		machine->rows->n_reasons[CFI_CFA_OTHER_EXPRESSION]++;
	return cfi_rows_push(machine->rows, machine->first_row, row);
}

/* Of the function: so many bytes from `distance` on, in which rsp is at one depth. */
struct stretch {
	uint32_t distance, size;
	int32_t depth;
};

/* If the stretch begins by saving rbp: until that is done, rbp is the caller's. Takes those bytes
 * off the stretch. */
static int push_prologue(
	struct machine *machine, const struct go_code *code, struct stretch *stretch)
{
	int n = bytes_to_saved_rbp(code, machine->function->start + stretch->distance), r;
	uint32_t n_store = (uint32_t)n;

	/* rbp is pointed there by an instruction as long as the one that saved it. */
	if (n < 0 || 2 * n_store > stretch->size)
		return 0;
	machine->saved_depth = stretch->depth;
	if (!n)
		return 0;
	r = push(machine, stretch->distance, depth_row(stretch->depth, false));
	if (!r)
		r = push(machine, stretch->distance + n_store, depth_row(stretch->depth, true));
	stretch->distance += 2 * n_store;
	stretch->size -= 2 * n_store;
	return r;
}

/* The rule of a stretch. Before its frame is made, no function has written rsp. */
static struct abi_row stretch_row(
	const struct machine *machine, int32_t depth, bool is_before_frame)
{
	bool is_rbp_saved = machine->saved_depth && depth >= machine->saved_depth;

	if (machine->function->flags & GO_WRITES_SP && !is_before_frame)
		return written_sp_row(machine, is_rbp_saved);
	return depth_row(depth, is_rbp_saved);
}

/* The stretches of equal depth, one after the other; behind the last one the function has no rule. */
static int push_depths(struct machine *machine, struct go_code *code)
{
	const struct go_function *function = machine->function;
	struct cfi_cursor depths = function->depth;
	struct stretch stretch = {.depth = -1};
	int r = 0;

	while (!r && stretch.distance < machine->size) {
		bool is_first = !stretch.distance, is_before_frame;

		if (!code->n_steps_left ||
			!go_function_next_depth(&depths, &stretch.depth, is_first, &stretch.size))
			return push(machine, stretch.distance, kind_row(ABI_CFA_GAP));
		code->n_steps_left--;
		is_before_frame = is_first && !stretch.depth &&
			bytes_to_saved_rbp(code, function->start + stretch.size) >= 0;
		if (stretch.depth > 0 && !machine->saved_depth)
			r = push_prologue(machine, code, &stretch);
		if (!r && stretch.size)
			r = push(machine, stretch.distance,
				stretch_row(machine, stretch.depth, is_before_frame));
		if (stretch.size > UINT32_MAX - stretch.distance)
			return r;
		stretch.distance += stretch.size;
	}
	return r;
}

int go_unwind_run(struct go_code *code, const struct go_function *function, uint32_t pc,
	uint32_t size, struct cfi_rows *rows)
{
	struct machine machine = {
		.rows = rows,
		.first_row = rows->n,
		.function = function,
		.pc = pc,
		.size = size,
		.is_runtime = begins_named(function, "runtime.") || is_named(function, "gogo") ||
			is_named(function, "time.now"),
	};

	if (go_unwind_is_sigreturn(code, function))
		return push(&machine, 0, kind_row(ABI_CFA_SIGNAL));
	/* The runtime ends its own traces there; the frame of what was interrupted lies above. */
	if (function->flags & GO_TOP_FRAME && !is_named(function, "runtime.sigtramp"))
		return push(&machine, 0, kind_row(ABI_CFA_END));
	return push_depths(&machine, code);
}

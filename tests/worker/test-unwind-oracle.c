/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The unwind table of a real file against libdw, address by address. Neither side's rules are
 * compared as such: both are evaluated with the same made-up registers and memory, so that two ways
 * to say the same agree and two different rules cannot. Memory is a hash of the address.
 *
 * Usage: test-unwind-oracle NAME, as find_file() takes it.
 */

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "daemon/unwind/validate.h"
#include "daemon/worker/known-code.h"
#include "daemon/worker/unwind-table.h"
#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"
#include "tests/worker/find-file.h"

#define RSP UINT64_C(0x7ffc5a1b3c40)
#define RBP UINT64_C(0x7f01d2e4f660)
#define STACK_DEPTH 16
#define EXIT_SKIP 77
/* Every address of files with up to so much code; else three in each row. */
#define EXHAUSTIVE_BYTES (64u << 20)

/* As ck_assert_msg, which writes to a file each time, too slow for millions of addresses. */
#define require(condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

static const char *name;

/* What the caller's registers are, as far as a side can say. */
struct answer {
	bool is_covered, is_end, is_cfa_known, is_ra_known, is_rbp_known;
	uint64_t cfa, ra_address, rbp;
};

struct counts {
	size_t n_compared, n_unsupported, n_rbp_unknown, n_folded;
};

static uint64_t memory(uint64_t address)
{
	address = (address ^ address >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	return (address ^ address >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

static uint64_t machine_register(unsigned reg, uint64_t rip)
{
	switch (reg) {
	case CFI_RSP:
		return RSP;
	case CFI_RBP:
		return RBP;
	case CFI_RA:
		return rip;
	default:
		return memory(reg);
	}
}

static bool binary(uint64_t *stack, size_t *n, const Dwarf_Op *op)
{
	uint64_t a, b;

	if (*n < 2)
		return false;
	b = stack[--*n];
	a = stack[--*n];
	switch (op->atom) {
	case DW_OP_and:
		a &= b;
		break;
	case DW_OP_plus:
		a += b;
		break;
	case DW_OP_minus:
		a -= b;
		break;
	case DW_OP_mul:
		a *= b;
		break;
	case DW_OP_shl:
		a <<= b;
		break;
	case DW_OP_ge:
		a = (int64_t)a >= (int64_t)b;
		break;
	default:
		return false;
	}
	stack[(*n)++] = a;
	return true;
}

/* One operation that pushes or changes the top; false: it is none of these. */
static bool unary(uint64_t *stack, size_t *n, const Dwarf_Op *op, uint64_t rip, uint64_t cfa)
{
	unsigned atom = op->atom;

	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		stack[(*n)++] = machine_register(atom - DW_OP_breg0, rip) + op->number;
	else if (atom == DW_OP_bregx)
		stack[(*n)++] = machine_register((unsigned)op->number, rip) + op->number2;
	else if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		stack[(*n)++] = atom - DW_OP_lit0;
	else if (atom == DW_OP_call_frame_cfa)
		stack[(*n)++] = cfa;
	else if (atom == DW_OP_deref && *n)
		stack[*n - 1] = memory(stack[*n - 1]);
	else if (atom == DW_OP_plus_uconst && *n)
		stack[*n - 1] += op->number;
	else
		return false;
	return true;
}

static uint64_t evaluate(const Dwarf_Op *ops, size_t n_ops, uint64_t rip, uint64_t cfa)
{
	uint64_t stack[STACK_DEPTH];
	size_t n = 0;

	for (size_t i = 0; i < n_ops; i++) {
		require(n < STACK_DEPTH, "%s: stack", name);
		if (!unary(stack, &n, &ops[i], rip, cfa) && !binary(stack, &n, &ops[i]))
			ck_abort_msg("%s: operation %#x", name, ops[i].atom);
	}
	require(n > 0, "%s: stack", name);
	return stack[n - 1];
}

/* The address where libdw says a register is saved; false: it is somewhere else. */
static bool saved_at(Dwarf_Frame *frame, int reg, uint64_t rip, uint64_t cfa, uint64_t *ret_address)
{
	Dwarf_Op memory_ops[3], *ops;
	size_t n;

	require(dwarf_frame_register(frame, reg, memory_ops, &ops, &n) == 0, "%s: libdw failed",
		name);
	if (!n || ops[n - 1].atom == DW_OP_stack_value ||
		(ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31) ||
		ops[0].atom == DW_OP_regx)
		return false;
	*ret_address = evaluate(ops, n, rip, cfa);
	return true;
}

static bool is_unspecified(Dwarf_Frame *frame, int reg, bool *ret_undefined)
{
	Dwarf_Op memory_ops[3], *ops;
	size_t n;

	require(dwarf_frame_register(frame, reg, memory_ops, &ops, &n) == 0, "%s: libdw failed",
		name);
	*ret_undefined = !n && ops == memory_ops;
	return !n;
}

/* libdw's rules hold for a stretch of addresses, and asking for them is slow. */
struct oracle {
	Dwarf_CFI *cfi;
	Dwarf_Frame *frame;
	uint64_t start, end;
};

static bool find_frame(struct oracle *oracle, uint64_t address)
{
	if (oracle->frame && address >= oracle->start && address < oracle->end)
		return true;
	free(oracle->frame);
	oracle->frame = NULL;
	if (dwarf_cfi_addrframe(oracle->cfi, address, &oracle->frame) != 0)
		return false;
	require(dwarf_frame_info(oracle->frame, &oracle->start, &oracle->end, NULL) == CFI_RA,
		"%s: libdw failed", name);
	require(address >= oracle->start && address < oracle->end, "%s: libdw's frame", name);
	return true;
}

static struct answer ask_libdw(struct oracle *oracle, uint64_t address)
{
	struct answer answer = {0};
	Dwarf_Frame *frame;
	bool is_undefined;
	Dwarf_Op *ops;
	uint64_t place;
	size_t n;

	if (!find_frame(oracle, address))
		return answer;
	frame = oracle->frame;
	answer.is_covered = true;
	answer.is_end = is_unspecified(frame, CFI_RA, &is_undefined) && is_undefined;
	require(dwarf_frame_cfa(frame, &ops, &n) == 0, "%s: libdw failed", name);
	if (!n)
		return answer;
	answer.is_cfa_known = true;
	answer.cfa = evaluate(ops, n, address, 0);
	answer.is_ra_known = saved_at(frame, CFI_RA, address, answer.cfa, &answer.ra_address);
	if (saved_at(frame, CFI_RBP, address, answer.cfa, &place)) {
		answer.rbp = memory(place);
		answer.is_rbp_known = true;
	} else if (is_unspecified(frame, CFI_RBP, &is_undefined) && !is_undefined) {
		answer.rbp = RBP;
		answer.is_rbp_known = true;
	}
	return answer;
}

static bool row_cfa(const struct abi_row *row, uint64_t rip, uint64_t *ret_cfa)
{
	uint64_t offset = (uint64_t)(row->cfa_offset * 8);

	switch (ABI_ROW_CFA(row->kinds)) {
	case ABI_CFA_RSP:
		*ret_cfa = RSP + offset;
		return true;
	case ABI_CFA_RBP:
		*ret_cfa = RBP + offset;
		return true;
	case ABI_CFA_REGISTER:
		*ret_cfa = machine_register(ABI_ROW_REGISTER(row->cfa_offset), rip) +
			(uint64_t)((row->cfa_offset >> ABI_ROW_REGISTER_BITS) * 8);
		return true;
	case ABI_CFA_PLT:
		*ret_cfa = RSP + 8 + ((int)(rip & 15) >= row->cfa_offset ? 8 : 0);
		return true;
	case ABI_CFA_SIGNAL:
		*ret_cfa = memory(RSP + 160);
		return true;
	case ABI_CFA_RBP_DEREF:
		*ret_cfa = memory(RBP + offset);
		return true;
	case ABI_CFA_RSP_DEREF_8:
		*ret_cfa = memory(RSP + offset) + 8;
		return true;
	case ABI_CFA_RBP_DEREF_8:
		*ret_cfa = memory(RBP + offset) + 8;
		return true;
	default:
		return false;
	}
}

static struct answer ask_row(const struct abi_row *row, uint64_t rip)
{
	bool is_signal = ABI_ROW_CFA(row->kinds) == ABI_CFA_SIGNAL;
	struct answer answer = {
		.is_covered = ABI_ROW_CFA(row->kinds) != ABI_CFA_GAP,
		.is_end = ABI_ROW_CFA(row->kinds) == ABI_CFA_END,
	};

	answer.is_cfa_known = row_cfa(row, rip, &answer.cfa);
	if (!answer.is_cfa_known)
		return answer;
	answer.is_ra_known = true;
	answer.ra_address = is_signal ? RSP + 168 : answer.cfa - 8;
	answer.is_rbp_known = ABI_ROW_RBP(row->kinds) != ABI_RBP_UNDEFINED;
	if (is_signal)
		answer.rbp = memory(RSP + 120);
	else if (ABI_ROW_RBP(row->kinds) == ABI_RBP_SAME)
		answer.rbp = RBP;
	else if (ABI_ROW_RBP(row->kinds) == ABI_RBP_CFA)
		answer.rbp = memory(answer.cfa + (uint64_t)(row->rbp_offset * 8));
	else if (ABI_ROW_RBP(row->kinds) == ABI_RBP_RBP)
		answer.rbp = memory(RBP + (uint64_t)(row->rbp_offset * 8));
	return answer;
}

/* Bytes of the no-operation, int3 or zero at the start of n bytes; 0: it is something else. The
 * long form is 0f 1f with an operand, after prefixes 66 and 2e (Intel's manual, NOP). */
static size_t padding_size(const uint8_t *code, size_t n)
{
	static const uint8_t operand_sizes[] = {
		[0x00] = 3, [0x40] = 4, [0x44] = 5, [0x80] = 7, [0x84] = 8};
	size_t n_prefixes = 0;

	if (code[0] == 0x90 || code[0] == 0xcc || code[0] == 0)
		return 1;
	while (n_prefixes < n && (code[n_prefixes] == 0x66 || code[n_prefixes] == 0x2e))
		n_prefixes++;
	if (n_prefixes < n && code[n_prefixes] == 0x90)
		return n_prefixes + 1;
	if (n - n_prefixes < 3 || code[n_prefixes] != 0x0f || code[n_prefixes + 1] != 0x1f ||
		code[n_prefixes + 2] >= sizeof(operand_sizes) ||
		!operand_sizes[code[n_prefixes + 2]])
		return 0;
	return n_prefixes + operand_sizes[code[n_prefixes + 2]];
}

/* An address that no FDE covers but a row does: allowed in the padding before an aligned function,
 * which must then be nothing else. */
static void check_folded(
	const struct elf_file *file, struct oracle *oracle, uint64_t address, struct counts *counts)
{
	uint64_t start = address, end = address + 1;
	struct elf_bytes bytes;
	size_t n = 0;

	while (end % 16 && !ask_libdw(oracle, end).is_covered)
		end++;
	while (end - start < 16 && !ask_libdw(oracle, start - 1).is_covered)
		start--;
	require(end % 16 == 0 && end - start < 16 && ask_libdw(oracle, end).is_covered,
		"%s: a row for the gap around %#lx", name, address);
	require(elf_file_at(file, start, &bytes) && bytes.size >= end - start,
		"%s: %#lx is not there", name, start);
	while (n < end - start) {
		size_t size = padding_size(bytes.data + n, end - start - n);

		require(size, "%s: what is at %#lx is no padding", name, start + n);
		n += size;
	}
	counts->n_folded += address == start;
}

/* libdw knows what the row does not say: could no row have said it? */
static void check_unsupported(const struct answer *libdw, uint64_t address)
{
	uint64_t rsp_offset = libdw->cfa - RSP, rbp_offset = libdw->cfa - RBP;
	bool is_simple = (rsp_offset < 0x40000 && rsp_offset % 8 == 0) ||
		(rbp_offset < 0x40000 && rbp_offset % 8 == 0);

	for (unsigned i = 0; i < ABI_REGISTERS; i++)
		is_simple |= libdw->cfa - machine_register(i, 0) < 0x4000 &&
			(libdw->cfa - machine_register(i, 0)) % 8 == 0;
	require(!libdw->is_cfa_known || !is_simple || !libdw->is_ra_known ||
			libdw->ra_address != libdw->cfa - 8,
		"%s: %#lx is not supported, but could be", name, address);
}

static void compare(const struct answer *libdw, const struct answer *ours, uint64_t address,
	struct counts *counts)
{
	require(libdw->is_end == ours->is_end, "%s: end at %#lx", name, address);
	if (ours->is_end)
		return;
	counts->n_compared++;
	if (!ours->is_cfa_known) {
		counts->n_unsupported++;
		check_unsupported(libdw, address);
		return;
	}
	require(libdw->is_cfa_known && libdw->cfa == ours->cfa, "%s: CFA at %#lx", name, address);
	require(libdw->is_ra_known && libdw->ra_address == ours->ra_address,
		"%s: return address at %#lx", name, address);
	if (!ours->is_rbp_known)
		counts->n_rbp_unknown++;
	else
		require(libdw->is_rbp_known && libdw->rbp == ours->rbp, "%s: rbp at %#lx", name,
			address);
}

struct comparison {
	const struct elf_file *file;
	struct oracle oracle;
	const struct unwind_table *table;
	uint64_t entry;
	struct counts counts;
};

/* Rows that say more than libdw knows: only of the code that is known. */
static void check_known_code(
	const struct comparison *comparison, const struct abi_row *row, bool is_covered)
{
	bool is_clone = ABI_ROW_CFA(row->kinds) == ABI_CFA_CLONE;
	struct elf_bytes bytes;
	uint64_t address;

	require(elf_file_address(comparison->file, row->pc, &address) &&
			elf_file_at(comparison->file, address, &bytes) && bytes.size > 16,
		"%s: %#x is not there", name, row->pc);
	if (is_clone)
		require(!is_covered && known_code_is_clone(bytes.data, row[1].pc - row->pc),
			"%s: %#lx is not clone", name, address);
	else
		require(known_code_is_context(bytes.data, 16) ||
				known_code_is_context(bytes.data + 1, 16),
			"%s: %#lx starts no context", name, address);
}

static void compare_address(
	struct comparison *comparison, const struct abi_row *row, uint64_t offset)
{
	struct answer libdw, ours;
	uint64_t address;

	if (!elf_file_address(comparison->file, offset, &address)) {
		require(ABI_ROW_CFA(row->kinds) == ABI_CFA_GAP, "%s: a row in no segment", name);
		return;
	}
	libdw = ask_libdw(&comparison->oracle, address);
	ours = ask_row(row, address);
	if (ABI_ROW_CFA(row->kinds) == ABI_CFA_CLONE || ABI_ROW_CFA(row->kinds) == ABI_CFA_CONTEXT)
		check_known_code(comparison, row, libdw.is_covered);
	else if (libdw.is_covered && ours.is_covered)
		compare(&libdw, &ours, address, &comparison->counts);
	else if (libdw.is_covered)
		ck_abort_msg("%s: %#lx has an FDE but is a gap", name, address);
	else if (ours.is_end)
		require(address - comparison->entry < UNWIND_ENTRY_BYTES_MAX, "%s: an end at %#lx",
			name, address);
	else if (ours.is_covered)
		check_folded(comparison->file, &comparison->oracle, address, &comparison->counts);
}

static void compare_row(struct comparison *comparison, size_t i, bool is_exhaustive)
{
	const struct abi_row *row = &comparison->table->rows[i];
	uint64_t end = i + 1 < comparison->table->n ? row[1].pc : comparison->file->size;

	if (is_exhaustive) {
		for (uint64_t offset = row->pc; offset < end; offset++)
			compare_address(comparison, row, offset);
	} else if (row->pc < end) {
		compare_address(comparison, row, row->pc);
		compare_address(comparison, row, row->pc + memory(row->pc) % (end - row->pc));
		compare_address(comparison, row, end - 1);
	}
}

static uint64_t code_bytes(const struct elf_file *file)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < file->n_segments; i++)
		sum += file->segments[i].size;
	return sum;
}

START_TEST(every_row_says_what_libdw_says)
{
	CLEANUP(elf_file_closep) struct elf_file *file = NULL;
	CLEANUP(unwind_table_done) struct unwind_table table = {0};
	struct comparison comparison = {.table = &table};
	GElf_Ehdr header;
	bool is_exhaustive;

	ck_assert_int_eq(elf_file_open(find_file(name), &file), 0);
	ck_assert_int_eq(unwind_table_compile(file, NULL, &table), 0);
	ck_assert_int_eq(rows_validate(table.rows, table.n, file->size), 0);
	comparison.file = file;
	comparison.oracle.cfi = dwarf_getcfi_elf(file->elf);
	ck_assert_ptr_nonnull(comparison.oracle.cfi);
	ck_assert_ptr_nonnull(gelf_getehdr(file->elf, &header));
	comparison.entry = header.e_entry;
	is_exhaustive = code_bytes(file) <= EXHAUSTIVE_BYTES;
	for (size_t i = 0; i < table.n; i++)
		compare_row(&comparison, i, is_exhaustive);
	printf("%s: %zu rows, %zu addresses%s compared, %zu not supported, rbp unknown at %zu; "
	       "%zu gaps seen folded\n",
		name, table.n, comparison.counts.n_compared, is_exhaustive ? " (all)" : "",
		comparison.counts.n_unsupported, comparison.counts.n_rbp_unknown,
		comparison.counts.n_folded);
	ck_assert_uint_le(comparison.counts.n_unsupported, comparison.counts.n_compared / 40);
	ck_assert_uint_eq(table.n_bad_fdes, 0);
	free(comparison.oracle.frame);
	dwarf_cfi_end(comparison.oracle.cfi);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {every_row_says_what_libdw_says};
	CLEANUP(closep) int fd = -1;

	if (argc != 2)
		return EXIT_FAILURE;
	name = argv[1];
	fd = find_file(name);
	if (fd < 0) {
		printf("%s is not installed\n", name);
		return EXIT_SKIP;
	}
	return check_main("unwind-oracle", tests, ARRAY_SIZE(tests));
}

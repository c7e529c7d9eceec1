/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each call frame instruction alone, as bytes made by hand: what row is in force at the end of a
 * function of 0x100 bytes. The CIE says CFA = rsp + 8, return address at CFA - 8, factors 1 and -8.
 */

#include "daemon/worker/cfi-program.h"

#include <dwarf.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define START UINT64_C(0x401000)
#define PC 0x1000
#define SIZE 0x100

#define CFA(kind, offset) .cfa = ABI_CFA_##kind, .cfa_offset = (offset)
#define RBP(kind, offset) .rbp = ABI_RBP_##kind, .rbp_offset = (offset)

struct example {
	const char *name;
	uint8_t program[40];
	size_t n;
	int n_rows; /* 0: 1 */
	int cfa, cfa_offset, rbp, rbp_offset; /* of the last row; offsets in words */
	enum cfi_reason reason; /* one row has it, when not CFI_SUPPORTED */
	bool is_signal;
};

#define PROGRAM(...) .program = {__VA_ARGS__}, .n = sizeof((const uint8_t[]){__VA_ARGS__})

/* Signed LEB128 of -16 and the like: one byte. */
#define SLEB(value) ((value)&0x7f)

static const struct example examples[] = {
	{"nothing", .n = 0, CFA(RSP, 1)},
	{"nop", PROGRAM(DW_CFA_nop), CFA(RSP, 1)},
	{"GNU_args_size", PROGRAM(DW_CFA_GNU_args_size, 0x90, 1), CFA(RSP, 1)},
	{"def_cfa", PROGRAM(DW_CFA_def_cfa, 6, 16), CFA(RBP, 2)},
	{"def_cfa of another register", PROGRAM(DW_CFA_def_cfa, 10, 0), CFA(REGISTER, 10)},
	{"def_cfa of another register and an offset", PROGRAM(DW_CFA_def_cfa, 15, 24),
		CFA(REGISTER, 3 * 16 + 15)},
	{"def_cfa_sf of another register", PROGRAM(DW_CFA_def_cfa_sf, 3, SLEB(2)),
		CFA(REGISTER, -2 * 16 + 3)},
	{"def_cfa of another register, the largest offset", PROGRAM(DW_CFA_def_cfa, 9, 0xf8, 0x7f),
		CFA(REGISTER, 2047 * 16 + 9)},
	{"def_cfa of another register, beyond it", PROGRAM(DW_CFA_def_cfa, 9, 0x80, 0x80, 1),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_RANGE},
	{"rbp is saved below another register",
		PROGRAM(DW_CFA_def_cfa, 10, 8, DW_CFA_expression, 6, 2, DW_OP_breg10, SLEB(-8)),
		CFA(REGISTER, 16 + 10), RBP(CFA, -2)},
	{"def_cfa of the return address", PROGRAM(DW_CFA_def_cfa, 16, 0), CFA(UNSUPPORTED, 0),
		.reason = CFI_CFA_OTHER_REGISTER},
	{"def_cfa of a register beyond a byte", PROGRAM(DW_CFA_def_cfa, 0x87, 2, 0),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_OTHER_REGISTER},
	{"def_cfa_sf", PROGRAM(DW_CFA_def_cfa_sf, 7, SLEB(-4)), CFA(RSP, 4)},
	{"def_cfa_register", PROGRAM(DW_CFA_def_cfa_register, 6), CFA(RBP, 1)},
	{"def_cfa_offset", PROGRAM(DW_CFA_def_cfa_offset, 0x80, 1), CFA(RSP, 16)},
	{"def_cfa_offset_sf", PROGRAM(DW_CFA_def_cfa_offset_sf, SLEB(-3)), CFA(RSP, 3)},
	{"def_cfa_offset that is no multiple of 8", PROGRAM(DW_CFA_def_cfa_offset, 12),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_RANGE},
	{"def_cfa_offset, the largest", PROGRAM(DW_CFA_def_cfa_offset, 0xf8, 0xff, 0x0f),
		CFA(RSP, INT16_MAX)},
	{"def_cfa_offset beyond it", PROGRAM(DW_CFA_def_cfa_offset, 0x80, 0x80, 0x10),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_RANGE},
	{"def_cfa_expression: rbp - 16, as gcc writes a realigned stack",
		PROGRAM(DW_CFA_def_cfa_expression, 3, DW_OP_breg6, SLEB(-16), DW_OP_deref),
		CFA(RBP_DEREF, -2)},
	{"def_cfa_expression: *(rsp + 152) + 8, as OpenSSL's assembler writes it",
		PROGRAM(DW_CFA_def_cfa_expression, 6, DW_OP_breg7, 0x98, 1, DW_OP_deref,
			DW_OP_plus_uconst, 8),
		CFA(RSP_DEREF_8, 19)},
	{"def_cfa_expression: the same with literals",
		PROGRAM(DW_CFA_def_cfa_expression, 6, DW_OP_bregx, 7, 16, DW_OP_deref, DW_OP_lit8,
			DW_OP_plus),
		CFA(RSP_DEREF_8, 2)},
	{"def_cfa_expression: *(rbp + 8) + 8",
		PROGRAM(DW_CFA_def_cfa_expression, 5, DW_OP_breg6, 8, DW_OP_deref,
			DW_OP_plus_uconst, 8),
		CFA(RBP_DEREF_8, 1)},
	{"def_cfa_expression: *(rsp + 16) + 64",
		PROGRAM(DW_CFA_def_cfa_expression, 5, DW_OP_breg7, 16, DW_OP_deref,
			DW_OP_plus_uconst, 64),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_OTHER_EXPRESSION},
	{"def_cfa_expression: *(rsp + 16)",
		PROGRAM(DW_CFA_def_cfa_expression, 3, DW_OP_breg7, 16, DW_OP_deref),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_OTHER_EXPRESSION},
	{"def_cfa_expression: more behind a known one",
		PROGRAM(DW_CFA_def_cfa_expression, 6, DW_OP_breg6, 8, DW_OP_deref,
			DW_OP_plus_uconst, 8, DW_OP_nop),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_OTHER_EXPRESSION},
	{"def_cfa_expression: empty", PROGRAM(DW_CFA_def_cfa_expression, 0), CFA(UNSUPPORTED, 0),
		.reason = CFI_CFA_OTHER_EXPRESSION},
	{"def_cfa_expression: rbp + 16", PROGRAM(DW_CFA_def_cfa_expression, 2, DW_OP_breg6, 16),
		CFA(RBP, 2)},
	{"def_cfa_expression: the linker's PLT",
		PROGRAM(DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15,
			DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus),
		CFA(PLT, 11)},
	{"def_cfa_expression: the PLT with bnd or endbr",
		PROGRAM(DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15,
			DW_OP_and, DW_OP_lit10, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus),
		CFA(PLT, 10)},
	{"def_cfa_expression: nearly the PLT",
		PROGRAM(DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15,
			DW_OP_and, DW_OP_lit16, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus),
		CFA(UNSUPPORTED, 0), .reason = CFI_CFA_OTHER_EXPRESSION},
	{"def_cfa_offset after an expression",
		PROGRAM(DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 8, DW_OP_deref,
			DW_CFA_def_cfa_offset, 8),
		CFA(UNSUPPORTED, 0), .reason = CFI_BAD_PROGRAM},
	{"offset of rbp", PROGRAM(DW_CFA_offset | 6, 2), CFA(RSP, 1), RBP(CFA, -2)},
	{"offset of a register that nobody asks for", PROGRAM(DW_CFA_offset | 3, 2), CFA(RSP, 1)},
	{"offset_extended", PROGRAM(DW_CFA_offset_extended, 6, 3), CFA(RSP, 1), RBP(CFA, -3)},
	{"offset_extended_sf", PROGRAM(DW_CFA_offset_extended_sf, 6, SLEB(-3)), CFA(RSP, 1),
		RBP(CFA, 3)},
	{"GNU_negative_offset_extended", PROGRAM(DW_CFA_GNU_negative_offset_extended, 6, 3),
		CFA(RSP, 1), RBP(CFA, 3)},
	{"offset of rbp, the furthest", PROGRAM(DW_CFA_offset | 6, 0x80, 1), CFA(RSP, 1),
		RBP(CFA, -128)},
	{"offset of rbp beyond it", PROGRAM(DW_CFA_offset | 6, 0x81, 1), CFA(RSP, 1),
		RBP(UNDEFINED, 0), .reason = CFI_RBP_RANGE},
	{"val_offset of rbp", PROGRAM(DW_CFA_val_offset, 6, 2), CFA(RSP, 1), RBP(UNDEFINED, 0),
		.reason = CFI_RBP_OTHER},
	{"val_offset_sf of rsp is what it is anyway", PROGRAM(DW_CFA_val_offset_sf, 7, 0),
		CFA(RSP, 1)},
	{"val_offset of rsp to somewhere else", PROGRAM(DW_CFA_val_offset, 7, 1),
		CFA(UNSUPPORTED, 0), .reason = CFI_RSP_ELSEWHERE},
	{"offset of rsp", PROGRAM(DW_CFA_offset | 7, 2), CFA(UNSUPPORTED, 0),
		.reason = CFI_RSP_ELSEWHERE},
	{"undefined rbp", PROGRAM(DW_CFA_undefined, 6), CFA(RSP, 1), RBP(UNDEFINED, 0)},
	{"undefined return address", PROGRAM(DW_CFA_undefined, 16), CFA(END, 0)},
	{"undefined return address and a CFA that no row can say",
		PROGRAM(DW_CFA_def_cfa, 16, 0, DW_CFA_undefined, 16), CFA(END, 0)},
	{"same_value", PROGRAM(DW_CFA_offset | 6, 2, DW_CFA_same_value, 6), CFA(RSP, 1)},
	{"register: rbp in itself", PROGRAM(DW_CFA_register, 6, 6), CFA(RSP, 1)},
	{"register: rbp in another", PROGRAM(DW_CFA_register, 6, 3), CFA(RSP, 1), RBP(UNDEFINED, 0),
		.reason = CFI_RBP_OTHER},
	{"register: return address in rdi, as in vfork", PROGRAM(DW_CFA_register, 16, 5),
		CFA(UNSUPPORTED, 0), .reason = CFI_RA_ELSEWHERE},
	{"return address elsewhere", PROGRAM(DW_CFA_offset | 16, 2), CFA(UNSUPPORTED, 0),
		.reason = CFI_RA_ELSEWHERE},
	{"expression: rbp at rbp + 8", PROGRAM(DW_CFA_expression, 6, 2, DW_OP_breg6, 8),
		CFA(RSP, 1), RBP(RBP, 1)},
	{"expression: rbp at rsp - 8, which is CFA - 16",
		PROGRAM(DW_CFA_expression, 6, 2, DW_OP_breg7, SLEB(-8)), CFA(RSP, 1), RBP(CFA, -2)},
	{"expression: rbp at rsp while the CFA is *(rbp)",
		PROGRAM(DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0, DW_OP_deref,
			DW_CFA_expression, 6, 2, DW_OP_breg7, 0),
		CFA(RBP_DEREF, 0), RBP(UNDEFINED, 0), .reason = CFI_RBP_OTHER},
	{"expression: rbp where no row can say",
		PROGRAM(DW_CFA_expression, 6, 3, DW_OP_breg6, 8, DW_OP_deref), CFA(RSP, 1),
		RBP(UNDEFINED, 0), .reason = CFI_RBP_OTHER},
	{"val_expression", PROGRAM(DW_CFA_val_expression, 6, 2, DW_OP_breg6, 8), CFA(RSP, 1),
		RBP(UNDEFINED, 0), .reason = CFI_RBP_OTHER},
	{"restore", PROGRAM(DW_CFA_offset | 6, 2, DW_CFA_restore | 6), CFA(RSP, 1)},
	{"restore_extended", PROGRAM(DW_CFA_undefined, 16, DW_CFA_restore_extended, 16),
		CFA(RSP, 1)},
	{"remember and restore",
		PROGRAM(DW_CFA_def_cfa_offset, 16, DW_CFA_remember_state, DW_CFA_def_cfa, 6, 32,
			DW_CFA_offset | 6, 2, DW_CFA_restore_state),
		CFA(RSP, 2)},
	{"restore of what nobody remembered", PROGRAM(DW_CFA_restore_state), CFA(UNSUPPORTED, 0),
		.reason = CFI_BAD_PROGRAM},
	{"advance_loc", PROGRAM(DW_CFA_advance_loc | 4, DW_CFA_def_cfa_offset, 16), CFA(RSP, 2),
		.n_rows = 2},
	{"advance_loc1", PROGRAM(DW_CFA_advance_loc1, 0xff, DW_CFA_def_cfa_offset, 16), CFA(RSP, 2),
		.n_rows = 2},
	{"advance_loc2 to the end, where nothing counts any more",
		PROGRAM(DW_CFA_advance_loc2, 0, 1, DW_CFA_def_cfa_offset, 16), CFA(RSP, 1)},
	{"advance_loc4 far beyond",
		PROGRAM(DW_CFA_advance_loc4, 0, 0, 0, 0xff, DW_CFA_def_cfa_offset, 16),
		CFA(RSP, 1)},
	{"advance by nothing makes no row",
		PROGRAM(DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc1, 0, DW_CFA_def_cfa_offset,
			24),
		CFA(RSP, 3)},
	{"rows that say the same are one",
		PROGRAM(DW_CFA_advance_loc | 1, DW_CFA_offset | 3, 2, DW_CFA_advance_loc | 1,
			DW_CFA_def_cfa_offset, 8),
		CFA(RSP, 1)},
	{"set_loc",
		PROGRAM(DW_CFA_set_loc, 0x10, 0x10, 0x40, 0, 0, 0, 0, 0, DW_CFA_def_cfa_offset, 16),
		CFA(RSP, 2), .n_rows = 2},
	{"set_loc backwards", PROGRAM(DW_CFA_set_loc, 0, 0, 0x40, 0, 0, 0, 0, 0),
		CFA(UNSUPPORTED, 0), .reason = CFI_BAD_PROGRAM},
	{"an unknown instruction, from there on",
		PROGRAM(DW_CFA_advance_loc | 8, DW_CFA_def_cfa_offset, 16, DW_CFA_low_user + 1),
		CFA(UNSUPPORTED, 0), .n_rows = 2, .reason = CFI_BAD_PROGRAM},
	{"an operand that is missing", PROGRAM(DW_CFA_def_cfa, 6), CFA(UNSUPPORTED, 0),
		.reason = CFI_BAD_PROGRAM},
	{"a number without an end",
		PROGRAM(DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
			0x80, 0x80),
		CFA(UNSUPPORTED, 0), .reason = CFI_BAD_PROGRAM},
	{"an expression longer than the program",
		PROGRAM(DW_CFA_def_cfa_expression, 9, DW_OP_breg6, 8, DW_OP_deref),
		CFA(UNSUPPORTED, 0), .reason = CFI_BAD_PROGRAM},
	{"the kernel's signal frame",
		PROGRAM(DW_CFA_def_cfa_expression, 4, DW_OP_breg7, 0xa0, 1, DW_OP_deref,
			DW_CFA_expression, 6, 3, DW_OP_breg7, 0xf8, 0, DW_CFA_expression, 7, 3,
			DW_OP_breg7, 0xa0, 1, DW_CFA_expression, 16, 3, DW_OP_breg7, 0xa8, 1),
		CFA(SIGNAL, 0), .is_signal = true},
	{"a signal frame of another layout",
		PROGRAM(DW_CFA_def_cfa_expression, 4, DW_OP_breg7, 0xa8, 1, DW_OP_deref,
			DW_CFA_expression, 6, 3, DW_OP_breg7, 0xf8, 0, DW_CFA_expression, 16, 3,
			DW_OP_breg7, 0xa8, 1),
		CFA(UNSUPPORTED, 0), .is_signal = true, .reason = CFI_SIGNAL_OTHER},
	{"a signal frame that looks like a function", PROGRAM(DW_CFA_nop), CFA(UNSUPPORTED, 0),
		.is_signal = true, .reason = CFI_SIGNAL_OTHER},
};

static void rows_done(struct cfi_rows *rows)
{
	free(rows->rows);
}

static struct cfi_cursor cursor_of(const uint8_t *bytes, size_t n)
{
	return (struct cfi_cursor){.at = bytes, .end = bytes + n};
}

/* The CIE that nearly all code has. */
static struct cfi_cie ordinary_cie(const struct cfi_section *section)
{
	static const uint8_t program[] = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};
	struct cfi_cie cie = {.code_alignment = 1, .data_alignment = -8};

	ck_assert(cfi_program_initial(section, cursor_of(program, sizeof(program)), &cie));
	return cie;
}

/* Runs the n bytes as a function; they are copied to memory of just that size. */
static int run(struct cfi_cie *cie, const uint8_t *program, size_t n, struct cfi_rows *rows)
{
	CLEANUP(freep) uint8_t *exact = malloc(n + !n);
	const struct cfi_section section = {.data = exact, .size = n};
	struct cfi_fde fde = {
		.cie = cie, .start = START, .size = SIZE, .program = cursor_of(exact, n)};

	if (n)
		memcpy(exact, program, n);
	return cfi_program_run(&section, &fde, PC, SIZE, rows);
}

START_TEST(each_instruction_makes_the_row_it_says)
{
	const struct example *example = &examples[_i];
	CLEANUP(rows_done) struct cfi_rows rows = {.n_max = 100};
	const struct cfi_section section = {0};
	struct cfi_cie cie = ordinary_cie(&section);
	const struct abi_row *last;
	size_t n_rows = example->n_rows ? (size_t)example->n_rows : 1;

	cie.is_signal = example->is_signal;
	ck_assert_int_eq(run(&cie, example->program, example->n, &rows), 0);
	ck_assert_msg(rows.n == n_rows, "%s: %zu rows", example->name, rows.n);
	ck_assert_uint_eq(rows.rows[0].pc, PC);
	last = &rows.rows[rows.n - 1];
	ck_assert_msg((int)ABI_ROW_CFA(last->kinds) == example->cfa &&
			last->cfa_offset == example->cfa_offset,
		"%s: CFA %d %d", example->name, ABI_ROW_CFA(last->kinds), last->cfa_offset);
	ck_assert_msg((int)ABI_ROW_RBP(last->kinds) == example->rbp &&
			last->rbp_offset == example->rbp_offset,
		"%s: rbp %d %d", example->name, ABI_ROW_RBP(last->kinds), last->rbp_offset);
	for (int reason = CFI_SUPPORTED + 1; reason < N_CFI_REASONS; reason++)
		ck_assert_msg(rows.n_reasons[reason] == (reason == (int)example->reason),
			"%s: reason %d", example->name, reason);
}
END_TEST

START_TEST(rows_begin_where_the_location_was)
{
	static const uint8_t program[] = {DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16,
		DW_CFA_offset | 6, 2, DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, 6,
		DW_CFA_advance_loc1, 0x80, DW_CFA_def_cfa, 7, 8};
	static const struct abi_row wanted[] = {
		{PC, 1, 0, ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_SAME)},
		{PC + 1, 2, -2, ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_CFA)},
		{PC + 4, 2, -2, ABI_ROW_KINDS(ABI_CFA_RBP, ABI_RBP_CFA)},
		{PC + 0x84, 1, -2, ABI_ROW_KINDS(ABI_CFA_RSP, ABI_RBP_CFA)},
	};
	CLEANUP(rows_done) struct cfi_rows rows = {.n_max = 4};
	const struct cfi_section section = {0};
	struct cfi_cie cie = ordinary_cie(&section);

	ck_assert_int_eq(run(&cie, program, sizeof(program), &rows), 0);
	ck_assert_uint_eq(rows.n, ARRAY_SIZE(wanted));
	ck_assert_mem_eq(rows.rows, wanted, sizeof(wanted));
}
END_TEST

START_TEST(factors_of_the_cie_count)
{
	static const uint8_t program[] = {
		DW_CFA_advance_loc | 2, DW_CFA_def_cfa_offset_sf, 3, DW_CFA_offset | 6, 4};
	CLEANUP(rows_done) struct cfi_rows rows = {.n_max = 4};
	const struct cfi_section section = {0};
	struct cfi_cie cie = ordinary_cie(&section);

	cie.code_alignment = 16;
	cie.data_alignment = 16;
	ck_assert_int_eq(run(&cie, program, sizeof(program), &rows), 0);
	ck_assert_uint_eq(rows.n, 2);
	ck_assert_uint_eq(rows.rows[1].pc, PC + 32);
	ck_assert_int_eq(rows.rows[1].cfa_offset, 6);
	ck_assert_int_eq(rows.rows[1].rbp_offset, 8);
}
END_TEST

START_TEST(a_location_that_overflows_ends_the_function)
{
	static const uint8_t program[] = {
		DW_CFA_advance_loc4, 0xff, 0xff, 0xff, 0xff, DW_CFA_def_cfa_offset, 16};
	CLEANUP(rows_done) struct cfi_rows rows = {.n_max = 4};
	const struct cfi_section section = {0};
	struct cfi_cie cie = ordinary_cie(&section);

	cie.code_alignment = UINT64_MAX;
	ck_assert_int_eq(run(&cie, program, sizeof(program), &rows), 0);
	ck_assert_uint_eq(rows.n, 1);
}
END_TEST

START_TEST(states_are_remembered_to_a_limit)
{
	uint8_t program[CFI_REMEMBERED_MAX + 1];
	const struct cfi_section section = {0};
	struct cfi_cie cie = ordinary_cie(&section);

	memset(program, DW_CFA_remember_state, sizeof(program));
	for (size_t n = CFI_REMEMBERED_MAX; n <= sizeof(program); n++) {
		CLEANUP(rows_done) struct cfi_rows rows = {.n_max = 4};

		ck_assert_int_eq(run(&cie, program, n, &rows), 0);
		ck_assert_uint_eq(rows.n_reasons[CFI_BAD_PROGRAM], n > CFI_REMEMBERED_MAX);
	}
}
END_TEST

START_TEST(rows_beyond_the_limit_are_a_named_outcome)
{
	static const uint8_t program[] = {DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16,
		DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 24};
	CLEANUP(rows_done) struct cfi_rows rows = {.n_max = 2};
	const struct cfi_section section = {0};
	struct cfi_cie cie = ordinary_cie(&section);

	ck_assert_int_eq(run(&cie, program, sizeof(program), &rows), CFI_TOO_MANY_ROWS);
	ck_assert_uint_eq(rows.n, 2);
}
END_TEST

START_TEST(a_program_of_a_cie_has_no_locations_and_nothing_to_restore)
{
	static const uint8_t programs[][2] = {
		{DW_CFA_advance_loc | 1}, {DW_CFA_restore | 6}, {DW_CFA_restore_state}};
	const struct cfi_section section = {0};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct cfi_cie cie = {.code_alignment = 1, .data_alignment = -8};

		ck_assert(!cfi_program_initial(&section, cursor_of(programs[i], 2), &cie));
	}
}
END_TEST

START_TEST(every_function_of_a_bad_cie_is_unsupported)
{
	static const uint8_t program[] = {DW_CFA_def_cfa, 7, 8};
	CLEANUP(rows_done) struct cfi_rows rows = {.n_max = 4};
	const struct cfi_section section = {0};
	struct cfi_cie cie = ordinary_cie(&section);

	cie.is_bad_program = true;
	ck_assert_int_eq(run(&cie, program, sizeof(program), &rows), 0);
	ck_assert_uint_eq(rows.n, 1);
	ck_assert_uint_eq(ABI_ROW_CFA(rows.rows[0].kinds), ABI_CFA_UNSUPPORTED);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		rows_begin_where_the_location_was,
		factors_of_the_cie_count,
		a_location_that_overflows_ends_the_function,
		states_are_remembered_to_a_limit,
		rows_beyond_the_limit_are_a_named_outcome,
		a_program_of_a_cie_has_no_locations_and_nothing_to_restore,
		every_function_of_a_bad_cie_is_unsupported,
	};
	Suite *suite = suite_create("cfi-program");
	TCase *tcase = tcase_create("cfi-program");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(
		tcase, each_instruction_makes_the_row_it_says, 0, (int)ARRAY_SIZE(examples));
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The symbolizer with real workers over real files, most of them compiled here. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"
#include "tests/lib/naming-bench.h"

static struct naming_bench bench;

static const char sample[] =
	"printf '%s\\n' "
	"'static inline int inner(int x) {' "
	"'	asm volatile(\"nop; nop\");' "
	"'	return x * 3;' "
	"'}' "
	"'int outer(int x)' "
	"'{' "
	"'	return inner(x) + 1;' "
	"'}' "
	"'static __attribute__((noinline, used)) int hidden(int x) { return x; }' "
	"> sample.c";

static void begin_gathering(uint64_t gather_ns)
{
	bench = (struct naming_bench){.gather_ns = gather_ns};
	bench_open(&bench, NULL, 0);
	bench_run(&bench, "%s", sample);
}

static void begin(void)
{
	begin_gathering(0);
}

/* The sample as a stripped library; gives the addresses of `outer` and `hidden`. */
static void make_stripped(const char *flags, uint64_t *ret_outer, uint64_t *ret_hidden)
{
	bench_run(&bench, "gcc -g -O2 -shared -fPIC -nostdlib %s -o lib.so sample.c", flags);
	*ret_outer = bench_address(&bench, "lib.so", "outer");
	*ret_hidden = bench_address(&bench, "lib.so", "hidden");
	bench_run(&bench, "objcopy --only-keep-debug lib.so lib.debug && strip lib.so");
}

static void has_name(const struct symbol *symbol, const char *name)
{
	ck_assert_ptr_nonnull(symbol);
	ck_assert_msg(!symbol->unnamed, "unnamed: %s", symbol->unnamed);
	ck_assert_uint_ge(symbol->n_lines, 1);
	ck_assert_str_eq(symbol->lines[symbol->n_lines - 1].name, name);
}

START_TEST(exported_function_of_a_stripped_library_is_named_by_its_dynamic_symbol)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t outer, hidden;

	begin();
	make_stripped("", &outer, &hidden);
	object = bench_object(&bench, "lib.so");
	has_name(bench_name(&bench, object, outer + 1), "outer");
	ck_assert_uint_eq(symbolizer_find(bench.symbolizer, object, outer + 1)->entry, outer);
	bench_close(&bench);
}
END_TEST

START_TEST(function_without_a_symbol_has_its_entry_and_a_reason)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol;
	uint64_t outer, hidden;

	begin();
	make_stripped("", &outer, &hidden);
	object = bench_object(&bench, "lib.so");
	symbol = bench_name(&bench, object, hidden + 1);
	ck_assert_ptr_nonnull(symbol);
	ck_assert_str_eq(symbol->unnamed, "no-symbols");
	ck_assert_uint_eq(symbol->address, hidden + 1);
	ck_assert_uint_eq(symbol->entry, hidden);
	ck_assert_uint_eq(symbol->n_lines, 0);
	bench_close(&bench);
}
END_TEST

START_TEST(debug_file_in_the_build_id_directory_gives_names_and_lines)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol;
	uint64_t outer, hidden;

	begin();
	make_stripped("-Wl,--build-id=0xabcdef0123456789", &outer, &hidden);
	bench_run(&bench,
		"mkdir -p debug/.build-id/ab && mv lib.debug "
		"debug/.build-id/ab/cdef0123456789.debug");
	object = bench_object(&bench, "lib.so");
	has_name(bench_name(&bench, object, hidden), "hidden");
	symbol = symbolizer_find(bench.symbolizer, object, hidden);
	ck_assert_ptr_nonnull(symbol->lines[0].file);
	ck_assert_str_eq(text_base_name(symbol->lines[0].file), "sample.c");
	ck_assert_uint_eq(symbol->lines[0].line, 9);
	ck_assert(object->is_probed);
	ck_assert_uint_eq(object->build_id_size, 8);
	ck_assert_uint_eq(object->build_id[0], 0xab);
	bench_close(&bench);
}
END_TEST

START_TEST(debug_file_that_is_installed_later_names_what_was_asked_before)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t outer, hidden;

	begin();
	make_stripped("-Wl,--build-id=0xabcdef0123456789", &outer, &hidden);
	object = bench_object(&bench, "lib.so");
	ck_assert_str_eq(bench_name(&bench, object, hidden)->unnamed, "no-symbols");
	bench_run(&bench,
		"mkdir -p debug/.build-id/ab && mv lib.debug "
		"debug/.build-id/ab/cdef0123456789.debug");
	/* Nobody has begun anything since it was looked for. */
	ck_assert_str_eq(bench_name(&bench, object, hidden)->unnamed, "no-symbols");
	symbolizer_refresh(bench.symbolizer, 3600 * NS_PER_SECOND);
	ck_assert_str_eq(bench_name(&bench, object, hidden)->unnamed, "no-symbols");
	symbolizer_refresh(bench.symbolizer, 0);
	bench_name(&bench, object, hidden + 1);
	has_name(bench_name(&bench, object, hidden), "hidden");
	ck_assert_uint_eq(symbolizer_find(bench.symbolizer, object, hidden)->lines[0].line, 9);
	bench_close(&bench);
}
END_TEST

/* Two libraries of the same headers, so that dwz has something to move into a file of its own. */
START_TEST(inlined_calls_whose_dwz_file_is_missing_say_so_until_it_is_there)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol = NULL;
	struct symbol_sources sources;
	uint64_t address, at;

	begin();
	bench_run(&bench,
		"printf '%%s\n' '#include <algorithm>' '#include <string>' '#include <vector>' "
		"'int work(std::vector<std::string> &v) { std::sort(v.begin(), v.end()); "
		"v.push_back(\"x\"); return v.size() + N; }' > work.cc && mkdir -p debug/.dwz");
	for (int i = 1; i <= 2; i++)
		bench_run(&bench, "g++ -g -O2 -shared -fPIC -DN=%d -o work%d.so work.cc", i, i);
	bench_run(&bench, "dwz -m common -M /usr/lib/debug/.dwz/common work1.so work2.so");
	address = bench_address(&bench, "work1.so",
		"_Z4workRSt6vectorI"
		"NSt7__cxx1112basic_stringIcSt11char_"
		"traitsIcESaIcEEESaIS5_EE");
	object = bench_object(&bench, "work1.so");
	for (at = address; at < address + 100 && (!symbol || !symbol->unnamed); at++)
		symbol = bench_name(&bench, object, at);
	ck_assert(symbol && symbol->unnamed);
	ck_assert_str_eq(symbol->unnamed, "dwz-file-missing");
	ck_assert_uint_ge(symbol->n_lines, 2);
	ck_assert_str_eq(symbol->lines[0].name, "[inlined]");
	ck_assert_ptr_nonnull(symbol->lines[0].file);
	symbolizer_sources(object, &sources);
	ck_assert(sources.lacks_dwz_file);
	bench_run(&bench, "mv common debug/.dwz/common");
	symbolizer_refresh(bench.symbolizer, 0);
	bench_name(&bench, object, at);
	symbol = bench_name(&bench, object, at - 1);
	ck_assert(!symbol->unnamed);
	ck_assert_str_ne(symbol->lines[0].name, "[inlined]");
	symbolizer_sources(object, &sources);
	ck_assert(!sources.lacks_dwz_file);
	bench_close(&bench);
}
END_TEST

START_TEST(debug_file_of_another_build_is_not_taken)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t outer, hidden;

	begin();
	make_stripped("-Wl,--build-id=0xabcdef0123459999", &outer, &hidden);
	bench_run(&bench,
		"mkdir -p debug/.build-id/ab && mv lib.debug "
		"debug/.build-id/ab/cdef0123456789.debug");
	make_stripped("-Wl,--build-id=0xabcdef0123456789", &outer, &hidden);
	object = bench_object(&bench, "lib.so");
	ck_assert_str_eq(bench_name(&bench, object, hidden)->unnamed, "no-symbols");
	bench_close(&bench);
}
END_TEST

static void links(const char *move_to, bool is_spoiled, const char *reason)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol;
	uint64_t outer, hidden;

	begin();
	make_stripped("-Wl,--build-id=none", &outer, &hidden);
	bench_run(&bench, "objcopy --add-gnu-debuglink=lib.debug lib.so && mkdir -p %s", move_to);
	if (is_spoiled)
		bench_run(&bench, "printf x >> lib.debug");
	if (strcmp(move_to, "."))
		bench_run(&bench, "mv lib.debug %s", move_to);
	object = bench_object(&bench, "lib.so");
	symbol = bench_name(&bench, object, hidden);
	if (reason)
		ck_assert_str_eq(symbol->unnamed, reason);
	else
		has_name(symbol, "hidden");
	bench_close(&bench);
}

START_TEST(debug_link_is_followed_beside_the_library)
{
	links(".", false, NULL);
	links(".debug", false, NULL);
}
END_TEST

START_TEST(debug_link_is_followed_below_the_debug_directory)
{
	links("debug$PWD", false, NULL);
}
END_TEST

START_TEST(debug_link_with_a_wrong_checksum_is_not_followed)
{
	links(".", true, "no-symbols");
}
END_TEST

START_TEST(inlined_calls_come_innermost_first)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol;
	uint64_t outer;

	begin();
	bench_run(&bench, "gcc -g -O2 -shared -fPIC -nostdlib -o lib.so sample.c");
	outer = bench_address(&bench, "lib.so", "outer");
	object = bench_object(&bench, "lib.so");
	symbol = bench_name(&bench, object, outer);
	has_name(symbol, "outer");
	ck_assert_uint_eq(symbol->n_lines, 2);
	ck_assert_str_eq(symbol->lines[0].name, "inner");
	ck_assert_uint_eq(symbol->lines[0].start_line, 1);
	ck_assert_uint_eq(symbol->lines[1].line, 7);
	ck_assert_uint_eq(symbol->lines[1].start_line, 5);
	bench_close(&bench);
}
END_TEST

/* C++ by both compilers (clang writes no .debug_aranges), DWARF 4 and 5, compressed sections. */
static void cxx(const char *compiler)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol;
	uint64_t address;

	begin();
	bench_run(&bench,
		"echo 'namespace space { struct box { int get(int) const; }; "
		"int box::get(int x) const { return x + 1; } }' > cxx.cc && "
		"%s -O1 -shared -fPIC -nostdlib -o cxx.so cxx.cc",
		compiler);
	address = bench_address(&bench, "cxx.so", "_ZNK5space3box3getEi");
	object = bench_object(&bench, "cxx.so");
	symbol = bench_name(&bench, object, address);
	has_name(symbol, "space::box::get(int) const");
	ck_assert_str_eq(symbol->lines[0].system_name, "_ZNK5space3box3getEi");
	ck_assert_msg(symbol->lines[0].file != NULL, "%s", compiler);
	ck_assert_uint_eq(symbol->lines[0].line, 1);
	bench_close(&bench);
}

START_TEST(cxx_names_are_demangled_and_have_lines)
{
	cxx("g++ -gdwarf-5");
	cxx("g++ -gdwarf-4");
	cxx("g++ -g -gz=zlib");
	if (system("command -v clang > /dev/null") == 0)
		cxx("clang++ -g");
}
END_TEST

/* Two calls of one function that is inlined; its chain is in the .dwo file only. */
static struct object *make_split(const char *flags, uint64_t *ret_outer)
{
	bench_run(&bench,
		"gcc -g -O2 -fPIC -gsplit-dwarf %s -c sample.c && "
		"gcc -shared -nostdlib -o lib.so sample.o && test -f sample.dwo",
		flags);
	*ret_outer = bench_address(&bench, "lib.so", "outer");
	return bench_object(&bench, "lib.so");
}

static void has_inlined_call(struct object *object, uint64_t address, bool wanted)
{
	const struct symbol *symbol = bench_name(&bench, object, address);

	has_name(symbol, "outer");
	ck_assert_uint_eq(symbol->n_lines, wanted ? 2 : 1);
	if (wanted)
		ck_assert_str_eq(symbol->lines[0].name, "inner");
	ck_assert_ptr_nonnull(symbol->lines[0].file);
	ck_assert_str_eq(text_base_name(symbol->lines[0].file), "sample.c");
}

static void split(const char *flags, const char *then, bool wanted)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t outer;

	begin();
	object = make_split(flags, &outer);
	bench_run(&bench, "%s", then);
	has_inlined_call(object, outer, wanted);
	has_inlined_call(object, outer + 1, wanted);
	bench_close(&bench);
}

START_TEST(split_dwarf_is_found_where_the_compiler_left_it)
{
	split("-gdwarf-5", "true", true);
	split("-gdwarf-4", "true", true);
}
END_TEST

START_TEST(split_dwarf_is_found_in_a_package_beside_the_library)
{
	split("-gdwarf-4", "dwp -o lib.so.dwp sample.dwo && rm sample.dwo", true);
}
END_TEST

START_TEST(split_dwarf_that_is_gone_or_of_another_build_leaves_lines)
{
	static const char *const then[] = {
		"rm sample.dwo",
		"echo 'int other;' >> sample.c && gcc -g -O2 -fPIC -gsplit-dwarf -c sample.c",
		"rm sample.dwo && mkfifo sample.dwo",
		"echo nonsense > sample.dwo",
	};

	for (size_t i = 0; i < ARRAY_SIZE(then); i++)
		split("-gdwarf-5", then[i], false);
}
END_TEST

START_TEST(split_dwarf_of_another_owner_is_not_opened)
{
	if (geteuid() != 0)
		return;
	split("-gdwarf-5", "chown 65534 sample.dwo", false);
}
END_TEST

START_TEST(stubs_of_the_linker_are_called_after_their_function)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol;

	begin();
	bench_run(&bench,
		"printf '%%s\\n' '.globl caller' 'caller: jmp elsewhere@plt' > call.s && "
		"gcc -shared -nostdlib -Wl,-z,lazy -o call.so call.s && strip call.so");
	bench_run(&bench, "objdump -d -j .plt call.so | grep -q 'elsewhere@plt>:'");
	object = bench_object(&bench, "call.so");
	/* .plt is the first executable section of so small a file; its first entry is none's. */
	symbol = bench_name(&bench, object, 0x1010);
	has_name(symbol, "elsewhere@plt");
	bench_close(&bench);
}
END_TEST

START_TEST(offsets_are_mapped_by_segments_where_address_and_offset_differ)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	const struct symbol *symbol;
	uint64_t outer;

	begin();
	bench_run(&bench,
		"gcc -g -O2 -static -nostdlib -Wl,-e,outer "
		"-Wl,-Ttext-segment=0x7000000 -o program sample.c");
	outer = bench_address(&bench, "program", "outer");
	object = bench_object(&bench, "program");
	symbol = bench_name(&bench, object, outer - 0x7000000);
	has_name(symbol, "outer");
	ck_assert_uint_eq(symbol->address, outer);
	symbol = bench_name(&bench, object, 0x10000000);
	ck_assert_str_eq(symbol->unnamed, "outside-segments");
	bench_close(&bench);
}
END_TEST

START_TEST(zero_sized_symbols_reach_as_far_as_the_unwind_information_says)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t address;

	begin();
	bench_run(&bench,
		"printf '%%s\\n' '.text' '.globl bare' 'bare:' '.cfi_startproc' 'nop' 'nop' "
		"'.cfi_endproc' 'nop' > bare.s && gcc -shared -nostdlib -o bare.so bare.s");
	address = bench_address(&bench, "bare.so", "bare");
	object = bench_object(&bench, "bare.so");
	has_name(bench_name(&bench, object, address + 1), "bare");
	ck_assert_str_eq(bench_name(&bench, object, address + 2)->unnamed, "no-symbols");
	bench_close(&bench);
}
END_TEST

START_TEST(object_that_could_not_be_opened_is_gone)
{
	CLEANUP(object_unrefp) struct object *object = object_new(OBJECT_FILE, "/gone");
	const struct symbol *symbol;

	begin();
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, 0x1234), 0);
	object->state = OBJECT_GONE;
	symbolizer_on_object(bench.symbolizer, object);
	ck_assert(bench_wait(&bench));
	symbol = symbolizer_find(bench.symbolizer, object, 0x1234);
	ck_assert_ptr_nonnull(symbol);
	ck_assert_str_eq(symbol->unnamed, "file-gone");
	ck_assert_uint_eq(symbol->address, 0x1234);
	bench_close(&bench);
}
END_TEST

START_TEST(what_waits_for_an_open_goes_on_when_it_is_open)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t outer, hidden;

	begin();
	make_stripped("", &outer, &hidden);
	object = bench_object(&bench, "lib.so");
	object->state = OBJECT_OPENING;
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, outer), 0);
	object->state = OBJECT_OPEN;
	symbolizer_on_object(bench.symbolizer, object);
	ck_assert(bench_wait(&bench));
	has_name(symbolizer_find(bench.symbolizer, object, outer), "outer");
	bench_close(&bench);
}
END_TEST

START_TEST(wants_are_gathered_until_somebody_waits)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t outer, hidden, start_ns;

	begin_gathering(60 * NS_PER_SECOND);
	make_stripped("", &outer, &hidden);
	object = bench_object(&bench, "lib.so");
	has_name(bench_name(&bench, object, outer), "outer");
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, outer + 1), 0);
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, outer + 2), 0);
	for (start_ns = time_now_ns(CLOCK_MONOTONIC);
		time_now_ns(CLOCK_MONOTONIC) - start_ns < 100 * NS_PER_MS;)
		ck_assert_int_eq(loop_step(bench.loop, 10 * NS_PER_MS), 0);
	ck_assert_ptr_null(symbolizer_find(bench.symbolizer, object, outer + 1));
	ck_assert(bench_wait(&bench));
	has_name(symbolizer_find(bench.symbolizer, object, outer + 1), "outer");
	has_name(symbolizer_find(bench.symbolizer, object, outer + 2), "outer");
	bench_close(&bench);
}
END_TEST

START_TEST(wants_that_nobody_waits_for_are_served_in_time)
{
	CLEANUP(object_unrefp) struct object *object = NULL;
	uint64_t outer, hidden, end_ns;

	begin_gathering(50 * NS_PER_MS);
	make_stripped("", &outer, &hidden);
	object = bench_object(&bench, "lib.so");
	has_name(bench_name(&bench, object, outer), "outer");
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, outer + 1), 0);
	end_ns = time_now_ns(CLOCK_MONOTONIC) + 10 * NS_PER_SECOND;
	while (!symbolizer_find(bench.symbolizer, object, outer + 1) &&
		time_now_ns(CLOCK_MONOTONIC) < end_ns)
		ck_assert_int_eq(loop_step(bench.loop, 10 * NS_PER_MS), 0);
	has_name(symbolizer_find(bench.symbolizer, object, outer + 1), "outer");
	bench_close(&bench);
}
END_TEST

START_TEST(object_that_goes_takes_its_questions_with_it)
{
	struct object *object = object_new(OBJECT_FILE, "/opening");

	begin();
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, 1), 0);
	object_unref(object);
	ck_assert(bench_wait(&bench));
	bench_close(&bench);
}
END_TEST

START_TEST(answers_outlive_the_symbolizer_and_no_descriptor_is_left)
{
	size_t n = bench_descriptors();
	struct object *object;
	const struct symbol *symbol;
	uint64_t outer, hidden;

	begin();
	make_stripped("", &outer, &hidden);
	bench_run(&bench, "objcopy --add-gnu-debuglink=lib.debug lib.so");
	object = bench_object(&bench, "lib.so");
	symbol = bench_name(&bench, object, hidden);
	/* One more is under way when all goes. */
	ck_assert_int_eq(symbolizer_want(bench.symbolizer, object, outer), 0);
	bench_close(&bench);
	has_name(symbol, "hidden");
	object_unref(object);
	ck_assert_uint_eq(bench_descriptors(), n);
	ck_assert_uint_eq(bench_children("perfd", NULL, 0), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		exported_function_of_a_stripped_library_is_named_by_its_dynamic_symbol,
		wants_are_gathered_until_somebody_waits,
		wants_that_nobody_waits_for_are_served_in_time,
		function_without_a_symbol_has_its_entry_and_a_reason,
		debug_file_in_the_build_id_directory_gives_names_and_lines,
		debug_file_that_is_installed_later_names_what_was_asked_before,
		inlined_calls_whose_dwz_file_is_missing_say_so_until_it_is_there,
		debug_file_of_another_build_is_not_taken,
		debug_link_is_followed_beside_the_library,
		debug_link_is_followed_below_the_debug_directory,
		debug_link_with_a_wrong_checksum_is_not_followed,
		inlined_calls_come_innermost_first,
		cxx_names_are_demangled_and_have_lines,
		split_dwarf_is_found_where_the_compiler_left_it,
		split_dwarf_is_found_in_a_package_beside_the_library,
		split_dwarf_that_is_gone_or_of_another_build_leaves_lines,
		split_dwarf_of_another_owner_is_not_opened,
		stubs_of_the_linker_are_called_after_their_function,
		offsets_are_mapped_by_segments_where_address_and_offset_differ,
		zero_sized_symbols_reach_as_far_as_the_unwind_information_says,
		object_that_could_not_be_opened_is_gone,
		what_waits_for_an_open_goes_on_when_it_is_open,
		object_that_goes_takes_its_questions_with_it,
		answers_outlive_the_symbolizer_and_no_descriptor_is_left,
	};

	return check_main("worker/naming", tests, ARRAY_SIZE(tests));
}

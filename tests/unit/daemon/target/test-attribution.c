/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Samples as they come out of the ring become the profile: whose, in which object, and who may. */

#include "daemon/target/attribution.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/limits.h"
#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

#define FILE_A 5u
#define FRAME(file, offset) ((uint64_t)(file) << ABI_FRAME_OFFSET_BITS | (offset))
#define KERNEL_FUNCTION UINT64_C(0xffffffff81000010)
#define START_NS UINT64_C(1000000000)
#define UID 1000

static struct {
	unsigned n;
	struct object *object;
	uint64_t offset;
} wanted;

static void on_frame(void *userdata, struct object *object, uint64_t file_offset)
{
	wanted.n++;
	wanted.object = object;
	wanted.offset = file_offset;
}

static void on_labels(void *userdata, const struct abi_identity *who, struct label_texts *ret)
{
	*ret = (struct label_texts){"/bin/prog", "/a.slice/b.service", "b.service", "box"};
}

static uint64_t on_address(void *userdata, const struct sample *sample, uint64_t address)
{
	return sample->identity->facts.pid;
}

/* What the kernel's names are read into: another reading may put others there. */
static char read_name[16], read_module[16];

static const char *kernel_name(void *userdata, uint64_t address, const char **ret_module)
{
	*ret_module = "";
	if (address > KERNEL_FUNCTION) {
		*ret_module = read_module;
		return read_name;
	}
	return address == KERNEL_FUNCTION ? "do_work" : NULL;
}

struct fixture {
	struct object_table *table;
	struct object *object;
	struct attribution *attribution;
	struct attribution_request request;
};

static void fixture_open(struct fixture *fixture)
{
	struct attribution_neighbours neighbours = {
		on_frame, on_address, kernel_name, on_labels, NULL};

	wanted.n = 0;
	fixture->table = object_table_new();
	fixture->object = object_new(OBJECT_FILE, "/usr/bin/a");
	ck_assert_int_eq(object_table_add(fixture->table, FILE_A, fixture->object), 0);
	if (!fixture->request.frequency_hz)
		fixture->request.frequency_hz = 100;
	fixture->request.initial_user_namespace = 7;
	fixture->attribution = attribution_new(&fixture->request, &neighbours, fixture->table);
	ck_assert_ptr_nonnull(fixture->attribution);
	attribution_start(fixture->attribution, START_NS);
}

static void fixture_close(struct fixture *fixture)
{
	attribution_free(fixture->attribution);
	object_table_free(fixture->table);
	object_unref(fixture->object);
}

static struct fixture admin(void)
{
	struct fixture fixture = {.request = {.caller.is_admin = true,
					  .sees_kernel = true,
					  .with_kernel = true,
					  .with_callers = true}};

	return fixture;
}

static struct abi_sample head(enum abi_stop stop, uint16_t n_kernel, uint16_t n_user)
{
	return (struct abi_sample){
		.time_ns = START_NS + 250000000,
		.period_ns = 5000000,
		.stop = stop,
		.n_kernel = n_kernel,
		.n_user = n_user,
	};
}

static struct sample_identity identity(uint64_t number)
{
	return (struct sample_identity){
		.number = number,
		.facts =
			{
				.pid = 10,
				.tid = 11,
				.comm = "server",
				.thread = "worker",
				.credentials = {UID, UID, UID, UID, UID, UID, 7, 1, 0},
			},
	};
}

static void add_of(struct fixture *fixture, const struct sample_identity *who,
	struct abi_sample head, const uint64_t *kernel, const uint64_t *user)
{
	struct sample sample = {.head = &head, .identity = who, .kernel = kernel, .user = user};

	ck_assert_int_eq(attribution_add(fixture->attribution, &sample), 0);
}

static void add(struct fixture *fixture, struct abi_sample head, const uint64_t *kernel,
	const uint64_t *user)
{
	const struct sample_identity who = identity(1);

	add_of(fixture, &who, head, kernel, user);
}

static const uint64_t kernel_stack[] = {KERNEL_FUNCTION};
static const uint64_t user_stack[] = {FRAME(FILE_A, 0x10), FRAME(FILE_A, 0x20)};

START_TEST(stack_is_kernel_on_top_of_user)
{
	struct fixture f = admin();
	struct profile *p;
	uint32_t stack;

	fixture_open(&f);
	add(&f, head(ABI_STOP_END, 1, 2), kernel_stack, user_stack);
	p = attribution_profile(f.attribution);
	stack = p->samples[0].stack;
	ck_assert_uint_eq(p->stacks[stack].depth, 3);
	ck_assert_int_eq(p->frames[p->stacks[stack].frame].kind, PROFILE_FRAME_KERNEL);
	ck_assert_uint_eq(p->frames[p->stacks[stack].frame].address, 0);
	stack = p->stacks[stack].parent;
	ck_assert_uint_eq(p->frames[p->stacks[stack].frame].address, 0x10);
	stack = p->stacks[stack].parent;
	ck_assert_uint_eq(p->frames[p->stacks[stack].frame].address, 0x20);
	fixture_close(&f);
}
END_TEST

START_TEST(each_distinct_frame_is_wanted_once)
{
	struct fixture f = admin();

	fixture_open(&f);
	for (int i = 0; i < 10; i++)
		add(&f, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	ck_assert_uint_eq(wanted.n, 2);
	ck_assert_ptr_eq(wanted.object, f.object);
	fixture_close(&f);
}
END_TEST

START_TEST(equal_samples_add_up_and_weigh_the_inverse_of_their_chance)
{
	struct fixture f = admin();
	struct profile *p;

	fixture_open(&f);
	add(&f, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	add(&f, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	p = attribution_profile(f.attribution);
	ck_assert_uint_eq(p->n_samples, 1);
	ck_assert_int_eq(profile_value(p, 0, 0), 2);
	/* 100 of 200 Hz: each stands for twice its 5 ms. */
	ck_assert_int_eq(profile_value(p, 0, 1), 20000000);
	ck_assert_uint_eq(p->samples[0].slice, 2);
	fixture_close(&f);
}
END_TEST

START_TEST(equal_samples_of_another_slice_have_a_row_of_their_own)
{
	struct fixture f = admin();
	const uint64_t times_ms[] = {250, 299, 300, 399, 290, 1300};
	const uint32_t slices[] = {2, 3, 2, 13};
	struct profile *p;
	int64_t n = 0;

	fixture_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(times_ms); i++) {
		struct abi_sample sample = head(ABI_STOP_END, 0, 2);

		sample.time_ns = START_NS + times_ms[i] * NS_PER_MS;
		add(&f, sample, NULL, user_stack);
	}
	p = attribution_profile(f.attribution);
	/* The one that came late is not looked for among what went before. */
	ck_assert_uint_eq(p->n_samples, ARRAY_SIZE(slices));
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		ck_assert_uint_eq(p->samples[i].slice, slices[i]);
		n += profile_value(p, i, 0);
	}
	ck_assert_int_eq(n, ARRAY_SIZE(times_ms));
	fixture_close(&f);
}
END_TEST

/* What an address in no file is, hangs on the process: such callers are never known as a whole. */
START_TEST(callers_in_memory_without_a_file_are_each_processes_own)
{
	const uint64_t user[] = {
		FRAME(FILE_A, 0x10), ABI_FRAME_ADDRESS | 0x7000, FRAME(FILE_A, 0x20)};
	struct sample_identity one = identity(1), other = identity(2);
	struct fixture f = admin();
	struct profile *p;
	uint32_t first, second;

	other.facts.pid = 20;
	fixture_open(&f);
	for (int i = 0; i < 2; i++) {
		add_of(&f, &one, head(ABI_STOP_END, 0, 3), NULL, user);
		add_of(&f, &other, head(ABI_STOP_END, 0, 3), NULL, user);
	}
	p = attribution_profile(f.attribution);
	ck_assert_uint_eq(p->n_samples, 2);
	first = p->stacks[p->samples[0].stack].parent;
	second = p->stacks[p->samples[1].stack].parent;
	ck_assert_uint_ne(p->stacks[first].frame, p->stacks[second].frame);
	ck_assert_uint_eq(p->stacks[first].parent, p->stacks[second].parent);
	fixture_close(&f);
}
END_TEST

static void add_kernel(struct fixture *f, uint64_t address, const char *name, const char *module)
{
	strcpy(read_name, name);
	strcpy(read_module, module);
	add(f, head(ABI_STOP_NO_MM, 1, 0), &address, NULL);
}

/* Wherever in memory its name lies. */
START_TEST(function_of_the_kernel_is_one_frame_and_no_other_function_is)
{
	static const struct {
		const char *path, *name;
	} expected[] = {
		{"[kernel]", "first"},
		{"[kernel]", "second"},
		{"[module]", "second"},
		{"[modul]", "second"},
	};
	struct fixture f = admin();
	const struct profile *p;

	fixture_open(&f);
	p = attribution_profile(f.attribution);
	add_kernel(&f, KERNEL_FUNCTION + 1, "first", "");
	add_kernel(&f, KERNEL_FUNCTION + 2, "first", "");
	add_kernel(&f, KERNEL_FUNCTION + 3, "second", "");
	add_kernel(&f, KERNEL_FUNCTION + 4, "second", "module");
	add_kernel(&f, KERNEL_FUNCTION + 5, "second", "modul");
	add_kernel(&f, KERNEL_FUNCTION + 6, "first", "");
	ck_assert_uint_eq(p->n_frames, 1 + ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct profile_frame *frame = &p->frames[1 + i];
		uint32_t function = p->lines[frame->first_line].function;

		ck_assert_str_eq(profile_function_name(p, function), expected[i].name);
		ck_assert_str_eq(
			profile_string(p, p->mappings[frame->mapping].path), expected[i].path);
	}
	fixture_close(&f);
}
END_TEST

START_TEST(who_may_not_see_the_kernel_sees_one_frame)
{
	struct fixture f = admin();
	struct profile *p;
	const uint64_t deep[] = {KERNEL_FUNCTION, KERNEL_FUNCTION + 0x1000, KERNEL_FUNCTION};

	f.request.sees_kernel = false;
	fixture_open(&f);
	add(&f, head(ABI_STOP_END, 3, 0), deep, NULL);
	p = attribution_profile(f.attribution);
	ck_assert_uint_eq(p->stacks[p->samples[0].stack].depth, 1);
	ck_assert_str_eq(
		profile_function_name(p, p->lines[p->frames[1].first_line].function), "[kernel]");
	fixture_close(&f);
}
END_TEST

START_TEST(sample_of_changed_credentials_is_counted_and_not_kept)
{
	struct fixture f = {.request = {.caller = {.uid = UID, .gid = UID}, .with_callers = true}};
	struct sample_identity setuid = identity(2), undumpable = identity(3), other = identity(4);
	struct profile *p;

	setuid.facts.credentials.euid = 0;
	undumpable.facts.credentials.is_dumpable = 0;
	other.facts.credentials.user_namespace = 8;
	fixture_open(&f);
	add(&f, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	add_of(&f, &setuid, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	add_of(&f, &undumpable, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	add_of(&f, &other, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	p = attribution_profile(f.attribution);
	ck_assert_uint_eq(p->ledger.not_permitted, 3);
	ck_assert_int_eq(profile_value(p, 0, 0), 1);
	ck_assert_uint_eq(p->n_samples, 1);
	fixture_close(&f);
}
END_TEST

START_TEST(truncated_stack_carries_its_reason)
{
	struct fixture f = admin();
	struct profile *p;

	fixture_open(&f);
	add(&f, head(ABI_STOP_FP_END, 0, 2), NULL, user_stack);
	add(&f, head(ABI_STOP_EXEC, 1, 0), kernel_stack, NULL);
	p = attribution_profile(f.attribution);
	ck_assert_int_eq(p->samples[0].stop_class, PROFILE_STOP_TRUNCATED);
	ck_assert_str_eq(profile_string(p, p->samples[0].stop), "fp-end");
	ck_assert_int_eq(p->samples[1].stop_class, PROFILE_STOP_NO_USER_STACK);
	fixture_close(&f);
}
END_TEST

START_TEST(without_call_graph_a_stack_is_its_leaf)
{
	struct fixture f = admin();
	struct profile *p;

	f.request.with_callers = false;
	fixture_open(&f);
	add(&f, head(ABI_STOP_FP_END, 1, 2), kernel_stack, user_stack);
	add(&f, head(ABI_STOP_FP_END, 0, 2), NULL, user_stack);
	p = attribution_profile(f.attribution);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(p->stacks[p->samples[i].stack].depth, 1);
		ck_assert_int_eq(p->samples[i].stop_class, PROFILE_STOP_COMPLETE);
	}
	fixture_close(&f);
}
END_TEST

START_TEST(facts_of_one_identity_are_not_anothers)
{
	/* Numbers that share a place in any memory of a power of two. */
	struct fixture f = {.request = {.caller = {.uid = UID, .gid = UID}, .with_callers = true}};
	struct sample_identity mine = identity(1), theirs = identity(1 + (1 << 20));
	struct profile *p;

	theirs.facts.credentials.uid = UID + 1;
	fixture_open(&f);
	for (int i = 0; i < 3; i++) {
		add_of(&f, &mine, head(ABI_STOP_END, 0, 2), NULL, user_stack);
		add_of(&f, &theirs, head(ABI_STOP_END, 0, 2), NULL, user_stack);
	}
	p = attribution_profile(f.attribution);
	ck_assert_uint_eq(p->ledger.not_permitted, 3);
	ck_assert_int_eq(profile_value(p, 0, 0), 3);
	fixture_close(&f);
}
END_TEST

/* Is `stack` these addresses, leaf first, and nothing else? */
static bool has_addresses(
	const struct profile *p, uint32_t stack, const uint64_t *frames, uint16_t n_frames)
{
	for (uint16_t i = 0; i < n_frames; i++, stack = p->stacks[stack].parent)
		if (!stack ||
			p->frames[p->stacks[stack].frame].address !=
				(frames[i] & ABI_FRAME_OFFSET_MASK))
			return false;
	return !stack;
}

START_TEST(each_stack_is_what_came_whatever_came_before)
{
	enum { N_STACKS = 5000, DEPTH = 20 };
	struct fixture f = admin();
	uint64_t stack[DEPTH] = {};

	fixture_open(&f);
	srand(1);
	for (int i = 0; i < N_STACKS; i++) {
		struct profile *p = attribution_profile(f.attribution);
		uint16_t depth = (uint16_t)(1 + rand() % DEPTH);
		size_t n_samples = p->n_samples;
		struct abi_sample sample = head(ABI_STOP_END, 0, depth);

		/* Two choices for each frame: prefixes and parts come again and again. */
		for (int j = 0; j < DEPTH; j++)
			if (rand() % 4 == 0)
				stack[j] = FRAME(FILE_A, (unsigned)(rand() % 2));
		sample.time_ns += (uint64_t)i * NS_PER_SECOND;
		add(&f, sample, NULL, stack);
		ck_assert_uint_eq(p->n_samples, n_samples + 1);
		ck_assert(has_addresses(p, p->samples[n_samples].stack, stack, depth));
	}
	fixture_close(&f);
}
END_TEST

START_TEST(file_that_nobody_knows_and_memory_without_file_stay_unnamed)
{
	struct fixture f = admin();
	const uint64_t strange[] = {FRAME(99, 0x10), ABI_FRAME_ADDRESS | 0x7f0000001000};
	struct profile *p;

	fixture_open(&f);
	add(&f, head(ABI_STOP_END, 0, 2), NULL, strange);
	p = attribution_profile(f.attribution);
	ck_assert_uint_eq(wanted.n, 0);
	for (size_t i = 1; i < p->n_frames; i++)
		ck_assert_uint_ne(p->frames[i].unnamed, 0);
	fixture_close(&f);
}
END_TEST

START_TEST(two_objects_of_one_path_are_two_mappings)
{
	struct fixture f = admin();
	const uint64_t frames[] = {FRAME(FILE_A, 0x10), FRAME(FILE_A + 1, 0x10)};
	struct object *replaced = object_new(OBJECT_FILE, "/usr/bin/a");
	struct profile *p;

	fixture_open(&f);
	ck_assert_int_eq(object_table_add(f.table, FILE_A + 1, replaced), 0);
	ck_assert_int_eq(object_table_add(f.table, FILE_A + 1, replaced), -EEXIST);
	add(&f, head(ABI_STOP_END, 0, 2), NULL, frames);
	p = attribution_profile(f.attribution);
	ck_assert_uint_eq(p->n_frames, 1 + 2);
	ck_assert_uint_ne(p->frames[1].mapping, p->frames[2].mapping);
	object_unref(replaced);
	fixture_close(&f);
}
END_TEST

START_TEST(endless_distinct_frames_end_at_a_limit_and_the_rest_is_counted_lost)
{
	const uint64_t n_samples = LIMIT_PROFILE_FRAMES / ABI_USER_FRAMES_MAX + 100;
	struct fixture f = admin();
	uint64_t stack[ABI_USER_FRAMES_MAX], offset = 0;
	struct profile *p;

	fixture_open(&f);
	for (uint64_t i = 0; i < n_samples; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(stack); j++)
			stack[j] = FRAME(FILE_A, offset++);
		add(&f, head(ABI_STOP_END, 0, ARRAY_SIZE(stack)), NULL, stack);
	}
	p = attribution_profile(f.attribution);
	ck_assert_uint_le(p->n_frames, LIMIT_PROFILE_FRAMES);
	ck_assert_uint_gt(p->n_frames, LIMIT_PROFILE_FRAMES / 10 * 9);
	ck_assert_uint_gt(profile_n_lost(p), 0);
	ck_assert_uint_eq(p->n_samples + profile_n_lost(p), n_samples);
	ck_assert_str_eq(profile_string(p, p->ledger.lost[0].reason), "profile-full");
	fixture_close(&f);
}
END_TEST

START_TEST(what_the_budget_holds_back_is_told_apart)
{
	const size_t held = 4096;
	struct fixture f = {
		.request = {
			.caller = {.is_admin = true}, .with_callers = true, .n_stacks_held = held}};
	uint64_t stack[100], offset = 0;
	struct profile *p;

	fixture_open(&f);
	for (uint64_t i = 0; i < 100; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(stack); j++)
			stack[j] = FRAME(FILE_A, offset++);
		add(&f, head(ABI_STOP_END, 0, ARRAY_SIZE(stack)), NULL, stack);
	}
	p = attribution_profile(f.attribution);
	ck_assert_uint_le(p->n_stacks, held);
	ck_assert_uint_gt(profile_n_lost(p), 0);
	ck_assert_uint_eq(p->n_samples + profile_n_lost(p), 100);
	ck_assert_str_eq(profile_string(p, p->ledger.lost[0].reason), "held-back");
	fixture_close(&f);
}
END_TEST

START_TEST(a_profile_grows_no_further_than_the_memory_of_its_user)
{
	const struct share_rule rule = {.all = 32u << 20, .per_uid = 8u << 20, .little = 1u << 20};
	struct memory memory;
	struct memory_account account;
	struct fixture f = {.request = {.caller = {.uid = UID, .gid = UID},
				    .memory = &account,
				    .with_callers = true}};
	uint64_t stack[100], offset = 0, n_samples = 0;
	struct profile *p;

	memory_init(&memory, NULL, NULL);
	memory.rule = rule;
	memory_open(&memory, &account, UID, false);
	fixture_open(&f);
	p = attribution_profile(f.attribution);
	while (!profile_n_lost(p) && n_samples < 100000) {
		for (size_t j = 0; j < ARRAY_SIZE(stack); j++)
			stack[j] = FRAME(FILE_A, offset++);
		add(&f, head(ABI_STOP_END, 0, ARRAY_SIZE(stack)), NULL, stack);
		n_samples++;
	}
	ck_assert_str_eq(profile_string(p, p->ledger.lost[0].reason), "memory-limit");
	ck_assert_uint_eq(p->n_samples + profile_n_lost(p), n_samples);
	ck_assert_uint_le(account.bytes, rule.per_uid);
	/* It may pass what was granted by one growth of its largest index. */
	ck_assert_uint_le(profile_bytes(p), rule.per_uid);
	ck_assert_uint_gt(profile_bytes(p), rule.per_uid / 8);
	fixture_close(&f);
	memory_close(&account);
}
END_TEST

START_TEST(process_has_its_labels)
{
	struct fixture fixture = admin();
	const struct profile *profile;
	const struct profile_process *process;

	fixture_open(&fixture);
	add(&fixture, head(ABI_STOP_END, 0, 1), NULL, (uint64_t[]){FRAME(FILE_A, 0x10)});
	profile = attribution_profile(fixture.attribution);
	process = &profile->processes[1];
	ck_assert_str_eq(profile_string(profile, process->exe), "/bin/prog");
	ck_assert_str_eq(profile_string(profile, process->cgroup), "/a.slice/b.service");
	ck_assert_str_eq(profile_string(profile, process->unit), "b.service");
	ck_assert_str_eq(profile_string(profile, process->container), "box");
	fixture_close(&fixture);
}
END_TEST

/* The root frame's name of sample i, and how deep its stack is. */
static const char *root_of(const struct profile *profile, size_t i, uint32_t *ret_depth)
{
	uint32_t stack = profile->samples[i].stack;
	const struct profile_frame *frame;

	*ret_depth = profile->stacks[stack].depth;
	while (profile->stacks[stack].parent)
		stack = profile->stacks[stack].parent;
	frame = &profile->frames[profile->stacks[stack].frame];
	if (!frame->n_lines)
		return "";
	return profile_function_name(profile, profile->lines[frame->first_line].function);
}

START_TEST(root_stands_below_all_stacks_if_asked_for)
{
	static const struct {
		enum attribution_per per;
		const char *first, *second;
	} cases[] = {
		{ATTRIBUTION_PER_THREAD, "worker (11)", "other (12)"},
		{ATTRIBUTION_PER_PROCESS, "server (10)", "server (10)"},
		{ATTRIBUTION_PER_CPU, "cpu 0", "cpu 3"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture fixture = admin();
		struct sample_identity one = identity(1), two = identity(2);
		struct abi_sample here = head(ABI_STOP_END, 0, 2), there = here;
		const uint64_t frames[] = {FRAME(FILE_A, 0x10), FRAME(FILE_A, 0x20)};
		const struct profile *profile;
		uint32_t depth;

		two.facts.tid = 12;
		strcpy(two.facts.thread, "other");
		there.cpu = 3;
		fixture.request.per = cases[i].per;
		fixture_open(&fixture);
		/* The same frames by turns: what was met lately must not stand below another root. */
		for (int turn = 0; turn < 2; turn++) {
			add_of(&fixture, &one, here, NULL, frames);
			add_of(&fixture, &two, there, NULL, frames);
		}
		profile = attribution_profile(fixture.attribution);
		ck_assert_uint_eq(profile->n_samples, 2);
		ck_assert_str_eq(root_of(profile, 0, &depth), cases[i].first);
		ck_assert_uint_eq(depth, 3);
		ck_assert_str_eq(root_of(profile, 1, &depth), cases[i].second);
		ck_assert_uint_eq(depth, 3);
		fixture_close(&fixture);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_profile_grows_no_further_than_the_memory_of_its_user,
		process_has_its_labels,
		root_stands_below_all_stacks_if_asked_for,
		stack_is_kernel_on_top_of_user,
		each_distinct_frame_is_wanted_once,
		equal_samples_add_up_and_weigh_the_inverse_of_their_chance,
		equal_samples_of_another_slice_have_a_row_of_their_own,
		callers_in_memory_without_a_file_are_each_processes_own,
		function_of_the_kernel_is_one_frame_and_no_other_function_is,
		who_may_not_see_the_kernel_sees_one_frame,
		sample_of_changed_credentials_is_counted_and_not_kept,
		truncated_stack_carries_its_reason,
		without_call_graph_a_stack_is_its_leaf,
		file_that_nobody_knows_and_memory_without_file_stay_unnamed,
		facts_of_one_identity_are_not_anothers,
		each_stack_is_what_came_whatever_came_before,
		two_objects_of_one_path_are_two_mappings,
		endless_distinct_frames_end_at_a_limit_and_the_rest_is_counted_lost,
		what_the_budget_holds_back_is_told_apart,
	};

	return check_main("target/attribution", tests, ARRAY_SIZE(tests));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is known of callers by their number: the same samples with numbers and without, side by side. */

#include "daemon/target/attribution.h"

#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"
#include "tests/lib/check-main.h"

#define FILE_A 5u
#define FRAME(offset) ((uint64_t)FILE_A << ABI_FRAME_OFFSET_BITS | (offset))
#define KERNEL_FUNCTION UINT64_C(0xffffffff81000010)

enum { N_CALLERS = 60, N_PLACES = 40, KERNEL_DEPTH = 3, DEPTH = 6, N_SAMPLES = 3000 };

static void on_frame(void *userdata, struct object *object, uint64_t file_offset)
{
}

static void on_labels(void *userdata, const struct abi_identity *who, struct label_texts *ret)
{
	*ret = (struct label_texts){"/bin/prog", "/a.slice/b.service", "b.service", "box"};
}

/* Other code is there, now and then. */
static uint64_t on_address(void *userdata, const struct sample *sample, uint64_t address)
{
	return sample->head->time_ns / (500 * NS_PER_SECOND);
}

static const char *kernel_name(void *userdata, uint64_t address, const char **ret_module)
{
	*ret_module = "";
	return address == KERNEL_FUNCTION ? "do_work" : "do_more";
}

static struct attribution *attribution_open(
	const struct attribution_request *request, const struct object_table *objects)
{
	const struct attribution_neighbours neighbours = {
		on_frame, on_address, kernel_name, on_labels, NULL};
	struct attribution *attribution = attribution_new(request, &neighbours, objects);

	ck_assert_ptr_nonnull(attribution);
	attribution_start(attribution, 0);
	return attribution;
}

/* Any frames; one in nine of the user's is an address in no file. */
static void frames_draw(uint64_t *kernel, uint64_t *user)
{
	for (int i = 0; i < KERNEL_DEPTH; i++)
		kernel[i] = KERNEL_FUNCTION + (unsigned)(rand() % 2);
	for (int i = 0; i < DEPTH; i++)
		user[i] = rand() % 9 ? FRAME((unsigned)(rand() % 3)) : ABI_FRAME_ADDRESS | 5;
}

/* Some samples in slices of their own, to both; those to `numbered` have numbers. */
static void samples_add(struct attribution *plain, struct attribution *numbered)
{
	const struct sample_identity who = {.number = 1, .facts = {.pid = 10, .tid = 11}};
	uint64_t kernel[N_CALLERS][KERNEL_DEPTH], user[N_CALLERS][DEPTH];

	for (int i = 0; i < N_CALLERS; i++)
		frames_draw(kernel[i], user[i]);
	for (int i = 0; i < N_SAMPLES; i++) {
		size_t at = (size_t)rand() % N_CALLERS;
		struct abi_sample head = {.time_ns = (uint64_t)i * NS_PER_SECOND,
			.period_ns = 10000000,
			.stop = ABI_STOP_END,
			.n_kernel = at % (KERNEL_DEPTH + 1),
			.n_user = at % DEPTH};
		struct sample sample = {
			.head = &head, .identity = &who, .kernel = kernel[at], .user = user[at]};

		if (head.n_kernel)
			kernel[at][0] = KERNEL_FUNCTION + (unsigned)(rand() % 2);
		else
			user[at][0] = FRAME((unsigned)(rand() % 4));
		ck_assert_int_eq(attribution_add(plain, &sample), 0);
		sample.callers = at + 1;
		sample.place = (uint32_t)at % N_PLACES; /* some are shared */
		ck_assert_int_eq(attribution_add(numbered, &sample), 0);
	}
}

static void numbers_change_nothing(const struct attribution_request *request)
{
	struct object_table *objects = object_table_new();
	struct object *object = object_new(OBJECT_FILE, "/usr/bin/a");
	struct attribution *plain, *numbered;
	const struct profile *a, *b;

	ck_assert_int_eq(object_table_add(objects, FILE_A, object), 0);
	plain = attribution_open(request, objects);
	numbered = attribution_open(request, objects);
	samples_add(plain, numbered);
	a = attribution_profile(plain);
	b = attribution_profile(numbered);
	ck_assert_uint_eq(a->n_samples, N_SAMPLES);
	ck_assert_uint_eq(b->n_samples, N_SAMPLES);
	ck_assert_uint_eq(a->n_stacks, b->n_stacks);
	for (size_t i = 0; i < N_SAMPLES; i++)
		ck_assert_uint_eq(a->samples[i].stack, b->samples[i].stack);
	attribution_free(plain);
	attribution_free(numbered);
	object_table_free(objects);
	object_unref(object);
}

START_TEST(numbers_of_callers_change_no_stack_whatever_is_wanted_of_it)
{
	srand(1);
	for (int i = 0; i < 16; i++) {
		const struct attribution_request request = {.caller.is_admin = true,
			.frequency_hz = 100,
			.sees_kernel = i & 1,
			.with_kernel = i & 2,
			.with_callers = i & 4,
			.per = i & 8 ? ATTRIBUTION_PER_THREAD : 0};

		numbers_change_nothing(&request);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		numbers_of_callers_change_no_stack_whatever_is_wanted_of_it,
	};

	return check_main("target/attribution-callers", tests, ARRAY_SIZE(tests));
}

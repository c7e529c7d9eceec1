/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tests/unit/daemon/store/make-window.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check-main.h"

void place_init(struct place *place)
{
	*place = (struct place){0};
	snprintf(place->directory, sizeof(place->directory), "/tmp/test-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(place->directory));
	snprintf(place->file, sizeof(place->file), "%s/profiles.db", place->directory);
}

void place_open(struct place *place, uint64_t max_bytes, uint64_t max_age_ns)
{
	struct store_limits limits = {max_bytes, max_age_ns};

	ck_assert_int_eq(store_open(&place->store, place->file, &limits), 0);
}

void place_done(struct place *place)
{
	char command[128];

	store_close(&place->store);
	snprintf(command, sizeof(command), "rm -r %s", place->directory);
	ck_assert_int_eq(system(command), 0);
}

void window_begin(struct window *window, uint64_t at_ns)
{
	*window = (struct window){.profile = profile_new(), .at_ns = at_ns};
	ck_assert_int_eq(profile_add_value_type(window->profile, "samples", "count"), 0);
	ck_assert_int_eq(profile_add_value_type(window->profile, "cpu", "nanoseconds"), 0);
}

static uint32_t text(struct profile *profile, const char *value)
{
	uint32_t id;

	ck_assert_int_eq(profile_add_string(profile, value, &id), 0);
	return id;
}

/* A frame is at the address that its name's first letters make, in the same file for all. */
static uint32_t frame(struct profile *profile, const char *name)
{
	struct profile_mapping mapping = {
		.path = text(profile, "/bin/program"), .build_id = text(profile, "abcd")};
	struct profile_function function = {.name = text(profile, name ? name : "[program+0x10]"),
		.file = text(profile, name ? "program.c" : "")};
	struct profile_frame added = {
		.address = name && !strcmp(name, "main") ? 0x1000 : 0x2000,
		.unnamed = name ? 0 : text(profile, "no-symbols"),
	};
	struct profile_line line = {.line = 7};
	uint32_t id;

	if (name && strncmp(name, "late", 4) != 0 && added.address == 0x2000)
		added.address = 0x3000 + (uint64_t)strtoul(name + 1, NULL, 10) * 16;
	ck_assert_int_eq(profile_add_mapping(profile, &mapping, &added.mapping), 0);
	ck_assert_int_eq(profile_add_function(profile, &function, &line.function), 0);
	ck_assert_int_eq(profile_add_frame(profile, &added, &line, 1, &id), 0);
	return id;
}

void window_sample(
	struct window *window, const char *comm, uint32_t visible_to, const char *leaf, uint64_t n)
{
	struct profile *profile = window->profile;
	struct profile_process process = {.pid = 42,
		.uid = visible_to,
		.visible_to = visible_to,
		.comm = text(profile, comm),
		.unit = text(profile, "a.service")};
	struct profile_thread thread = {.tid = 43, .name = text(profile, "worker")};
	struct profile_sample sample = {0};
	int64_t values[] = {(int64_t)n, (int64_t)(n * 1000000)};

	ck_assert_int_eq(profile_add_process(profile, &process, &thread.process), 0);
	ck_assert_int_eq(profile_add_thread(profile, &thread, &sample.thread), 0);
	ck_assert_int_eq(profile_add_stack(profile, 0, frame(profile, "main"), &sample.stack), 0);
	ck_assert_int_eq(
		profile_add_stack(profile, sample.stack, frame(profile, leaf), &sample.stack), 0);
	ck_assert_int_eq(profile_add_sample(profile, &sample, values), 0);
}

void window_seal(struct window *window)
{
	struct profile *profile = window->profile;

	profile->conditions.start_realtime_ns = EPOCH_NS + window->at_ns;
	profile->conditions.duration_ns = WINDOW_NS;
	profile->conditions.frequency_asked = 19;
	profile->conditions.event = text(profile, "cpu-clock");
	ck_assert_int_eq(profile_count_samples(profile), 0);
	profile_balance(profile);
	profile_seal(profile);
}

int window_store(struct window *window, struct place *place, uint32_t serial)
{
	uint8_t bytes[STORE_SERIAL_SIZE] = {0};
	struct profile *profile = window->profile;

	memcpy(bytes, &serial, sizeof(serial));
	if (!profile->is_sealed)
		window_seal(window);
	return store_append(&place->store, profile, bytes, EPOCH_NS + window->at_ns + WINDOW_NS);
}

void window_done(struct window *window)
{
	profile_unref(window->profile);
}

struct profile *place_query(struct place *place, uint64_t from_ns, uint64_t to_ns, uint32_t uid)
{
	struct store_query query = {.since_ns = EPOCH_NS + from_ns,
		.until_ns = EPOCH_NS + to_ns,
		.uid = uid,
		.is_admin = !uid,
		.sees_kernel = !uid};
	struct profile *profile = NULL;
	int r = query_profile(&place->store.database, &query, &profile);

	ck_assert_msg(!r || r == -ENOENT, "%d", r);
	return profile;
}

uint64_t count_leaf(const struct profile *profile, const char *name)
{
	uint64_t n = 0;

	for (size_t i = 0; i < profile->n_samples; i++) {
		uint32_t leaf = profile->stacks[profile->samples[i].stack].frame;
		uint32_t function = profile->lines[profile->frames[leaf].first_line].function;

		if (!strcmp(profile_function_name(profile, function), name))
			n += (uint64_t)profile_value(profile, i, 0);
	}
	return n;
}

uint64_t count_all(const struct profile *profile)
{
	uint64_t n = 0;

	for (size_t i = 0; i < profile->n_samples; i++)
		n += (uint64_t)profile_value(profile, i, 0);
	return n;
}

int64_t place_number(struct place *place, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t value;

	ck_assert_int_eq(
		sqlite3_prepare_v2(place->store.database.handle, sql, -1, &statement, NULL), 0);
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

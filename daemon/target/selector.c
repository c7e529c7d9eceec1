/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Pure: who is in a set is told by what the caller has read. */

#include "daemon/target/selector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMM_LENGTH_MAX 15

bool selector_is_valid(const struct selector *selector)
{
	return selector->is_all || selector_size(selector);
}

bool selector_is_set(const struct selector *selector)
{
	return selector->is_all || selector->n_comms || selector->n_uids ||
		selector_has_groups(selector);
}

bool selector_has_groups(const struct selector *selector)
{
	return selector->n_units || selector->n_cgroups || selector->n_containers;
}

size_t selector_size(const struct selector *selector)
{
	const size_t sizes[] = {selector->n_pids, selector->n_tids, selector->n_uids,
		selector->n_comms, selector->n_units, selector->n_cgroups, selector->n_containers};
	size_t most = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] > most)
			most = sizes[i];
	return most;
}

static bool comm_matches(const struct selector *selector, const char *comm)
{
	for (size_t i = 0; i < selector->n_comms; i++)
		if (!strncmp(selector->comms[i], comm, COMM_LENGTH_MAX))
			return true;
	return !selector->n_comms;
}

static bool uid_matches(const struct selector *selector, uint32_t uid)
{
	for (size_t i = 0; i < selector->n_uids; i++)
		if (selector->uids[i] == uid)
			return true;
	return !selector->n_uids;
}

bool selector_matches(const struct selector *selector, const struct selected *process)
{
	return comm_matches(selector, process->comm) && uid_matches(selector, process->uid);
}

struct description {
	char *text;
	size_t size, n;
};

static void describe(struct description *description, const char *what, const char *name)
{
	int n = snprintf(description->text + description->n, description->size - description->n,
		"%s%s%s", description->n ? ", " : "", what, name);

	if (n > 0)
		description->n += (size_t)n;
	if (description->n >= description->size)
		description->n = description->size - 1;
}

static void describe_numbers(
	struct description *description, const char *what, const uint32_t *numbers, size_t n)
{
	char text[16];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%" PRIu32, numbers[i]);
		describe(description, what, text);
	}
}

static void describe_texts(
	struct description *description, const char *what, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		describe(description, what, texts[i]);
}

void selector_describe(const struct selector *selector, char *text, size_t size)
{
	struct description description = {text, size, 0};

	*text = '\0';
	describe_numbers(&description, "pid ", selector->pids, selector->n_pids);
	describe_numbers(&description, "thread ", selector->tids, selector->n_tids);
	describe_texts(&description, "processes named ", selector->comms, selector->n_comms);
	describe_texts(&description, "", selector->units, selector->n_units);
	describe_texts(&description, "cgroup ", selector->cgroups, selector->n_cgroups);
	describe_texts(&description, "container ", selector->containers, selector->n_containers);
	describe_numbers(&description, "user ", selector->uids, selector->n_uids);
	if (!*text)
		describe(&description, "the whole system", "");
}

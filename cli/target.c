// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options -> what the daemon is asked to record. Names of users are looked up here, for the daemon
 * asks no name service; all else is the daemon's to find.
 */

#include "cli/target.h"

#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/process.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static int say_full(const struct option_spec *spec)
{
	message_error("option '--%s': more than %d of them", spec->name, TARGET_NAMES_MAX);
	return -EINVAL;
}

/* "4242,4343" */
static int add_ids(const struct option_spec *spec, const char *value, uint32_t *ids, size_t *n)
{
	CLEANUP(freep) char *list = strdup(value);
	char *rest = list, *item;
	uint32_t id;

	if (!list)
		return -ENOMEM;
	while ((item = strsep(&rest, ","))) {
		if (text_parse_u32(item, &id) < 0 || id == 0 || id > INT32_MAX) {
			message_error("option '--%s': '%s' is no %s id; give numbers, as 4242 or "
				      "4242,4343",
				spec->name, item, spec->id == 't' ? "thread" : "process");
			return -EINVAL;
		}
		if (*n == TARGET_NAMES_MAX)
			return say_full(spec);
		ids[(*n)++] = id;
	}
	return 0;
}

static int add_text(
	const struct option_spec *spec, const char *value, const char **texts, size_t *n)
{
	if (!*value) {
		message_error("option '--%s': the value is empty", spec->name);
		return -EINVAL;
	}
	if (*n == TARGET_NAMES_MAX)
		return say_full(spec);
	texts[(*n)++] = value;
	return 0;
}

static int add_user(struct target *target, const struct option_spec *spec, const char *value)
{
	const struct passwd *user = getpwnam(value);
	uint32_t uid;

	if (user) {
		uid = user->pw_uid;
	} else if (text_parse_u32(value, &uid) < 0) {
		message_error("option '--%s': there is no user '%s'; give a name or a number",
			spec->name, value);
		return -EINVAL;
	}
	if (target->n_uids == TARGET_NAMES_MAX)
		return say_full(spec);
	target->users[target->n_uids] = value;
	target->uids[target->n_uids++] = uid;
	return 0;
}

int target_set(struct target *target, const struct option_spec *spec, const char *value)
{
	switch (spec->id) {
	case 'p':
		return add_ids(spec, value, target->pids, &target->n_pids);
	case 't':
		return add_ids(spec, value, target->tids, &target->n_tids);
	case OPTION_TARGET_COMM:
		return add_text(spec, value, target->comms, &target->n_comms);
	case 'u':
		return add_text(spec, value, target->units, &target->n_units);
	case 'G':
		return add_text(spec, value, target->cgroups, &target->n_cgroups);
	case OPTION_TARGET_CONTAINER:
		return add_text(spec, value, target->containers, &target->n_containers);
	case OPTION_TARGET_UID:
		return add_user(target, spec, value);
	case 'a':
		target->is_all = true;
		return 0;
	case OPTION_TARGET_NO_CHILDREN:
		target->has_no_children = true;
		return 0;
	default:
		return TARGET_FOREIGN;
	}
}

bool target_is_named(const struct target *target)
{
	return target->is_all || target->n_pids || target->n_tids || target->n_comms ||
		target->n_uids || target->n_units || target->n_cgroups || target->n_containers;
}

static const char *separator(const struct buffer *title)
{
	return title->size ? ", " : "";
}

static int describe_processes(
	const struct target *target, struct buffer *title, struct target_name *name)
{
	for (size_t i = 0; i < target->n_pids; i++) {
		struct process process = {.pid = target->pids[i]};
		int r = process_read(process.pid, &process);

		if (r != 0) {
			message_error("cannot record pid %u: %s", process.pid,
				r < 0 ? strerror(-r) : "there is no such process");
			return r < 0 ? EXIT_FAILED : EXIT_NO_TARGET;
		}
		buffer_printf(title, "%s%s (%u)", separator(title), process.comm, process.pid);
		if (i > 0)
			continue;
		snprintf(name->text, sizeof(name->text), "%s", process.comm);
		name->pid = process.pid;
	}
	return 0;
}

static void describe_text(
	struct buffer *title, const char *what, const char *text, struct target_name *name)
{
	buffer_printf(title, "%s%s%s", separator(title), what, text);
	if (!*name->text)
		snprintf(name->text, sizeof(name->text), "%s", text);
}

int target_describe(const struct target *target, struct buffer *title, struct target_name *ret_name)
{
	struct target_name name = {0};
	int r = describe_processes(target, title, &name);

	if (r != 0)
		return r;
	for (size_t i = 0; i < target->n_tids; i++) {
		buffer_printf(title, "%sthread %u", separator(title), target->tids[i]);
		if (!*name.text)
			snprintf(name.text, sizeof(name.text), "thread-%u", target->tids[i]);
	}
	for (size_t i = 0; i < target->n_comms; i++)
		describe_text(title, "processes named ", target->comms[i], &name);
	for (size_t i = 0; i < target->n_units; i++)
		describe_text(title, "", target->units[i], &name);
	for (size_t i = 0; i < target->n_cgroups; i++)
		describe_text(title, "cgroup ", target->cgroups[i], &name);
	for (size_t i = 0; i < target->n_containers; i++)
		describe_text(title, "container ", target->containers[i], &name);
	for (size_t i = 0; i < target->n_uids; i++)
		describe_text(title, "user ", target->users[i], &name);
	if (!title->size)
		buffer_append_text(title, "the whole system");
	if (!*name.text)
		snprintf(name.text, sizeof(name.text), "system");
	*ret_name = name;
	return buffer_error(title) < 0 ? EXIT_FAILED : 0;
}

static void set_numbers(json_t *json, const char *key, const uint32_t *numbers, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_integer(numbers[i]));
	if (n)
		json_object_set(json, key, array);
	json_decref(array);
}

static void set_texts(json_t *json, const char *key, const char *const *texts, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(texts[i]));
	if (n)
		json_object_set(json, key, array);
	json_decref(array);
}

json_t *target_to_json(const struct target *target)
{
	json_t *json = json_object();

	set_numbers(json, "pids", target->pids, target->n_pids);
	set_numbers(json, "tids", target->tids, target->n_tids);
	set_numbers(json, "uids", target->uids, target->n_uids);
	set_texts(json, "comms", target->comms, target->n_comms);
	set_texts(json, "units", target->units, target->n_units);
	set_texts(json, "cgroups", target->cgroups, target->n_cgroups);
	set_texts(json, "containers", target->containers, target->n_containers);
	if (target->is_all)
		json_object_set_new(json, "all", json_true());
	if (target->has_no_children)
		json_object_set_new(json, "children", json_false());
	return json;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The life of an object: born OPENING without a descriptor, shared by reference, and with the last
 * reference what the symbolizer keeps on it goes first, then the descriptor, then the object.
 */

#include "daemon/target/objects.h"

#include <errno.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/time.h"

struct object *object_new(enum object_kind kind, const char *path)
{
	struct object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->n_refs = 1;
	object->kind = kind;
	object->state = OBJECT_OPENING;
	object->fd = -1;
	object->used_ns = time_now_ns(CLOCK_MONOTONIC);
	object->path = strdup(path);
	if (!object->path)
		return object_unref(object);
	return object;
}

struct object *object_ref(struct object *object)
{
	object->n_refs++;
	return object;
}

struct object *object_unref(struct object *object)
{
	if (!object || --object->n_refs)
		return NULL;
	if (object->symbols && object->on_free)
		object->on_free(object->symbols);
	closep(&object->fd);
	free(object->path);
	free(object);
	return NULL;
}

void object_unrefp(struct object **object)
{
	object_unref(*object);
}

int object_set_path(struct object *object, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	free(object->path);
	object->path = copy;
	return 0;
}

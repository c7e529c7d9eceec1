/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* File ids, as the kernel gave them out, to objects. */

#include "daemon/target/objects.h"

struct object_table;

/* Empty. NULL without memory. */
struct object_table *object_table_new(void);
struct object_table *object_table_free(struct object_table *table);

/* Takes a reference. 0, -ENOMEM, or -EEXIST if the id has an object. */
int object_table_add(struct object_table *table, uint32_t file, struct object *object);

/* Borrowed; NULL if there is none. */
struct object *object_table_find(const struct object_table *table, uint32_t file);

/* Lets go of one, if it is there. */
void object_table_remove(struct object_table *table, uint32_t file);

/* Lets go of all. */
void object_table_clear(struct object_table *table);

size_t object_table_size(const struct object_table *table);

/* perfd's own vdso as an object: the same image is mapped into every 64-bit process. NULL without
 * memory, or where there is no vdso. */
struct object *object_new_vdso(void);

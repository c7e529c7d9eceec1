/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The interfaces that are served, with their texts, as the .varlink files had them when perfd was
 * built (embed.py writes the table). */

struct description {
	const char *interface; /* NULL ends the table */
	const char *text;
};

extern const struct description descriptions[];

/* The text of an interface, or NULL. */
const char *description_find(const char *interface);

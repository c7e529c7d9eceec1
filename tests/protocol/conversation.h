/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A client that says exactly what a test wants said, and hears what comes back. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct conversation {
	int fd;
	char *bytes; /* received and not yet taken */
	size_t n, n_allocated;
};

/* Connects to a path, or takes a connected fd. */
void conversation_open(struct conversation *conversation, const char *path);
void conversation_take(struct conversation *conversation, int fd);
void conversation_close(struct conversation *conversation);

/* Sends a text and its NUL; or bytes as they are, of which the number sent is returned: fewer where
 * the peer has hung up or takes no more for 5 s. */
void say(struct conversation *conversation, const char *text);
size_t say_bytes(struct conversation *conversation, const void *bytes, size_t n);

/* The next message as JSON with a new reference; NULL when the peer has hung up. Fails the test after
 * 10 s of silence. */
json_t *hear(struct conversation *conversation);

/* Nothing comes for that long, and nobody hangs up. */
bool hears_nothing(struct conversation *conversation, int ms);

/* The peer hangs up, after whatever it still had to say. */
bool hears_end(struct conversation *conversation);

/* A parameter of a reply, as text or number. */
const char *text_of(json_t *reply, const char *name);
long long number_of(json_t *reply, const char *name);

/* Says a call without parameters, hears one reply, and gives one of its numbers. */
long long ask_number(struct conversation *conversation, const char *method, const char *name);

/* GetStatus until a number is what it should be; false after 5 s. */
bool status_becomes(struct conversation *conversation, const char *name, long long number);

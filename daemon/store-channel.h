/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One process of perfd-store's: one request at a time, and its answer. */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/loop.h"
#include "daemon/store/messages.h"
#include "proto/base/buffer.h"

struct store_channel;

struct store_channel_config {
	struct loop *loop;
	const char *program, *path; /* of perfd-store; of the store's file */
	uint64_t max_bytes, max_age_ns;
	/* The answer (both borrowed); NULL: the process has ended, or makes no sense, and the channel
	 * can only be freed, which may be done from here. */
	void (*on_reply)(void *userdata, const struct store_reply *reply, struct buffer *body);
	void *userdata;
};

/* Starts the process. 0 or a negative errno. Texts are not kept. */
int store_channel_new(
	const struct store_channel_config *config, struct store_channel **ret_channel);
/* Sends a request with its body, which is copied. Only when nothing is under way. 0 or -ENOMEM. */
int store_channel_ask(
	struct store_channel *channel, const struct store_request *request, const void *body);
bool store_channel_is_busy(const struct store_channel *channel);
/* Kills the process. Takes NULL, returns NULL. */
struct store_channel *store_channel_free(struct store_channel *channel);
/* Hangs up and waits for the process to end by itself, what it was asked being done. */
struct store_channel *store_channel_close(struct store_channel *channel);

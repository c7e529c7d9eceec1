/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A reply too large for one message: its bytes, and how much of them is out. */

#include "daemon/server/request.h"
#include "proto/base/buffer.h"

#define PIECE_BYTES_MAX (1024 * 1024)

struct pieces {
	struct buffer bytes, piece;
	size_t n_sent;
};

void pieces_done(struct pieces *pieces);
/* Replies with the next piece in base64, as field "data"; with the last one the call ends. */
void pieces_give_data(struct request *request, struct pieces *pieces);
/* Likewise as text, field "text": whole lines. */
void pieces_give_text(struct request *request, struct pieces *pieces);
/* Ends the call with an error. */
void pieces_fail(struct request *request, int error);

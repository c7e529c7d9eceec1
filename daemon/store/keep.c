/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is closed is kept at once, before its names are there: as it came, because what goes into the
 * dictionary stays there, and the named one comes soon. Only when its perfd has ended without sending
 * that does the copy become the window.
 */

#include <errno.h>
#include <string.h>

#include "daemon/store/store.h"
#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"

int store_keep(struct store *store, const uint8_t serial[STORE_SERIAL_SIZE],
	const uint8_t life[STORE_LIFE_SIZE], const struct buffer *bytes)
{
	sqlite3_stmt *add = database_statement(&store->database, STATEMENT_kept_add);

	if (!add)
		return database_error(&store->database);
	sqlite3_bind_blob(add, 1, serial, STORE_SERIAL_SIZE, SQLITE_STATIC);
	sqlite3_bind_blob(add, 2, life, STORE_LIFE_SIZE, SQLITE_STATIC);
	sqlite3_bind_blob(add, 3, bytes->data, (int)bytes->size, SQLITE_STATIC);
	return database_run(&store->database, STATEMENT_kept_add);
}

int store_remove_kept(struct store *store, const uint8_t serial[STORE_SERIAL_SIZE])
{
	sqlite3_stmt *remove = database_statement(&store->database, STATEMENT_kept_remove);

	if (!remove)
		return database_error(&store->database);
	sqlite3_bind_blob(remove, 1, serial, STORE_SERIAL_SIZE, SQLITE_STATIC);
	return database_run(&store->database, STATEMENT_kept_remove);
}

/* The first of another life. 1: there is none. */
static int kept_get(struct store *store, const uint8_t life[STORE_LIFE_SIZE],
	uint8_t serial[STORE_SERIAL_SIZE], struct buffer *bytes)
{
	sqlite3_stmt *get = database_statement(&store->database, STATEMENT_kept_of_another);
	int step, r = 0;

	if (!get)
		return database_error(&store->database);
	sqlite3_bind_blob(get, 1, life, STORE_LIFE_SIZE, SQLITE_STATIC);
	step = sqlite3_step(get);
	if (step != SQLITE_ROW) {
		r = step == SQLITE_DONE ? 1 : database_error(&store->database);
	} else if (sqlite3_column_bytes(get, 0) != STORE_SERIAL_SIZE) {
		r = -EUCLEAN;
	} else {
		memcpy(serial, sqlite3_column_blob(get, 0), STORE_SERIAL_SIZE);
		buffer_append(
			bytes, sqlite3_column_blob(get, 1), (size_t)sqlite3_column_bytes(get, 1));
		r = buffer_error(bytes);
	}
	sqlite3_reset(get);
	return r;
}

int store_adopt(struct store *store, const uint8_t life[STORE_LIFE_SIZE], uint64_t now_ns)
{
	for (;;) {
		CLEANUP(profile_unrefp) struct profile *profile = NULL;
		CLEANUP(buffer_done) struct buffer bytes = {0};
		uint8_t serial[STORE_SERIAL_SIZE];
		struct profile_error error;
		int r = kept_get(store, life, serial, &bytes);

		if (r)
			return r < 0 ? r : 0;
		r = pprof_decode(bytes.data, bytes.size, &profile, &error);
		if (!r)
			r = store_append(store, profile, serial, now_ns);
		/* Nobody has a better one. */
		if (r > 0 || r == -EINVAL)
			r = store_remove_kept(store, serial);
		if (r)
			return r;
	}
}

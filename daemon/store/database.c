/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Write-ahead log, one writer. What was committed survives the end of the process at any moment; the
 * end of the machine may cost the last windows, never the file.
 */

#include "daemon/store/database.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "proto/base/cleanup.h"

/* A reader keeps the writer from starting its log anew for so long at most; then it is busy. */
#define BUSY_MS 5000

static const char *const texts[] = {
#define STATEMENT(name, sql) sql,
#include "daemon/store/statements.def"
#undef STATEMENT
};

int database_error(const struct database *database)
{
	switch (database->handle ? sqlite3_errcode(database->handle) : SQLITE_NOMEM) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		/* SQLite tells of a full disk so where it could not make room for its log. */
		return sqlite3_system_errno(database->handle) == ENOSPC ? -ENOSPC : -EIO;
	}
}

int database_execute(struct database *database, const char *sql)
{
	return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK
		? 0
		: database_error(database);
}

sqlite3_stmt *database_statement(struct database *database, enum statement statement)
{
	sqlite3_stmt **slot = &database->statements[statement];

	if (!*slot)
		sqlite3_prepare_v3(database->handle, texts[statement], -1,
			SQLITE_PREPARE_PERSISTENT, slot, NULL);
	if (*slot) {
		sqlite3_reset(*slot);
		sqlite3_clear_bindings(*slot);
	}
	return *slot;
}

int database_run(struct database *database, enum statement statement)
{
	sqlite3_stmt *prepared = database->statements[statement];
	int r = sqlite3_step(prepared) == SQLITE_DONE ? 0 : database_error(database);

	sqlite3_reset(prepared);
	return r;
}

int64_t database_number(struct database *database, enum statement statement)
{
	sqlite3_stmt *prepared = database_statement(database, statement);
	int64_t number = 0;

	if (prepared && sqlite3_step(prepared) == SQLITE_ROW)
		number = sqlite3_column_int64(prepared, 0);
	if (prepared)
		sqlite3_reset(prepared);
	return number;
}

int database_begin(struct database *database)
{
	return database_execute(database, "BEGIN IMMEDIATE");
}

int database_end(struct database *database, int r)
{
	if (!r)
		r = database_execute(database, "COMMIT");
	if (r)
		recent_clear(&database->recent);
	/* Many errors have rolled back already. */
	if (r && !sqlite3_get_autocommit(database->handle))
		database_execute(database, "ROLLBACK");
	return r;
}

static int key_make(struct database *database)
{
	sqlite3_stmt *add = database_statement(database, STATEMENT_key_add);

	if (!add)
		return database_error(database);
	if (getrandom(&database->key, sizeof(database->key), 0) != sizeof(database->key))
		return -EIO;
	sqlite3_bind_blob(add, 1, &database->key, sizeof(database->key), SQLITE_STATIC);
	return database_run(database, STATEMENT_key_add);
}

static int key_read(struct database *database)
{
	sqlite3_stmt *get = database_statement(database, STATEMENT_key_get);
	int r = -EUCLEAN;

	if (!get)
		return database_error(database);
	if (sqlite3_step(get) == SQLITE_ROW &&
		sqlite3_column_bytes(get, 0) == sizeof(database->key)) {
		memcpy(&database->key, sqlite3_column_blob(get, 0), sizeof(database->key));
		r = 0;
	}
	sqlite3_reset(get);
	return r;
}

static int schema_make(struct database *database)
{
	char version[96];
	int r = database_execute(database, "PRAGMA auto_vacuum = INCREMENTAL");

	if (!r)
		r = database_execute(database, "PRAGMA journal_mode = WAL");
	if (!r)
		r = database_begin(database);
	if (r)
		return r;
	snprintf(version, sizeof(version), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		DATABASE_APPLICATION_ID, DATABASE_VERSION);
	r = database_execute(database, database_schema);
	if (!r)
		r = key_make(database);
	if (!r)
		r = database_execute(database, version);
	return database_end(database, r);
}

/* What is there is checked before anything is written. */
static int form_check(struct database *database, bool is_reader)
{
	int64_t version, n;
	int r;

	if (!database_statement(database, STATEMENT_schema_size))
		return database_error(database);
	n = database_number(database, STATEMENT_schema_size);
	if (!n && sqlite3_errcode(database->handle) != SQLITE_OK)
		return database_error(database);
	version = database_number(database, STATEMENT_user_version);
	if (!n && !version)
		return is_reader ? -ENOENT : schema_make(database);
	if (database_number(database, STATEMENT_application_id) != DATABASE_APPLICATION_ID)
		return -EUCLEAN;
	if (version > DATABASE_VERSION)
		return DATABASE_NEWER;
	if (version < DATABASE_VERSION && is_reader)
		return DATABASE_OLDER;
	r = version < DATABASE_VERSION ? database_migrate(database, version) : 0;
	return r ? r : key_read(database);
}

int database_open(struct database *database, const char *path, bool is_reader)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE |
		(is_reader ? 0 : SQLITE_OPEN_CREATE);
	int r;

	*database = (struct database){0};
	r = sqlite3_open_v2(path, &database->handle, flags, NULL) == SQLITE_OK
		? 0
		: database_error(database);
	if (!r) {
		sqlite3_busy_timeout(database->handle, BUSY_MS);
		sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(database->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		r = database_execute(database,
			"PRAGMA temp_store = MEMORY; PRAGMA synchronous = NORMAL;"
			"PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 1048576;"
			"PRAGMA wal_autocheckpoint = 256;"
			"PRAGMA cache_size = -4096");
	}
	if (!r)
		r = form_check(database, is_reader);
	if (!r && is_reader)
		r = database_execute(database, "PRAGMA query_only = ON");
	if (r)
		database_close(database);
	return r;
}

void database_close(struct database *database)
{
	for (size_t i = 0; i < N_STATEMENTS; i++)
		sqlite3_finalize(database->statements[i]);
	sqlite3_close(database->handle);
	recent_clear(&database->recent);
	*database = (struct database){0};
}

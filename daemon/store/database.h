/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The file: opened, checked, brought to this version's form, and statements on it that are prepared
 * once. Functions give 0 or a negative errno made of SQLite's code: -ENOSPC, -EROFS, -EUCLEAN (it is
 * damaged), -EBUSY, -ENOMEM, -EIO.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/digest.h"
#include "daemon/store/recent.h"

/* "pfst", so that no other program's file is taken for ours. */
#define DATABASE_APPLICATION_ID 0x70667374
#define DATABASE_VERSION 4

enum statement {
#define STATEMENT(name, sql) STATEMENT_##name,
#include "daemon/store/statements.def"
#undef STATEMENT
	N_STATEMENTS
};

struct database {
	sqlite3 *handle;
	sqlite3_stmt *statements[N_STATEMENTS]; /* prepared when first used */
	struct digest key;
	struct recent recent; /* of the writer */
};

/* What database_open found: made by a later version, nothing was touched; or, for reading only, by an
 * earlier one that the writer has not brought up to date yet. */
enum { DATABASE_NEWER = 1, DATABASE_OLDER };

/* Opens for writing, making the file where there is none; or for reading only. */
int database_open(struct database *database, const char *path, bool is_reader);
void database_close(struct database *database);

/* A statement without bindings, ready to be bound and stepped; NULL: the database fails. */
sqlite3_stmt *database_statement(struct database *database, enum statement statement);
/* Steps a statement that gives no rows. */
int database_run(struct database *database, enum statement statement);
/* The same of text, one or more statements. */
int database_execute(struct database *database, const char *sql);
/* The number that a statement without bindings gives, or 0. */
int64_t database_number(struct database *database, enum statement statement);
/* The errno for what SQLite last said. */
int database_error(const struct database *database);

int database_begin(struct database *database);
/* Ends what was begun: for good if r is 0, else as if it had not been. Returns r, or why not. */
int database_end(struct database *database, int r);

/* Brings what an earlier version made to this one's form, all of it or nothing. */
int database_migrate(struct database *database, int64_t version);

extern const char database_schema[];

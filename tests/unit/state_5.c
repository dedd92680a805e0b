#include "tests/unit/state_5.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER "tests/unit/state-5/"

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;

    assert_non_null(file);
    assert_true(getdelim(&text, &room, '\0', file) > 0);
    fclose(file);
    return text;
}

bool state_5_database(const char *path)
{
    char *sql = read_whole(FOLDER "relaywarden.sql");
    sqlite3 *database = NULL;
    bool strict = sqlite3_libversion_number() >= 3037000;

    if (strict) {
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(database);
    }
    free(sql);
    return strict;
}

void state_5_file(const char *name, const char *folder)
{
    char path[256];

    snprintf(path, sizeof(path), FOLDER "%s", name);
    char *text = read_whole(path);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(text);
}

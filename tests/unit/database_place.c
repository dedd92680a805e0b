#include "tests/unit/database_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/alert_sample.h"

int database_place_set_up(void **state)
{
    struct database_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->folder = sample_folder();
    sample_path(place->folder, "state.db", place->path);
    *state = place;
    return 0;
}

int database_place_tear_down(void **state)
{
    struct database_place *place = *state;

    sample_folder_remove(place->folder);
    free(place);
    return 0;
}

sqlite3 *database_place_open(struct database_place *place)
{
    sqlite3 *database = NULL;

    assert_int_equal(database_open(place->path, &database, place->error), DATABASE_OK);
    assert_non_null(database);
    return database;
}

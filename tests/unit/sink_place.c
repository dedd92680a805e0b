#include "tests/unit/sink_place.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/alert_sample.h"

struct sink_place *sink_place_new(bool daemon)
{
    struct sink_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->folder = sample_folder();
    sample_path(place->folder, "place", place->path);
    place->daemon = daemon ? sample_daemon(place->path) : -1;
    return place;
}

void sink_place_free(struct sink_place *place)
{
    if (place->sink != NULL)
        place->sink->free(place->sink);
    if (place->daemon >= 0)
        close(place->daemon);
    sample_folder_remove(place->folder);
    free(place);
}

int sink_place_tear_down(void **state)
{
    sink_place_free(*state);
    return 0;
}

#include "tests/unit/history_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/report/history_text.h"
#include "probe/report/page/page.h"
#include "tests/unit/alert_sample.h"

static const struct vantage_known outside = {.declared = VANTAGE_OUTSIDE};
static char target_name[] = "mx";
static uint16_t ports[] = {25, 587};

int history_place_set_up(void **state)
{
    struct history_place *place = calloc(1, sizeof(*place));
    char folder[256];

    assert_non_null(place);
    place->folder = sample_folder();
    sample_path(place->folder, "probe", folder);
    assert_int_equal(mkdir(folder, 0750), 0);
    snprintf(place->database, sizeof(place->database), "%.200s/relaywarden.db", folder);
    place->target.name = target_name;
    place->target.ports = ports;
    place->target.port_count = 2;
    place->conf.state_directory = place->folder;
    place->conf.probe.targets = &place->target;
    place->conf.probe.target_count = 1;
    place->conf.probe.history_seconds = 400L * DAY;
    audit_sample_closed(&place->result);
    snprintf(place->result.endpoint.target, sizeof(place->result.endpoint.target), "mx");
    place->result.endpoint.configured = true;
    *state = place;
    return 0;
}

int history_place_tear_down(void **state)
{
    struct history_place *place = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[300];

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", place->database, suffixes[i]);
        (void)unlink(path);
    }
    snprintf(path, sizeof(path), "%s/probe", place->folder);
    (void)rmdir(path);
    result_free(&place->result);
    sample_folder_remove(place->folder);
    free(place);
    return 0;
}

bool history_place_try(struct history_place *place, time_t started)
{
    const struct endpoint_result *results[] = {&place->result};
    const struct audit_summary summary = {.results = results, .count = 1, .started = started};

    verdict_endpoint(&place->result, &outside);
    return history_keep(&place->conf, &summary, place->error);
}

void history_place_keep(struct history_place *place, time_t started)
{
    assert_true(history_place_try(place, started));
}

void history_place_open(struct history_place *place)
{
    audit_sample_answer_all(&place->result, OUTCOME_ACCEPTED);
}

void history_place_close(struct history_place *place)
{
    audit_sample_answer_all(&place->result, OUTCOME_RELAY_DENIED);
}

struct history *history_place_read(struct history_place *place, time_t now)
{
    struct history *history = history_read(&place->conf, now, place->error);

    if (history == NULL) {
        print_message("%s\n", place->error);
    }
    assert_non_null(history);
    return history;
}

char *history_place_page(const struct history *history)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_true(page_write(out, history, NULL, &(struct page_look){.site = "example.org"}));
    assert_int_equal(fclose(out), 0);
    return text;
}

char *history_place_text(const struct history *history)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    history_text_write(out, history, false);
    assert_int_equal(fclose(out), 0);
    return text;
}

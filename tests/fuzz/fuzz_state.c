/* Rows of the state database that anybody may have written: what is read of an incident or a mask
 * may be shown, can be reckoned with, and is the same once it was saved and read again.
 *
 * An input: one octet for each number, then the texts: id, kind, key, fold, finding; the mask's
 * address, route, listener. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/state/incident_records.h"
#include "lib/state/mask_table.h"
#include "lib/state/schema.h"
#include "tests/fuzz/fuzz.h"

#define TEXTS 8
#define LAST  INT64_C(253402300799) /* of the year 9999 */

static sqlite3 *database;
static struct incident_records *records;

/* Kept for all inputs: its schema takes a millisecond. */
static void begin(void)
{
    FUZZ_MUST(sqlite3_open(":memory:", &database) == SQLITE_OK);
    FUZZ_MUST(schema_change(database, 0));
    records = incident_records_new(database);
    FUZZ_MUST(records != NULL);
}

static void run(const char *sql)
{
    FUZZ_MUST(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK);
}

/* A number as a hostile row has it. */
static int64_t number(struct fuzz_input *input)
{
    static const int64_t numbers[] = {0,         1,         -1,         7,    INT64_MIN,
                                      INT64_MAX, INT32_MAX, UINT32_MAX, LAST, LAST + 1};
    const uint8_t octet = fuzz_byte(input);

    return octet < sizeof(numbers) / sizeof(numbers[0]) ? numbers[octet] : octet * 10000000LL;
}

static void insert(const char *sql, char *const *texts, size_t count, struct fuzz_input *input)
{
    sqlite3_stmt *statement = NULL;

    FUZZ_MUST(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK);
    for (int place = 1; place <= sqlite3_bind_parameter_count(statement); place++) {
        if ((size_t)place <= count) {
            sqlite3_bind_text(statement, place, texts[place - 1], -1, SQLITE_STATIC);
        } else {
            sqlite3_bind_int64(statement, place, number(input));
        }
    }
    FUZZ_MUST(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_finalize(statement);
}

static bool is_time(int64_t seconds)
{
    return seconds >= 0 && seconds <= LAST;
}

static void check_row(const struct incident_record *row)
{
    const struct incident *incident = &row->incident;
    const struct finding *finding = &incident->finding;

    FUZZ_MUST(fuzz_is_shown(incident->id, false) && fuzz_is_shown(finding->key, false));
    FUZZ_MUST(fuzz_is_shown(finding->fold, false) && fuzz_is_shown(finding->why, false));
    for (size_t i = 0; i < finding->fields; i++) {
        FUZZ_MUST(fuzz_is_shown(finding->arena + finding->field[i].value, false));
    }
    FUZZ_MUST(fuzz_is_shown(finding->fix.text, true));
    FUZZ_MUST(is_time(incident->opened) && is_time(incident->last_seen) && is_time(row->ended));
    FUZZ_MUST(is_time(incident->last_announced) && incident->flaps <= INT_MAX);
}

/* incident_records_visit */
static bool keep(const struct incident_record *row, void *user)
{
    check_row(row);
    memcpy(user, row, sizeof(*row));
    return true;
}

static void check_incident(char *const texts[5], struct fuzz_input *input)
{
    static struct incident_record row;
    static struct incident_record again;

    run("DELETE FROM incident");
    insert("INSERT INTO incident (id, kind, key, fold, finding, state, severity, count,"
           " announced_count, opened, last_seen, last_announced, flaps, ended)"
           " VALUES (?1, ?2, ?3, ?4, ?5, 'opened', 'warning', ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
           texts, 5, input);
    memset(&row, 0, sizeof(row));
    FUZZ_MUST(incident_records_list(records, keep, &row));
    if (row.incident.id[0] == '\0' || incident_records_left_out(records) != 0) {
        return;
    }
    FUZZ_MUST(incident_records_save(records, &row.incident));
    FUZZ_MUST(incident_records_load(records, 0, keep, &again));
    FUZZ_MUST(incident_records_left_out(records) == 0);
    FUZZ_MUST(strcmp(row.incident.finding.why, again.incident.finding.why) == 0);
    FUZZ_MUST(strcmp(row.incident.finding.key, again.incident.finding.key) == 0);
    FUZZ_MUST(row.incident.finding.fields == again.incident.finding.fields);
}

static void check_mask(char *const texts[3], struct fuzz_input *input)
{
    struct mask mask;

    run("DELETE FROM mask");
    insert("INSERT INTO mask (address, route, listener, hidden, true_since, dropped, strict, since)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)",
           texts, 3, input);
    int count = mask_table_load(database, &mask, 1);
    FUZZ_MUST(count >= 0);
    if (count == 1) {
        FUZZ_MUST(fuzz_is_shown(mask.listener, false));
        FUZZ_MUST(is_time(mask.hidden) && is_time(mask.true_since) && is_time(mask.dropped));
        FUZZ_MUST(mask_table_correct(database, 1800000000));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const size_t numbers = length < 16 ? length : 16;
    struct fuzz_input input = {bytes + numbers, length - numbers};
    struct fuzz_input octets = {bytes, numbers};
    char *texts[TEXTS];

    if (database == NULL) {
        begin();
    }
    for (size_t i = 0; i < TEXTS; i++) {
        texts[i] = fuzz_field(&input);
    }
    check_incident(texts, &octets);
    check_mask(texts + 5, &octets);
    for (size_t i = 0; i < TEXTS; i++) {
        free(texts[i]);
    }
    return 0;
}

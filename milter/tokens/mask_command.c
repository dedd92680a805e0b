#include "milter/tokens/mask_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/printable.h"
#include "lib/state/database.h"
#include "lib/sys/standard_streams.h"
#include "milter/service/privileges.h"
#include "milter/tokens/mask_summary.h"

#define PROGRAM        "relaywarden-milter"
#define TIME_TEXT_SIZE 32

static int fail(const char *sentence)
{
    fprintf(stderr, PROGRAM ": %s\n", sentence);
    return EX_OSERR;
}

/* EX_OK and *out, NULL if there is no database yet; else the exit status, and it was told why. */
static int open_database(const struct conf *conf, sqlite3 **out)
{
    char error[DATABASE_ERROR_SIZE];
    char denied[PRIVILEGES_ERROR_SIZE];
    char path[4096];

    snprintf(path, sizeof(path), "%s/milter/relaywarden.db", conf->state_directory);
    if (!privileges_drop_to(conf->milter.user, denied)) {
        return fail(denied);
    }
    *out = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return EX_OK;
    }
    return database_open(path, out, error) == DATABASE_OK ? EX_OK : fail(error);
}

static int failed(sqlite3 *database)
{
    char sentence[DATABASE_ERROR_SIZE];

    (void)database_failure(database, sqlite3_db_filename(database, "main"), sentence);
    database_close(database);
    return fail(sentence);
}

/* ---- --masked ---------------------------------------------------------------------------- */

static void print_summary(const struct mask_summary *summary)
{
    const time_t seconds = (time_t)summary->last->hidden;
    char address[ADDRESS_TEXT_SIZE];
    char listener[ENDPOINT_TEXT_SIZE];
    char time[TIME_TEXT_SIZE] = "unknown";
    struct tm utc;

    if (gmtime_r(&seconds, &utc) != NULL) {
        strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    printable_string(listener, sizeof(listener), summary->last->listener);
    printf("%s listener=%s last_hidden=%s routes=%u healing=%u%s\n",
           address_format(&summary->last->address, address), listener, time, summary->routes,
           summary->healing, summary->strict ? " again=yes" : "");
}

static void print_all(const struct mask *masks, size_t count)
{
    struct mask_summary summary;
    size_t at = 0;

    while (mask_summary_next(masks, count, &at, &summary)) {
        print_summary(&summary);
    }
}

int mask_command_list(const struct conf *conf)
{
    sqlite3 *database;
    int status = open_database(conf, &database);

    if (status != EX_OK || database == NULL) {
        return status;
    }
    struct mask *masks = calloc(MASKS_MAX, sizeof(*masks));
    if (masks == NULL) {
        database_close(database);
        return fail("out of memory");
    }
    int count = mask_table_load(database, masks, MASKS_MAX);
    if (count < 0) {
        free(masks);
        return failed(database);
    }
    print_all(masks, (size_t)count);
    free(masks);
    database_close(database);
    return standard_output_flush(PROGRAM) ? EX_OK : EX_IOERR;
}

/* ---- --unmask ---------------------------------------------------------------------------- */

int mask_command_drop(const struct conf *conf, const char *text)
{
    struct address address;
    char shown[ADDRESS_TEXT_SIZE];
    sqlite3 *database;

    if (!address_parse(text, &address)) {
        printable_string(shown, sizeof(shown), text);
        fprintf(stderr, PROGRAM ": %s is no IP address; --masked lists those that are masked\n",
                shown);
        return EX_USAGE;
    }
    int status = open_database(conf, &database);
    if (status != EX_OK) {
        return status;
    }
    int rows = database == NULL ? 0 : mask_table_drop(database, &address, time(NULL));
    if (rows < 0) {
        return failed(database);
    }
    database_close(database);
    address_format(&address, shown);
    if (rows == 0) {
        fprintf(stderr, PROGRAM ": %s is not masked; --masked lists those that are\n", shown);
        return EX_DATAERR;
    }
    printf("%s is not masked any more\n", shown);
    return standard_output_flush(PROGRAM) ? EX_OK : EX_IOERR;
}

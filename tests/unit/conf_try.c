#include "tests/unit/conf_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_PATH ((size_t)2 * CONF_TRY_PATH)

static void forget(struct conf_try *attempt)
{
    conf_free(attempt->conf);
    attempt->conf = NULL;
    conf_report_free(&attempt->report);
}

static void write_bytes(const char *path, const char *bytes, size_t length, mode_t mode)
{
    FILE *stream = fopen(path, "w");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, length, stream), length);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void path_of(const struct conf_try *attempt, const char *name, char out[LONG_PATH])
{
    snprintf(out, LONG_PATH, "%s/%s", attempt->folder, name);
}

void conf_try_write(const struct conf_try *attempt, const char *name, const char *text, mode_t mode)
{
    char path[LONG_PATH];

    path_of(attempt, name, path);
    write_bytes(path, text, strlen(text), mode);
}

void conf_try_begin(struct conf_try *attempt)
{
    *attempt = (struct conf_try){.folder = "/tmp/relaywarden-conf-XXXXXX"};
    assert_non_null(mkdtemp(attempt->folder));
    snprintf(attempt->path, sizeof(attempt->path), "%.200s/relaywarden.conf", attempt->folder);
    conf_try_write(attempt, "key", "0123456789abcdef0123456789abcdef01234567", 0640);
    conf_try_write(attempt, "domains", "example.org\nexample.test\n", 0644);
    conf_try_write(attempt, "run", "#!/bin/sh\n", 0755);
    conf_try_write(attempt, "targets", "listed host mail.example.org\n", 0644);
}

void conf_try_again(struct conf_try *attempt, enum conf_program program)
{
    forget(attempt);
    attempt->conf = conf_load(attempt->path, program, &attempt->report);
}

void conf_try_load_bytes(struct conf_try *attempt, const char *bytes, size_t length,
                         enum conf_program program)
{
    write_bytes(attempt->path, bytes, length, 0644);
    conf_try_again(attempt, program);
}

void conf_try_load(struct conf_try *attempt, const char *text, enum conf_program program)
{
    char *full = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&full, &length);

    assert_non_null(stream);
    for (const char *c = text; *c != '\0'; c++) {
        fputs(c[0] == '@' && c[1] == '/' ? attempt->folder : "", stream);
        if (c[0] != '@' || c[1] != '/')
            fputc(*c, stream);
    }
    assert_int_equal(fclose(stream), 0);
    conf_try_load_bytes(attempt, full, length, program);
    free(full);
}

void conf_try_end(struct conf_try *attempt)
{
    static const char *const names[] = {"relaywarden.conf", "key",  "token.key", "domains", "run",
                                        "targets",          "other"};
    char path[LONG_PATH];

    forget(attempt);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(attempt, names[i], path);
        (void)remove(path);
    }
    assert_int_equal(rmdir(attempt->folder), 0);
}

static void show(const struct conf_try *attempt)
{
    for (size_t i = 0; i < attempt->report.mistake_count; i++)
        print_message("mistake: %s\n", attempt->report.mistakes[i]);
    for (size_t i = 0; i < attempt->report.note_count; i++)
        print_message("note: %s\n", attempt->report.notes[i]);
}

struct lines {
    char **line;
    size_t count;
};

static void expect(const struct conf_try *attempt, struct lines lines, const char *place,
                   const char *part)
{
    for (size_t i = 0; i < lines.count; i++)
        if (strncmp(lines.line[i], place, strlen(place)) == 0 &&
            strstr(lines.line[i] + strlen(place), part) != NULL)
            return;
    show(attempt);
    fail_msg("nothing at %s says: %s", place, part);
}

static void place_of(char out[LONG_PATH], const char *path, int line)
{
    if (line > 0)
        snprintf(out, LONG_PATH, "%.300s:%d: ", path, line);
    else
        snprintf(out, LONG_PATH, "%.300s: ", path);
}

void conf_try_expect_mistake(const struct conf_try *attempt, int line, const char *part)
{
    const struct lines lines = {attempt->report.mistakes, attempt->report.mistake_count};
    char place[LONG_PATH];

    place_of(place, attempt->path, line);
    expect(attempt, lines, place, part);
}

void conf_try_expect_note(const struct conf_try *attempt, int line, const char *part)
{
    const struct lines lines = {attempt->report.notes, attempt->report.note_count};
    char place[LONG_PATH];

    place_of(place, attempt->path, line);
    expect(attempt, lines, place, part);
}

void conf_try_expect_mistake_in(const struct conf_try *attempt, const char *name, int line,
                                const char *part)
{
    const struct lines lines = {attempt->report.mistakes, attempt->report.mistake_count};
    char path[LONG_PATH];
    char place[LONG_PATH];

    path_of(attempt, name, path);
    place_of(place, path, line);
    expect(attempt, lines, place, part);
}

void conf_try_expect_count(const struct conf_try *attempt, size_t mistakes)
{
    if (attempt->report.mistake_count != mistakes)
        show(attempt);
    assert_int_equal(attempt->report.mistake_count, mistakes);
    assert_int_equal(attempt->conf != NULL, mistakes == 0);
}

void conf_try_refuse_note(const struct conf_try *attempt, const char *part)
{
    for (size_t i = 0; i < attempt->report.note_count; i++)
        if (strstr(attempt->report.notes[i], part) != NULL) {
            show(attempt);
            fail_msg("a note says: %s", part);
        }
}

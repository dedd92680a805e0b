/* The part of conf/conf.h that tries what the program will write to and run. Nothing is changed by
 * it, and nothing stays: what is there is opened, and where nothing is, a file without a name is
 * made. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/mistakes.h"
#include "lib/alert/sink/sink.h"
#include "lib/http/http_socket.h"

#define NO_SINK                                                                                    \
    "no sink is set: syslog has format = none, journal is not yes, and none of json, command"      \
    ", mail, webhook and alertmanager is set; set one of them"
#define LINKS_MAX 40 /* of symbolic links, one to the other, as Linux has it */

struct trial {
    const struct conf *conf;
    struct conf_messages messages;
    char user[64];
};

/* An option that names what is tried. */
struct tried {
    const char *option;
    int line;
    bool is_program;
};

static void deny(struct trial *trial, const struct tried *tried, const char *path, int error)
{
    char shown[CONF_SHOW_SIZE];

    conf_mistake(&trial->messages, tried->line, "%s: %s cannot be %s by user %s: %s; %s",
                 tried->option, conf_show(shown, path), tried->is_program ? "run" : "written",
                 trial->user, strerror(error),
                 tried->is_program ? "let that user run it (chmod), or name another program"
                                   : "let that user write there (chown, chmod), or name another "
                                     "place");
}

/* 0, or why no file can be made in the directory, as errno has it. Who may write to it is not all:
 * nobody makes a file in /proc, nor on a full disk. Where the file system makes none without a
 * name, it has one for a moment. */
static int why_not_made(const char *parent)
{
    char path[PATH_MAX];
    int descriptor = open(parent, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (descriptor < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        int length = snprintf(path, sizeof(path), "%s/.relaywarden-XXXXXX", parent);
        if (length < 0 || (size_t)length >= sizeof(path)) {
            return ENAMETOOLONG;
        }
        descriptor = mkostemp(path, O_CLOEXEC);
        if (descriptor >= 0) {
            (void)unlink(path);
        }
    }
    int error = descriptor < 0 ? errno : 0;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return error;
}

/* A directory that is missing is a note of the configuration's own. */
static void try_directory(struct trial *trial, const struct tried *tried, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        int error = why_not_made(path);
        if (error != 0) {
            deny(trial, tried, path, error);
        }
    }
}

static void try_program(struct trial *trial, const struct tried *tried, const char *path)
{
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0) {
        deny(trial, tried, path, errno);
    }
}

static void parent_of(const char *path, char parent[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);

    snprintf(parent, PATH_MAX, "%.*s", length, path);
}

/* Where a file would be made: behind symbolic links that lead to nothing yet. A relative one begins
 * at the directory of the link. False: errno says why no file can be made there. */
static bool follow_links(const char *path, char place[PATH_MAX])
{
    char link[PATH_MAX];
    char parent[PATH_MAX];

    snprintf(place, PATH_MAX, "%s", path);
    for (int i = 0; i < LINKS_MAX; i++) {
        ssize_t length = readlink(place, link, sizeof(link) - 1);

        if (length < 0) {
            return true;
        }
        link[length] = '\0';
        size_t before = 0;
        if (link[0] != '/') {
            parent_of(place, parent);
            before = strlen(parent);
        }
        if (before + 1 + (size_t)length >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return false;
        }
        memcpy(place, parent, before);
        place[before] = '/';
        memcpy(place + before + (before > 0), link, (size_t)length + 1);
    }
    errno = ELOOP;
    return false;
}

/* 0, or why the file cannot be opened or made, as errno has it. `missing`: it is the directory that
 * is missing, and no symbolic link leads there. */
static int why_not_written(const char *path, bool *missing)
{
    char place[PATH_MAX];
    char parent[PATH_MAX];
    int descriptor = open(path, O_RDWR | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    *missing = false;
    if (descriptor >= 0) {
        close(descriptor);
        return 0;
    }
    if (errno != ENOENT || !follow_links(path, place)) {
        return errno;
    }
    parent_of(place, parent);
    int error = why_not_made(parent);
    *missing = error == ENOENT && strcmp(place, path) == 0 &&
               faccessat(AT_FDCWD, parent, F_OK, AT_EACCESS) != 0;
    return error;
}

/* The program's own folder is made in it, if it is not there. */
static void try_state(struct trial *trial, const char *program)
{
    const struct tried state = {"state_directory", trial->conf->lines.state_directory, false};
    char path[PATH_MAX];
    char database[PATH_MAX];
    struct stat status;

    snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 64, trial->conf->state_directory, program);
    if (stat(path, &status) != 0) {
        try_directory(trial, &state, trial->conf->state_directory);
        return;
    }
    try_directory(trial, &state, path);
    snprintf(database, sizeof(database), "%.*s/relaywarden.db", PATH_MAX - 32, path);
    if (stat(database, &status) == 0 && faccessat(AT_FDCWD, database, W_OK, AT_EACCESS) != 0) {
        deny(trial, &state, database, errno);
    }
}

/* A sink beside `json`. */
static bool has_other_sink(const struct alert_settings *alert)
{
    return alert->syslog_format != SYSLOG_NONE || alert->journal == JOURNAL_YES ||
           alert->command_count > 0 || alert->mail.to_count > 0 || alert->webhook.url[0] != '\0' ||
           alert->alertmanager_count > 0;
}

/* That its directory is missing is a note of the configuration's own: somebody may make it yet. But
 * where no other sink is set, the program does not start until then. */
static void try_json(struct trial *trial, const char *path)
{
    const struct tried json = {"json", trial->conf->lines.json, false};
    char shown[CONF_SHOW_SIZE];
    bool missing;
    int error = why_not_written(path, &missing);

    if (error != 0 && !missing) {
        deny(trial, &json, path, error);
    } else if (missing && !has_other_sink(&trial->conf->alert)) {
        conf_mistake(&trial->messages, json.line,
                     "json: no sink works, so nobody would hear of an alert (name one that does in "
                     "alert { }): json: cannot open %s: %s (make its directory)",
                     conf_show(shown, path), strerror(error));
    }
}

/* Its header file is read as the program will read it; nobody is asked. */
static void try_webhook(struct trial *trial)
{
    const struct sink_identity nobody = {.program = "", .host = ""};
    const struct sink_source source = {.identity = &nobody, .settings = &trial->conf->alert};
    struct sink *sink = sink_webhook_new(&source);
    char error[SINK_ERROR_SIZE];

    if (sink == NULL) {
        return;
    }
    if (sink->open(sink, error) != 0) {
        conf_mistake(&trial->messages, trial->conf->lines.header_file, "webhook: %s", error);
    }
    sink->free(sink);
}

/* A check of the probe prints what it finds, so it may go without. */
static void try_sinks(struct trial *trial, enum conf_program program)
{
    const struct alert_settings *alert = &trial->conf->alert;

    if (alert->json_path != NULL && alert->json_path[0] != '\0') {
        if (strcmp(alert->json_path, ALERT_JSON_OUTPUT) != 0) {
            try_json(trial, alert->json_path);
        }
    } else if (!has_other_sink(alert)) {
        if (program == CONF_MILTER) {
            conf_mistake(&trial->messages, 0, "alert: " NO_SINK ", or the filter does not start");
        } else {
            conf_note(&trial->messages, 0,
                      "alert: " NO_SINK ", or relaywarden-probe run does not start");
        }
    }
}

/* As at the start, and closed again. A port that the running program itself has is no mistake. */
static void try_listen(struct trial *trial, enum conf_program program)
{
    const bool milter = program == CONF_MILTER;
    const struct http_place *place =
        milter ? &trial->conf->milter.http.listen : &trial->conf->probe.http.listen;
    const int line = trial->conf->lines.listen;
    char shown[ENDPOINT_TEXT_SIZE];
    char error[HTTP_ERROR_SIZE];

    if (place->address.family == ADDRESS_NONE) {
        return;
    }
    int descriptor = http_socket_open(place, error);
    if (descriptor >= 0) {
        close(descriptor);
    } else if (errno != EADDRINUSE ||
               !http_socket_is_of(place, milter ? "relaywarden-milter" : "relaywarden-probe")) {
        conf_mistake(&trial->messages, line, "%s", error);
    }
    if (http_socket_is_exposed(place)) {
        conf_note(&trial->messages, line, HTTP_EXPOSED,
                  address_format_port(&place->address, place->port, shown));
    }
}

static void name_user(char user[64])
{
    const struct passwd *entry = getpwuid(geteuid());

    if (entry != NULL) {
        snprintf(user, 64, "%s", entry->pw_name);
    } else {
        snprintf(user, 64, "%ju", (uintmax_t)geteuid());
    }
}

static void move(char ***to, size_t *count, char **from, size_t from_count)
{
    for (size_t i = 0; i < from_count; i++) {
        char **grown = realloc(*to, (*count + 1) * sizeof(*grown));

        if (grown == NULL) {
            return;
        }
        *to = grown;
        grown[(*count)++] = from[i];
        from[i] = NULL;
    }
}

/* A mistake that memory does not suffice for is left out: that there was one is returned all the
 * same. */
static void add_messages(struct conf_report *report, struct conf_report *found)
{
    move(&report->mistakes, &report->mistake_count, found->mistakes, found->mistake_count);
    move(&report->notes, &report->note_count, found->notes, found->note_count);
    conf_report_free(found);
}

bool conf_try(const struct conf *conf, enum conf_program program, struct conf_report *report)
{
    const struct alert_settings *alert = &conf->alert;
    struct trial trial = {.conf = conf, .messages = {.file = conf->path}};
    struct conf_environment variables = {0};

    if (strcmp(conf->path, CONF_ENVIRONMENT) == 0) {
        (void)conf_environment_read(&variables, program, &trial.messages);
    }
    const struct conf_lines *lines = &conf->lines;

    name_user(trial.user);
    if (alert->metrics_directory != NULL && alert->metrics_directory[0] != '\0') {
        const struct tried metrics = {"metrics_directory", lines->metrics_directory, false};
        try_directory(&trial, &metrics, alert->metrics_directory);
    }
    if (alert->command_count > 0) {
        const struct tried command = {"command", lines->command, true};
        try_program(&trial, &command, alert->command[0]);
    }
    if (alert->mail.to_count > 0) {
        const struct tried mailer = {"program", lines->program, true};
        try_program(&trial, &mailer, alert->mail.program[0]);
    }
    if (alert->webhook.url[0] != '\0') {
        try_webhook(&trial);
    }
    try_listen(&trial, program);
    try_sinks(&trial, program);
    try_state(&trial, program == CONF_MILTER ? "milter" : "probe");
    conf_environment_name(&variables, &trial.messages);
    conf_environment_free(&variables);
    bool good = trial.messages.mistakes == 0;
    struct conf_report found = {0};
    conf_messages_publish(&trial.messages, &found);
    add_messages(report, &found);
    return good;
}

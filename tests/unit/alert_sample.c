#include "tests/unit/alert_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

const struct sink_identity sample_identity = {"relaywarden-milter", "mx.example.org"};
const struct alert_settings sample_settings = {
    .syslog_facility = LOG_MAIL,
    .syslog_format = SYSLOG_KV,
};

struct finding sample_finding(enum finding_kind kind, const char *fold, const char *rest)
{
    struct finding finding;

    finding_init(&finding, kind);
    finding_subject(&finding, fold, rest);
    assert_true(finding_add(&finding, "listener", FIELD_SUBJECT | FIELD_LOGGED, fold));
    assert_true(finding_add(&finding, "network", FIELD_SUBJECT, rest));
    finding_why(&finding, "Seen from %s", rest);
    return finding;
}

struct finding sample_open_relay(void)
{
    static const struct {
        const char *name;
        unsigned int places;
        const char *value;
    } fields[] = {
        {"client", FIELD_EVIDENCE | FIELD_LOGGED, "198.51.100.9"},
        {"network", FIELD_SUBJECT, "198.51.100.0/24"},
        {"helo", FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED, "pc.example.net"},
        {"sender", FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED, "<a@example.net>"},
        {"recipient", FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED, "<\"b c\"@example.com>"},
        {"destination", FIELD_EVIDENCE | FIELD_LOGGED, "external"},
        {"mailer", FIELD_EVIDENCE | FIELD_LOGGED, "smtp"},
        {"nexthop", FIELD_EVIDENCE | FIELD_LOGGED, "example.com"},
        {"listener", FIELD_SUBJECT | FIELD_LOGGED, "203.0.113.25:25"},
        {"queue_id", FIELD_EVIDENCE | FIELD_LOGGED, "4XyZ"},
    };
    struct finding finding;

    finding_init(&finding, FINDING_OPEN_RELAY);
    finding_subject(&finding, "203.0.113.25:25", "198.51.100.0/24");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        assert_true(finding_add(&finding, fields[i].name, fields[i].places, fields[i].value));
    finding_why(&finding, "A stranger was granted relaying");
    finding_fix(&finding, "Narrow mynetworks");
    return finding;
}

struct announcement sample_announcement(const struct finding *finding)
{
    return (struct announcement){
        .state = INCIDENT_OPENED,
        .time = 1795309323,
        .incident = {.id = "0123456789abcdef", .finding = *finding},
    };
}

char *sample_folder(void)
{
    char *folder = strdup("/tmp/relaywarden-test-XXXXXX");

    assert_non_null(folder);
    assert_non_null(mkdtemp(folder));
    return folder;
}

void sample_folder_remove(char *folder)
{
    DIR *directory = opendir(folder);
    char path[512];

    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(path);
    }
    closedir(directory);
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

const char *sample_path(const char *folder, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", folder, name);
    return out;
}

int sample_daemon(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int daemon = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(daemon >= 0 && strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(daemon, (struct sockaddr *)&address, sizeof(address)), 0);
    return daemon;
}

void sample_add(struct incident_table *table, const struct finding *finding, time_t now)
{
    incident_add(table, finding);
    incident_take_in(table, now);
}

void sample_resolve(struct incident_table *table, enum finding_kind kind, const char *key,
                    time_t now)
{
    incident_resolve(table, kind, key);
    incident_take_in(table, now);
}

int sample_receive(int daemon, char *out, size_t size, int wait_ms)
{
    struct pollfd readable = {.fd = daemon, .events = POLLIN};

    out[0] = '\0';
    if (poll(&readable, 1, wait_ms) != 1)
        return -1;
    ssize_t length = recv(daemon, out, size - 1, 0);
    assert_true(length >= 0);
    out[length] = '\0';
    return (int)length;
}

char *sample_read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    assert_non_null(file);
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(file);
    assert_non_null(text);
    return text;
}

#include "milter/discover/mta_way.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "lib/sys/subprocess.h"

/* A public server has a client each few minutes, and a scanner at the least each hour. */
#define SILENCE_SECONDS 3600

#define WORD_SIZE    512 /* a longer name of a filter is none of ours */
#define SERVICE_SIZE 128

static const char separators[] = " \t\r\n,{}";

/* One smtpd of master.cf. */
struct service {
    char name[SERVICE_SIZE]; /* as postconf -P has it: smtp/inet */
    bool chrooted;
};

/* The one file that a path means: its folder without symbolic links, since a socket that is not
 * served at the moment is no file. False: the folder is not there. */
static bool canonical(const char *path, char out[PATH_MAX])
{
    const char *name = strrchr(path, '/');
    char folder[PATH_MAX];
    char real[PATH_MAX];

    if (name == NULL || name[1] == '\0' || (size_t)(name - path) >= sizeof(folder)) {
        return false;
    }
    snprintf(folder, sizeof(folder), "%.*s/", (int)(name - path), path);
    if (realpath(folder, real) == NULL) {
        return false;
    }
    int length = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name + 1);
    return length > 0 && length < PATH_MAX;
}

static bool same_file(const char *folder, const char *path, const char *other)
{
    char joined[PATH_MAX];
    char one[PATH_MAX];
    char two[PATH_MAX];
    int length =
        snprintf(joined, sizeof(joined), "%s%s%s", folder, folder[0] == '\0' ? "" : "/", path);

    return length > 0 && (size_t)length < sizeof(joined) && canonical(joined, one) &&
           canonical(other, two) && strcmp(one, two) == 0;
}

/* Behind one of these kinds; NULL: it is another. */
static const char *path_of(const char *word)
{
    return strncmp(word, "unix:", 5) == 0    ? word + 5
           : strncmp(word, "local:", 6) == 0 ? word + 6
                                             : NULL;
}

/* "inet:HOST:PORT" of Postfix, "inet:PORT@HOST" of libmilter. Names of hosts are not looked up: who
 * listens on this port is we. */
static bool same_port(const char *word, const char *socket)
{
    const char *colon = strrchr(word, ':');
    const char *port = strchr(socket, ':');

    if (strncmp(word, "inet", 4) != 0 || strncmp(socket, "inet", 4) != 0 || colon == NULL ||
        port == NULL) {
        return false;
    }
    size_t length = strcspn(port + 1, "@");
    return strlen(colon + 1) == length && strncmp(colon + 1, port + 1, length) == 0;
}

static void tell(const struct mta_way_facts *facts, const struct service *service, const char *word,
                 const char *socket, char sentence[MTA_WAY_SIZE])
{
    char shown[WORD_SIZE];
    const char *path = path_of(socket);
    size_t queue = strlen(facts->queue_directory);
    bool below = strncmp(path, facts->queue_directory, queue) == 0 && path[queue] == '/';

    printable(shown, sizeof(shown), word, strlen(word));
    snprintf(sentence, MTA_WAY_SIZE,
             "Postfix does not find this filter: smtpd_milters of %s names %s, which is another "
             "file for an smtpd that runs %s chroot, and the filter sees none of its mail; %s%s",
             service->name, shown, service->chrooted ? "in a" : "without a",
             below ? "name it there as unix:"
                   : "have the filter listen below Postfix's queue_directory, and name it there "
                     "relative to that folder: unix:relaywarden/milter.sock",
             below ? path + queue + 1 : "");
}

/* One word of a service's list. */
static enum mta_way judge_word(const struct mta_way_facts *facts, const struct service *service,
                               const char *word, const char *socket, char sentence[MTA_WAY_SIZE])
{
    const char *theirs = path_of(word);
    const char *ours = path_of(socket);

    if (theirs == NULL || ours == NULL) {
        return same_port(word, socket) ? MTA_WAY_RIGHT : MTA_WAY_UNKNOWN;
    }
    bool relative = theirs[0] != '/';
    bool in_queue = same_file(facts->queue_directory, theirs, ours);
    bool at_root = !relative && same_file("", theirs, ours);
    if (service->chrooted || relative ? in_queue : at_root) {
        return MTA_WAY_RIGHT;
    }
    /* The other reading is our file: nobody else can be meant. */
    if (!relative && (in_queue || at_root)) {
        tell(facts, service, word, socket, sentence);
        return MTA_WAY_WRONG;
    }
    return MTA_WAY_UNKNOWN;
}

static enum mta_way judge_list(const struct mta_way_facts *facts, const struct service *service,
                               const char *list, const char *socket, char sentence[MTA_WAY_SIZE])
{
    enum mta_way found = MTA_WAY_UNKNOWN;
    char word[WORD_SIZE];

    for (list += strspn(list, separators); *list != '\0' && found != MTA_WAY_WRONG;
         list += strspn(list, separators)) {
        size_t length = strcspn(list, separators);
        if (length < sizeof(word)) {
            memcpy(word, list, length);
            word[length] = '\0';
            enum mta_way way = judge_word(facts, service, word, socket, sentence);
            found = way > found ? way : found;
        }
        list += length;
    }
    return found;
}

/* A copy of the value that -o of this service gives to smtpd_milters, or of main.cf's; to be freed.
 */
static char *list_of(const struct mta_way_facts *facts, const struct service *service)
{
    char label[SERVICE_SIZE + 32];
    const char *line = facts->overrides;
    int length = snprintf(label, sizeof(label), "%s/smtpd_milters =", service->name);

    while (line != NULL && *line != '\0') {
        if (strncmp(line, label, (size_t)length) == 0) {
            return strndup(line + length, strcspn(line + length, "\n"));
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return strdup(facts->milters);
}

/* SERVICE TYPE PRIVATE UNPRIVILEGED CHROOT WAKEUP PROCESSES COMMAND ... False: no smtpd. */
static bool read_service(const char *line, bool chroot_is_usual, struct service *out)
{
    char name[64];
    char type[16];
    char chroot[4];
    char command[32];

    if (sscanf(line, "%63s %15s %*s %*s %3s %*s %*s %31s", name, type, chroot, command) != 4 ||
        strcmp(command, "smtpd") != 0) {
        return false;
    }
    snprintf(out->name, sizeof(out->name), "%s/%s", name, type);
    out->chrooted = chroot[0] == '-' ? chroot_is_usual : chroot[0] == 'y';
    return true;
}

enum mta_way mta_way_judge(const struct mta_way_facts *facts, const char *socket,
                           char sentence[MTA_WAY_SIZE])
{
    enum mta_way found = MTA_WAY_UNKNOWN;
    const char *line = facts->services;
    struct service service;

    sentence[0] = '\0';
    while (line != NULL && *line != '\0' && found != MTA_WAY_WRONG) {
        char *list =
            read_service(line, facts->chroot_is_usual, &service) ? list_of(facts, &service) : NULL;
        if (list != NULL) {
            enum mta_way way = judge_list(facts, &service, list, socket, sentence);
            found = way > found ? way : found;
        }
        free(list);
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return found;
}

/* All that it prints, to be freed; NULL: it failed. */
static char *postconf(const char *options, const char *what, int64_t deadline_ms)
{
    const char *const argv[] = {"postconf", options, what, NULL};

    return subprocess_output_until(argv, deadline_ms);
}

static char *value_of(const char *parameter, int64_t deadline_ms)
{
    char *value = postconf("-xh", parameter, deadline_ms);

    if (value != NULL) {
        value[strcspn(value, "\n")] = '\0';
    }
    return value;
}

enum mta_way mta_way_ask(const char *socket, char sentence[MTA_WAY_SIZE])
{
    enum mta_way way = MTA_WAY_UNKNOWN;

    sentence[0] = '\0';
    if (!subprocess_exists("postconf")) {
        return way;
    }
    int64_t deadline = subprocess_now_ms() + MTA_WAY_MS;
    char *milters = value_of("smtpd_milters", deadline);
    char *queue = milters == NULL ? NULL : value_of("queue_directory", deadline);
    char *level = queue == NULL ? NULL : value_of("compatibility_level", deadline);
    char *services = level == NULL ? NULL : postconf("-M", NULL, deadline);
    char *overrides = services == NULL ? NULL : postconf("-xP", NULL, deadline);
    if (overrides != NULL) {
        const struct mta_way_facts facts = {
            .milters = milters,
            .overrides = overrides,
            .services = services,
            .queue_directory = queue,
            .chroot_is_usual = strtol(level, NULL, 10) < 1,
        };
        way = mta_way_judge(&facts, socket, sentence);
    }
    free(overrides);
    free(services);
    free(level);
    free(queue);
    free(milters);
    return way;
}

bool mta_way_silent_long(long seconds, unsigned long long connections)
{
    return connections == 0 && seconds >= SILENCE_SECONDS;
}

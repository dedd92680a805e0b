/* The row of private_server.h for Sendmail. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/net/self_signed.h"
#include "probe/rehearse/mta_tool.h"
#include "probe/rehearse/private_server.h"
#include "probe/rehearse/sendmail/programs.h"
#include "probe/rehearse/sendmail/reading.h"
#include "probe/rehearse/sendmail/settle.h"

static const char pid_file[] = SETTLE_PID;
static const char errors_file[] = MTA_TOOL_ERRORS;

struct private
{
    struct mta_tool tool;
    const struct candidate *candidate;
    char configuration[PATH_MAX];
    char hosts[1024];
    const char *command[10];
};

static struct private private;

/* ---- in the instance ---- */

static int lay(void *user, char error[INSTANCE_ERROR_SIZE])
{
    const struct private *its = user;

    return mta_tool_lay(&its->tool, error) != 0 ? -1
                                                : mounts_lay_file("/etc/hosts", its->hosts, error);
}

/* Whether somebody listens on the port, by the kernel's table; `*known` is false where that cannot
 * be read. */
static bool is_listening(const char *path, unsigned int port, bool *known)
{
    FILE *table = fopen(path, "re");
    char line[512];
    char wanted[16];
    bool found = false;

    *known = *known || table != NULL;
    snprintf(wanted, sizeof(wanted), ":%04X ", port);
    while (table != NULL && !found && fgets(line, sizeof(line), table) != NULL) {
        const char *own = strstr(line, ": "); /* behind its number */
        const char *end = own != NULL ? strstr(own + 2, wanted) : NULL;
        /* "0100007F:0019 00000000:0000 0A": the other end of a listening one is nobody. */
        found = end != NULL && strstr(end, ":0000 0A ") != NULL;
    }
    if (table != NULL) {
        fclose(table);
    }
    return found;
}

/* It writes its number before it listens on all of its ports. */
static bool is_ready(void *user)
{
    const struct private *its = user;
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(its->candidate, &count);
    bool known = false;

    if (access(pid_file, F_OK) != 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned int port = listeners[i].port_number;
        if (!is_listening("/proc/net/tcp", port, &known) &&
            !is_listening("/proc/net/tcp6", port, &known) && known) {
            return false;
        }
    }
    return true;
}

/* ---- the row ---- */

/* Sendmail waits a minute, and longer, for a host's name that has no domain. */
static void write_hosts(const char *host)
{
    char name[65] = "localhost";

    (void)gethostname(name, sizeof(name) - 1);
    snprintf(private.hosts, sizeof(private.hosts),
             "127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 %.250s %.64s\n", host,
             name);
}

static bool make_certificate(char error[INSTANCE_ERROR_SIZE])
{
    if (access(SETTLE_CERTIFICATE, F_OK) != 0 && !self_signed_certificate(SETTLE_CERTIFICATE)) {
        snprintf(error, INSTANCE_ERROR_SIZE, "a certificate for the rehearsal cannot be made");
        return false;
    }
    return true;
}

static enum instance_fault prepare(const struct private_server_copy *copy,
                                   struct instance_settings *out, char error[INSTANCE_ERROR_SIZE])
{
    static const char *const nothing[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    const struct sendmail_reading *reading = reading_sendmail_of(copy->candidate);
    if (mounts_make_folder(SETTLE_QUEUE, 0700) != 0) {
        snprintf(error, INSTANCE_ERROR_SIZE, "there is no room for %s", SETTLE_QUEUE);
        return INSTANCE_FAULT_OF_HOST;
    }
    if (!make_certificate(error)) {
        return INSTANCE_FAULT_OF_HOST;
    }
    private.tool = (struct mta_tool){.folder = copy->folder,
                                     .as = candidate_as(copy->candidate),
                                     .overlays = copy->overlays,
                                     .overlay_count = copy->overlay_count};
    private.candidate = copy->candidate;
    snprintf(private.configuration, sizeof(private.configuration), "%s/%s", private.tool.as,
             READING_RUN);
    write_hosts(reading->host);
    /* It tells faults of its configuration on standard output. */
    const char *const command[] = {"/bin/sh",
                                   "-c",
                                   copy->trace
                                       ? "exec \"$0\" -D \"$2\" -d21.12 -d60.1 -C \"$1\" -bD"
                                       : "exec \"$0\" -C \"$1\" -bD >&2",
                                   programs_sendmail(),
                                   private.configuration,
                                   errors_file,
                                   NULL};
    memcpy(private.command, command, sizeof(command));
    (void)unlink(MTA_TOOL_ERRORS);
    (void)unlink(pid_file);
    *out = (struct instance_settings){.lay = lay,
                                      .user = &private,
                                      .command = private.command,
                                      .environment = nothing,
                                      .ready = is_ready,
                                      .errors = MTA_TOOL_ERRORS};
    return INSTANCE_NO_FAULT;
}

/* As the operator's own file is called. */
static void last_words(char error[INSTANCE_ERROR_SIZE])
{
    char words[INSTANCE_ERROR_SIZE];

    if (!mta_tool_first_words(words, sizeof(words))) {
        return;
    }
    const char *run = strstr(words, READING_RUN);
    if (run != NULL) {
        snprintf(error, INSTANCE_ERROR_SIZE, "%.*s%s%.200s", (int)(run - words), words, READING_CF,
                 run + strlen(READING_RUN));
    } else {
        snprintf(error, INSTANCE_ERROR_SIZE, "%s", words);
    }
}

/* "sendmail[12]: NOQUEUE: SYSERR(root): opendaemonsocket: daemon MTA: cannot bind: ..." */
static const char *find_fatal(const char *line)
{
    const char *text = strncmp(line, "sendmail", 8) == 0 ? strstr(line, "SYSERR") : NULL;

    return text != NULL && strstr(text, "opendaemonsocket") != NULL ? text : NULL;
}

static const char *find_complaint(const char *line)
{
    const char *reason = strncmp(line, "sendmail", 8) == 0 ? strstr(line, "reject=4") : NULL;

    return reason != NULL ? reason + 7 : NULL;
}

static const char *const directories[] = {"/etc/mail", NULL};
static const char *const marks[] = {READING_MC, READING_CF, NULL};

const struct private_server private_sendmail = {
    .name = "sendmail",
    .reader = &candidate_sendmail,
    .directories = directories,
    .marks = marks,
    .prepare = prepare,
    .fatal = find_fatal,
    .complaint = find_complaint,
    .last_words = last_words,
};

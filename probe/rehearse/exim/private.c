/* The row of private_server.h for Exim. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/net/self_signed.h"
#include "probe/rehearse/exim/exim.h"
#include "probe/rehearse/exim/reading.h"
#include "probe/rehearse/exim/settle.h"
#include "probe/rehearse/mta_tool.h"
#include "probe/rehearse/private_server.h"

#define PID_FILE SETTLE_SPOOL "/daemon.pid"

static const char pid_file[] = PID_FILE;
/* The decisions, and the look-ups for them. */
#define TRACE "-d-all+acl+lists+lookup+route+receive"

struct private
{
    struct mta_tool tool;
    const struct candidate *candidate;
    char wrapper[PATH_MAX];
    struct played_service services[PLAYED_SERVICES_MAX];
    size_t service_count;
    const char *command[8];
};

static struct private private;

/* ---- in the instance ---- */

static int lay(void *user, char error[INSTANCE_ERROR_SIZE])
{
    const struct private *its = user;

    /* Exim makes its folders as its own user, whoever that is. */
    return mta_tool_lay(&its->tool, error) != 0 ? -1
                                                : mounts_empty(SETTLE_SPOOL, "128m", 0777, error);
}

/* It writes its number when it listens. */
static bool is_ready(void *user)
{
    (void)user;
    return access(pid_file, F_OK) == 0;
}

/* ---- services that are played ---- */

/* Dovecot's, of an authenticator with `driver = dovecot`. */
static void find_services(const struct exim_reading *reading)
{
    private.service_count = 0;
    for (size_t i = 0; i < reading->flat_script.count; i++) {
        const struct script_line *line = &reading->flat_script.lines[i];
        struct script_setting setting;
        if (!script_setting(line, &setting) || !script_is_named(line, &setting, "server_socket") ||
            line->text[setting.value] != '/' || private.service_count == PLAYED_SERVICES_MAX) {
            continue;
        }
        struct played_service *service = &private.services[private.service_count++];
        *service = (struct played_service){.kind = PLAYED_SASL};
        snprintf(service->path, sizeof(service->path), "%s", line->text + setting.value);
    }
}

/* ---- the row ---- */

static bool make_certificate(char error[INSTANCE_ERROR_SIZE])
{
    /* Exim reads it as its own user, and nobody here is to be deceived with it. */
    if ((access(SETTLE_CERTIFICATE, F_OK) != 0 && !self_signed_certificate(SETTLE_CERTIFICATE)) ||
        chmod(SETTLE_CERTIFICATE, 0644) != 0) {
        snprintf(error, INSTANCE_ERROR_SIZE, "a certificate for the rehearsal cannot be made");
        return false;
    }
    return true;
}

static enum instance_fault prepare(const struct private_server_copy *copy,
                                   struct instance_settings *out, char error[INSTANCE_ERROR_SIZE])
{
    static const char *const nothing[] = {NULL};
    const char *program = reading_exim_program();

    if (mounts_make_folder(SETTLE_SPOOL, 0755) != 0 || !make_certificate(error)) {
        return INSTANCE_FAULT_OF_HOST;
    }
    private.tool = (struct mta_tool){.folder = copy->folder,
                                     .as = candidate_as(copy->candidate),
                                     .overlays = copy->overlays,
                                     .overlay_count = copy->overlay_count};
    private.candidate = copy->candidate;
    snprintf(private.wrapper, sizeof(private.wrapper), "%s/%s", private.tool.as, READING_WRAPPER);
    find_services(reading_exim_of(copy->candidate));
    /* In the foreground: the other one ends before it listens. With a trace it stays there anyway.
     */
    const char *const command[] = {
        program, "-C", private.wrapper, "-bdf", "-oP", pid_file, copy->trace ? TRACE : NULL, NULL};
    memcpy(private.command, command, sizeof(command));
    (void)unlink(MTA_TOOL_ERRORS);
    *out = (struct instance_settings){.lay = lay,
                                      .user = &private,
                                      .services = private.services,
                                      .service_count = private.service_count,
                                      .command = private.command,
                                      .environment = nothing,
                                      .ready = is_ready,
                                      .errors = MTA_TOOL_ERRORS};
    return INSTANCE_NO_FAULT;
}

/* With the line of the candidate's own file, where it speaks of the one that was generated. */
static void last_words(char error[INSTANCE_ERROR_SIZE])
{
    char words[INSTANCE_ERROR_SIZE];
    char place[PATH_MAX + 32];
    const char *begin;
    const char *end;

    if (!mta_tool_first_words(words, sizeof(words))) {
        return;
    }
    if (!exim_named_place(private.candidate, words, place, sizeof(place), &begin, &end)) {
        snprintf(error, INSTANCE_ERROR_SIZE, "%s", words);
        return;
    }
    char *colon = strrchr(place, ':');
    *colon = '\0';
    snprintf(error, INSTANCE_ERROR_SIZE, "%.*sin line %.12s of %.200s%.200s", (int)(begin - words),
             words, colon + 1, place, end);
}

/* "exim[12]: socket bind() to port 25 for address 192.0.2.1 failed: ...: daemon abandoned" */
static const char *find_fatal(const char *line)
{
    const char *text = strncmp(line, "exim", 4) == 0 ? strstr(line, "]: ") : NULL;

    return text != NULL && strstr(text, "daemon abandoned") != NULL ? text + 3 : NULL;
}

static const char *find_complaint(const char *line)
{
    return strncmp(line, "exim", 4) == 0 ? strstr(line, "temporarily rejected") : NULL;
}

static const char *const directories[] = {"/etc/exim4", "/etc/exim", "/usr/local/etc/exim", NULL};
static const char *const marks[] = {
    "exim4.conf", "update-exim4.conf.conf", "exim.conf", "exim4.conf.template", "conf.d/acl", NULL};

const struct private_server private_exim = {
    .name = "exim",
    .reader = &candidate_exim,
    .directories = directories,
    .marks = marks,
    .prepare = prepare,
    .fatal = find_fatal,
    .complaint = find_complaint,
    .last_words = last_words,
};

#include "probe/rehearse/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/printable.h"
#include "probe/model/evidence.h"

/* Mail to the site's own postmaster, whom every domain has (RFC 5321 section 4.5.1). */
static const struct technique own_mail = {
    .id = "own-mail",
    .number = 255,
    .form = TECHNIQUE_PLAIN,
    .sender = "<{canary}>",
    .recipient = "<postmaster@{own}>",
    .summary = "an outside sender writes to the site's postmaster",
    .proves = "the server takes the site's own mail",
};
static const struct technique *const control_battery[] = {&own_mail};

/* ---- servers ------------------------------------------------------------------------------ */

enum instance_fault trial_start(struct trial *trial, const struct trial_run *run,
                                char error[STAGE_ERROR_SIZE])
{
    struct instance_settings settings;
    char why[CANDIDATE_WHY_SIZE];

    if (trial->phase != NULL) {
        fprintf(stderr, "\r\033[K%s: start %zu of the server", trial->phase, trial->starts + 1);
    }
    snprintf(trial->folder, sizeof(trial->folder), MOUNTS_BASE "/copy-%zu", trial->starts++);
    trial->copy = (struct private_server_copy){.candidate = trial->candidate,
                                               .folder = trial->folder,
                                               .overlay_count = PRIVATE_SERVER_OVERLAYS,
                                               .trace = run->trace,
                                               .policy_ok = run->policy_ok};
    trial->log_begin = trial->log_looked = stage_log_mark(&trial->stage->log);
    trial->dead = false;
    enum instance_fault fault =
        candidate_write(trial->candidate, run->without, run->without_count, trial->folder,
                        trial->copy.overlays, &trial->copy.overlay_count, why);
    if (fault != INSTANCE_NO_FAULT) {
        snprintf(error, STAGE_ERROR_SIZE, "%s", why);
        return fault;
    }
    settings = (struct instance_settings){.errors = NULL};
    fault = trial->server->prepare(&trial->copy, &settings, error);
    if (fault != INSTANCE_NO_FAULT) {
        return fault;
    }
    trial->errors = settings.errors;
    fault = instance_start(&settings, &trial->instance, error);
    if (fault == INSTANCE_FAULT_OF_GUEST && trial->server->last_words != NULL) {
        trial->server->last_words(error);
    }
    return fault;
}

void trial_stop(struct trial *trial)
{
    instance_stop(&trial->instance);
    if (trial->folder[0] != '\0') {
        mounts_remove(trial->folder); /* sixty-four copies would fill the memory */
        trial->folder[0] = '\0';
    }
}

/* ---- the log ------------------------------------------------------------------------------ */

/* The first line (or the last) of a part of the log in which `find` finds something. */
static bool search_log(const struct trial *trial, size_t from, size_t to,
                       const char *(*find)(const char *line), bool last,
                       char words[OUTCOME_TEXT_SIZE])
{
    char *text = stage_log_text(&trial->stage->log, from, to);
    bool found = false;

    for (char *at = text; at != NULL && *at != '\0' && (last || !found);) {
        char *end = strchr(at, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        const char *what = find(at);
        if (what != NULL) {
            printable_string(words, OUTCOME_TEXT_SIZE, what);
            found = true;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    free(text);
    return found;
}

/* Looked at all the time, in a log that a trace makes long: only what is new is read. */
bool trial_is_dead(struct trial *trial, char words[OUTCOME_TEXT_SIZE])
{
    size_t length = stage_log_length(&trial->stage->log);

    if (!trial->dead && length > trial->log_looked) {
        trial->dead = search_log(trial, trial->log_looked, length, trial->server->fatal, false,
                                 trial->last_words);
        trial->log_looked = length;
    }
    if (trial->dead) {
        memcpy(words, trial->last_words, OUTCOME_TEXT_SIZE);
    }
    return trial->dead;
}

bool trial_complaint(struct trial *trial, char words[OUTCOME_TEXT_SIZE])
{
    return search_log(trial, trial->log_begin, stage_log_mark(&trial->stage->log),
                      trial->server->complaint, true, words);
}

/* ---- asking ------------------------------------------------------------------------------- */

static bool is_doomed(void *user)
{
    char words[OUTCOME_TEXT_SIZE];

    return trial_is_dead(user, words);
}

bool trial_ask(struct trial *trial, struct stranger_question *questions, size_t count,
               char error[STAGE_ERROR_SIZE])
{
    const struct strangers strangers = {.stage = trial->stage,
                                        .canary = trial->canary,
                                        .site = trial->site,
                                        .own = trial->own,
                                        .host = trial->host,
                                        .is_doomed = is_doomed,
                                        .user = trial};

    return strangers_ask(&strangers, questions, count, error);
}

enum rehearse_answer trial_answer(const struct endpoint_result *result, size_t row,
                                  char words[OUTCOME_TEXT_SIZE])
{
    const struct technique_result *asked = &result->techniques[row];

    snprintf(words, OUTCOME_TEXT_SIZE, "%s", asked->text != NULL ? asked->text : "");
    if (asked->asked && asked->code > 0) {
        snprintf(words, OUTCOME_TEXT_SIZE, "%d%s%s %.400s", asked->code,
                 asked->enhanced[0] != '\0' ? " " : "", asked->enhanced, asked->text);
    }
    switch (evidence_of(asked)) {
    case EVIDENCE_PROVEN:
        return REHEARSE_GRANTED;
    case EVIDENCE_REFUSED:
        return REHEARSE_REFUSED;
    default:
        break;
    }
    /* An outside address that was wrapped in one of the site's is nobody's mailbox any more, and a
     * switch that was taken out is not offered. */
    bool nobody =
        asked->asked && asked->code >= 500 &&
        (asked->outcome == OUTCOME_RECIPIENT_REFUSED ||
         /* Another line of a table has its say where the one before it is out. */
         asked->outcome == OUTCOME_SENDER_REFUSED || asked->outcome == OUTCOME_CLIENT_REFUSED);
    /* XCLIENT and AUTH are refused for good, whether or not EHLO offers them. */
    bool no_switch = asked->technique->identity != TECHNIQUE_IDENTITY_OWN && asked->code >= 500;
    /* It greets those that send no header. */
    bool no_header = asked->absent && technique_is_proxied(asked->technique) &&
                     result->reach > REACH_NO_GREETING;
    return nobody || no_switch || no_header ||
                   (asked->absent && asked->technique->requires != NULL &&
                    result->reach == REACH_SESSION)
               ? REHEARSE_REFUSED
               : REHEARSE_NO_ANSWER;
}

/* How the site's own mail is answered; false if it is not. */
static bool ask_control(struct trial *trial, enum outcome *out)
{
    struct stranger_question question = trial->control;
    char error[STAGE_ERROR_SIZE];
    char client[ADDRESS_TEXT_SIZE];
    struct technique behind = own_mail;
    const struct technique *const behind_battery[] = {&behind};

    behind.identity = TECHNIQUE_IDENTITY_PROXY_V1;
    behind.claim = address_format(&question.client, client);
    question.instead = question.endpoint.proxied ? behind_battery : control_battery;
    question.instead_count = 1;
    bool good = trial_ask(trial, &question, 1, error) && question.result->techniques[0].asked;
    if (good) {
        *out = question.result->techniques[0].outcome;
    }
    strangers_free(&question, 1);
    return good;
}

void trial_learn_control(struct trial *trial)
{
    trial->control_known = ask_control(trial, &trial->control_outcome);
}

/* ---- traces ------------------------------------------------------------------------------- */

/* How long what the server said is by now. */
static size_t mark_trace(struct trial *trial)
{
    struct stat about;

    if (trial->errors == NULL) {
        return stage_log_mark(&trial->stage->log);
    }
    return stat(trial->errors, &about) == 0 ? (size_t)about.st_size : 0;
}

/* The log since then, to be freed. A server writes to its standard error before it answers:
 * nothing has to be awaited. */
static char *take_trace(struct trial *trial, size_t from)
{
    size_t to = mark_trace(trial);

    if (trial->errors == NULL) {
        return stage_log_text(&trial->stage->log, from, to);
    }
    FILE *file = fopen(trial->errors, "re");
    size_t wanted = to > from ? to - from : 0;
    char *text = file != NULL ? malloc(wanted + 1) : NULL;
    if (text != NULL) {
        size_t length = fseek(file, (long)from, SEEK_SET) == 0 ? fread(text, 1, wanted, file) : 0;
        text[length] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

/* Without that one the listener greets those that send no PROXY header. */
static bool is_about_headers(const struct trial *trial, const struct trial_run *run)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(trial->candidate, &count);

    for (size_t i = 0; i < run->without_count; i++) {
        if (strstr(elements[run->without[i]].parameter, "proxy") != NULL) {
            return true;
        }
    }
    return false;
}

static void ask_one(struct trial *trial, const struct trial_run *run,
                    const struct rehearse_request *request, struct rehearse_reply *reply)
{
    const struct outcome_grant *grant = request->own;
    struct stranger_question question = grant->again;
    char error[STAGE_ERROR_SIZE];
    size_t from = mark_trace(trial);

    question.instead = grant->instead;
    question.instead_count = 1;
    question.doubtful = technique_is_proxied(grant->technique) && is_about_headers(trial, run);
    if (trial_ask(trial, &question, 1, error) && question.result->technique_count > 0) {
        reply->answer = trial_answer(question.result, 0, reply->text);
    }
    strangers_free(&question, 1);
    reply->trace = take_trace(trial, from);
    reply->trace_length = reply->trace != NULL ? strlen(reply->trace) : 0;
}

void trial_ask_without(void *own, const size_t *without, size_t without_count,
                       const struct rehearse_request *const *requests, size_t count,
                       struct rehearse_reply *replies)
{
    struct trial *trial = own;
    const struct trial_run run = {.without = without,
                                  .without_count = without_count,
                                  .trace = true,
                                  .policy_ok = count > 0 && requests[0]->policy_ok};
    char error[STAGE_ERROR_SIZE] = "";
    enum outcome outcome;

    memset(replies, 0, count * sizeof(*replies));
    trial_stop(trial);
    if (trial_start(trial, &run, error) == INSTANCE_NO_FAULT) {
        for (size_t i = 0; i < count; i++) {
            ask_one(trial, &run, requests[i], &replies[i]);
        }
        bool taken = !trial->control_known ||
                     (ask_control(trial, &outcome) && outcome == trial->control_outcome);
        for (size_t i = 0; i < count; i++) {
            replies[i].own_mail_taken = taken;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (replies[i].answer == REHEARSE_NO_ANSWER && replies[i].text[0] == '\0' &&
            !trial_is_dead(trial, replies[i].text)) {
            snprintf(replies[i].text, sizeof(replies[i].text), "%.500s", error);
        }
    }
    trial_stop(trial);
}

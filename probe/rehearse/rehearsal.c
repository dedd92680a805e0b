#include "probe/rehearse/rehearsal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/printable.h"
#include "probe/rehearse/answers.h"
#include "probe/rehearse/open_ports.h"
#include "probe/rehearse/rehearsal_private.h"
#include "probe/rehearse/rehearsal_words.h"
#include "probe/rehearse/stage/mounts.h"
#include "probe/rehearse/stage/played_names.h"

#define SCRATCH MOUNTS_BASE "/scratch"

/* Strangers' addresses: the first that is neither the host's nor trusted, and others for whom it
 * turns away. They are of the networks of documentations (RFC 5737, RFC 3849) and benchmarks
 * (RFC 2544), and of those that have a purpose of IANA's and are no end user's, but are in no list
 * of bogus ones (RFC 7534, RFC 7535, RFC 7450); then of the carriers' (RFC 6598) and the reserved
 * ones (RFC 1112). */
static const char *const strangers[2][REHEARSAL_OTHERS + 1] = {
    {"198.51.100.7", "203.0.113.7", "192.0.2.7", "198.18.0.7", "192.175.48.7", "192.31.196.7",
     "192.52.193.7", "100.64.0.7", "240.0.0.7"},
    {"2001:db8:5afe::7", "2001:db8:ffff:7::7", "2001:db8::7", "2620:4f:8000::7", "2001:4:112::7",
     "2001:3::7", "3fff:5afe::7"},
};
static const char *const mailboxes[2] = {"198.18.25.25", "2001:db8:2525::25"};

/* ---- setting up --------------------------------------------------------------------------- */

static bool lay_files(const char *host, char error[STAGE_ERROR_SIZE])
{
    char hosts[DOMAIN_SIZE + 128];

    snprintf(hosts, sizeof(hosts), "127.0.0.1 localhost\n::1 localhost ip6-localhost\n");
    (void)host;
    return mounts_lay_file("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2\n",
                           error) == 0 &&
           mounts_lay_file("/etc/hosts", hosts, error) == 0 &&
           mounts_lay_file("/etc/nsswitch.conf",
                           "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
                           "networks: files\nservices: files\nprotocols: files\n",
                           error) == 0;
}

static bool is_in_own_network(const struct wires *wires, const struct address *address)
{
    for (size_t i = 0; i < wires->host.address_count; i++) {
        const struct wires_address *own = &wires->host.addresses[i];
        if (own->address.family == address->family &&
            address_in_prefix(address, own->address.octets, own->prefix)) {
            return true;
        }
    }
    return false;
}

static bool choose_strangers(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    for (size_t family = 0; family < 2; family++) {
        struct address *out = &rehearsal->strangers[family];
        size_t others = 0;
        for (size_t i = 0; i <= REHEARSAL_OTHERS && strangers[family][i] != NULL; i++) {
            struct address address;
            if (!address_parse(strangers[family][i], &address) ||
                is_in_own_network(&rehearsal->stage->wires, &address) ||
                site_trusts(rehearsal->settings->site, &address)) {
                continue;
            }
            if (out->family == ADDRESS_NONE) {
                *out = address;
            } else {
                rehearsal->others[family][others++] = address;
            }
        }
        if (out->family != ADDRESS_NONE &&
            wires_add_stranger(&rehearsal->stage->wires, out, error) != 0) {
            if (family == 0) {
                return false;
            }
            out->family = ADDRESS_NONE; /* a host without IPv6 */
        }
    }
    return true;
}

static bool begin_names(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    static struct played_names names;
    const char *at = strchr(rehearsal->settings->canary, '@');

    names = (struct played_names){.canary_domain = at != NULL ? at + 1 : "outside.example.net",
                                  .site = rehearsal->settings->site,
                                  .server_name = rehearsal->host,
                                  .backup_domain = REHEARSAL_BACKUP_DOMAIN};
    for (size_t i = 0; i < rehearsal->stage->wires.host.address_count; i++) {
        const struct address *own = &rehearsal->stage->wires.host.addresses[i].address;
        size_t family = own->family == ADDRESS_IPV6;
        if (!address_is_loopback(own) && names.server[family].family == ADDRESS_NONE) {
            names.server[family] = *own;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        (void)address_parse(mailboxes[i], &names.mailbox[i]);
    }
    rehearsal_derive(rehearsal, &names);
    if (played_names_begin(&names) != 0) {
        snprintf(error, STAGE_ERROR_SIZE, "the stage cannot have a name server");
        return false;
    }
    return true;
}

/* An answer for a table that nobody asks may be meant for another. */
static bool warn_of_unused(struct rehearsal *rehearsal, const struct answers *answers)
{
    char text[OUTCOME_TEXT_SIZE];
    char place[OUTCOME_TEXT_SIZE];
    const char *reference = NULL;
    unsigned int line = 0;
    size_t at = 0;
    bool good = true;

    while (answers != NULL && (reference = answers_unused(answers, &at, &line)) != NULL) {
        snprintf(place, sizeof(place), "%.400s:%u", answers_file(answers, NULL), line);
        snprintf(text, sizeof(text),
                 "neither main.cf nor master.cf names %.200s: write the table as it is written "
                 "there",
                 reference);
        good = outcome_warn(rehearsal->outcome, place, text) && good;
    }
    return good;
}

static bool open_candidate(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    const struct candidate_settings settings = {.mta = rehearsal->settings->server->reader,
                                                .directory = MOUNTS_CANDIDATE,
                                                .as = rehearsal->settings->as,
                                                .is_live = rehearsal->settings->is_live,
                                                .scratch = SCRATCH,
                                                .answers = rehearsal->settings->answers,
                                                .site = rehearsal->settings->site};

    if (mounts_make_folder(SCRATCH, 0755) != 0) {
        snprintf(error, STAGE_ERROR_SIZE, "there is no room for %s", SCRATCH);
        return false;
    }
    if (settings.answers != NULL && !answers_lay(settings.answers, error)) {
        return false;
    }
    rehearsal->outcome->candidate = candidate_open(&settings, error);
    if (rehearsal->outcome->candidate == NULL || !warn_of_unused(rehearsal, settings.answers)) {
        return false;
    }
    if (candidate_is_lacking(rehearsal->outcome->candidate) ||
        candidate_refusal(rehearsal->outcome->candidate) != NULL) {
        return true;
    }
    char *host = candidate_value(rehearsal->outcome->candidate, NULL, "myhostname");
    if (host == NULL || !domain_normalise(host, strlen(host), rehearsal->host)) {
        snprintf(rehearsal->host, sizeof(rehearsal->host), "mx.%.200s", rehearsal->settings->own);
    }
    free(host);
    return true;
}

/* ---- what the candidate tells of itself ----------------------------------------------------- */

static void copy_note(struct rehearsal_outcome *outcome, const struct candidate_note *note,
                      bool (*add)(struct rehearsal_outcome *, const char *, const char *))
{
    char place[OUTCOME_TEXT_SIZE] = "";
    char text[OUTCOME_TEXT_SIZE];

    if (note->file[0] != '\0') {
        snprintf(place, sizeof(place), "%s:%u", note->file, note->line);
    }
    snprintf(text, sizeof(text), "%s%s%s", note->text, note->text[0] != '\0' ? ": " : "",
             note->why);
    (void)add(outcome, place, text);
}

static void copy_notes(struct rehearsal_outcome *outcome)
{
    size_t count;
    const struct candidate_note *notes = candidate_unknown(outcome->candidate, &count);

    for (size_t i = 0; i < count; i++) {
        copy_note(outcome, &notes[i], outcome_unknown);
    }
    notes = candidate_warnings(outcome->candidate, &count);
    for (size_t i = 0; i < count; i++) {
        copy_note(outcome, &notes[i], outcome_warn);
    }
}

static void find_place(const struct rehearsal_outcome *outcome, const char *words, char *out,
                       size_t size)
{
    candidate_mta(outcome->candidate)->place(outcome->candidate, words, out, size);
}

static void set_broken(struct rehearsal_outcome *outcome, const char *words)
{
    outcome->verdict = OUTCOME_VERDICT_BROKEN;
    printable_string(outcome->broken.text, sizeof(outcome->broken.text), words);
    find_place(outcome, words, outcome->broken.place, sizeof(outcome->broken.place));
}

/* Nothing was asked, for a cause that is the host's. */
static void set_unknown(struct rehearsal_outcome *outcome, const char *words)
{
    outcome->verdict = OUTCOME_VERDICT_UNKNOWN;
    (void)outcome_unknown(outcome, "", words);
}

static void name_places(struct rehearsal_outcome *outcome,
                        const struct rehearsal_settings *settings)
{
    const char *directory = settings->directory;
    const char *answers = settings->answers != NULL ? answers_file(settings->answers, NULL) : NULL;

    rehearsal_words(directory, answers, outcome->broken.text, sizeof(outcome->broken.text));
    for (size_t i = 0; i < outcome->unknown_count; i++) {
        rehearsal_words(directory, answers, outcome->unknown[i].text,
                        sizeof(outcome->unknown[i].text));
    }
    for (size_t i = 0; i < outcome->warning_count; i++) {
        rehearsal_words(directory, answers, outcome->warnings[i].text,
                        sizeof(outcome->warnings[i].text));
    }
}

/* ---- asking ------------------------------------------------------------------------------- */

static bool add_listeners(struct rehearsal *rehearsal)
{
    struct stranger_endpoint endpoints[OPEN_PORTS_MAX];
    struct rehearsal_outcome *outcome = rehearsal->outcome;
    char text[OUTCOME_TEXT_SIZE];
    size_t known;
    size_t count = open_ports_find(&rehearsal->stage->wires, outcome->candidate, endpoints,
                                   &rehearsal->listeners_left);

    rehearsal->is_private = count == 0 && open_ports_is_private(&rehearsal->stage->wires);
    const struct candidate_listener *listeners = candidate_listeners(outcome->candidate, &known);

    if (rehearsal->listeners_left > 0) {
        snprintf(text, sizeof(text),
                 "the server listens at %zu addresses and ports, and a rehearsal asks %d: %zu were "
                 "not asked; rehearse a copy whose master file has only those",
                 count + rehearsal->listeners_left, OPEN_PORTS_MAX, rehearsal->listeners_left);
        (void)outcome_unknown(outcome, "", text);
    }
    for (size_t i = 0; i < count; i++) {
        struct outcome_listener *listener = outcome_add_listener(outcome);
        if (listener == NULL) {
            return false;
        }
        listener->service = listeners[endpoints[i].listener].service;
        listener->endpoint = endpoints[i];
    }
    return true;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The server's complaint, where it gave no answer. */
static void tell_unknown(struct rehearsal *rehearsal)
{
    struct rehearsal_outcome *outcome = rehearsal->outcome;
    char words[OUTCOME_TEXT_SIZE];
    char place[OUTCOME_TEXT_SIZE];

    for (size_t i = 0; i < outcome->listener_count; i++) {
        if (outcome->listeners[i].verdict == OUTCOME_VERDICT_UNKNOWN) {
            if (trial_complaint(&rehearsal->trial, words)) {
                find_place(outcome, words, place, sizeof(place));
                (void)outcome_unknown(outcome, place, words);
            }
            return;
        }
    }
}

/* An open one is worse news than one of which nothing is known. */
static void sum_up(const struct rehearsal *rehearsal)
{
    struct rehearsal_outcome *outcome = rehearsal->outcome;

    /* Nothing was asked: nobody knows. */
    outcome->verdict =
        outcome->listener_count > 0 ? OUTCOME_VERDICT_CLOSED : OUTCOME_VERDICT_UNKNOWN;
    if (outcome->listener_count == 0 && rehearsal->is_private) {
        outcome->verdict = OUTCOME_VERDICT_CLOSED;
        (void)outcome_warn(
            outcome, "",
            "the server listens on no address that a stranger can reach: nothing was asked");
    } else if (outcome->listener_count == 0) {
        (void)outcome_unknown(outcome, "",
                              "the server listens on no address that a stranger can reach here; "
                              "name the mail host's addresses with --address");
    }
    for (size_t i = 0; i < outcome->listener_count; i++) {
        enum outcome_verdict verdict = outcome->listeners[i].verdict;
        if (outcome->verdict != OUTCOME_VERDICT_OPEN &&
            (verdict == OUTCOME_VERDICT_OPEN || verdict > outcome->verdict)) {
            outcome->verdict = verdict;
        }
    }
    /* Somebody is let in who was not asked for, or somewhere nobody asked: nobody knows whether it
     * is a stranger. */
    if (rehearsal->questions.left_out + rehearsal->questions.unasked + rehearsal->listeners_left >
            0 &&
        (outcome->verdict == OUTCOME_VERDICT_CLOSED ||
         outcome->verdict == OUTCOME_VERDICT_CONDITIONAL)) {
        outcome->verdict = OUTCOME_VERDICT_UNKNOWN;
    }
}

static void begin_phase(struct rehearsal *rehearsal, const char *phase)
{
    rehearsal->trial.phase = rehearsal->settings->progress ? phase : NULL;
}

static void end_progress(const struct rehearsal *rehearsal)
{
    if (rehearsal->settings->progress) {
        fputs("\r\033[K", stderr);
    }
}

static bool ask_all(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    struct trial *trial = &rehearsal->trial;
    char words[OUTCOME_TEXT_SIZE];
    const struct trial_run run = {.trace = false};
    bool asked = false;

    begin_phase(rehearsal, "asking as strangers");
    enum instance_fault fault = trial_start(trial, &run, error);
    if (fault == INSTANCE_NO_FAULT && add_listeners(rehearsal)) {
        asked =
            rehearsal_ask_strangers(rehearsal, error) && rehearsal_ask_further(rehearsal, error);
    }
    if (trial_is_dead(trial, words) && rehearsal->outcome->grant_count == 0) {
        set_broken(rehearsal->outcome, words);
        trial_stop(trial);
        return true;
    }
    if (!asked) {
        trial_stop(trial);
        if (rehearsal->outcome->listener_count > 0 || error[0] == '\0') {
            return false;
        }
        if (fault == INSTANCE_FAULT_OF_GUEST) {
            set_broken(rehearsal->outcome, error);
        } else {
            set_unknown(rehearsal->outcome, error);
        }
        return true;
    }
    if (rehearsal->outcome->listener_count > 0) {
        size_t usual = 0;
        while (usual + 1 < rehearsal->outcome->listener_count &&
               rehearsal->outcome->listeners[usual].endpoint.proxied) {
            usual++;
        }
        trial->control = rehearsal_question(rehearsal, usual);
        trial_learn_control(trial);
    }
    tell_unknown(rehearsal);
    trial_stop(trial);
    rehearsal->is_asked = true;
    return true;
}

bool rehearsal_run(struct stage *stage, const struct rehearsal_settings *settings,
                   struct rehearsal_outcome *outcome, char error[STAGE_ERROR_SIZE])
{
    double began = now();
    static struct rehearsal rehearsal; /* the questions are too many for a stack */

    rehearsal = (struct rehearsal){.stage = stage, .settings = settings, .outcome = outcome};

    error[0] = '\0';
    if (!open_candidate(&rehearsal, error)) {
        rehearsal_words(settings->directory, NULL, error, STAGE_ERROR_SIZE);
        return false;
    }
    if (candidate_is_lacking(outcome->candidate)) {
        outcome->verdict = OUTCOME_VERDICT_UNKNOWN;
        copy_notes(outcome);
        return true;
    }
    if (candidate_refusal(outcome->candidate) != NULL) {
        copy_notes(outcome);
        set_broken(outcome, candidate_refusal(outcome->candidate));
        return true;
    }
    if (!lay_files(rehearsal.host, error) || !begin_names(&rehearsal, error) ||
        !choose_strangers(&rehearsal, error)) {
        set_unknown(outcome, error);
        copy_notes(outcome);
        name_places(outcome, settings);
        return true;
    }
    copy_notes(outcome); /* those of the questions that come out of it, too */
    rehearsal.trial = (struct trial){.stage = stage,
                                     .server = settings->server,
                                     .candidate = outcome->candidate,
                                     .canary = settings->canary,
                                     .site = settings->site,
                                     .own = settings->own,
                                     .host = rehearsal.host};
    bool good = ask_all(&rehearsal, error) &&
                (!rehearsal.is_asked || rehearsal_ask_policy(&rehearsal, error));
    if (good && rehearsal.is_asked) {
        rehearsal_take_turned_away(&rehearsal);
        sum_up(&rehearsal);
    }
    if (good && settings->blame && outcome->grant_count > 0) {
        begin_phase(&rehearsal, "looking for the lines that let them in");
        good = rehearsal_blame(&rehearsal);
    }
    end_progress(&rehearsal);
    rehearsal_choose_shown(outcome);
    name_places(outcome, settings);
    outcome->starts = rehearsal.trial.starts;
    outcome->seconds = now() - began;
    return good;
}

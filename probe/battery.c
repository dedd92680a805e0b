#include "probe/battery.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "probe/offer.h"
#include "probe/outcome.h"
#include "probe/patience.h"

#define FIRST_TECHNIQUE "plain"
#define CUTS_MAX        2
#define FRUITLESS_MAX   2
/* So many the connection that there is asks in the time that a second one needs to be opened. */
#define FEW_TECHNIQUES 4

/* An answer that was had before stays. */
static void leave_unasked(struct battery *battery, struct technique_result *into, const char *why)
{
    if (!into->asked) {
        into->text = texts_keep(&battery->result->texts, why);
    }
}

/* All but the rows. */
static void begin(struct battery *battery, const struct battery_settings *settings,
                  struct endpoint_result *result)
{
    const char *domain = strrchr(settings->canary, '@');

    memset(battery, 0, sizeof(*battery));
    battery->settings = settings;
    battery->result = result;
    battery->connection_refusals = BATTERY_CONNECTION_REFUSALS;
    battery->connection_confirmations = UINT_MAX;
    address_format_literal(&result->endpoint.address, battery->literal);
    snprintf(battery->other_sender, sizeof(battery->other_sender), "<relaywarden@%s>",
             domain != NULL ? domain + 1 : settings->canary);
}

void battery_init(struct battery *battery, const struct battery_settings *settings,
                  struct endpoint_result *result)
{
    const struct technique *first = technique_find(FIRST_TECHNIQUE);

    begin(battery, settings, result);
    result->technique_count = 0;
    if (first != NULL) {
        (void)result_add(result, first);
    }
    for (size_t i = 0; i < technique_count; i++) {
        if (&techniques[i] != first) {
            (void)result_add(result, &techniques[i]);
        }
    }
}

void battery_remember(struct battery *battery, const struct battery_earlier *earlier, size_t count)
{
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        for (size_t j = 0; j < count; j++) {
            const char *id = battery->result->techniques[i].technique->id;
            if (strcmp(id, earlier[j].technique) == 0) {
                battery->earlier[i] = texts_keep(&battery->result->texts, earlier[j].sender);
            }
        }
    }
}

void battery_init_again(struct battery *battery, const struct battery_settings *settings,
                        struct endpoint_result *result)
{
    begin(battery, settings, result);
    battery->scouting = true;
    if (result->proxied) {
        battery->greeting = BATTERY_UNGREETED;
    }
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        bool due = patience_is_worth(result, asked);
        battery->rows[i] = due ? BATTERY_WAITING : BATTERY_DONE;
        battery->earlier[i] = due ? asked->sender : NULL;
    }
}

void battery_init_message(struct battery *battery, const struct battery_settings *settings,
                          struct endpoint_result *result, size_t row, const char *text)
{
    begin(battery, settings, result);
    battery->message = text;
    for (size_t i = 0; i < result->technique_count; i++) {
        battery->rows[i] = i == row ? BATTERY_WAITING : BATTERY_DONE;
    }
    battery->earlier[row] = result->techniques[row].sender;
}

static bool may_ask(const struct battery *battery)
{
    return !battery->ended &&
           battery->refusals + battery->reserved < battery->settings->max_refusals;
}

static bool is_waiting(const struct battery *battery, size_t row, bool special)
{
    const struct technique *technique = battery->result->techniques[row].technique;

    return battery->rows[row] == BATTERY_WAITING && technique_is_special(technique) == special &&
           technique_is_proxied(technique) == (battery->greeting == BATTERY_UNGREETED);
}

static size_t count_waiting(const struct battery *battery, bool special)
{
    size_t count = 0;

    for (size_t i = 0; i < battery->result->technique_count; i++) {
        count += is_waiting(battery, i, special);
    }
    return count;
}

bool battery_has_work(const struct battery *battery)
{
    return may_ask(battery) && count_waiting(battery, false) + count_waiting(battery, true) > 0;
}

/* What is behind somebody else's address is asked one thing first, by itself. */
static bool waits_for_plain(const struct battery *battery)
{
    return battery->hidden && battery->result->technique_count > 0 &&
           battery->rows[0] != BATTERY_DONE;
}

bool battery_wants_company(const struct battery *battery, bool beside_common)
{
    bool ready = battery->result->reach == REACH_SESSION || battery->greeting == BATTERY_UNGREETED;

    if (battery->alone || battery->scouting || battery->message != NULL ||
        waits_for_plain(battery) || !ready || !battery_has_work(battery)) {
        return false;
    }
    return count_waiting(battery, true) > 0 ||
           count_waiting(battery, false) > (beside_common ? FEW_TECHNIQUES : 0);
}

size_t battery_claim(struct battery *battery, bool beside_common)
{
    size_t common = battery->message != NULL ? 0 : count_waiting(battery, false);

    /* The other connection can do the rest of the common ones. */
    if (common > 0 && !(beside_common && common <= battery->connection_refusals)) {
        return BATTERY_COMMON;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        if (is_waiting(battery, i, true) ||
            (battery->message != NULL && battery->rows[i] == BATTERY_WAITING)) {
            battery->rows[i] = BATTERY_TAKEN;
            return i;
        }
    }
    return BATTERY_COMMON;
}

static void cut_row(struct battery *battery, size_t row, const char *why)
{
    struct technique_result *into = &battery->result->techniques[row];
    bool again = ++battery->cuts[row] < CUTS_MAX && battery->message == NULL;

    battery->rows[row] = again ? BATTERY_WAITING : BATTERY_DONE;
    leave_unasked(battery, into, why);
    if (battery->message != NULL) {
        battery->result->message.text = texts_keep(&battery->result->texts, why);
    }
}

void battery_unclaim(struct battery *battery, size_t row, const char *why)
{
    cut_row(battery, row, why);
}

/* ---- PROXY headers ------------------------------------------------------------------------ */

bool battery_ungreeted(struct battery *battery)
{
    const struct vantage_known *vantage = &battery->settings->vantage;

    /* From inside, being let in by a header is what a balancer's neighbour may expect. */
    if (battery->ended || battery->greeting == BATTERY_GREETED ||
        vantage->declared != VANTAGE_OUTSIDE || judgement_is_inside(battery->result, vantage)) {
        return false;
    }
    battery->greeting = BATTERY_UNGREETED;
    return true;
}

void battery_greeted(struct battery *battery)
{
    battery->greeting = BATTERY_GREETED;
    battery->result->proxied = false;
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        struct technique_result *into = &battery->result->techniques[i];
        if (technique_is_proxied(into->technique)) {
            *into = (struct technique_result){.technique = into->technique,
                                              .absent = true,
                                              .helo = "",
                                              .sender = "",
                                              .recipient = ""};
            leave_unasked(battery, into, "not asked: the server greets without a PROXY header");
            battery->rows[i] = BATTERY_DONE;
        }
    }
}

void battery_drop_proxy(struct battery *battery, size_t row, const char *why)
{
    enum technique_identity version = battery->result->techniques[row].technique->identity;

    for (size_t i = 0; i < battery->result->technique_count; i++) {
        struct technique_result *into = &battery->result->techniques[i];
        if (into->technique->identity == version && !into->asked) {
            leave_unasked(battery, into, why);
            battery->rows[i] = BATTERY_DONE;
        }
    }
}

/* ---- what makes sense here ---------------------------------------------------------------- */

bool battery_offers(const struct battery *battery, const char *what)
{
    for (size_t i = 0; i < battery->result->capability_count; i++) {
        if (offer_is(battery->result->capabilities[i], what)) {
            return true;
        }
    }
    return false;
}

/* The names of the server, each unless it is one of those before it; "" where there is none. */
struct names {
    char host[DOMAIN_SIZE];
    char greeted[DOMAIN_SIZE];
    char ehlo[DOMAIN_SIZE];
};

/* The first word of `text`, if it is a qualified domain. */
static void read_name(char out[DOMAIN_SIZE], const char *text)
{
    size_t length = strcspn(text, " ");
    struct address address;

    if (memchr(text, '.', length) == NULL || !domain_normalise(text, length, out) ||
        address_parse(out, &address)) {
        out[0] = '\0';
    }
}

static void find_names(const struct battery *battery, struct names *names)
{
    const struct endpoint *endpoint = &battery->result->endpoint;

    read_name(names->host, endpoint->host);
    read_name(names->greeted, battery->result->banner);
    read_name(names->ehlo, battery->ehlo);
    if (strcmp(names->ehlo, names->greeted) == 0 || strcmp(names->ehlo, names->host) == 0) {
        names->ehlo[0] = '\0';
    }
    if (strcmp(names->greeted, names->host) == 0) {
        names->greeted[0] = '\0';
    }
    if (names->host[0] == '\0') { /* asked by its address */
        memcpy(names->host, names->greeted, sizeof(names->host));
        names->greeted[0] = '\0';
    }
    char *const all[] = {names->host, names->greeted, names->ehlo};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcasecmp(all[i], endpoint->own) == 0) {
            all[i][0] = '\0';
        }
    }
}

/* As XCLIENT has addresses (Postfix, XCLIENT_README). */
#define IPV6_MARK          "IPV6:"
#define CLAIM_ADDRESS_SIZE (sizeof(IPV6_MARK) + ADDRESS_TEXT_SIZE)

static const char *claimed_address(const struct address *address, char out[CLAIM_ADDRESS_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];

    snprintf(out, CLAIM_ADDRESS_SIZE, "%s%s", address->family == ADDRESS_IPV6 ? IPV6_MARK : "",
             address_format(address, text));
    return out;
}

static bool build_envelope(const struct battery *battery, const struct technique *technique,
                           struct envelope *out)
{
    struct names names;
    char address[CLAIM_ADDRESS_SIZE];

    find_names(battery, &names);
    const struct technique_place place = {
        .address = claimed_address(&battery->result->endpoint.address, address),
        .loopback = battery->result->endpoint.address.family == ADDRESS_IPV6 ? IPV6_MARK "::1"
                                                                             : "127.0.0.1",
        .canary = battery->settings->canary,
        .ask = TOKEN_ASK_BLANK,
        .own = battery->result->endpoint.own,
        .host = names.host,
        .literal = battery->literal,
        .client = battery->client,
        .greeted = names.greeted,
        .ehlo = names.ehlo,
    };

    return technique_envelope(technique, &place, out);
}

bool battery_envelope(const struct battery *battery, size_t row, struct envelope *out)
{
    return build_envelope(battery, battery->result->techniques[row].technique, out);
}

static bool uses(const struct technique *technique, const char *name)
{
    return strstr(technique->sender, name) != NULL || strstr(technique->recipient, name) != NULL ||
           (technique->helo != NULL && strstr(technique->helo, name) != NULL);
}

/* Why a technique has no place here; NULL if it has. */
static const char *why_absent(const struct battery *battery, const struct technique *technique)
{
    const struct endpoint_result *result = battery->result;
    const struct vantage_known *vantage = &battery->settings->vantage;
    struct names names;

    /* One that is trusted may be meant to name other clients. */
    if (technique->identity == TECHNIQUE_IDENTITY_XCLIENT &&
        (vantage->declared != VANTAGE_OUTSIDE || judgement_is_inside(result, vantage))) {
        return "not asked: what XCLIENT does for this client shows nothing of strangers";
    }

    if (technique->in_clear) {
        return result->tls == TLS_STARTTLS && result->endpoint.tls_asked == TLS_AUTO
                   ? NULL
                   : "not asked: nothing else is asked inside STARTTLS";
    }
    if (technique->requires != NULL && !battery_offers(battery, technique->requires)) {
        return "not asked: the server does not offer what it takes";
    }
    find_names(battery, &names);
    if ((uses(technique, "{host}") && names.host[0] == '\0') ||
        (uses(technique, "{greeted}") && names.greeted[0] == '\0') ||
        (uses(technique, "{ehlo}") && names.ehlo[0] == '\0')) {
        return "not asked: the server has no such name beside those that are asked";
    }
    return NULL;
}

void battery_settle(struct battery *battery)
{
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        struct technique_result *into = &battery->result->techniques[i];
        struct envelope envelope;

        if (battery->rows[i] != BATTERY_WAITING) {
            continue;
        }
        const char *why = why_absent(battery, into->technique);
        into->absent = why != NULL && !into->asked;
        if (why == NULL && !build_envelope(battery, into->technique, &envelope)) {
            why = "its address would be longer than SMTP allows";
        }
        if (why != NULL) {
            leave_unasked(battery, into, why);
            battery->rows[i] = BATTERY_DONE;
        }
    }
}

/* ---- techniques under way ----------------------------------------------------------------- */

static void use_other_sender(const struct battery *battery, struct envelope *envelope)
{
    if (strcmp(envelope->sender, battery->other_sender) == 0) {
        snprintf(envelope->sender, sizeof(envelope->sender), "<%s>", battery->settings->canary);
    } else {
        memcpy(envelope->sender, battery->other_sender, sizeof(envelope->sender));
    }
}

/* Whether this is the sender that the row had when it was put off, or was not put off. */
static bool is_earlier_sender(const struct battery *battery, size_t row,
                              const struct envelope *envelope)
{
    const char *earlier = battery->earlier[row];
    size_t length = strlen(envelope->sender);

    return earlier == NULL || (strncmp(earlier, envelope->sender, length) == 0 &&
                               strcmp(earlier + length, envelope->sender_parameters) == 0);
}

/* The sender that the server knows from before, if it is one of the row's two. */
static void use_earlier_sender(struct battery *battery, size_t row, const struct envelope *envelope)
{
    struct envelope other = *envelope;

    use_other_sender(battery, &other);
    if (!is_earlier_sender(battery, row, envelope) && is_earlier_sender(battery, row, &other)) {
        battery->replaced[row] = true;
    }
}

static bool take_row(struct battery *battery, size_t row, struct battery_task *task)
{
    memset(task, 0, sizeof(*task));
    task->into = &battery->result->techniques[row];
    task->row = row;
    if (!build_envelope(battery, task->into->technique, &task->envelope)) {
        battery->rows[row] = BATTERY_DONE;
        return false;
    }
    task->again = battery->earlier[row] != NULL;
    use_earlier_sender(battery, row, &task->envelope);
    if (battery->replaced[row]) {
        use_other_sender(battery, &task->envelope);
    }
    battery->rows[row] = BATTERY_TAKEN;
    (void)battery_reserve(battery, task, 1);
    return true;
}

static bool take_common(struct battery *battery, bool sealed, struct battery_task *task)
{
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        const struct technique *technique = battery->result->techniques[i].technique;
        if (is_waiting(battery, i, false) &&
            (!sealed || technique->spelling == TECHNIQUE_SPELLING_USUAL) &&
            take_row(battery, i, task)) {
            return true;
        }
    }
    return false;
}

bool battery_take(struct battery *battery, size_t claim, bool sealed, struct battery_task *task)
{
    if (!may_ask(battery)) {
        return false;
    }
    if (claim != BATTERY_COMMON) {
        return battery->rows[claim] == BATTERY_TAKEN && take_row(battery, claim, task);
    }
    return (sealed && take_common(battery, true, task)) || take_common(battery, false, task);
}

static void let_go(struct battery *battery, struct battery_task *task)
{
    battery->reserved -= task->reserved;
    task->reserved = 0;
}

/* The one that went ahead is back. */
static void end_scouting(struct battery *battery, const struct technique_result *scout)
{
    bool greylisted = scout->outcome == OUTCOME_GREYLISTED ||
                      (scout->control_asked && scout->control == OUTCOME_GREYLISTED);

    battery->scouting = false;
    for (size_t i = 0; greylisted && i < battery->result->technique_count; i++) {
        if (battery->rows[i] == BATTERY_WAITING) {
            battery->rows[i] = BATTERY_DONE;
        }
    }
}

void battery_answered(struct battery *battery, struct battery_task *task)
{
    let_go(battery, task);
    battery->rows[task->row] = BATTERY_DONE;
    if (battery->scouting) {
        end_scouting(battery, task->into);
    }
    if (battery->hidden && task->into->technique->trait == TECHNIQUE_BY_NOTHING &&
        outcome_denies_relaying(task->into->outcome)) {
        battery->ended = true;
    }
}

void battery_cut(struct battery *battery, struct battery_task *task, const char *why)
{
    let_go(battery, task);
    cut_row(battery, task->row, why);
}

bool battery_reserve(struct battery *battery, struct battery_task *task, unsigned int refusals)
{
    if (refusals > task->reserved) {
        unsigned int more = refusals - task->reserved;
        if (battery->refusals + battery->reserved + more > battery->settings->max_refusals) {
            return false;
        }
        battery->reserved += more;
        task->reserved = refusals;
    }
    return true;
}

bool battery_replace_sender(struct battery *battery, struct battery_task *task)
{
    if (battery->ended || battery->replaced[task->row] ||
        task->into->technique->sender_class != TECHNIQUE_SENDER_EXTERNAL ||
        !battery_reserve(battery, task, 1)) {
        return false;
    }
    battery->replaced[task->row] = true;
    use_other_sender(battery, &task->envelope);
    return true;
}

void battery_put_back(struct battery *battery, struct battery_task *task)
{
    let_go(battery, task);
    battery->rows[task->row] = BATTERY_WAITING;
}

void battery_refused(struct battery *battery, struct battery_task *task)
{
    if (task->reserved > 0) {
        task->reserved--;
        battery->reserved--;
    }
    if (++battery->refusals != battery->settings->max_refusals) {
        return;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        if (battery->rows[i] == BATTERY_WAITING) {
            battery->result->refusals_used_up = true;
            leave_unasked(battery, &battery->result->techniques[i],
                          "not asked: the endpoint has given max_refusals already");
        }
    }
}

void battery_slow_confirmation(struct battery *battery, unsigned int confirmations)
{
    /* One there must be: it shows that the connection is in step. */
    if (confirmations > 0 && confirmations < battery->connection_confirmations) {
        battery->connection_confirmations = confirmations;
    }
}

bool battery_is_turned_away(struct battery *battery, const struct technique_result *answered)
{
    if (answered->outcome != OUTCOME_CLIENT_REFUSED || answered->code >= 500) {
        battery->turned_away = 0;
        return false;
    }
    if (++battery->turned_away == BATTERY_TURNED_AWAY_MAX && battery_has_work(battery)) {
        battery_end(battery, "The server asks the probe's address to come back later");
    }
    return true;
}

void battery_slow_down(struct battery *battery, unsigned int refusals)
{
    unsigned int fewer = battery->connection_refusals - 1;

    if (refusals < fewer) {
        fewer = refusals;
    }
    battery->connection_refusals = fewer > 0 ? fewer : 1;
}

void battery_connection_over(struct battery *battery, unsigned int answered)
{
    battery->fruitless = answered > 0 ? 0 : battery->fruitless + 1;
    if (battery->fruitless >= FRUITLESS_MAX && battery_has_work(battery)) {
        battery->result->cut_off = true;
        battery->ended = true;
    }
}

void battery_end(struct battery *battery, const char *trouble)
{
    if (battery->result->reach == REACH_SESSION && battery->message == NULL) {
        battery->result->cut_off = true;
    }
    battery_trouble(battery, "%s", trouble);
    battery->ended = true;
}

void battery_trouble(struct battery *battery, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(battery->result->trouble, sizeof(battery->result->trouble), format, arguments);
    va_end(arguments);
}

void battery_reached(struct battery *battery, enum reach reach)
{
    if (reach > battery->result->reach) {
        battery->result->reach = reach;
    }
}

#include "probe/smtp/battery.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe/model/evidence.h"
#include "probe/smtp/battery_spare.h"

#define CUTS_MAX      2
#define FRUITLESS_MAX 2
/* So many the connection that there is asks in the time that a second one needs to be opened. */
#define FEW_TECHNIQUES 4

/* All but the queue. */
static void begin(struct battery *battery, const struct battery_settings *settings,
                  struct endpoint_result *result)
{
    const char *domain = strrchr(settings->canary, '@');

    memset(battery, 0, sizeof(*battery));
    battery->settings = settings;
    battery->result = result;
    battery->connection_refusals = BATTERY_CONNECTION_REFUSALS;
    battery->connection_confirmations = UINT_MAX;
    for (size_t i = 0; i < RESULT_TECHNIQUES; i++) {
        battery->queue.turns[i] = i;
    }
    battery_place_begin(&battery->place, result, &settings->vantage, settings->canary);
    snprintf(battery->other_sender, sizeof(battery->other_sender), "<relaywarden@%s>",
             domain != NULL ? domain + 1 : settings->canary);
}

void battery_init(struct battery *battery, const struct battery_settings *settings,
                  struct endpoint_result *result)
{
    begin(battery, settings, result);
    if (result->proxied) {
        battery->greeting = BATTERY_UNGREETED;
    }
    if (settings->instead_count > 0) {
        battery_queue_fill_with(&battery->queue, result, settings->instead,
                                settings->instead_count);
    } else {
        battery_queue_fill(&battery->queue, result);
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
    battery_queue_fill_again(&battery->queue, result);
}

void battery_init_message(struct battery *battery, const struct battery_settings *settings,
                          struct endpoint_result *result, size_t row, const char *text)
{
    begin(battery, settings, result);
    battery->message = text;
    battery_queue_fill_message(&battery->queue, result, row);
}

static bool may_ask(const struct battery *battery)
{
    return !battery->ended &&
           battery->refusals + battery->reserved < battery->settings->max_refusals;
}

static bool is_waiting(const struct battery *battery, size_t row, bool special)
{
    const struct technique_result *asked = &battery->result->techniques[row];
    const struct battery_room room = {.queue = &battery->queue,
                                      .result = battery->result,
                                      .refusals = battery->refusals,
                                      .max_refusals = battery->settings->max_refusals,
                                      .ungreeted = battery->greeting == BATTERY_UNGREETED};

    return battery_spare_is_possible(&room, row) &&
           technique_is_special(asked->technique) == special &&
           (asked->own == NULL || battery_spare_is_for(&room, asked));
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

/* A server behind somebody else's address is asked one thing first, by itself. */
static bool waits_for_plain(const struct battery *battery)
{
    return battery->hidden && battery->result->technique_count > 0 &&
           battery->queue.rows[0] != BATTERY_DONE;
}

/* Whether it is not known yet whose answers there will be. */
static bool waits_for_filter(const struct battery *battery)
{
    return battery->hailing || (battery->swallowed && !battery->result->milter.present &&
                                battery->unheard < BATTERY_UNHEARD_MAX);
}

bool battery_wants_company(const struct battery *battery, bool beside_common)
{
    bool ready = battery->result->reach == REACH_SESSION || battery->greeting == BATTERY_UNGREETED;

    if (battery->alone || waits_for_filter(battery) || battery->scouting ||
        battery->message != NULL || waits_for_plain(battery) || !ready ||
        !battery_has_work(battery)) {
        return false;
    }
    return count_waiting(battery, true) > 0 ||
           count_waiting(battery, false) > (beside_common ? FEW_TECHNIQUES : 0);
}

bool battery_special_is_next(const struct battery *battery)
{
    for (size_t i = 0; battery->queue.in_turn && i < battery->result->technique_count; i++) {
        size_t row = battery->queue.turns[i];
        if (is_waiting(battery, row, false)) {
            return false;
        }
        if (is_waiting(battery, row, true)) {
            return battery->queue.rows[0] == BATTERY_DONE;
        }
    }
    return false;
}

size_t battery_claim(struct battery *battery, bool beside_common)
{
    size_t common = battery->message != NULL || battery_special_is_next(battery)
                        ? 0
                        : count_waiting(battery, false);

    /* The other connection can do the rest of the common ones. */
    if (common > 0 && !(beside_common && common <= battery->connection_refusals)) {
        return BATTERY_COMMON;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        size_t row = battery->queue.turns[i];
        if (is_waiting(battery, row, true) ||
            (battery->message != NULL && battery->queue.rows[row] == BATTERY_WAITING)) {
            battery->queue.rows[row] = BATTERY_TAKEN;
            return row;
        }
    }
    return BATTERY_COMMON;
}

/* Why this technique has no answer; one that was had before stays. */
static void leave_unasked(struct battery *battery, struct technique_result *into, const char *why)
{
    if (!into->asked) {
        into->text = string_pool_keep(&battery->result->texts, why);
    }
}

static void cut_row(struct battery *battery, size_t row, const char *why)
{
    struct technique_result *into = &battery->result->techniques[row];
    bool again = ++battery->queue.cuts[row] < CUTS_MAX && battery->message == NULL;

    battery->queue.rows[row] = again ? BATTERY_WAITING : BATTERY_DONE;
    battery->settled = 0; /* as in battery_put_back */
    leave_unasked(battery, into, why);
    into->cut = !into->asked;
    if (battery->message != NULL) {
        battery->result->message.text = string_pool_keep(&battery->result->texts, why);
    }
}

void battery_unclaim(struct battery *battery, size_t row, const char *why)
{
    cut_row(battery, row, why);
}

bool battery_envelope(struct battery *battery, size_t row, struct envelope *out)
{
    return battery_place_envelope(&battery->place, &battery->result->techniques[row], out);
}

/* Each connection would build every envelope again: that was three fifths of what an audit cost the
 * processor (measured). */
void battery_settle(struct battery *battery)
{
    uint64_t digest = battery_place_digest(&battery->place);

    if (battery->settled == digest) {
        return;
    }
    battery->settled = digest;
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        struct technique_result *into = &battery->result->techniques[i];
        struct envelope envelope;

        if (battery->queue.rows[i] != BATTERY_WAITING) {
            continue;
        }
        const char *why = battery_place_why_absent(&battery->place, into->technique);
        into->absent = why != NULL && !into->asked;
        if (why == NULL && !battery_envelope(battery, i, &envelope)) {
            why = "its address would be longer than SMTP allows";
        }
        if (why != NULL) {
            leave_unasked(battery, into, why);
            battery->queue.rows[i] = BATTERY_DONE;
        }
    }
}

/* ---- PROXY headers ------------------------------------------------------------------------ */

bool battery_ungreeted(struct battery *battery)
{
    const struct vantage_known *vantage = &battery->settings->vantage;

    /* From inside, being let in by a header is what a balancer's neighbour may expect. */
    if (battery->ended || battery->greeting == BATTERY_GREETED ||
        battery->result->endpoint.hosted || vantage->declared != VANTAGE_OUTSIDE ||
        vantage_is_inside(battery->result, vantage)) {
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
            battery->queue.rows[i] = BATTERY_DONE;
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
            battery->queue.rows[i] = BATTERY_DONE;
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

/* The sender that the server knows from before, if it is one of the row's two. */
static void use_earlier_sender(struct battery *battery, size_t row, const struct envelope *envelope)
{
    struct envelope other = *envelope;

    use_other_sender(battery, &other);
    if (!battery_queue_is_sender(&battery->queue, row, envelope) &&
        battery_queue_is_sender(&battery->queue, row, &other)) {
        battery->queue.replaced[row] = true;
    }
}

static bool take_row(struct battery *battery, size_t row, struct battery_task *task)
{
    memset(task, 0, sizeof(*task));
    task->into = &battery->result->techniques[row];
    task->row = row;
    if (!battery_envelope(battery, row, &task->envelope)) {
        battery->queue.rows[row] = BATTERY_DONE;
        return false;
    }
    task->again = battery->queue.earlier[row] != NULL;
    task->control_only = battery->queue.control_only[row];
    use_earlier_sender(battery, row, &task->envelope);
    if (battery->queue.replaced[row]) {
        use_other_sender(battery, &task->envelope);
    }
    battery->queue.rows[row] = BATTERY_TAKEN;
    (void)battery_reserve(battery, task, 1);
    return true;
}

static bool take_common(struct battery *battery, bool sealed, struct battery_task *task)
{
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        size_t row = battery->queue.turns[i];
        const struct technique *technique = battery->result->techniques[row].technique;
        if (is_waiting(battery, row, false) &&
            (!sealed || technique->spelling == TECHNIQUE_SPELLING_USUAL) &&
            take_row(battery, row, task)) {
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
        return battery->queue.rows[claim] == BATTERY_TAKEN && take_row(battery, claim, task);
    }
    return (sealed && take_common(battery, true, task)) || take_common(battery, false, task);
}

bool battery_take_first(struct battery *battery, struct battery_task *task)
{
    return may_ask(battery) && battery->result->technique_count > 0 &&
           is_waiting(battery, 0, false) && battery->queue.earlier[0] == NULL &&
           take_row(battery, 0, task);
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
        if (battery->queue.rows[i] == BATTERY_WAITING) {
            battery->queue.rows[i] = BATTERY_DONE;
        }
    }
}

void battery_answered(struct battery *battery, struct battery_task *task)
{
    let_go(battery, task);
    battery->queue.rows[task->row] = BATTERY_DONE;
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
    task->into->hung_up =
        battery->message == NULL && battery->queue.rows[task->row] == BATTERY_DONE;
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

/* Whether another sender would be another question. */
static bool is_by_sender(const struct technique *technique)
{
    return technique->trait == TECHNIQUE_BY_SENDER && technique->made_up;
}

bool battery_replace_sender(struct battery *battery, struct battery_task *task)
{
    if (battery->ended || battery->queue.replaced[task->row] ||
        task->into->technique->sender_class != TECHNIQUE_SENDER_EXTERNAL ||
        is_by_sender(task->into->technique) || !battery_reserve(battery, task, 1)) {
        return false;
    }
    battery->queue.replaced[task->row] = true;
    use_other_sender(battery, &task->envelope);
    return true;
}

void battery_put_back(struct battery *battery, struct battery_task *task)
{
    let_go(battery, task);
    battery->queue.rows[task->row] = BATTERY_WAITING;
    battery->settled = 0; /* this one was not, if it was done meanwhile */
}

void battery_want_subdomain(struct battery *battery, const struct technique_result *answered)
{
    if (answered->technique->trait != TECHNIQUE_BY_LIKENESS || battery->message != NULL ||
        !evidence_wants_subdomain(battery->result)) {
        return;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        const struct technique_result *into = &battery->result->techniques[i];
        if (into->technique->trait == TECHNIQUE_BY_SUBDOMAIN &&
            battery->queue.rows[i] == BATTERY_DONE && into->asked &&
            into->outcome == OUTCOME_RECIPIENT_REFUSED && !into->control_asked &&
            !battery->queue.control_only[i]) {
            battery->queue.control_only[i] = true;
            battery->queue.rows[i] = BATTERY_WAITING;
            battery->settled = 0;
        }
    }
}

void battery_leave(struct battery *battery, struct battery_task *task, const char *why)
{
    let_go(battery, task);
    battery->queue.rows[task->row] = BATTERY_DONE;
    leave_unasked(battery, task->into, why);
    task->into->cut = !task->into->asked;
}

void battery_refused(struct battery *battery, struct battery_task *task)
{
    if (task != NULL && task->reserved > 0) {
        task->reserved--;
        battery->reserved--;
    }
    if (++battery->refusals != battery->settings->max_refusals) {
        return;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        if (battery->queue.rows[i] == BATTERY_WAITING &&
            battery->result->techniques[i].own == NULL) {
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

/* A 5xx that names us, where `plain` was answered: else all is plainly unanswered. */
static bool is_banned(const struct battery *battery, const struct technique_result *answered)
{
    return answered->outcome == OUTCOME_CLIENT_REFUSED && answered->code >= 500 &&
           answered->names_us && evidence_count(battery->result).plain != EVIDENCE_UNANSWERED;
}

static bool is_put_off(const struct technique_result *answered)
{
    return answered->outcome == OUTCOME_CLIENT_REFUSED && answered->code < 500;
}

bool battery_is_turned_away(struct battery *battery, const struct technique_result *answered)
{
    bool banned = is_banned(battery, answered);

    if (banned && answered->technique->sender_class != TECHNIQUE_SENDER_EXTERNAL) {
        return false;
    }
    if (!banned && !is_put_off(answered)) {
        battery->turned_away = 0;
        return false;
    }
    if (++battery->turned_away == BATTERY_TURNED_AWAY_MAX) {
        if (banned) {
            battery->result->banned = true;
            battery_end(battery, "The server has begun to refuse the probe's address");
        } else if (battery_has_work(battery)) {
            battery_end(battery, "The server asks the probe's address to come back later");
        }
    }
    return !banned || battery->ended;
}

void battery_slow_down(struct battery *battery, unsigned int refusals)
{
    unsigned int fewer = battery->connection_refusals - 1;
    unsigned int least =
        battery->settings->asker.key != NULL ? 2 : 1; /* a hello, and what follows */

    if (refusals < fewer) {
        fewer = refusals;
    }
    battery->connection_refusals = fewer > least ? fewer : least;
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

/* The greeting that refuses is all that there is to tell: nobody is greeted otherwise. */
static bool is_turned_away(const struct battery *battery)
{
    return battery->told != BATTERY_NOT_TURNED_AWAY && battery->result->reach <= REACH_NO_GREETING;
}

bool battery_turn_away(struct battery *battery, enum battery_turned_away told, const char *why)
{
    if (told <= battery->told || battery->result->reach > REACH_NO_GREETING) {
        return false;
    }
    battery->told = BATTERY_NOT_TURNED_AWAY;
    battery_trouble(battery, "%s", why);
    battery->told = told;
    return true;
}

void battery_trouble(struct battery *battery, const char *format, ...)
{
    va_list arguments;

    if (is_turned_away(battery)) {
        return;
    }
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

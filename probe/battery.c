#include "probe/battery.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_TECHNIQUE "plain"
#define CUTS_MAX        2
#define FRUITLESS_MAX   2

static void leave_unasked(struct technique_result *into, const char *why)
{
    snprintf(into->text, sizeof(into->text), "%s", why);
}

void battery_init(struct battery *battery, const struct battery_settings *settings,
                  struct endpoint_result *result)
{
    const char *domain = strrchr(settings->canary, '@');
    const struct technique *first = technique_find(FIRST_TECHNIQUE);

    memset(battery, 0, sizeof(*battery));
    battery->settings = settings;
    battery->result = result;
    battery->connection_refusals = BATTERY_CONNECTION_REFUSALS;
    address_format_literal(&result->endpoint.address, battery->literal);
    snprintf(battery->other_sender, sizeof(battery->other_sender), "<relaywarden@%s>",
             domain != NULL ? domain + 1 : settings->canary);
    result->technique_count = 0;
    if (first != NULL) {
        result->techniques[result->technique_count++].technique = first;
    }
    for (size_t i = 0; i < technique_count && result->technique_count < RESULT_TECHNIQUES; i++) {
        if (&techniques[i] != first) {
            result->techniques[result->technique_count++].technique = &techniques[i];
        }
    }
    for (size_t i = 0; i < result->technique_count; i++) {
        leave_unasked(&result->techniques[i], "not asked");
    }
}

static bool may_ask(const struct battery *battery)
{
    return !battery->ended && battery->refusals < battery->settings->max_refusals;
}

bool battery_has_work(const struct battery *battery)
{
    if (!may_ask(battery)) {
        return false;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        if (battery->rows[i] == BATTERY_WAITING) {
            return true;
        }
    }
    return false;
}

static bool build_envelope(const struct battery *battery, const struct technique *technique,
                           struct envelope *out)
{
    const struct endpoint *endpoint = &battery->result->endpoint;
    const struct technique_place place = {
        .canary = battery->settings->canary,
        .own = endpoint->own,
        .host = endpoint->host,
        .literal = battery->literal,
    };

    return technique_envelope(technique, &place, out);
}

static void use_other_sender(const struct battery *battery, struct envelope *envelope)
{
    if (strcmp(envelope->sender, battery->other_sender) == 0) {
        snprintf(envelope->sender, sizeof(envelope->sender), "<%s>", battery->settings->canary);
    } else {
        memcpy(envelope->sender, battery->other_sender, sizeof(envelope->sender));
    }
}

bool battery_take(struct battery *battery, struct battery_task *task)
{
    if (!may_ask(battery)) {
        return false;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        struct technique_result *into = &battery->result->techniques[i];
        if (battery->rows[i] != BATTERY_WAITING) {
            continue;
        }
        memset(task, 0, sizeof(*task));
        if (!build_envelope(battery, into->technique, &task->envelope)) {
            leave_unasked(into, "its address would be longer than SMTP allows");
            battery->rows[i] = BATTERY_DONE;
            continue;
        }
        if (battery->replaced[i]) {
            use_other_sender(battery, &task->envelope);
        }
        battery->rows[i] = BATTERY_TAKEN;
        task->into = into;
        task->row = i;
        return true;
    }
    return false;
}

void battery_answered(struct battery *battery, const struct battery_task *task)
{
    battery->rows[task->row] = BATTERY_DONE;
}

void battery_cut(struct battery *battery, const struct battery_task *task, const char *why)
{
    bool again = ++battery->cuts[task->row] < CUTS_MAX;

    battery->rows[task->row] = again ? BATTERY_WAITING : BATTERY_DONE;
    if (!task->into->asked) {
        leave_unasked(task->into, why);
    }
}

bool battery_replace_sender(struct battery *battery, struct battery_task *task)
{
    if (!may_ask(battery) || battery->replaced[task->row] ||
        task->into->technique->sender_class != TECHNIQUE_SENDER_EXTERNAL) {
        return false;
    }
    battery->replaced[task->row] = true;
    use_other_sender(battery, &task->envelope);
    return true;
}

void battery_put_back(struct battery *battery, const struct battery_task *task)
{
    battery->rows[task->row] = BATTERY_WAITING;
}

void battery_refused(struct battery *battery)
{
    if (++battery->refusals != battery->settings->max_refusals) {
        return;
    }
    for (size_t i = 0; i < battery->result->technique_count; i++) {
        if (battery->rows[i] == BATTERY_WAITING) {
            battery->result->refusals_used_up = true;
            leave_unasked(&battery->result->techniques[i],
                          "not asked: the endpoint has given max_refusals already");
        }
    }
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
    if (battery->result->reach == REACH_SESSION) {
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

#include "milter/tokens/probe_dialogue.h"

#include <string.h>
#include <sys/random.h>

#include "lib/sys/clocks.h"

static const char *const hello_results[] = {
    [HELLO_ANSWERED] = "answered", [HELLO_CLOCK] = "clock",   [HELLO_REPEATED] = "repeated",
    [HELLO_FULL] = "full",         [HELLO_FORGED] = "forged", [HELLO_UNCHECKED] = "unchecked",
};

static const char *const ask_results[] = {
    [ASK_ANSWERED] = "answered", [ASK_ACCEPTED] = "accepted", [ASK_REFUSED] = "refused",
    [ASK_DEFERRED] = "deferred", [ASK_FORGED] = "forged",     [ASK_UNCHECKED] = "unchecked",
};

const char *hello_result_name(enum hello_result value)
{
    return hello_results[value];
}

const char *ask_result_name(enum ask_result value)
{
    return ask_results[value];
}

static void count_hello(struct probe_dialogue_desk *desk, enum hello_result result)
{
    atomic_fetch_add(&desk->hellos[result], 1);
}

/* The key that made it; NULL: none of ours. */
static const struct token_key *maker_of(const struct token_hello *hello,
                                        const struct probe_dialogue_keys *keys)
{
    if (keys->first != NULL && token_hello_verify(keys->first, hello)) {
        return keys->first;
    }
    return keys->other != NULL && token_hello_verify(keys->other, hello) ? keys->other : NULL;
}

/* A believed hello's end; true if it is answered. */
static bool take_hello(struct probe_dialogue *audit, struct probe_dialogue_desk *desk,
                       const struct token_hello *hello, struct observation *answer)
{
    static const enum hello_result results[] = {
        [NONCE_NEW] = HELLO_ANSWERED,
        [NONCE_REPEATED] = HELLO_REPEATED,
        [NONCE_FULL] = HELLO_FULL,
    };
    const struct clocks now = clocks_now();

    *answer = (struct observation){.kind = OBSERVATION_CLOCK, .time = (uint32_t)now.wall};
    if (!token_hello_is_current(hello, now.wall)) {
        count_hello(desk, HELLO_CLOCK);
        return true;
    }
    enum nonce_verdict nonce = nonces_note(&desk->nonces, hello->nonce, now.steady);
    count_hello(desk, results[nonce]);
    if (nonce != NONCE_NEW || getrandom(answer->challenge, sizeof(answer->challenge), 0) !=
                                  (ssize_t)sizeof(answer->challenge)) {
        return false;
    }
    answer->kind = OBSERVATION_HELLO;
    answer->seen = audit->seen;
    answer->accepted = audit->accepted;
    return true;
}

bool probe_dialogue_hear(struct probe_dialogue *audit, struct probe_dialogue_desk *desk,
                         const struct probe_dialogue_keys *keys, const char *path,
                         struct observation *answer)
{
    struct token_hello hello;
    struct token_binding binding = {.key = NULL};

    if ((keys->first == NULL && keys->other == NULL) || !token_hello_parse(path, &hello)) {
        return false;
    }
    if (audit->wrong_macs >= PROBE_DIALOGUE_WRONG_MACS) {
        count_hello(desk, HELLO_UNCHECKED);
        return false;
    }
    binding.key = maker_of(&hello, keys);
    if (binding.key == NULL) {
        audit->wrong_macs++;
        count_hello(desk, HELLO_FORGED);
        return false;
    }
    if (!take_hello(audit, desk, &hello, answer)) {
        return false;
    }
    memcpy(binding.nonce, hello.nonce, sizeof(binding.nonce));
    memcpy(binding.challenge, answer->challenge, sizeof(binding.challenge));
    audit->binding = binding;
    audit->met = true;
    audit->greeted = answer->kind == OBSERVATION_HELLO;
    memcpy(audit->route, hello.route, sizeof(audit->route));
    memcpy(audit->domain, hello.domain, sizeof(audit->domain));
    audit->told_hidden = false;
    audit->told_true = false;
    return true;
}

/* Who asks from inside sees nothing of what strangers meet, and would hide that nobody else looks.
 */
static void note_visit(struct probe_dialogue_desk *desk, enum token_role role)
{
    atomic_llong *last = token_role_is_outside(role) ? &desk->last_ask : &desk->last_inside;

    atomic_store(last, clocks_now().steady);
    atomic_fetch_add(&desk->roles[role], 1);
}

bool probe_dialogue_is_asked(struct probe_dialogue *audit, struct probe_dialogue_desk *desk,
                             const char *mail_path, const char *rcpt_path, struct token_ask *out)
{
    if (!audit->greeted || !token_ask_parse(rcpt_path, out)) {
        return false;
    }
    if (audit->wrong_macs >= PROBE_DIALOGUE_WRONG_MACS) {
        atomic_fetch_add(&desk->asks[ASK_UNCHECKED], 1);
        return false;
    }
    if (!token_ask_verify(&audit->binding, out, mail_path, rcpt_path)) {
        audit->wrong_macs++;
        atomic_fetch_add(&desk->asks[ASK_FORGED], 1);
        return false;
    }
    audit->audited = true;
    note_visit(desk, out->role);
    return true;
}

void probe_dialogue_count(struct probe_dialogue *audit, struct probe_dialogue_desk *desk,
                          enum decision decision, bool answered)
{
    static const enum ask_result results[] = {
        [DECISION_ACCEPTED] = ASK_ACCEPTED,
        [DECISION_REFUSED] = ASK_REFUSED,
        [DECISION_DEFERRED] = ASK_DEFERRED,
    };

    audit->seen++;
    audit->accepted += decision == DECISION_ACCEPTED;
    atomic_fetch_add(&desk->asks[answered ? ASK_ANSWERED : results[decision]], 1);
}

void probe_dialogue_metrics(struct metrics *metrics, const struct probe_dialogue_desk *desk)
{
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_hellos_total",
                   "Senders with the shape of a probe's hello, by what became of them.");
    for (size_t i = 0; i < HELLO_RESULTS; i++) {
        metrics_count(metrics, atomic_load(&desk->hellos[i]), "result", hello_results[i],
                      (char *)NULL);
    }
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_asks_total",
                   "Recipients with the shape of a probe's ask after a hello, by what became of "
                   "them.");
    for (size_t i = 0; i < ASK_RESULTS; i++) {
        metrics_count(metrics, atomic_load(&desk->asks[i]), "result", ask_results[i], (char *)NULL);
    }
    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_asks_by_role_total",
                   "Valid asks, by where the probe stands; true, hidden and unknown are outside.");
    for (size_t i = TOKEN_ROLE_TRUE; i < TOKEN_ROLES; i++) {
        metrics_count(metrics, atomic_load(&desk->roles[i]), "role",
                      token_role_name((enum token_role)i), (char *)NULL);
    }
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_milter_masked_routes",
                   "Ways by which strangers reach the MTA under trusted addresses.");
    metrics_count(metrics, atomic_load(&desk->masks.masked), (char *)NULL);
}

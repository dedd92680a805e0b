#include "probe/smtp/session_steps.h"

#include <string.h>
#include <strings.h>

/* EHLO and RSET both end the transaction that there is, so none is needed before. */
void session_plan_confirmation(struct session *session, enum session_state step)
{
    session->in_transaction = false;
    session_plan(session, &step, 1);
}

/* Whether this is what EHLO was answered with before. The first line of several may greet
 * differently each time. */
static bool is_hello(const struct session *session, const struct reply *reply)
{
    const struct reply *hello = &session->hello;
    const char *lines = strchr(reply->text, '\n');
    const char *hello_lines = strchr(hello->text, '\n');

    if (reply->code != hello->code || (lines == NULL) != (hello_lines == NULL)) {
        return false;
    }
    return lines != NULL ? strcmp(lines, hello_lines) == 0 : strcmp(reply->text, hello->text) == 0;
}

/* Whether this can only be an answer to EHLO, if not the one of before: several lines, of which the
 * first begins with the same name. Capabilities may change within a connection. */
static bool resembles_hello(const struct session *session, const struct reply *reply)
{
    const struct reply *hello = &session->hello;
    size_t name = strcspn(hello->text, " \n");

    return reply->code == SESSION_CODE_OK && hello->code == SESSION_CODE_OK && name > 0 &&
           strchr(reply->text, '\n') != NULL && strchr(hello->text, '\n') != NULL &&
           strcspn(reply->text, " \n") == name && strncasecmp(reply->text, hello->text, name) == 0;
}

void session_void_acceptance(struct session *session)
{
    struct technique_result *into = session->task.into;

    if (session->at_control) {
        into->control_asked = false;
        return;
    }
    *into = (struct technique_result){.technique = into->technique,
                                      .unconfirmed = true,
                                      .helo = "",
                                      .sender = "",
                                      .recipient = "",
                                      .text = ""};
}

static void out_of_step(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, "An acceptance was void, for the server's replies are out of step",
                     reply);
    session_void_acceptance(session);
    battery_trouble(session->battery, "%s", why);
    /* Perhaps it could not bear what was sent together. */
    session->battery->one_at_a_time = true;
    session_cut_task(session, why);
    session_close(session);
}

/* The transaction is over, too. */
static void confirmed(struct session *session)
{
    if (!session->at_control && session->task.envelope.control[0] != '\0') {
        session_plan_control(session);
        return;
    }
    session_end_task(session);
}

void session_take_confirm(struct session *session, const struct reply *reply)
{
    bool known = is_hello(session, reply);

    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (known && reply->code == SESSION_CODE_OK) {
        confirmed(session);
    } else if (known || resembles_hello(session, reply) ||
               (reply->code >= 500 && reply->code <= 504)) {
        /* Takes no EHLO, or only one, or answers each in another way: a server in step takes RSET,
         * and does not answer it as it did EHLO. */
        session_plan_confirmation(session, SESSION_CONFIRM_RSET);
    } else {
        out_of_step(session, reply);
    }
}

void session_take_confirm_rset(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (reply->code == SESSION_CODE_OK && !is_hello(session, reply) &&
               !resembles_hello(session, reply)) {
        confirmed(session);
    } else {
        out_of_step(session, reply);
    }
}

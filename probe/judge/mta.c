#include "probe/judge/mta.h"

#include <string.h>
#include <strings.h>

#include "probe/judge/banner.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* How the text of a reply to MAIL or RCPT is looked at. */
enum match {
    MATCH_WHOLE,
    MATCH_IN, /* anywhere in it */
};

/* Each of these is said by one of them alone: Postfix's smtpd_check.c and smtpd.c, Sendmail's
 * proto.m4 and srvrsmtp.c, Exim's smtp_in.c and Debian's configuration of it. Others imitate the
 * words, but not the form: "..." behind the address is Sendmail's. */
static const struct {
    enum mta mta;
    enum match match;
    const char *enhanced; /* NULL: whatever it is */
    const char *text;
} replies[] = {
    {MTA_POSTFIX, MATCH_WHOLE, "2.1.5", "Ok"},
    {MTA_POSTFIX, MATCH_IN, NULL, ">: Relay access denied"},
    {MTA_POSTFIX, MATCH_IN, NULL, ">: Recipient address rejected: "},
    {MTA_POSTFIX, MATCH_IN, NULL, ">: Sender address rejected: "},
    {MTA_POSTFIX, MATCH_IN, NULL, ">: Helo command rejected: "},
    {MTA_POSTFIX, MATCH_IN, NULL, "]: Client host rejected: "},
    {MTA_SENDMAIL, MATCH_IN, NULL, ">... "},
    {MTA_EXIM, MATCH_WHOLE, "", "Accepted"},
    {MTA_EXIM, MATCH_WHOLE, "", "relay not permitted"},
    {MTA_EXIM, MATCH_WHOLE, "", "Unrouteable address"},
    {MTA_EXIM, MATCH_WHOLE, "", "Sender verify failed"},
};

/* Keywords that only one of them offers. */
static const struct {
    enum mta mta;
    const char *keyword;
} offers[] = {
    {MTA_SENDMAIL, "DELIVERBY"}, {MTA_EXIM, "PRDR"},           {MTA_EXIM, "PIPECONNECT"},
    {MTA_EXIM, "PIPE_CONNECT"},  {MTA_EXIM, "X_PIPE_CONNECT"}, {MTA_POSTFIX, "XVERP"},
    {MTA_POSTFIX, "XFORWARD"},
};

/* The signs so far; other software is a sign against all three. */
struct signs {
    enum mta mta;
    bool contradict;
};

static void see(struct signs *signs, enum mta mta)
{
    signs->contradict |= signs->mta != MTA_UNKNOWN && signs->mta != mta;
    signs->mta = mta;
}

static void see_reply(struct signs *signs, const char *enhanced, const char *text)
{
    for (size_t i = 0; i < COUNT(replies); i++) {
        bool fits = replies[i].match == MATCH_WHOLE ? strcmp(text, replies[i].text) == 0
                                                    : strstr(text, replies[i].text) != NULL;
        if (fits && (replies[i].enhanced == NULL || strcmp(enhanced, replies[i].enhanced) == 0)) {
            see(signs, replies[i].mta);
        }
    }
}

static void see_offer(struct signs *signs, const char *capability)
{
    size_t length = strcspn(capability, " =");

    for (size_t i = 0; i < COUNT(offers); i++) {
        if (strlen(offers[i].keyword) == length &&
            strncasecmp(capability, offers[i].keyword, length) == 0) {
            see(signs, offers[i].mta);
        }
    }
}

static void see_greeting(struct signs *signs, const char *line)
{
    struct banner_reading reading;

    if (!banner_read(line, &reading)) {
        return;
    }
    for (int mta = MTA_UNKNOWN + 1; mta < MTA_KINDS; mta++) {
        if (strcasecmp(reading.software, mta_label((enum mta)mta)) == 0) {
            see(signs, (enum mta)mta);
            return;
        }
    }
    signs->contradict = true;
}

enum mta mta_recognise(const struct endpoint_result *result)
{
    struct signs signs = {.mta = MTA_UNKNOWN};

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (asked->asked && !asked->observed && asked->text != NULL) {
            see_reply(&signs, asked->enhanced, asked->text);
        }
    }
    for (size_t i = 0; i < result->capability_count; i++) {
        see_offer(&signs, result->capabilities[i]);
    }
    see_greeting(&signs, result->banner);
    return signs.contradict ? MTA_UNKNOWN : signs.mta;
}

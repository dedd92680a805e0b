#include <string.h>

#include "probe/model/technique.h"

/*
 * The external sender is the canary itself: a mailbox that exists, so that sender verification does
 * not hide the answer. A control keeps its technique's shape, with "=" in place of what routes: the
 * one thing left that it can be is a local mailbox that nobody has. For the address literal of an
 * outside host that is one at the server's own.
 */
#define PLAINLY         .sender = "<{canary}>", .recipient = "<{canary}>"
#define AS_MAILBOX      .form = TECHNIQUE_MAILBOX, .sender = "<{canary}>"
#define IS(value, name) .number = (value), .id = (name)
#define WRAPS           .trait = TECHNIQUE_BY_WRAPPING, AS_MAILBOX
#define ROUTES(path)    .trait = TECHNIQUE_BY_ROUTE, .sender = "<{canary}>", .recipient = (path)
#define GREETS_AS(name) .trait = TECHNIQUE_BY_HELO, .helo = (name), PLAINLY
#define CLAIMS_XCLIENT(attributes, offer)                                                          \
    .trait = TECHNIQUE_BY_XCLIENT, .identity = TECHNIQUE_IDENTITY_XCLIENT, .claim = (attributes),  \
    .requires = (offer), PLAINLY
#define CLAIMS_PROXY(version, address)                                                             \
    .trait = TECHNIQUE_BY_PROXY, .identity = TECHNIQUE_IDENTITY_PROXY_##version,                   \
    .claim = (address), PLAINLY
/* SRS and its like, with a hash that nobody computed. The control says the same of an own mailbox:
 * a server that unwraps what it likes finds nobody there. */
#define AS_USER(before, after)                                                                     \
    .trait = TECHNIQUE_BY_WRAPPING, .form = TECHNIQUE_USER, .sender = "<{canary}>",                \
    .recipient = "<" before "{canary.domain}" after "@{own}>",                                     \
    .control = "<" before "{own}" after "@{own}>"
#define FROM_OWN(path)                                                                             \
    .trait = TECHNIQUE_BY_SENDER, .sender_class = TECHNIQUE_SENDER_OWN, .sender = (path),          \
    .recipient = "<{canary}>"

const struct technique techniques[] = {
    {
        IS(1, "plain"),
        PLAINLY,
        .summary = "an outside sender writes to an outside mailbox",
        .proves = "anybody can send mail to anybody through this server",
    },
    {
        IS(2, "null-sender"),
        .trait = TECHNIQUE_BY_SENDER,
        .sender_class = TECHNIQUE_SENDER_NULL,
        .sender = "<>",
        .recipient = "<{canary}>",
        .summary = "the null sender of bounces writes to an outside mailbox",
        .proves = "anybody can send mail through this server as if it were a bounce",
    },
    {
        IS(3, "own-sender"),
        FROM_OWN("<postmaster@{own}>"),
        .summary = "a sender in the site's own domain, and in turn in each other that the site "
                   "declares, writes to an outside mailbox",
        .proves = "anybody who claims a sender in the site's domain can send mail to anybody",
    },
    {
        IS(4, "percent-hack"),
        WRAPS,
        .recipient = "<{canary.local}%{canary.domain}@{own}>",
        .control = "<{canary.local}={canary.domain}@{own}>",
        .summary = "the outside address is wrapped in an own one with a percent sign",
        .proves = "the server unwraps user%outside@own and forwards to the outside",
    },
    {
        IS(5, "quoted"),
        WRAPS,
        .recipient = "<\"{canary}\"@{own}>",
        .control = "<\"{canary.local}={canary.domain}\"@{own}>",
        .summary = "the outside address is the quoted local part of an own one",
        .proves = "the server unwraps \"user@outside\"@own and forwards to the outside",
    },
    {
        IS(6, "source-route"),
        ROUTES("<@{own}:{canary}>"),
        .summary = "an RFC 821 source route leads through the server to the outside",
        .proves = "the server follows source routes for anybody",
    },
    {
        IS(7, "bang-path"),
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<{canary.domain}!{canary.local}>",
        .control = "<{canary.domain}={canary.local}>",
        .summary = "a UUCP path leads to the outside mailbox",
        .proves = "the server turns outside!user into user@outside and forwards there",
    },
    {
        IS(8, "own-user-sender"),
        FROM_OWN("<{canary.local}@{own}>"),
        .summary =
            "another sender than postmaster in the site's own domain writes to an outside mailbox",
        .proves = "anybody who claims a sender in the site's domain can send mail to anybody",
    },
    {
        IS(9, "literal-sender"),
        FROM_OWN("<postmaster@{literal}>"),
        .summary = "a sender at the server's address literal writes to an outside mailbox",
        .proves = "anybody who claims a sender at the server's address can send mail to anybody",
    },
    {
        IS(10, "host-sender"),
        FROM_OWN("<postmaster@{host}>"),
        .summary = "a sender at the server's host name writes to an outside mailbox",
        .proves = "anybody who claims a sender at the server's name can send mail to anybody",
    },
    {
        IS(11, "greeted-sender"),
        FROM_OWN("<postmaster@{greeted}>"),
        .summary = "a sender at the name in the greeting writes to an outside mailbox",
        .proves = "anybody who claims a sender at the name that the server greets with can send "
                  "mail to anybody",
    },
    {
        IS(12, "ehlo-sender"),
        FROM_OWN("<postmaster@{ehlo}>"),
        .summary = "a sender at the name in the reply to EHLO writes to an outside mailbox",
        .proves = "anybody who claims a sender at the name that the server gives itself can send "
                  "mail to anybody",
    },
    {
        IS(13, "localhost-sender"),
        FROM_OWN("<postmaster@localhost>"),
        .summary = "a sender at localhost writes to an outside mailbox",
        .proves = "anybody who claims a sender at localhost can send mail to anybody",
    },
    {
        IS(14, "bare-sender"),
        FROM_OWN("<postmaster>"),
        .summary = "a sender without a domain writes to an outside mailbox",
        .proves = "anybody who claims a sender without a domain can send mail to anybody",
    },
    {
        IS(15, "no-brackets"),
        .trait = TECHNIQUE_BY_WORDING,
        .spelling = TECHNIQUE_SPELLING_NO_BRACKETS,
        PLAINLY,
        .summary = "the outside mailbox is named without angle brackets",
        .proves = "an address without brackets passes by the check of the destination",
    },
    {
        IS(16, "percent-literal"),
        WRAPS,
        .recipient = "<{canary.local}%{canary.domain}@{literal}>",
        .control = "<{canary.local}={canary.domain}@{literal}>",
        .summary =
            "the outside address is wrapped with a percent sign, at the server's address literal",
        .proves =
            "the server unwraps user%outside at its address literal and forwards to the outside",
    },
    {
        IS(17, "percent-host"),
        WRAPS,
        .recipient = "<{canary.local}%{canary.domain}@{host}>",
        .control = "<{canary.local}={canary.domain}@{host}>",
        .summary = "the outside address is wrapped with a percent sign, at the server's host name",
        .proves = "the server unwraps user%outside at its own name and forwards to the outside",
    },
    {
        IS(18, "percent-bare"),
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<{canary.local}%{canary.domain}>",
        .control = "<{canary.local}={canary.domain}>",
        .summary = "the outside address has a percent sign for its @ and no other domain",
        .proves = "the server turns user%outside into user@outside and forwards there",
    },
    {
        IS(19, "bang-own"),
        WRAPS,
        .recipient = "<{canary.domain}!{canary.local}@{own}>",
        .control = "<{canary.domain}={canary.local}@{own}>",
        .summary = "a UUCP path is the local part of an own address",
        .proves = "the server unwraps outside!user@own and forwards to the outside",
    },
    {
        IS(20, "bang-literal"),
        WRAPS,
        .recipient = "<{canary.domain}!{canary.local}@{literal}>",
        .control = "<{canary.domain}={canary.local}@{literal}>",
        .summary = "a UUCP path is the local part at the server's address literal",
        .proves =
            "the server unwraps outside!user at its address literal and forwards to the outside",
    },
    {
        IS(21, "bang-host"),
        WRAPS,
        .recipient = "<{canary.domain}!{canary.local}@{host}>",
        .control = "<{canary.domain}={canary.local}@{host}>",
        .summary = "a UUCP path is the local part at the server's host name",
        .proves = "the server unwraps outside!user at its own name and forwards to the outside",
    },
    {
        IS(22, "quoted-literal"),
        WRAPS,
        .recipient = "<\"{canary}\"@{literal}>",
        .control = "<\"{canary.local}={canary.domain}\"@{literal}>",
        .summary = "the outside address is the quoted local part at the server's address literal",
        .proves = "the server unwraps \"user@outside\" at its address literal and forwards to the "
                  "outside",
    },
    {
        IS(23, "quoted-host"),
        WRAPS,
        .recipient = "<\"{canary}\"@{host}>",
        .control = "<\"{canary.local}={canary.domain}\"@{host}>",
        .summary = "the outside address is the quoted local part at the server's host name",
        .proves = "the server unwraps \"user@outside\" at its own name and forwards to the outside",
    },
    {
        IS(24, "quoted-bare"),
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<\"{canary}\">",
        .control = "<\"{canary.local}={canary.domain}\">",
        .summary = "the outside address is in quotes and has no other domain",
        .proves = "the server takes the quotes off \"user@outside\" and forwards there",
    },
    {
        IS(25, "quoted-percent"),
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<\"{canary.local}%{canary.domain}\">",
        .control = "<\"{canary.local}={canary.domain}\">",
        .summary = "the outside address has a percent sign for its @, is in quotes and has no "
                   "other domain",
        .proves = "the server turns \"user%outside\" into user@outside and forwards there",
    },
    {
        IS(26, "quoted-percent-own"),
        WRAPS,
        .recipient = "<\"{canary.local}%{canary.domain}\"@{own}>",
        .control = "<\"{canary.local}={canary.domain}\"@{own}>",
        .summary =
            "the outside address, with a percent sign, is the quoted local part of an own one",
        .proves = "the server unwraps \"user%outside\"@own and forwards to the outside",
    },
    {
        IS(27, "double-at"),
        WRAPS,
        .recipient = "<{canary}@{own}>",
        .control = "<{canary.local}={canary.domain}@{own}>",
        .summary = "the own domain is put behind the outside address",
        .proves =
            "the server takes the own domain off user@outside@own and forwards to the outside",
    },
    {
        IS(28, "double-at-literal"),
        WRAPS,
        .recipient = "<{canary}@{literal}>",
        .control = "<{canary.local}={canary.domain}@{literal}>",
        .summary = "the server's address literal is put behind the outside address",
        .proves = "the server takes its address literal off user@outside@literal and forwards to "
                  "the outside",
    },
    {
        IS(29, "double-at-host"),
        WRAPS,
        .recipient = "<{canary}@{host}>",
        .control = "<{canary.local}={canary.domain}@{host}>",
        .summary = "the server's host name is put behind the outside address",
        .proves = "the server takes its own name off user@outside@host and forwards to the outside",
    },
    {
        IS(30, "trailing-at"),
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<{canary}@>",
        .control = "<{canary.local}={canary.domain}@>",
        .summary = "an @ with nothing after it is put behind the outside address",
        .proves = "the server takes the last @ off user@outside@ and forwards to the outside",
    },
    {
        IS(31, "source-route-host"),
        ROUTES("<@{host}:{canary}>"),
        .summary = "an RFC 821 source route leads through the server's host name to the outside",
        .proves = "the server follows source routes through its own name for anybody",
    },
    {
        IS(32, "source-route-literal"),
        ROUTES("<@{literal}:{canary}>"),
        .summary =
            "an RFC 821 source route leads through the server's address literal to the outside",
        .proves = "the server follows source routes through its address literal for anybody",
    },
    {
        IS(33, "outside-literal"),
        .trait = TECHNIQUE_BY_DESTINATION,
        AS_MAILBOX,
        .recipient = "<{canary.local}@{client}>",
        .control = "<{canary.local}={canary.domain}@{literal}>",
        .summary = "the outside mailbox is at an address literal, that of the probe's own end",
        .proves = "the server sends mail for anybody to any address literal",
    },
    {
        IS(34, "percent-subdomain"),
        .trait = TECHNIQUE_BY_SUBDOMAIN,
        AS_MAILBOX,
        .recipient = "<{canary.local}%{canary.domain}@relaywarden.{own}>",
        .control = "<{canary.local}={canary.domain}@relaywarden.{own}>",
        .summary = "the outside address is wrapped with a percent sign, at a made-up subdomain of "
                   "the own domain",
        .proves = "the server takes subdomains of its own for its own, unwraps user%outside there "
                  "and forwards to the outside",
    },
    {
        IS(35, "upper-case"),
        .trait = TECHNIQUE_BY_WORDING,
        .spelling = TECHNIQUE_SPELLING_UPPER_CASE,
        PLAINLY,
        .summary = "the outside mailbox is written in upper case",
        .proves = "an address in upper case passes by the check of the destination",
    },
    {
        IS(36, "spaces"),
        .trait = TECHNIQUE_BY_WORDING,
        .spelling = TECHNIQUE_SPELLING_SPACES,
        PLAINLY,
        .summary = "there are spaces before the outside mailbox and inside its angle brackets",
        .proves = "an address with spaces round it passes by the check of the destination",
    },
    {
        IS(37, "orcpt"),
        .trait = TECHNIQUE_BY_WORDING,
        .requires = "DSN",
        PLAINLY,
        .recipient_parameters = " ORCPT=rfc822;postmaster@{own}",
        .summary = "the outside mailbox is said to have been the site's postmaster before (ORCPT)",
        .proves = "a claim about the original recipient passes by the check of the destination",
    },
    {
        IS(38, "notify"),
        .trait = TECHNIQUE_BY_WORDING,
        .requires = "DSN",
        PLAINLY,
        .recipient_parameters = " NOTIFY=NEVER",
        .summary = "the outside mailbox comes with a wish about notifications (NOTIFY)",
        .proves = "a recipient with parameters passes by the check of the destination",
    },
    {
        IS(39, "smtputf8"),
        .trait = TECHNIQUE_BY_WORDING,
        .requires = "SMTPUTF8",
        .sender = "<{canary}>",
        .sender_parameters = " SMTPUTF8",
        .recipient = "<{canary}>",
        .summary = "the outside sender writes an internationalised message (SMTPUTF8)",
        .proves = "an internationalised envelope passes by the check of the destination",
    },
    {
        IS(40, "after-local"),
        .trait = TECHNIQUE_BY_SEQUENCE,
        .sequence = TECHNIQUE_SEQUENCE_AFTER_LOCAL,
        PLAINLY,
        .summary = "the outside mailbox is the second recipient, after the site's postmaster",
        .proves = "only the first recipient of a message is checked",
    },
    {
        IS(41, "second-transaction"),
        .trait = TECHNIQUE_BY_SEQUENCE,
        .sequence = TECHNIQUE_SEQUENCE_AFTER_RESET,
        PLAINLY,
        .summary = "the outside mailbox is asked for after a transaction to the site's postmaster "
                   "was begun and reset",
        .proves = "what was granted to one transaction is left standing for the next",
    },
    {
        IS(42, "helo-own"),
        GREETS_AS("{own}"),
        .summary =
            "a client that calls itself by the site's own domain, and in turn by each other that "
            "the site declares, writes to an outside mailbox",
        .proves = "anybody who greets with the site's domain can send mail to anybody",
    },
    {
        IS(43, "helo-host"),
        GREETS_AS("{host}"),
        .summary =
            "a client that calls itself by the server's host name writes to an outside mailbox",
        .proves = "anybody who greets with the server's name can send mail to anybody",
    },
    {
        IS(44, "helo-localhost"),
        GREETS_AS("localhost"),
        .summary = "a client that calls itself localhost writes to an outside mailbox",
        .proves = "anybody who greets as localhost can send mail to anybody",
    },
    {
        IS(45, "helo-literal"),
        GREETS_AS("{literal}"),
        .summary = "a client that calls itself by the server's address literal writes to an "
                   "outside mailbox",
        .proves = "anybody who greets with the server's address can send mail to anybody",
    },
    {
        IS(46, "before-starttls"),
        .trait = TECHNIQUE_BY_CLEAR,
        .in_clear = true,
        .requires = "STARTTLS",
        PLAINLY,
        .summary = "the same is asked in the clear that was asked inside TLS",
        .proves = "relaying is granted to anybody who leaves STARTTLS out",
    },
    {
        IS(47, "auth-null"),
        .trait = TECHNIQUE_BY_SENDER,
        .requires = "AUTH",
        .sender = "<{canary}>",
        .sender_parameters = " AUTH=<>",
        .recipient = "<{canary}>",
        .summary = "the sender is said to be nobody that is known (AUTH=<>)",
        .proves = "a claim about who submitted the message stands in for authentication",
    },
    {
        IS(48, "auth-own"),
        .trait = TECHNIQUE_BY_SENDER,
        .requires = "AUTH",
        .sender = "<{canary}>",
        .sender_parameters = " AUTH=postmaster@{own}",
        .recipient = "<{canary}>",
        .summary = "the site's postmaster is said to have submitted the message (AUTH=)",
        .proves = "a claim about who submitted the message stands in for authentication",
    },
    {
        IS(49, "auth-anonymous"),
        .trait = TECHNIQUE_BY_ANONYMOUS,
        .identity = TECHNIQUE_IDENTITY_ANONYMOUS,
        .requires = "AUTH ANONYMOUS",
        PLAINLY,
        .summary = "a client that has logged in as nobody (AUTH ANONYMOUS) writes to an outside "
                   "mailbox",
        .proves = "an anonymous log-in counts as authentication, and anybody can have one",
    },
    {
        IS(50, "xclient-loopback"),
        CLAIMS_XCLIENT("ADDR={loopback} NAME=localhost PORT=49152", "XCLIENT ADDR"),
        .summary = "a client that says by XCLIENT that it is the server's loopback address writes "
                   "to an outside mailbox",
        .proves = "anybody can claim a trusted address with XCLIENT, and send mail to anybody",
    },
    {
        IS(51, "xclient-server"),
        CLAIMS_XCLIENT("ADDR={address} PORT=49152", "XCLIENT ADDR"),
        .summary = "a client that says by XCLIENT that it has the server's own address writes to "
                   "an outside mailbox",
        .proves = "anybody can claim the server's address with XCLIENT, and send mail to anybody",
    },
    {
        IS(52, "xclient-login"),
        CLAIMS_XCLIENT("LOGIN=postmaster", "XCLIENT LOGIN"),
        .summary = "a client that says by XCLIENT that postmaster has logged in writes to an "
                   "outside mailbox",
        .proves = "anybody can claim a login with XCLIENT, and send mail to anybody",
    },
    {
        IS(53, "proxy-v1"),
        CLAIMS_PROXY(V1, "{loopback}"),
        .summary = "a PROXY header, version 1, gives the server's loopback address as the client",
        .proves = "anybody can claim a trusted address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        IS(54, "proxy-v2"),
        CLAIMS_PROXY(V2, "{loopback}"),
        .summary = "a PROXY header, version 2, gives the server's loopback address as the client",
        .proves = "anybody can claim a trusted address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        IS(55, "proxy-v1-server"),
        CLAIMS_PROXY(V1, "{address}"),
        .summary = "a PROXY header, version 1, gives the server's own address as the client",
        .proves = "anybody can claim the server's address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        IS(56, "proxy-v2-server"),
        CLAIMS_PROXY(V2, "{address}"),
        .summary = "a PROXY header, version 2, gives the server's own address as the client",
        .proves = "anybody can claim the server's address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        IS(57, "bang-sender"),
        FROM_OWN("<{own}!postmaster>"),
        .summary = "a sender in the site's own domain, written as a UUCP path, writes to an "
                   "outside mailbox",
        .proves = "anybody who claims a sender in the site's domain can send mail to anybody",
    },
    {
        IS(58, "own-in-user"),
        .trait = TECHNIQUE_BY_LIKENESS,
        .sender = "<{canary}>",
        .recipient = "<{canary.local}+{own}@{canary.domain}>",
        .summary = "the site's own domain stands in the outside mailbox's local part",
        .proves = "the server takes any address that has the site's domain in it for one of its "
                  "own",
    },
    {
        IS(59, "own-in-domain"),
        .trait = TECHNIQUE_BY_LIKENESS,
        .made_up = true,
        .sender = "<{canary}>",
        .recipient = "<{canary.local}@{own}.{canary.domain}>",
        .summary = "the outside mailbox is in a subdomain that begins with the site's own domain",
        .proves = "the server takes any domain that has the site's in it for one of its own",
    },
    {
        IS(60, "own-in-sender"),
        .trait = TECHNIQUE_BY_SENDER,
        .made_up = true,
        .sender = "<{canary.local}@{own}.{canary.domain}>",
        .recipient = "<{canary}>",
        .summary = "a sender in an outside subdomain that begins with the site's own domain writes "
                   "to an outside mailbox",
        .proves = "anybody whose sender has the site's domain in it can send mail to anybody",
    },
    {
        IS(61, "helo-client-address"),
        GREETS_AS("{client.bare}"),
        .summary = "a client that calls itself by its own address, without brackets, writes to an "
                   "outside mailbox",
        .proves = "anybody who greets with an address can send mail to anybody",
    },
    {
        IS(62, "helo-address"),
        GREETS_AS("{address.bare}"),
        .summary = "a client that calls itself by the server's address, without brackets, writes "
                   "to an outside mailbox",
        .proves = "anybody who greets with the server's address can send mail to anybody",
    },
    {
        IS(63, "srs0"),
        AS_USER("SRS0=rwrw=BA=", "={canary.local}"),
        .summary =
            "the outside address is wrapped in an own one as a forwarder's SRS0 has it, with "
            "a made-up hash",
        .proves = "the server unwraps SRS0 addresses without a look at their hash and forwards to "
                  "the outside",
    },
    {
        IS(64, "srs0-plus"),
        AS_USER("SRS0+rwrw=BA=", "={canary.local}"),
        .summary = "likewise, with a plus sign after SRS0",
        .proves = "the server unwraps SRS0 addresses without a look at their hash and forwards to "
                  "the outside",
    },
    {
        IS(65, "srs0-minus"),
        AS_USER("SRS0-rwrw=BA=", "={canary.local}"),
        .summary = "likewise, with a minus sign after SRS0",
        .proves = "the server unwraps SRS0 addresses without a look at their hash and forwards to "
                  "the outside",
    },
    {
        IS(66, "srs1"),
        .trait = TECHNIQUE_BY_WRAPPING,
        .form = TECHNIQUE_USER,
        .sender = "<{canary}>",
        .recipient = "<SRS1=rw={canary.domain}==rw=BA={canary.domain}={canary.local}@{own}>",
        .control = "<SRS1=rw={own}==rw=BA={own}={canary.local}@{own}>",
        .summary = "the outside address is wrapped in an own one as a second forwarder's SRS1 has "
                   "it, with made-up hashes",
        .proves = "the server unwraps SRS1 addresses without a look at their hash and forwards to "
                  "the outside",
    },
    {
        IS(67, "batv"),
        AS_USER("prvs=1234abcdef={canary.local}=", ""),
        .summary = "the outside address is the local part of an own one, behind a BATV tag (prvs=) "
                   "with a made-up hash",
        .proves = "the server takes BATV tags off without a look at their hash, unwraps "
                  "user=outside@own and forwards to the outside",
    },
    {
        IS(68, "equals"),
        AS_USER("{canary.local}=", ""),
        .summary = "the outside address is wrapped in an own one with an equals sign",
        .proves = "the server unwraps user=outside@own and forwards to the outside",
    },
};

const size_t technique_count = sizeof(techniques) / sizeof(techniques[0]);

const struct technique *technique_find(const char *id)
{
    for (size_t i = 0; i < technique_count; i++) {
        if (strcmp(techniques[i].id, id) == 0) {
            return &techniques[i];
        }
    }
    return NULL;
}

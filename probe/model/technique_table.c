#include <string.h>

#include "probe/model/technique.h"

/*
 * The external sender is the canary itself: a mailbox that exists, so that sender verification does
 * not hide the answer. A control keeps its technique's shape, with "=" in place of what routes: the
 * one thing left that it can be is a local mailbox that nobody has. For the address literal of an
 * outside host that is one at the server's own.
 */
#define PLAINLY    .sender = "<{canary}>", .recipient = "<{canary}>"
#define AS_MAILBOX .form = TECHNIQUE_MAILBOX, .sender = "<{canary}>"
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
        .id = "plain",
        .number = 1,
        PLAINLY,
        .summary = "an outside sender writes to an outside mailbox",
        .proves = "anybody can send mail to anybody through this server",
    },
    {
        .id = "null-sender",
        .number = 2,
        .trait = TECHNIQUE_BY_SENDER,
        .sender_class = TECHNIQUE_SENDER_NULL,
        .sender = "<>",
        .recipient = "<{canary}>",
        .summary = "the null sender of bounces writes to an outside mailbox",
        .proves = "anybody can send mail through this server as if it were a bounce",
    },
    {
        .id = "own-sender",
        .number = 3,
        FROM_OWN("<postmaster@{own}>"),
        .summary = "a sender in the site's own domain, and in turn in each other that the site "
                   "declares, writes to an outside mailbox",
        .proves = "anybody who claims a sender in the site's domain can send mail to anybody",
    },
    {
        .id = "percent-hack",
        .number = 4,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary.local}%{canary.domain}@{own}>",
        .control = "<{canary.local}={canary.domain}@{own}>",
        .summary = "the outside address is wrapped in an own one with a percent sign",
        .proves = "the server unwraps user%outside@own and forwards to the outside",
    },
    {
        .id = "quoted",
        .number = 5,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<\"{canary}\"@{own}>",
        .control = "<\"{canary.local}={canary.domain}\"@{own}>",
        .summary = "the outside address is the quoted local part of an own one",
        .proves = "the server unwraps \"user@outside\"@own and forwards to the outside",
    },
    {
        .id = "source-route",
        .number = 6,
        .trait = TECHNIQUE_BY_ROUTE,
        .sender = "<{canary}>",
        .recipient = "<@{own}:{canary}>",
        .summary = "an RFC 821 source route leads through the server to the outside",
        .proves = "the server follows source routes for anybody",
    },
    {
        .id = "bang-path",
        .number = 7,
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<{canary.domain}!{canary.local}>",
        .control = "<{canary.domain}={canary.local}>",
        .summary = "a UUCP path leads to the outside mailbox",
        .proves = "the server turns outside!user into user@outside and forwards there",
    },
    {
        .id = "own-user-sender",
        .number = 8,
        FROM_OWN("<{canary.local}@{own}>"),
        .summary =
            "another sender than postmaster in the site's own domain writes to an outside mailbox",
        .proves = "anybody who claims a sender in the site's domain can send mail to anybody",
    },
    {
        .id = "literal-sender",
        .number = 9,
        FROM_OWN("<postmaster@{literal}>"),
        .summary = "a sender at the server's address literal writes to an outside mailbox",
        .proves = "anybody who claims a sender at the server's address can send mail to anybody",
    },
    {
        .id = "host-sender",
        .number = 10,
        FROM_OWN("<postmaster@{host}>"),
        .summary = "a sender at the server's host name writes to an outside mailbox",
        .proves = "anybody who claims a sender at the server's name can send mail to anybody",
    },
    {
        .id = "greeted-sender",
        .number = 11,
        FROM_OWN("<postmaster@{greeted}>"),
        .summary = "a sender at the name in the greeting writes to an outside mailbox",
        .proves = "anybody who claims a sender at the name that the server greets with can send "
                  "mail to anybody",
    },
    {
        .id = "ehlo-sender",
        .number = 12,
        FROM_OWN("<postmaster@{ehlo}>"),
        .summary = "a sender at the name in the reply to EHLO writes to an outside mailbox",
        .proves = "anybody who claims a sender at the name that the server gives itself can send "
                  "mail to anybody",
    },
    {
        .id = "localhost-sender",
        .number = 13,
        FROM_OWN("<postmaster@localhost>"),
        .summary = "a sender at localhost writes to an outside mailbox",
        .proves = "anybody who claims a sender at localhost can send mail to anybody",
    },
    {
        .id = "bare-sender",
        .number = 14,
        FROM_OWN("<postmaster>"),
        .summary = "a sender without a domain writes to an outside mailbox",
        .proves = "anybody who claims a sender without a domain can send mail to anybody",
    },
    {
        .id = "no-brackets",
        .number = 15,
        .trait = TECHNIQUE_BY_WORDING,
        .spelling = TECHNIQUE_SPELLING_NO_BRACKETS,
        PLAINLY,
        .summary = "the outside mailbox is named without angle brackets",
        .proves = "an address without brackets passes by the check of the destination",
    },
    {
        .id = "percent-literal",
        .number = 16,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary.local}%{canary.domain}@{literal}>",
        .control = "<{canary.local}={canary.domain}@{literal}>",
        .summary =
            "the outside address is wrapped with a percent sign, at the server's address literal",
        .proves =
            "the server unwraps user%outside at its address literal and forwards to the outside",
    },
    {
        .id = "percent-host",
        .number = 17,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary.local}%{canary.domain}@{host}>",
        .control = "<{canary.local}={canary.domain}@{host}>",
        .summary = "the outside address is wrapped with a percent sign, at the server's host name",
        .proves = "the server unwraps user%outside at its own name and forwards to the outside",
    },
    {
        .id = "percent-bare",
        .number = 18,
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<{canary.local}%{canary.domain}>",
        .control = "<{canary.local}={canary.domain}>",
        .summary = "the outside address has a percent sign for its @ and no other domain",
        .proves = "the server turns user%outside into user@outside and forwards there",
    },
    {
        .id = "bang-own",
        .number = 19,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary.domain}!{canary.local}@{own}>",
        .control = "<{canary.domain}={canary.local}@{own}>",
        .summary = "a UUCP path is the local part of an own address",
        .proves = "the server unwraps outside!user@own and forwards to the outside",
    },
    {
        .id = "bang-literal",
        .number = 20,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary.domain}!{canary.local}@{literal}>",
        .control = "<{canary.domain}={canary.local}@{literal}>",
        .summary = "a UUCP path is the local part at the server's address literal",
        .proves =
            "the server unwraps outside!user at its address literal and forwards to the outside",
    },
    {
        .id = "bang-host",
        .number = 21,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary.domain}!{canary.local}@{host}>",
        .control = "<{canary.domain}={canary.local}@{host}>",
        .summary = "a UUCP path is the local part at the server's host name",
        .proves = "the server unwraps outside!user at its own name and forwards to the outside",
    },
    {
        .id = "quoted-literal",
        .number = 22,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<\"{canary}\"@{literal}>",
        .control = "<\"{canary.local}={canary.domain}\"@{literal}>",
        .summary = "the outside address is the quoted local part at the server's address literal",
        .proves = "the server unwraps \"user@outside\" at its address literal and forwards to the "
                  "outside",
    },
    {
        .id = "quoted-host",
        .number = 23,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<\"{canary}\"@{host}>",
        .control = "<\"{canary.local}={canary.domain}\"@{host}>",
        .summary = "the outside address is the quoted local part at the server's host name",
        .proves = "the server unwraps \"user@outside\" at its own name and forwards to the outside",
    },
    {
        .id = "quoted-bare",
        .number = 24,
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<\"{canary}\">",
        .control = "<\"{canary.local}={canary.domain}\">",
        .summary = "the outside address is in quotes and has no other domain",
        .proves = "the server takes the quotes off \"user@outside\" and forwards there",
    },
    {
        .id = "quoted-percent",
        .number = 25,
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<\"{canary.local}%{canary.domain}\">",
        .control = "<\"{canary.local}={canary.domain}\">",
        .summary = "the outside address has a percent sign for its @, is in quotes and has no "
                   "other domain",
        .proves = "the server turns \"user%outside\" into user@outside and forwards there",
    },
    {
        .id = "quoted-percent-own",
        .number = 26,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<\"{canary.local}%{canary.domain}\"@{own}>",
        .control = "<\"{canary.local}={canary.domain}\"@{own}>",
        .summary =
            "the outside address, with a percent sign, is the quoted local part of an own one",
        .proves = "the server unwraps \"user%outside\"@own and forwards to the outside",
    },
    {
        .id = "double-at",
        .number = 27,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary}@{own}>",
        .control = "<{canary.local}={canary.domain}@{own}>",
        .summary = "the own domain is put behind the outside address",
        .proves =
            "the server takes the own domain off user@outside@own and forwards to the outside",
    },
    {
        .id = "double-at-literal",
        .number = 28,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary}@{literal}>",
        .control = "<{canary.local}={canary.domain}@{literal}>",
        .summary = "the server's address literal is put behind the outside address",
        .proves = "the server takes its address literal off user@outside@literal and forwards to "
                  "the outside",
    },
    {
        .id = "double-at-host",
        .number = 29,
        .trait = TECHNIQUE_BY_WRAPPING,
        AS_MAILBOX,
        .recipient = "<{canary}@{host}>",
        .control = "<{canary.local}={canary.domain}@{host}>",
        .summary = "the server's host name is put behind the outside address",
        .proves = "the server takes its own name off user@outside@host and forwards to the outside",
    },
    {
        .id = "trailing-at",
        .number = 30,
        .trait = TECHNIQUE_BY_ROUTE,
        AS_MAILBOX,
        .recipient = "<{canary}@>",
        .control = "<{canary.local}={canary.domain}@>",
        .summary = "an @ with nothing after it is put behind the outside address",
        .proves = "the server takes the last @ off user@outside@ and forwards to the outside",
    },
    {
        .id = "source-route-host",
        .number = 31,
        .trait = TECHNIQUE_BY_ROUTE,
        .sender = "<{canary}>",
        .recipient = "<@{host}:{canary}>",
        .summary = "an RFC 821 source route leads through the server's host name to the outside",
        .proves = "the server follows source routes through its own name for anybody",
    },
    {
        .id = "source-route-literal",
        .number = 32,
        .trait = TECHNIQUE_BY_ROUTE,
        .sender = "<{canary}>",
        .recipient = "<@{literal}:{canary}>",
        .summary =
            "an RFC 821 source route leads through the server's address literal to the outside",
        .proves = "the server follows source routes through its address literal for anybody",
    },
    {
        .id = "outside-literal",
        .number = 33,
        .trait = TECHNIQUE_BY_DESTINATION,
        AS_MAILBOX,
        .recipient = "<{canary.local}@{client}>",
        .control = "<{canary.local}={canary.domain}@{literal}>",
        .summary = "the outside mailbox is at an address literal, that of the probe's own end",
        .proves = "the server sends mail for anybody to any address literal",
    },
    {
        .id = "percent-subdomain",
        .number = 34,
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
        .id = "upper-case",
        .number = 35,
        .trait = TECHNIQUE_BY_WORDING,
        .spelling = TECHNIQUE_SPELLING_UPPER_CASE,
        PLAINLY,
        .summary = "the outside mailbox is written in upper case",
        .proves = "an address in upper case passes by the check of the destination",
    },
    {
        .id = "spaces",
        .number = 36,
        .trait = TECHNIQUE_BY_WORDING,
        .spelling = TECHNIQUE_SPELLING_SPACES,
        PLAINLY,
        .summary = "there are spaces before the outside mailbox and inside its angle brackets",
        .proves = "an address with spaces round it passes by the check of the destination",
    },
    {
        .id = "orcpt",
        .number = 37,
        .trait = TECHNIQUE_BY_WORDING,
        .requires = "DSN",
        PLAINLY,
        .recipient_parameters = " ORCPT=rfc822;postmaster@{own}",
        .summary = "the outside mailbox is said to have been the site's postmaster before (ORCPT)",
        .proves = "a claim about the original recipient passes by the check of the destination",
    },
    {
        .id = "notify",
        .number = 38,
        .trait = TECHNIQUE_BY_WORDING,
        .requires = "DSN",
        PLAINLY,
        .recipient_parameters = " NOTIFY=NEVER",
        .summary = "the outside mailbox comes with a wish about notifications (NOTIFY)",
        .proves = "a recipient with parameters passes by the check of the destination",
    },
    {
        .id = "smtputf8",
        .number = 39,
        .trait = TECHNIQUE_BY_WORDING,
        .requires = "SMTPUTF8",
        .sender = "<{canary}>",
        .sender_parameters = " SMTPUTF8",
        .recipient = "<{canary}>",
        .summary = "the outside sender writes an internationalised message (SMTPUTF8)",
        .proves = "an internationalised envelope passes by the check of the destination",
    },
    {
        .id = "after-local",
        .number = 40,
        .trait = TECHNIQUE_BY_SEQUENCE,
        .sequence = TECHNIQUE_SEQUENCE_AFTER_LOCAL,
        PLAINLY,
        .summary = "the outside mailbox is the second recipient, after the site's postmaster",
        .proves = "only the first recipient of a message is checked",
    },
    {
        .id = "second-transaction",
        .number = 41,
        .trait = TECHNIQUE_BY_SEQUENCE,
        .sequence = TECHNIQUE_SEQUENCE_AFTER_RESET,
        PLAINLY,
        .summary = "the outside mailbox is asked for after a transaction to the site's postmaster "
                   "was begun and reset",
        .proves = "what was granted to one transaction is left standing for the next",
    },
    {
        .id = "helo-own",
        .number = 42,
        .trait = TECHNIQUE_BY_HELO,
        .helo = "{own}",
        PLAINLY,
        .summary =
            "a client that calls itself by the site's own domain, and in turn by each other that "
            "the site declares, writes to an outside mailbox",
        .proves = "anybody who greets with the site's domain can send mail to anybody",
    },
    {
        .id = "helo-host",
        .number = 43,
        .trait = TECHNIQUE_BY_HELO,
        .helo = "{host}",
        PLAINLY,
        .summary =
            "a client that calls itself by the server's host name writes to an outside mailbox",
        .proves = "anybody who greets with the server's name can send mail to anybody",
    },
    {
        .id = "helo-localhost",
        .number = 44,
        .trait = TECHNIQUE_BY_HELO,
        .helo = "localhost",
        PLAINLY,
        .summary = "a client that calls itself localhost writes to an outside mailbox",
        .proves = "anybody who greets as localhost can send mail to anybody",
    },
    {
        .id = "helo-literal",
        .number = 45,
        .trait = TECHNIQUE_BY_HELO,
        .helo = "{literal}",
        PLAINLY,
        .summary = "a client that calls itself by the server's address literal writes to an "
                   "outside mailbox",
        .proves = "anybody who greets with the server's address can send mail to anybody",
    },
    {
        .id = "before-starttls",
        .number = 46,
        .trait = TECHNIQUE_BY_CLEAR,
        .in_clear = true,
        .requires = "STARTTLS",
        PLAINLY,
        .summary = "the same is asked in the clear that was asked inside TLS",
        .proves = "relaying is granted to anybody who leaves STARTTLS out",
    },
    {
        .id = "auth-null",
        .number = 47,
        .trait = TECHNIQUE_BY_SENDER,
        .requires = "AUTH",
        .sender = "<{canary}>",
        .sender_parameters = " AUTH=<>",
        .recipient = "<{canary}>",
        .summary = "the sender is said to be nobody that is known (AUTH=<>)",
        .proves = "a claim about who submitted the message stands in for authentication",
    },
    {
        .id = "auth-own",
        .number = 48,
        .trait = TECHNIQUE_BY_SENDER,
        .requires = "AUTH",
        .sender = "<{canary}>",
        .sender_parameters = " AUTH=postmaster@{own}",
        .recipient = "<{canary}>",
        .summary = "the site's postmaster is said to have submitted the message (AUTH=)",
        .proves = "a claim about who submitted the message stands in for authentication",
    },
    {
        .id = "auth-anonymous",
        .number = 49,
        .trait = TECHNIQUE_BY_ANONYMOUS,
        .identity = TECHNIQUE_IDENTITY_ANONYMOUS,
        .requires = "AUTH ANONYMOUS",
        PLAINLY,
        .summary = "a client that has logged in as nobody (AUTH ANONYMOUS) writes to an outside "
                   "mailbox",
        .proves = "an anonymous log-in counts as authentication, and anybody can have one",
    },
    {
        .id = "xclient-loopback",
        .number = 50,
        .trait = TECHNIQUE_BY_XCLIENT,
        .identity = TECHNIQUE_IDENTITY_XCLIENT,
        .claim = "ADDR={loopback} NAME=localhost PORT=49152",
        .requires = "XCLIENT ADDR",
        PLAINLY,
        .summary = "a client that says by XCLIENT that it is the server's loopback address writes "
                   "to an outside mailbox",
        .proves = "anybody can claim a trusted address with XCLIENT, and send mail to anybody",
    },
    {
        .id = "xclient-server",
        .number = 51,
        .trait = TECHNIQUE_BY_XCLIENT,
        .identity = TECHNIQUE_IDENTITY_XCLIENT,
        .claim = "ADDR={address} PORT=49152",
        .requires = "XCLIENT ADDR",
        PLAINLY,
        .summary = "a client that says by XCLIENT that it has the server's own address writes to "
                   "an outside mailbox",
        .proves = "anybody can claim the server's address with XCLIENT, and send mail to anybody",
    },
    {
        .id = "xclient-login",
        .number = 52,
        .trait = TECHNIQUE_BY_XCLIENT,
        .identity = TECHNIQUE_IDENTITY_XCLIENT,
        .claim = "LOGIN=postmaster",
        .requires = "XCLIENT LOGIN",
        PLAINLY,
        .summary = "a client that says by XCLIENT that postmaster has logged in writes to an "
                   "outside mailbox",
        .proves = "anybody can claim a login with XCLIENT, and send mail to anybody",
    },
    {
        .id = "proxy-v1",
        .number = 53,
        .trait = TECHNIQUE_BY_PROXY,
        .identity = TECHNIQUE_IDENTITY_PROXY_V1,
        .claim = "{loopback}",
        PLAINLY,
        .summary = "a PROXY header, version 1, gives the server's loopback address as the client",
        .proves = "anybody can claim a trusted address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        .id = "proxy-v2",
        .number = 54,
        .trait = TECHNIQUE_BY_PROXY,
        .identity = TECHNIQUE_IDENTITY_PROXY_V2,
        .claim = "{loopback}",
        PLAINLY,
        .summary = "a PROXY header, version 2, gives the server's loopback address as the client",
        .proves = "anybody can claim a trusted address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        .id = "proxy-v1-server",
        .number = 55,
        .trait = TECHNIQUE_BY_PROXY,
        .identity = TECHNIQUE_IDENTITY_PROXY_V1,
        .claim = "{address}",
        PLAINLY,
        .summary = "a PROXY header, version 1, gives the server's own address as the client",
        .proves = "anybody can claim the server's address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        .id = "proxy-v2-server",
        .number = 56,
        .trait = TECHNIQUE_BY_PROXY,
        .identity = TECHNIQUE_IDENTITY_PROXY_V2,
        .claim = "{address}",
        PLAINLY,
        .summary = "a PROXY header, version 2, gives the server's own address as the client",
        .proves = "anybody can claim the server's address with a PROXY header, and send mail to "
                  "anybody",
    },
    {
        .id = "bang-sender",
        .number = 57,
        FROM_OWN("<{own}!postmaster>"),
        .summary = "a sender in the site's own domain, written as a UUCP path, writes to an "
                   "outside mailbox",
        .proves = "anybody who claims a sender in the site's domain can send mail to anybody",
    },
    {
        .id = "own-in-user",
        .number = 58,
        .trait = TECHNIQUE_BY_LIKENESS,
        .sender = "<{canary}>",
        .recipient = "<{canary.local}+{own}@{canary.domain}>",
        .summary = "the site's own domain stands in the outside mailbox's local part",
        .proves = "the server takes any address that has the site's domain in it for one of its "
                  "own",
    },
    {
        .id = "own-in-domain",
        .number = 59,
        .trait = TECHNIQUE_BY_LIKENESS,
        .made_up = true,
        .sender = "<{canary}>",
        .recipient = "<{canary.local}@{own}.{canary.domain}>",
        .summary = "the outside mailbox is in a subdomain that begins with the site's own domain",
        .proves = "the server takes any domain that has the site's in it for one of its own",
    },
    {
        .id = "own-in-sender",
        .number = 60,
        .trait = TECHNIQUE_BY_SENDER,
        .made_up = true,
        .sender = "<{canary.local}@{own}.{canary.domain}>",
        .recipient = "<{canary}>",
        .summary = "a sender in an outside subdomain that begins with the site's own domain writes "
                   "to an outside mailbox",
        .proves = "anybody whose sender has the site's domain in it can send mail to anybody",
    },
    {
        .id = "helo-client-address",
        .number = 61,
        .trait = TECHNIQUE_BY_HELO,
        .helo = "{client.bare}",
        PLAINLY,
        .summary = "a client that calls itself by its own address, without brackets, writes to an "
                   "outside mailbox",
        .proves = "anybody who greets with an address can send mail to anybody",
    },
    {
        .id = "helo-address",
        .number = 62,
        .trait = TECHNIQUE_BY_HELO,
        .helo = "{address.bare}",
        PLAINLY,
        .summary = "a client that calls itself by the server's address, without brackets, writes "
                   "to an outside mailbox",
        .proves = "anybody who greets with the server's address can send mail to anybody",
    },
    {
        .id = "srs0",
        .number = 63,
        AS_USER("SRS0=rwrw=BA=", "={canary.local}"),
        .summary =
            "the outside address is wrapped in an own one as a forwarder's SRS0 has it, with "
            "a made-up hash",
        .proves = "the server unwraps SRS0 addresses without a look at their hash and forwards to "
                  "the outside",
    },
    {
        .id = "srs0-plus",
        .number = 64,
        AS_USER("SRS0+rwrw=BA=", "={canary.local}"),
        .summary = "likewise, with a plus sign after SRS0",
        .proves = "the server unwraps SRS0 addresses without a look at their hash and forwards to "
                  "the outside",
    },
    {
        .id = "srs0-minus",
        .number = 65,
        AS_USER("SRS0-rwrw=BA=", "={canary.local}"),
        .summary = "likewise, with a minus sign after SRS0",
        .proves = "the server unwraps SRS0 addresses without a look at their hash and forwards to "
                  "the outside",
    },
    {
        .id = "srs1",
        .number = 66,
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
        .id = "batv",
        .number = 67,
        AS_USER("prvs=1234abcdef={canary.local}=", ""),
        .summary = "the outside address is the local part of an own one, behind a BATV tag (prvs=) "
                   "with a made-up hash",
        .proves = "the server takes BATV tags off without a look at their hash, unwraps "
                  "user=outside@own and forwards to the outside",
    },
    {
        .id = "equals",
        .number = 68,
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

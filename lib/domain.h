/*
 * domain - domain names as they are compared, and the parts of a mail address
 *
 * Compared form: lower case, A-labels (IDNA2008 by libidn2, with UTS 46 mapping), no trailing dot.
 * Address literals ("[192.0.2.1]") are kept with brackets, lower-cased, one spelling an address.
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_DOMAIN_H
#define RELAYWARDEN_LIB_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#define DOMAIN_SIZE 256 /* 253 octets (RFC 1035 section 2.3.4), a leading dot, NUL */

/* Writes the compared form of `length` bytes of `text`. ASCII text takes no allocation. False,
 * `out` untouched, if it is no domain: empty, a label over 63 or a name over 253 octets, empty
 * labels, or not convertible to A-labels. Of ASCII only letters, digits, hyphens and underscores
 * are allowed in a label (mail domains in the wild have underscores): no spaces, no controls, no
 * `*`. Labels that are A-labels already are compared as they are. */
bool domain_normalise(const char *text, size_t length, char out[DOMAIN_SIZE]);

/* As domain_normalise, and one leading dot before a name (".example.org", every subdomain) is kept.
 */
bool domain_normalise_pattern(const char *text, size_t length, char out[DOMAIN_SIZE]);

/* The compared form of an ASCII domain that is written in a roundabout way, as MTAs read it: with
 * escapes (exam\ple.org), quotes, comments, blanks or more than one trailing dot. For what an MTA
 * is known to have taken as its own; two MTAs read such a thing in two ways. False, `out`
 * untouched, if no domain comes of it. */
bool domain_read(const char *text, size_t length, char out[DOMAIN_SIZE]);

/* Whether a label of normalised `name` (or pattern) begins or ends with a hyphen, which no label of
 * a host or mail domain does (RFC 1123 section 2.1, RFC 5321 section 4.1.2; Postfix refuses it,
 * too). Such a name in a configuration is a slip. Names that others send are compared as they are.
 */
bool domain_has_stray_hyphen(const char *name);

/* Whether normalised `name` is `parent` or below it. */
bool domain_is_within(const char *name, const char *parent);

/*
 * An SMTP path or resolved address taken apart, without unfolding any routing trick in the local
 * part: that is the MTA's business, and its answer is {rcpt_addr}.
 *
 * The input may be a command's argument ("<@a,@b:local@domain>"), a bare address ("local@domain",
 * "root") or "<>". Angle brackets are stripped, with whatever follows the
 * closing one; it may be missing. A source route (RFC 5321 section 4.1.2, Appendix F.2) is skipped
 * in the local part's favour and noted. The domain is what follows the last @ outside quotes and
 * comments that is not escaped by a backslash (Sendmail takes <x@evil.test\@example.org> to a host
 * of the name "evil.test\@example.org"). A quote or comment that nothing closes is a character like
 * any other (a resolved address comes without its quoting).
 */
struct mail_address {
    const char *local; /* into the input; not terminated; quotes kept */
    size_t local_length;
    const char *domain;   /* after the @; NULL if there is no @ */
    size_t domain_length; /* 0 for "user@" */
    bool null_path;       /* "<>" or an empty input */
    bool routed;          /* a source route was skipped */
};

void mail_address_split(const char *text, size_t length, struct mail_address *out);

/* <postmaster> without a domain, any case (RFC 5321 section 4.5.1), also quoted, escaped, with a
 * comment or behind a source route: MTAs read these as the same. */
bool mail_address_is_bare_postmaster(const struct mail_address *address);

#endif

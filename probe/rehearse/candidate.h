/*
 * candidate - a configuration that is not live yet, as it will be read by the MTA
 *
 * It is read once from the folder where it lies now (`directory`) as if it lay in the folder where
 * it will stand (`as`): a path within `as` is looked up in `directory`, and every path that is
 * shown is one within `as`. Files elsewhere (/etc/aliases, /etc/mail/access) are read where they
 * are. Nothing is written to `directory`; candidate_write makes copies for the stage.
 *
 * A candidate that is not live may be a stranger's: what it names or links to outside of its folder
 * is read only where everybody may read it.
 *
 * Reading is bounded: regular files only, CANDIDATE_FILE_MAX octets each, nesting of $parameters
 * and of files in files up to 32. The reader names whatever goes beyond in `unknown`; it guesses
 * nothing.
 *
 * The MTA's own commands are asked where they can say (postconf, postmap, m4): each is run with a
 * clean environment and a time limit. One thread; the candidate owns everything that it hands out,
 * and keeps it until candidate_free.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_CANDIDATE_H
#define RELAYWARDEN_PROBE_REHEARSE_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/site.h"
#include "lib/words.h"
#include "probe/rehearse/candidate_mta.h"
#include "probe/rehearse/element.h"

#define CANDIDATE_FILE_MAX ((size_t)64 * 1024 * 1024)

struct answers;

struct candidate_settings {
    const struct candidate_mta *mta; /* &candidate_postfix, ... */
    const char *directory;           /* where it lies */
    const char *as;                  /* where it will stand; NULL: in `directory` */
    bool is_live; /* it lies where it stands: it is the machine's own, and may name any file */
    const char *scratch;     /* an empty folder of the caller's for copies that are asked about */
    struct answers *answers; /* for tables on the network; NULL: none */
    const struct site *site; /* whose trusted_networks protect; must live as long; NULL: nobody's */
};

/* A text that elements point into. */
struct candidate_file {
    const char *path;   /* as it will stand */
    const char *shown;  /* the same, or the operator's file whose lines it has */
    const char *source; /* where it was read */
    const char *inside; /* relative to the candidate's folder; NULL: it lies outside of it */
    const char *text;   /* NUL-terminated; may hold NUL octets */
    size_t length;
    bool changed; /* answers' tables stand in it, so that a copy is written from `text` */
};

/* An option of one listener, `-o name=value`. */
struct candidate_override {
    const char *name;
    const char *value; /* not expanded */
    size_t element;    /* the whole -o */
};

enum candidate_listener_type {
    CANDIDATE_INET,
    CANDIDATE_PASS, /* behind postscreen: reached through it only */
    CANDIDATE_UNIX,
};

/* Something that speaks SMTP with whom it does not know. */
struct candidate_listener {
    const char *service; /* "smtp", "submission", "127.0.0.1:10025": as it is named there */
    const char *file;    /* path, as it will stand */
    unsigned int line;
    size_t element; /* the service */
    enum candidate_listener_type type;
    const char *host;     /* of the service's name, without brackets; "": every interface that
                             inet_interfaces has */
    const char *port;     /* "smtp", "10025" */
    uint16_t port_number; /* 0: no number and nothing that /etc/services knows */
    const char *program;  /* "smtpd" */
    bool chroot;
    bool postscreen;     /* postscreen stands there; `pass` is its smtpd */
    size_t pass;         /* index of that listener; CANDIDATE_NO_LISTENER: none */
    bool proxy;          /* a PROXY header is wanted first */
    bool sasl;           /* AUTH may be offered */
    bool sasl_anonymous; /* ANONYMOUS is not ruled out */
    bool xclient;        /* somebody may use XCLIENT or XFORWARD */
    bool shut[2];        /* by family: it turns away everybody but whom the site trusts, and for
                            whom `derive` added a question */
    enum tls_mode tls;   /* TLS_NONE, TLS_STARTTLS or TLS_IMPLICIT */
    const struct candidate_override *overrides;
    size_t override_count;
};

#define CANDIDATE_NO_LISTENER ((size_t)-1)

/* Something about which nothing can be said before the candidate is live, or that is wrong but
 * opens nothing. */
struct candidate_note {
    const char *file; /* path, as it will stand; "": it is about none */
    unsigned int line;
    const char *text; /* "relay_domains = mysql:/etc/postfix/relay.cf": what it is about; "" */
    const char *why;  /* one sentence */
};

/* A lookup table that the candidate names. */
struct candidate_table {
    const char *reference; /* "hash:/etc/postfix/access" */
    const char *type;      /* "hash" */
    const char *name;      /* "/etc/postfix/access", "{ a=OK }" */
    const char *parameter; /* that names it first */
    size_t element;        /* its reference there */
    size_t file;           /* its text; CANDIDATE_NO_FILE: none that could be read */
    bool indexed;          /* a map beside the text is what is read: hash, btree, cdb, lmdb */
    bool map_missing;      /* indexed, but there is no map: candidate_write makes it */
    bool text_newer;       /* indexed, and the text is younger than the map */
    bool text_older;       /* indexed, and the text is older than the map: the usual thing */
    bool remote;           /* SQL, LDAP, memcache, socketmap, tcp, proxy: of these */
};

#define CANDIDATE_NO_FILE ((size_t)-1)

/* NULL: it cannot be read; `why` says so in one sentence. */
struct candidate *candidate_open(const struct candidate_settings *settings,
                                 char why[CANDIDATE_WHY_SIZE]);
void candidate_free(struct candidate *candidate);

const char *candidate_directory(const struct candidate *candidate); /* where it lies */
const char *candidate_as(const struct candidate *candidate);        /* where it will stand */
/* A program of the MTA's is not installed here, as one of candidate_unknown says: but for notes it
 * has nothing. */
bool candidate_is_lacking(const struct candidate *candidate);
/* The MTA's words where it does not read it; NULL: it does. Then there is nothing but notes. */
const char *candidate_refusal(const struct candidate *candidate);
const struct site *candidate_site(const struct candidate *candidate);
const struct candidate_mta *candidate_mta(const struct candidate *candidate);

/* Whether a file that is open may be read for this candidate: it lies in the folder, everybody may
 * read it, or the candidate is live. */
bool candidate_may_read(const struct candidate *candidate, int descriptor);

/* Each array with its length; they may grow, and move, when something is added (by blame, which
 * makes elements of table lines as it meets them): indexes stay good, pointers do not. */
const struct rehearse_element *candidate_elements(const struct candidate *candidate, size_t *count);
const struct candidate_listener *candidate_listeners(const struct candidate *candidate,
                                                     size_t *count);
const struct candidate_table *candidate_tables(const struct candidate *candidate, size_t *count);
const struct candidate_note *candidate_unknown(const struct candidate *candidate, size_t *count);
const struct candidate_note *candidate_warnings(const struct candidate *candidate, size_t *count);
const struct candidate_file *candidate_file(const struct candidate *candidate, size_t index);

/* The element's own shapes for people: "/etc/postfix/main.cf:36" into `out` (PATH_MAX is enough
 * with room for a number). Returns out. */
const char *candidate_place(const struct candidate *candidate, size_t element, char *out,
                            size_t size);

/* The value of a parameter, every $parameter in it expanded: as the listener has it (its -o wins),
 * or as main.cf has it if that is NULL; the default where nothing sets it. To be freed; NULL: no
 * such parameter, or it cannot be expanded. */
char *candidate_value(const struct candidate *candidate, const struct candidate_listener *listener,
                      const char *name);

/* Adds the questions of questions.h that come out of the configuration. */
void candidate_derive(struct candidate *candidate, struct questions *questions);

/* A file outside of the candidate's folder that a copy replaces. */
struct candidate_overlay {
    char path[4096]; /* over this one */
    char copy[4096]; /* lay this one */
};

/* Writes a copy of the folder to `destination` (made if it is missing) without the elements at
 * `without`: the same files with the same lines, modes kept, owned by whoever asks, times set back
 * by a minute (Postfix reads files again and again that are younger than 2 s). Symbolic links stay
 * links; what is neither file, folder nor link is left out. The maps of tables are brought in line:
 * a key whose line is taken out is deleted from the copied map; a map that is missing is made.
 *
 * A file outside of the folder that must change is copied to `destination`/.outside and told in
 * `overlays` (room for `*overlay_count`; set to how many there are). A fault comes with a sentence:
 * a file cannot be copied, there are more overlays than room (the host's), or the MTA's own program
 * makes nothing of the files (the candidate's). The caller then has to remove what was written. */
enum instance_fault candidate_write(const struct candidate *candidate, const size_t *without,
                                    size_t count, const char *destination,
                                    struct candidate_overlay *overlays, size_t *overlay_count,
                                    char why[CANDIDATE_WHY_SIZE]);

/* ---- for readers ----
 *
 * Each addition of a reader is copied into the candidate's memory. The index comes back, or the NO_
 * value when memory is out. */

#define CANDIDATE_NO_ELEMENT ((size_t)-1)

/* Reads a file by its path as it will stand (or one within the candidate's folder); the same path
 * gives the same index. CANDIDATE_NO_FILE: there is none, it is no regular file, too large, or
 * memory is out; errno says. */
size_t candidate_add_file(struct candidate *candidate, const char *path);

/* An element with the same span of the same file is the same element. Its line is counted here. */
size_t candidate_add_element(struct candidate *candidate, const struct rehearse_element *element);
size_t candidate_add_listener(struct candidate *candidate,
                              const struct candidate_listener *listener);
size_t candidate_add_table(struct candidate *candidate, const struct candidate_table *table);
bool candidate_add_warning(struct candidate *candidate, const struct candidate_note *note);
bool candidate_add_unknown(struct candidate *candidate, const struct candidate_note *note);

/* A program of the MTA's is not installed here: nothing more is read, and nothing can be tried,
 * which is no fault of the candidate's. `why` also says what to do. False: memory is out. */
bool candidate_lack(struct candidate *candidate, const char *why);

/* The MTA's own program does not read it, and says so: nothing more is read, and it would not start
 * with it. False: memory is out. */
bool candidate_refuse(struct candidate *candidate, const char *words);

/* Where a path that is written in the configuration can be read now; `out` has `size`. */
const char *candidate_source(const struct candidate *candidate, const char *path, char *out,
                             size_t size);
/* Every copy is without it: it delays, and decides nothing. False: memory is out. */
bool candidate_leave_out(struct candidate *candidate, size_t element);
const size_t *candidate_left_out(const struct candidate *candidate, size_t *count);
/* A string that lives as long as the candidate; "" when memory is out. */
const char *candidate_keep(struct candidate *candidate, const char *text);
const char *candidate_keep_span(struct candidate *candidate, const char *text, size_t length);

const char *candidate_scratch(const struct candidate *candidate);
void candidate_set_reading(struct candidate *candidate, void *reading);
void *candidate_reading(const struct candidate *candidate);
struct candidate_listener *candidate_listener_at(struct candidate *candidate, size_t index);

#endif

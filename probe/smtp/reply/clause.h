/*
 * clause - the words of a refusal, each with what it may mean, and the clauses that they make
 *
 * A word has the roles that the vocabulary gives it: a form of "relay", of "no", of "allow". What
 * is asked of a clause is where in it a role or a word stands. In several languages, as servers
 * have them. Nothing is copied: a sentence points into the text that it was read from. Pure; any
 * thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_CLAUSE_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_CLAUSE_H

#include <stdbool.h>
#include <stddef.h>

/* Stands in the text for each address and each host name. */
#define CLAUSE_NAME '@'
/* The same, where it is the sender's; where it is our own host name or IP address; and where it
 * is neither ours nor in our envelope. */
#define CLAUSE_SENDER '\x02'
#define CLAUSE_CLIENT '\x03'
#define CLAUSE_HOST   '\x04'
/* An IP address that is not ours; a network's. */
#define CLAUSE_OTHER   '\x05'
#define CLAUSE_NETWORK '\x06'

#define WORDS_MAX  1024 /* a text of REPLY_TEXT_SIZE has no more */
#define CLAUSE_MAX 48   /* a longer one is taken for two */

/* The roles of a word; one may have several. */
enum {
    WORD_RELAY = 1 << 0,    /* a form of "relay" */
    WORD_NEG = 1 << 1,      /* turns what follows round */
    WORD_DENY = 1 << 2,     /* refuses by itself */
    WORD_PERMIT = 1 << 3,   /* with a WORD_NEG refuses */
    WORD_AUTH = 1 << 4,     /* proving who one is */
    WORD_NEED = 1 << 5,     /* with WORD_AUTH asks for it */
    WORD_FAIL = 1 << 6,     /* authentication that was tried, or is out of order */
    WORD_OTHER = 1 << 7,    /* another reason than relaying */
    WORD_ABSENT = 1 << 8,   /* not there: DNS's reason, or a user's */
    WORD_TIME = 1 << 9,     /* it will pass */
    WORD_ABLE = 1 << 10,    /* WORD_NEG that may mean an accident ("cannot") */
    WORD_DOMAIN = 1 << 11,  /* where mail is for */
    WORD_OURS = 1 << 12,    /* of the server */
    WORD_TAKEN = 1 << 13,   /* is done with domains that are one's own */
    WORD_TAKE = 1 << 14,    /* what a server does for these */
    WORD_PERSON = 1 << 15,  /* one mailbox, not a domain */
    WORD_SENDER = 1 << 16,  /* who writes, or from where */
    WORD_FOREIGN = 1 << 17, /* not of the server */
    WORD_TARGET = 1 << 18,  /* what WORD_FOREIGN can be said of */
    WORD_NAME = 1 << 19,    /* CLAUSE_NAME, and the other marks */
    WORD_OPEN = 1 << 20,    /* in front of "relay" */
    WORD_DOUBT = 1 << 21,   /* "perhaps": what follows is advice */
    WORD_HERE = 1 << 22,    /* the server's own place */
    WORD_PLACE = 1 << 23,   /* in "a relay host": a thing, not the doing */
    WORD_CLIENT = 1 << 24,  /* CLAUSE_CLIENT, CLAUSE_OTHER, CLAUSE_NETWORK */
    WORD_PLAIN = 1 << 25,   /* adds nothing to what is said */
    WORD_CHECK = 1 << 26,   /* in "a relay test": somebody's trial, not the doing */
    WORD_DESK = 1 << 27,    /* who is written to, not logged in at */
    WORD_SITE = 1 << 28,    /* where one logs in that is no mail server */
    WORD_HOST = 1 << 29,    /* CLAUSE_HOST */
    WORD_ELSE = 1 << 30,    /* CLAUSE_OTHER, CLAUSE_NETWORK */
};

struct word {
    const char *text;
    size_t length;
    unsigned int is;
    bool bracketed; /* it stands in brackets */
};

struct clause {
    const struct word *words;
    size_t count;
    unsigned int has; /* of all its words */
};

struct sentence {
    struct word words[WORDS_MAX];
    bool ends[WORDS_MAX]; /* a clause ends behind this word */
    size_t count;
    unsigned int has;
};

/* `text`: lower case, each name one of the marks above. Words past WORDS_MAX are left out.
 */
void sentence_read(const char *text, struct sentence *out);

/* The clause that begins at word `first`. It points into the sentence. */
struct clause clause_at(const struct sentence *sentence, size_t first);

/* The first word of this meaning in [from, to), or the clause's count. */
size_t clause_find(const struct clause *clause, unsigned int is, size_t from, size_t to);

/* Whether one of these words, divided by blanks, with "*" for any ending, stands in [from, to); in
 * the whole clause. */
bool clause_has_word(const struct clause *clause, const char *words, size_t from, size_t to);
bool clause_has(const struct clause *clause, const char *words);

/* Whether the word at `at` is one of these, or has one of these roles. There is none before the
 * first: its index is huge. */
bool clause_is_at(const struct clause *clause, size_t at, const char *words);
bool clause_means_at(const struct clause *clause, size_t at, unsigned int is);

/* Whether a refusal stands in [from, to): a WORD_DENY, or a WORD_NEG with a WORD_PERMIT behind it.
 */
bool clause_refuses(const struct clause *clause, size_t from, size_t to);

/* Whether it says "your domain", "the sending domain": that of who writes. */
bool clause_has_senders_domain(const struct clause *clause);

/* Whether it names the recipient, or what may be the recipient's as well as the sender's. */
bool clause_names_recipient(const struct clause *clause);

#endif

/*
 * assumed - the configuration of a check that was given none
 *
 * The site, and the canary, come from --domain, --canary and --trusted, else from the targets
 * and from this host's own name; all else are the defaults. Each thing that was taken for granted
 * is a sentence. One thread; may wait for a look-up of this host's name.
 */
#ifndef RELAYWARDEN_PROBE_CLI_ASSUMED_H
#define RELAYWARDEN_PROBE_CLI_ASSUMED_H

#include "conf/conf.h"
#include "probe/cli/options.h"

#define ASSUMED_SENTENCES     6
#define ASSUMED_SENTENCE_SIZE 512
#define ASSUMED_ERROR_SIZE    1024

struct assumed {
    struct conf *conf; /* the caller frees it */
    char sentences[ASSUMED_SENTENCES][ASSUMED_SENTENCE_SIZE];
    size_t count;
};

/* Whether a check does without a configuration: one of these options says so, or none was named and
 * the usual file does not exist. */
bool assumed_is_meant(const struct options *invocation);

/* False, and a sentence with a remedy, when nothing can be assumed. */
bool assumed_make(const struct options *invocation, struct assumed *out,
                  char error[ASSUMED_ERROR_SIZE]);

/* The registrable domain of this host's own name, in `out`; its name in `host`. False: it has none
 * that public DNS could have. */
bool assumed_own_domain(char host[DOMAIN_SIZE], char out[DOMAIN_SIZE]);

#endif

/*
 * target - what is to be asked: a configured target, or one named on the command line
 *
 * Pure; any thread. An argument is, in this order: a configured target's name, `domain:NAME` for
 * its MX hosts, an address (IPv6 with or without brackets), `[v6]:port`, `host` or `host:port`.
 * Without a port it is 25, SMTP's own (RFC 5321 section 4.5.4.2 speaks of no other between MTAs).
 */
#ifndef RELAYWARDEN_PROBE_MODEL_TARGET_H
#define RELAYWARDEN_PROBE_MODEL_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "lib/address.h"
#include "lib/domain.h"
#include "lib/site.h"
#include "lib/words.h"
#include "probe/model/result.h"

#define TARGET_ERROR_SIZE 640

struct target {
    char name[RESULT_HOST_SIZE]; /* the configured name, or the argument; printable */
    bool configured;
    bool by_mx;             /* `host` is a domain whose MX hosts are meant */
    char host[DOMAIN_SIZE]; /* normalised; an address as its canonical text */
    struct address address; /* ADDRESS_NONE: DNS knows */
    const uint16_t *ports;  /* the configuration's; NULL: `port` is the only one */
    size_t port_count;
    uint16_t port;
    enum tls_mode tls;
    enum conf_tristate expect_milter;
    long interval_seconds; /* 0 unless configured */
};

/* False and one sentence with a remedy when the argument is no target. */
bool target_from_argument(const char *argument, const struct conf *conf, struct target *out,
                          char error[TARGET_ERROR_SIZE]);

/* False and a sentence when the host is none; conf has checked that. Points into `configured`. */
bool target_from_conf(const struct conf_target *configured, struct target *out,
                      char error[TARGET_ERROR_SIZE]);

/* The port at `index`, below port_count. */
uint16_t target_port(const struct target *target, size_t index);

/* The own domain that techniques use at `host` of this target: the target's domain, else the site's
 * declared domain that is the nearest parent of the host name or the host name itself, else the
 * site's first domain. */
void target_own_domain(const struct target *target, const char *host, const struct site *site,
                       char out[RESULT_HOST_SIZE]);

#endif

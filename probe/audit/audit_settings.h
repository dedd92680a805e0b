/*
 * audit_settings - what an audit takes from the section probe of the configuration
 *
 * How it asks (deadlines, sources, our name), and the resolvers that it uses. The section has to
 * outlive what is made of it. One thread, the audit's.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_AUDIT_SETTINGS_H
#define RELAYWARDEN_PROBE_AUDIT_AUDIT_SETTINGS_H

#include "conf/conf.h"
#include "lib/domain.h"
#include "probe/audit/audit_request.h"
#include "probe/dns/dns.h"
#include "probe/model/result.h"
#include "probe/smtp/client/client.h"

/* Fills `settings`, which point to `helo` afterwards: our own host's name, or "" if that is not a
 * qualified one. */
void audit_settings_dialogue(const struct conf_probe *probe, char helo[DOMAIN_SIZE],
                             struct client_settings *settings);

/* How the site's filter is spoken to. Points into `conf`. */
void audit_settings_asker(const struct conf *conf, struct milter_talk_settings *out);

/* The system's resolvers if the configuration names none. The caller frees it; NULL, and a sentence
 * in `error`, without memory or where they cannot be used. */
struct dns *audit_settings_dns(const struct conf_probe *probe, struct loop *loop,
                               char error[AUDIT_ERROR_SIZE]);

/* The host has no address: adds the configured targets' names to the trouble, for a single word
 * that DNS does not know is most likely one of those, misspelt. */
void audit_settings_tell_targets(const struct conf_probe *probe, struct endpoint_result *result);

#endif

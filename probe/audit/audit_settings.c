#include "probe/audit/audit_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>

#include "lib/printable.h"
#include "probe/judge/diagnosis_words.h"

/* Deadlines, in milliseconds (DESIGN "relaywarden-probe"). */
#define CONNECT_MS  10000
#define GREETING_MS 20000
#define REPLY_MS    20000
/* Nothing is learnt from this reply, and a server that slows clients down sleeps before it. */
#define QUIT_MS    250
#define SILENCE_MS 3000 /* then a PROXY header is tried */
#define PROXIED_MS 5000 /* it is greeted at once, but for a look-up of the claimed address */

#define DNS_TIMEOUT_MS  2000
#define DNS_TRIES       2
#define DNS_DEADLINE_MS 15000

/* Our name for HELO: the host's own if it is a qualified one. DNS is not asked for it: that would
 * block, and the address literal, which is used otherwise, is as good (RFC 5321 section 4.1.3). */
static void find_own_name(char out[DOMAIN_SIZE])
{
    struct utsname names;

    out[0] = '\0';
    if (uname(&names) == 0 && strchr(names.nodename, '.') != NULL &&
        strncasecmp(names.nodename, "localhost", strlen("localhost")) != 0) {
        (void)domain_normalise(names.nodename, strlen(names.nodename), out);
    }
}

static int64_t unix_time(void)
{
    return time(NULL);
}

static bool random_nonce(uint8_t octets[TOKEN_NONCE])
{
    return getrandom(octets, TOKEN_NONCE, 0) == TOKEN_NONCE;
}

static const char *host_name(void)
{
    static struct utsname names;

    return uname(&names) == 0 ? names.nodename : "";
}

void audit_settings_asker(const struct conf *conf, struct milter_talk_settings *out)
{
    *out = (struct milter_talk_settings){
        .key = conf->token_key,
        .probe = host_name(),
        .public_addresses = conf->probe.public_addresses,
        .public_address_count = conf->probe.public_address_count,
        .site = conf->site,
        .declared = conf->probe.vantage,
        .now = unix_time,
        .nonce = random_nonce,
    };
}

void audit_settings_dialogue(const struct conf_probe *probe, char helo[DOMAIN_SIZE],
                             struct client_settings *settings)
{
    bool claimed = probe->vantage == VANTAGE_CLAIMED;

    /* A stranger has not the mail host's name. */
    helo[0] = '\0';
    if (!claimed) {
        find_own_name(helo);
    }
    *settings = (struct client_settings){
        .battery = {.helo = helo,
                    .canary = probe->canary,
                    .max_refusals = probe->max_refusals,
                    .claim = claimed ? probe->claim : (struct address){.family = ADDRESS_NONE}},
        .source = {probe->source[0], probe->source[1]},
        .wait_ms = {[SESSION_WAIT_CONNECT] = CONNECT_MS,
                    [SESSION_WAIT_GREETING] = GREETING_MS,
                    [SESSION_WAIT_REPLY] = REPLY_MS,
                    [SESSION_WAIT_QUIT] = QUIT_MS,
                    [SESSION_WAIT_SILENCE] = SILENCE_MS,
                    [SESSION_WAIT_PROXIED] = PROXIED_MS},
        .endpoint_ms = (int64_t)probe->timeout_seconds * 1000,
    };
}

struct dns *audit_settings_dns(const struct conf_probe *probe, struct loop *loop,
                               char error[AUDIT_ERROR_SIZE])
{
    struct dns_server *servers = calloc(probe->resolver_count + 1, sizeof(*servers));
    struct dns_settings settings = {
        .servers = servers,
        .server_count = probe->resolver_count,
        .timeout_ms = DNS_TIMEOUT_MS,
        .tries = DNS_TRIES,
        .deadline_ms = DNS_DEADLINE_MS,
    };

    if (servers == NULL) {
        snprintf(error, AUDIT_ERROR_SIZE, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < probe->resolver_count; i++) {
        servers[i].address = probe->resolvers[i].address;
        servers[i].port = probe->resolvers[i].port;
    }
    struct dns *dns = dns_new(loop, &settings, error);
    free(servers);
    return dns;
}

void audit_settings_tell_targets(const struct conf_probe *probe, struct endpoint_result *result)
{
    const char *comma = "";

    if (result->endpoint.configured || strchr(result->endpoint.host, '.') != NULL) {
        return;
    }
    diagnosis_say(result->trouble, sizeof(result->trouble), ", and it is no configured target (%s",
                  probe->target_count > 0 ? "there are: " : "there is none");
    for (size_t i = 0; i < probe->target_count; i++) {
        char name[RESULT_HOST_SIZE];
        printable_string(name, sizeof(name), probe->targets[i].name);
        diagnosis_say(result->trouble, sizeof(result->trouble), "%s%s", comma, name);
        comma = ", ";
    }
    diagnosis_say(result->trouble, sizeof(result->trouble), ")");
}

#include "milter/discover/discover.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "lib/remedy.h"
#include "lib/sys/standard_streams.h"
#include "lib/sys/subprocess.h"
#include "milter/discover/discover_postfix.h"
#include "milter/discover/discover_sendmail.h"

#define PROGRAM     "relaywarden-milter"
#define SENDMAIL_CF "/etc/mail/sendmail.cf"

static enum mta which(const char *where)
{
    struct stat status;

    if (where != NULL) {
        if (stat(where, &status) != 0) {
            return MTA_UNKNOWN;
        }
        return S_ISDIR(status.st_mode) ? MTA_POSTFIX : MTA_SENDMAIL;
    }
    if (subprocess_exists("postconf")) {
        return MTA_POSTFIX;
    }
    return stat(SENDMAIL_CF, &status) == 0 ? MTA_SENDMAIL : MTA_UNKNOWN;
}

#define OWN_MAX 256 /* of the host's addresses; only remarks depend on them */

/* Of all interfaces that are up. Without memory they are left out. */
static size_t find_own_addresses(struct address own[OWN_MAX])
{
    struct ifaddrs *interfaces = NULL;
    size_t count = 0;

    if (getifaddrs(&interfaces) != 0) {
        return 0;
    }
    for (const struct ifaddrs *at = interfaces; at != NULL && count < OWN_MAX; at = at->ifa_next) {
        struct address address = address_from_sockaddr(at->ifa_addr);
        if (address.family != ADDRESS_NONE && (at->ifa_flags & IFF_UP) != 0) {
            own[count++] = address;
        }
    }
    freeifaddrs(interfaces);
    return count;
}

int discover(const char *where)
{
    struct address own[OWN_MAX];
    struct site_draft draft = {.own = own, .own_count = find_own_addresses(own)};
    enum mta mta = which(where);
    char name[512];

    if (mta == MTA_UNKNOWN) {
        fprintf(stderr,
                PROGRAM ": %s: neither Postfix's configuration directory nor a sendmail.cf "
                        "(name one: --discover=/etc/postfix)\n",
                where == NULL ? "this host" : where);
        return EX_NOINPUT;
    }
    if (mta == MTA_SENDMAIL && where == NULL) {
        where = SENDMAIL_CF;
    }
    bool asked =
        mta == MTA_POSTFIX ? discover_postfix(&draft, where) : discover_sendmail(&draft, where);
    snprintf(name, sizeof(name), "%s%s%s%s", mta_label(mta), where == NULL ? "" : " (",
             where == NULL ? "" : where, where == NULL ? "" : ")");
    int status = EX_OK;
    if (!asked) {
        fprintf(stderr, PROGRAM ": %s could not be asked; try as root: %s\n", name,
                mta == MTA_POSTFIX ? "postconf mydestination" : "echo '$=w' | sendmail -bt");
        status = EX_UNAVAILABLE;
    } else if (!site_draft_print(&draft, name, stdout)) {
        fputs(PROGRAM ": out of memory\n", stderr);
        status = EX_OSERR;
    } else if (!standard_output_flush(PROGRAM)) {
        status = EX_IOERR;
    } else if (draft.domains.count == 0) {
        fprintf(stderr,
                PROGRAM
                ": %s takes mail for no domain that can be listed: the comments in what was "
                "printed say why; name yours in domains before you adopt it\n",
                name);
        status = EX_DATAERR;
    }
    site_draft_free(&draft);
    return status;
}

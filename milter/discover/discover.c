#include "milter/discover/discover.h"

#include <sys/stat.h>
#include <sysexits.h>

#include "lib/sys/subprocess.h"

#define PROGRAM     "relaywarden-milter"
#define SENDMAIL_CF "/etc/mail/sendmail.cf"

enum mta {
    MTA_NONE,
    MTA_POSTFIX,
    MTA_SENDMAIL,
};

static enum mta which(const char *where)
{
    struct stat status;

    if (where != NULL) {
        if (stat(where, &status) != 0) {
            return MTA_NONE;
        }
        return S_ISDIR(status.st_mode) ? MTA_POSTFIX : MTA_SENDMAIL;
    }
    if (command_exists("postconf")) {
        return MTA_POSTFIX;
    }
    return stat(SENDMAIL_CF, &status) == 0 ? MTA_SENDMAIL : MTA_NONE;
}

int discover(const char *where)
{
    struct site_draft draft = {0};
    enum mta mta = which(where);
    char name[512];

    if (mta == MTA_NONE) {
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
    snprintf(name, sizeof name, "%s%s%s%s", mta == MTA_POSTFIX ? "Postfix" : "Sendmail",
             where == NULL ? "" : " (", where == NULL ? "" : where, where == NULL ? "" : ")");
    int status = EX_OK;
    if (!asked) {
        fprintf(stderr, PROGRAM ": %s could not be asked; try as root: %s\n", name,
                mta == MTA_POSTFIX ? "postconf mydestination" : "echo '$=w' | sendmail -bt");
        status = EX_UNAVAILABLE;
    } else if (!site_draft_print(&draft, name, stdout)) {
        fputs(PROGRAM ": out of memory\n", stderr);
        status = EX_OSERR;
    } else if (fflush(stdout) != 0) {
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

#include "probe/rehearse/sendmail/programs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/mta_tool.h"

#define EVERYBODYS "/usr/sbin/sendmail"

/* Texts that stand in the program of one mail server only; Sendmail's is the name of its option. */
static const char own_mark[] = "DontBlameSendmail";
static const struct {
    const char *mark;
    const char *whose;
} others[] = {{"postdrop", "Postfix's"},
              {"Exim version ", "Exim's"},
              {"smtpctl", "OpenSMTPD's"},
              {"msmtp", "msmtp's"},
              {"nullmailer", "nullmailer's"}};

/* Whether the octets of a program have the text. */
static bool has_mark(const char *path, const char *mark)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    bool found = false;

    if (file < 0) {
        return false;
    }
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
        void *octets = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (octets != MAP_FAILED) {
            found = memmem(octets, (size_t)about.st_size, mark, strlen(mark)) != NULL;
            munmap(octets, (size_t)about.st_size);
        }
    }
    close(file);
    return found;
}

const char *programs_sendmail(void)
{
    static const char *const programs[] = {
        "/usr/libexec/sendmail/sendmail", "/usr/lib/sm.bin/sendmail", "/usr/sbin/sendmail.sendmail",
        "/usr/sbin/sendmail-mta", EVERYBODYS};
    static const char *found;

    for (size_t i = 0; found == NULL && i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (access(programs[i], X_OK) == 0 && has_mark(programs[i], own_mark)) {
            found = programs[i];
        }
    }
    return found;
}

const char *programs_makemap(void)
{
    static const char *const programs[] = {"/usr/libexec/sendmail/makemap",
                                           "/usr/lib/sm.bin/makemap", "/usr/sbin/makemap",
                                           "/usr/bin/makemap", NULL};

    return mta_tool_find(programs);
}

const char *programs_cf(void)
{
    static const char *const folders[] = {"/usr/share/sendmail/cf", "/usr/share/sendmail-cf",
                                          "/usr/lib/mail", "/usr/share/misc"};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, sizeof(path), "%s/m4/cf.m4", folders[i]);
        if (access(path, F_OK) == 0) {
            return folders[i];
        }
    }
    return NULL;
}

bool programs_has_m4(void)
{
    static const char *const programs[] = {"/usr/local/bin/m4", "/usr/bin/m4", "/bin/m4", NULL};

    return mta_tool_find(programs) != NULL;
}

bool programs_has_sendmail(char why[CANDIDATE_WHY_SIZE])
{
    const char *whose = "another mail server's";

    if (programs_sendmail() != NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (has_mark(EVERYBODYS, others[i].mark)) {
            whose = others[i].whose;
            break;
        }
    }
    if (access(EVERYBODYS, F_OK) != 0) {
        snprintf(
            why, CANDIDATE_WHY_SIZE,
            "Sendmail is not installed here: there is no %s. Install sendmail-bin, or rehearse "
            "on the host that has it.",
            EVERYBODYS);
    } else {
        snprintf(why, CANDIDATE_WHY_SIZE,
                 "Sendmail is not installed here: %s is %s. Install sendmail-bin, or rehearse on "
                 "the host that has it.",
                 EVERYBODYS, whose);
    }
    return false;
}

#include "lib/remedy.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "lib/printable.h"

static_assert(REMEDIES_SIZE <= UINT16_MAX, "a part's place in the text has 16 bits");

static const struct {
    const char *label;
    const char *word;
} mtas[MTA_KINDS] = {
    [MTA_UNKNOWN] = {"", NULL},
    [MTA_POSTFIX] = {"Postfix", "postfix"},
    [MTA_SENDMAIL] = {"Sendmail", "sendmail"},
    [MTA_EXIM] = {"Exim", "exim"},
};

const char *mta_label(enum mta mta)
{
    return mtas[mta].label;
}

const char *mta_word(enum mta mta)
{
    return mtas[mta].word;
}

enum mta mta_from_word(const char *word)
{
    for (int mta = MTA_UNKNOWN + 1; mta < MTA_KINDS && word != NULL; mta++) {
        if (strcmp(mtas[mta].word, word) == 0) {
            return (enum mta)mta;
        }
    }
    return MTA_UNKNOWN;
}

void remedies_clear(struct remedies *remedies)
{
    *remedies = (struct remedies){.count = 0};
}

__attribute__((format(printf, 2, 3))) static void add_text(struct remedies *remedies,
                                                           const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printable_append(remedies->text, sizeof(remedies->text), format, arguments);
    va_end(arguments);
}

void remedies_add(struct remedies *remedies, enum mta mta, const char *format, ...)
{
    va_list arguments;

    add_text(remedies, "%s", remedies->text[0] != '\0' ? " " : "");
    size_t shown = strlen(remedies->text);
    if (mta != MTA_UNKNOWN) {
        add_text(remedies, "%s: ", mta_label(mta));
    }
    size_t begin = strlen(remedies->text);
    va_start(arguments, format);
    printable_append(remedies->text, sizeof(remedies->text), format, arguments);
    va_end(arguments);
    size_t end = strlen(remedies->text);

    if (remedies->count == REMEDIES_MAX) {
        struct remedy_part *last = &remedies->part[REMEDIES_MAX - 1];
        last->length = (uint16_t)(end - last->begin);
        return;
    }
    remedies->part[remedies->count++] = (struct remedy_part){
        .mta = (uint16_t)mta,
        .shown = (uint16_t)shown,
        .begin = (uint16_t)begin,
        .length = (uint16_t)(end - begin),
    };
}

void remedies_add_rows(struct remedies *remedies, const struct remedy rows[], enum mta mta)
{
    for (; rows->text != NULL; rows++) {
        if (mta == MTA_UNKNOWN || rows->mta == MTA_UNKNOWN || rows->mta == mta) {
            remedies_add(remedies, rows->mta, "%s", rows->text);
        }
    }
}

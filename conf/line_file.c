#include "conf/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/access.h"
#include "conf/names.h"

bool conf_line_file_open(struct conf_line_file *file, const struct conf_draft *draft,
                         const struct conf_setting *setting, size_t item, const char *says)
{
    const char *path = setting->items[item].text;
    const int line = setting->items[item].line;
    const char *option = setting->option->name;
    struct conf_access_fault unguarded;
    char denied[CONF_ACCESS_SIZE];
    char shown[CONF_SHOW_SIZE];
    struct stat status;

    *file = (struct conf_line_file){
        .draft = draft, .option = option, .option_line = line, .place.file = path};
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0 || fstat(descriptor, &status) < 0) {
        conf_note_failure(draft->messages, errno);
        conf_mistake(draft->messages, line, "%s: %s cannot be read: %s", option,
                     conf_show(shown, path), conf_access_denied(denied, errno));
    } else if (!S_ISREG(status.st_mode)) {
        conf_mistake(draft->messages, line, "%s: %s is no regular file", option,
                     conf_show(shown, path));
    } else if (!conf_access_guarded(&status, &unguarded)) {
        conf_mistake(draft->messages, line, "%s: %s %s, and it says %s; %s", option,
                     conf_show(shown, path), unguarded.fault, says, unguarded.remedy);
    } else {
        file->stream = fdopen(descriptor, "r");
        if (file->stream == NULL) {
            draft->messages->out_of_memory = true;
        }
    }
    if (file->stream == NULL && descriptor >= 0) {
        close(descriptor);
    }
    errno = 0;
    return file->stream != NULL;
}

static bool is_blank(char octet)
{
    return octet == ' ' || octet == '\t' || octet == '\r';
}

/* Whether there is one: it may be empty. */
static bool read_line(struct conf_line_file *file)
{
    bool comment = false;
    int octet = getc_unlocked(file->stream);

    if (octet == EOF) {
        return false;
    }
    file->place.line++;
    file->length = 0;
    file->too_long = false;
    for (; octet != EOF && octet != '\n'; octet = getc_unlocked(file->stream)) {
        comment = comment || octet == '#';
        if (comment || (file->length == 0 && is_blank((char)octet))) {
            continue;
        }
        if (file->length + 1 < sizeof(file->line)) {
            file->line[file->length++] = (char)octet;
        } else {
            file->too_long = file->too_long || !is_blank((char)octet);
        }
    }
    while (file->length > 0 && is_blank(file->line[file->length - 1])) {
        file->length--;
    }
    file->line[file->length] = '\0';
    file->unended = octet == EOF && !ferror(file->stream);
    return true;
}

bool conf_line_file_next(struct conf_line_file *file)
{
    do {
        if (!read_line(file)) {
            return false;
        }
    } while (file->length == 0);
    return true;
}

void conf_line_file_mistake(struct conf_line_file *file, const char *format, ...)
{
    char text[CONF_VALUE_ERROR_SIZE];
    va_list arguments;

    if (++file->mistakes <= CONF_LINE_MISTAKES) {
        va_start(arguments, format);
        (void)vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        conf_mistake_in(file->draft->messages, file->place, "%s", text);
    }
}

void conf_line_file_close(struct conf_line_file *file, const char *noun)
{
    struct conf_messages *messages = file->draft->messages;
    char shown[CONF_SHOW_SIZE];

    if (file->mistakes > CONF_LINE_MISTAKES) {
        size_t more = file->mistakes - CONF_LINE_MISTAKES;
        file->place.line = 0;
        conf_mistake_in(messages, file->place, "%zu more line%s no %s%s", more,
                        more == 1 ? " is" : "s are", noun, more == 1 ? "" : "s");
    }
    if (ferror(file->stream)) {
        conf_note_failure(messages, errno);
        conf_mistake(messages, file->option_line, "%s: %s cannot be read: %s", file->option,
                     conf_show(shown, file->place.file), strerror(errno));
    }
    fclose(file->stream);
}

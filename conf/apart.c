#include "conf/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/thread.h"

/* With what the child ends. libconfuse's scanner has exit(2) for itself. */
enum {
    ENDED_WELL = 0,
    ENDED_UNHEARD = 3, /* the pipe took no more */
    ENDED_WITHOUT_MEMORY = 4,
};

/* The child's answer: records of fields, each field ended by NUL. The first field of a record is
 * its kind:
 * - block KIND OPEN-LINE CLOSE-LINE 0: a section without a title; 1 TITLE: one with a title
 * - setting OPTION SECTION LINE BRACES: OPTION is its row in conf_options
 * - item LINE TEXT: of the last setting
 * - message WEIGHT LINE TEXT
 * - end COMPLETE: nothing follows */

/* ---- the child ----------------------------------------------------------------------- */

struct writer {
    int pipe;
    size_t used;
    char buffer[4096];
};

static void flush(struct writer *writer)
{
    for (size_t at = 0; at < writer->used;) {
        ssize_t put = write(writer->pipe, writer->buffer + at, writer->used - at);
        if (put < 0 && errno != EINTR) {
            _exit(ENDED_UNHEARD);
        }
        at += put > 0 ? (size_t)put : 0;
    }
    writer->used = 0;
}

static void put_text(struct writer *writer, const char *text)
{
    do {
        if (writer->used == sizeof(writer->buffer)) {
            flush(writer);
        }
        writer->buffer[writer->used++] = *text;
    } while (*text++ != '\0');
}

static void put_number(struct writer *writer, long number)
{
    char text[24];

    snprintf(text, sizeof(text), "%ld", number);
    put_text(writer, text);
}

static void put_block(struct writer *writer, const struct conf_block *block)
{
    put_text(writer, "block");
    put_number(writer, block->kind);
    put_number(writer, block->open_line);
    put_number(writer, block->close_line);
    put_number(writer, block->title != NULL);
    if (block->title != NULL) {
        put_text(writer, block->title);
    }
}

static void put_setting(struct writer *writer, const struct conf_setting *setting)
{
    put_text(writer, "setting");
    put_number(writer, setting->option - conf_options);
    put_number(writer, (long)setting->section);
    put_number(writer, setting->line);
    put_number(writer, setting->braces);
    for (size_t i = 0; i < setting->item_count; i++) {
        put_text(writer, "item");
        put_number(writer, setting->items[i].line);
        put_text(writer, setting->items[i].text);
    }
}

/* Where libconfuse's scanner calls exit(): before what this process's copy would do at its end. */
static void end_at_once(void)
{
    _exit(ENDED_WITHOUT_MEMORY);
}

static _Noreturn void be_the_child(int pipe, struct conf_tree *tree, const char *prepared,
                                   bool silent, const char *file)
{
    struct conf_messages messages = {.file = file};
    struct writer writer = {.pipe = pipe};

    atexit(end_at_once);
    /* The scanner's words on its end are no line of ours, and what this process has buffered is
     * not the child's to print. */
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    if (conf_tree_read(tree, prepared, silent, &messages) < 0 || messages.out_of_memory) {
        _exit(ENDED_WITHOUT_MEMORY);
    }
    for (size_t i = 0; i < tree->block_count; i++) {
        put_block(&writer, &tree->blocks[i]);
    }
    for (size_t i = 0; i < tree->setting_count; i++) {
        put_setting(&writer, &tree->settings[i]);
    }
    for (size_t i = 0; i < messages.count; i++) {
        put_text(&writer, "message");
        put_number(&writer, messages.entries[i].weight);
        put_number(&writer, messages.entries[i].order);
        put_text(&writer, messages.entries[i].text);
    }
    put_text(&writer, "end");
    put_number(&writer, tree->complete);
    flush(&writer);
    _exit(ENDED_WELL);
}

/* ---- its answer ---------------------------------------------------------------------- */

struct answer {
    char *bytes;
    size_t length;
    size_t at;
    struct conf_tree *tree;
    struct conf_messages *messages;
    bool ended;
    bool late; /* the child gave none in time */
    bool out_of_memory;
};

/* NULL: there is none. */
static const char *take_text(struct answer *answer)
{
    const char *field = answer->bytes + answer->at;
    const char *end =
        answer->at < answer->length ? memchr(field, '\0', answer->length - answer->at) : NULL;

    if (end == NULL) {
        return NULL;
    }
    answer->at += (size_t)(end - field) + 1;
    return field;
}

/* A number of 0 to `most`. */
static bool take_number(struct answer *answer, long most, long *out)
{
    const char *field = take_text(answer);
    char *end;

    if (field == NULL || *field < '0' || *field > '9') {
        return false;
    }
    errno = 0;
    long number = strtol(field, &end, 10);
    if (*end != '\0' || errno != 0 || number > most) {
        return false;
    }
    *out = number;
    return true;
}

static bool take_line(struct answer *answer, int *out)
{
    long line;

    if (!take_number(answer, answer->tree->end_line, &line)) {
        return false;
    }
    *out = (int)line;
    return true;
}

static bool remember(struct answer *answer, int result)
{
    answer->out_of_memory |= result < 0;
    return result == 0;
}

static bool take_block(struct answer *answer)
{
    struct conf_block block = {0};
    const char *title = NULL;
    long kind;
    long titled;

    if (!take_number(answer, SECTION_COUNT - 1, &kind) || !take_line(answer, &block.open_line) ||
        !take_line(answer, &block.close_line) || !take_number(answer, 1, &titled)) {
        return false;
    }
    /* The first is the file itself. */
    if ((kind == SECTION_ROOT) != (answer->tree->block_count == 0)) {
        return false;
    }
    if (titled != 0 && (title = take_text(answer)) == NULL) {
        return false;
    }
    block.kind = (enum conf_section)kind;
    return remember(answer, conf_tree_add_block(answer->tree, block, title));
}

static bool take_setting(struct answer *answer)
{
    struct conf_tree *tree = answer->tree;
    struct conf_setting setting = {0};
    long option;
    long section;
    long braces;

    if (tree->block_count == 0 || !take_number(answer, (long)conf_option_count - 1, &option) ||
        !take_number(answer, (long)tree->block_count - 1, &section) ||
        !take_line(answer, &setting.line) || !take_number(answer, 1, &braces)) {
        return false;
    }
    setting.option = &conf_options[option];
    setting.section = (size_t)section;
    setting.braces = braces != 0;
    return tree->blocks[section].kind == setting.option->section &&
           remember(answer, conf_tree_add_setting(tree, setting));
}

static bool take_item(struct answer *answer)
{
    int line;
    const char *text;

    return answer->tree->setting_count > 0 && take_line(answer, &line) &&
           (text = take_text(answer)) != NULL &&
           remember(answer, conf_tree_add_item(answer->tree, text, line));
}

static bool take_message(struct answer *answer)
{
    long weight;
    int line;
    const char *text;

    if (!take_number(answer, CONF_NOTE, &weight) || !take_line(answer, &line) ||
        (text = take_text(answer)) == NULL) {
        return false;
    }
    conf_messages_take(answer->messages, (enum conf_weight)weight, line, text);
    return true;
}

static bool take_end(struct answer *answer)
{
    long complete;

    if (answer->tree->block_count == 0 || !take_number(answer, 1, &complete)) {
        return false;
    }
    answer->tree->complete = complete != 0;
    answer->ended = answer->at == answer->length;
    return answer->ended;
}

static bool take_record(struct answer *answer)
{
    static const struct {
        const char *kind;
        bool (*take)(struct answer *answer);
    } records[] = {
        {"block", take_block},     {"setting", take_setting}, {"item", take_item},
        {"message", take_message}, {"end", take_end},
    };
    const char *kind = take_text(answer);

    for (size_t i = 0; kind != NULL && i < sizeof(records) / sizeof(records[0]); i++) {
        if (strcmp(kind, records[i].kind) == 0) {
            return records[i].take(answer);
        }
    }
    return false;
}

/* Reading a file takes the child milliseconds. It was forked out of a process with threads, and
 * might wait for ever for a lock that one of them held; the daemon would wait with it. */
#define CHILD_MS 20000

/* Whether there is something to read before the deadline; a signal only interrupts. */
static bool is_heard_of(int pipe, const struct timespec *deadline)
{
    for (;;) {
        int left = thread_moment_left(deadline);
        struct pollfd wait = {.fd = pipe, .events = POLLIN};
        int ready = poll(&wait, 1, left);
        if (ready != 0 && !(ready < 0 && errno == EINTR)) {
            return true; /* an error is told by the read */
        }
        if (ready == 0 && left == 0) {
            return false;
        }
    }
}

/* Reads until the child has closed its end. -1: memory is out, or more came than any text makes, or
 * the child is late. */
static int hear(struct answer *answer, int pipe, size_t most)
{
    const struct timespec deadline = thread_moment(CHILD_MS);
    size_t capacity = 0;

    for (;;) {
        if (!is_heard_of(pipe, &deadline)) {
            answer->late = true;
            return -1;
        }
        if (answer->length == capacity) {
            capacity = capacity == 0 ? 16384 : capacity * 2;
            char *grown = capacity <= most * 2 ? realloc(answer->bytes, capacity) : NULL;
            if (grown == NULL) {
                return -1;
            }
            answer->bytes = grown;
        }
        ssize_t got = read(pipe, answer->bytes + answer->length, capacity - answer->length);
        if (got == 0) {
            return 0;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        answer->length += got > 0 ? (size_t)got : 0;
    }
}

/* ---- both ---------------------------------------------------------------------------- */

/* The child, or -1 and errno. It never sees a signal handler of this process run. */
static pid_t start(int pipes[2], struct conf_tree *tree, const char *prepared, bool silent,
                   const char *file)
{
    sigset_t all;
    sigset_t before;

    if (pipe2(pipes, O_CLOEXEC) < 0) {
        return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child == 0) {
        be_the_child(pipes[1], tree, prepared, silent, file);
    }
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(pipes[1]);
    if (child < 0) {
        close(pipes[0]);
    }
    errno = error;
    return child;
}

/* Takes the child's end; why it was another than it should be is told, unless `messages` is NULL.
 * False: it has no answer. Where nobody may wait (SIGCHLD is ignored), its answer tells. */
static bool reap(pid_t child, struct conf_messages *messages)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return messages != NULL;
        }
    }
    if (messages == NULL) {
        return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == ENDED_WELL) {
        return true;
    }
    messages->system_failed = true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == ENDED_WITHOUT_MEMORY) {
        messages->out_of_memory = true;
    } else if (WIFSIGNALED(status)) {
        conf_mistake(
            messages, 0,
            "cannot be loaded: the process that read it was ended by signal %d, as happens "
            "where memory is out",
            WTERMSIG(status));
    } else {
        conf_mistake(messages, 0, "cannot be loaded: the process that read it ended with code %d",
                     WEXITSTATUS(status));
    }
    return false;
}

/* The C library lets a child of a process with threads allocate; the sanitizers' allocator does
 * not: a lock that another thread held stays held. Programs that they watch read the text
 * themselves. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define READ_HERE true
#else
#define READ_HERE false
#endif

int conf_tree_read_apart(struct conf_tree *tree, const char *prepared, bool silent,
                         struct conf_messages *messages)
{
    if (READ_HERE) {
        return conf_tree_read(tree, prepared, silent, messages);
    }
    struct answer answer = {.tree = tree, .messages = messages};
    /* A value of one octet and its comma become a record of at most 16. */
    const size_t most = 16 * strlen(prepared) + (size_t)1024 * 1024;
    int pipes[2];

    pid_t child = start(pipes, tree, prepared, silent, messages->file);
    if (child < 0) {
        conf_note_failure(messages, errno);
        conf_mistake(messages, 0, "cannot be loaded: no process to read it can be started: %s",
                     strerror(errno));
        return -1;
    }
    bool heard = hear(&answer, pipes[0], most) == 0;
    close(pipes[0]);
    int result = -1;
    if (answer.late) {
        (void)kill(child, SIGKILL);
        messages->system_failed = true;
        conf_mistake(messages, 0,
                     "cannot be loaded: the process that read it gave no answer in %d s; try again",
                     CHILD_MS / 1000);
    }
    if (!reap(child, heard ? messages : NULL)) {
        answer.out_of_memory = !heard && !answer.late;
        goto out;
    }
    while (take_record(&answer) && !answer.ended) {
    }
    if (answer.ended) {
        result = 0;
    } else if (!answer.out_of_memory) {
        messages->system_failed = true;
        conf_mistake(messages, 0, "cannot be loaded: the process that read it broke off");
    }
out:
    messages->out_of_memory |= answer.out_of_memory;
    free(answer.bytes);
    return result;
}

/*
 * places - the elements of an Exim candidate: statements, blocks, items of lists, lines of files
 *
 * Each finds, or makes, the element of candidate.h for what stands at a place. An item of a list is
 * followed through +lists and macros to where it is written. CANDIDATE_NO_ELEMENT: there is none.
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_PLACES_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/exim/acl_trace.h"
#include "probe/rehearse/exim/script.h"

#define PLACES_MAX 8 /* of one item: macros may be defined more than once */

/* The statement of an ACL, or the block of a router or an authenticator, that begins there. */
size_t place_statement(struct candidate *candidate, size_t source, size_t line);

/* A setting of the main section, with its whole line. */
size_t place_setting(struct candidate *candidate, const char *name);

/* The block of a router or an authenticator. */
size_t place_driver(struct candidate *candidate, const char *name);
/* An authenticator of that public name. */
size_t place_authenticator(struct candidate *candidate, const char *public_name);

/* Where an item is written that Exim says has matched in the list of a condition. Returns how many
 * there are. */
size_t place_item(struct candidate *candidate, size_t source, size_t line, const char *matched,
                  size_t out[PLACES_MAX]);
/* Every item of the list of a condition, or of a named list's definition, but for names of others.
 */
size_t place_all_items(struct candidate *candidate, size_t source, size_t line, size_t *out,
                       size_t room);

/* The whole value of each list that a condition names, or of the macro that it is: where what let
 * by is no item (an expansion, or the end of a list whose last item is negated). */
size_t place_lists(struct candidate *candidate, size_t source, size_t line, size_t out[PLACES_MAX]);

/* The line of a file that a lookup found, or that was read as a list's items. */
size_t place_line(struct candidate *candidate, const struct acl_fact *fact);

/* Whether the list of a condition has one item only, which is written there. */
bool place_is_single(const struct script_line *line, const struct script_setting *setting);

#endif

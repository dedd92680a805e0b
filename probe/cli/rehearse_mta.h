/*
 * rehearse_mta - whose configuration is rehearsed
 */
#ifndef RELAYWARDEN_PROBE_CLI_REHEARSE_MTA_H
#define RELAYWARDEN_PROBE_CLI_REHEARSE_MTA_H

#include "probe/rehearse/private_server.h"
#include "probe/rehearse/stage/stage.h"

/* The MTA that is `named` (enum rehearsed_mta); where none is, that of the files in `directory`;
 * without that (NULL) the one whose configuration stands on this host. NULL with a sentence: nobody
 * can say. */
const struct private_server *rehearse_mta_find(unsigned int named, const char *directory,
                                               char error[STAGE_ERROR_SIZE]);

/* Where its configuration stands on this host: the first of the usual places that there is, else
 * the first of all. */
const char *rehearse_mta_place(const struct private_server *server);

#endif

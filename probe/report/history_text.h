/*
 * history_text - the history as a readable account
 */
#ifndef RELAYWARDEN_PROBE_REPORT_HISTORY_TEXT_H
#define RELAYWARDEN_PROBE_REPORT_HISTORY_TEXT_H

#include "probe/report/history.h"
#include <stdbool.h>
#include <stdio.h>

void history_text_write(FILE *out, const struct history *history, bool colour);

#endif

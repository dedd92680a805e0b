#include "lib/alert/sink/alert_settings.h"

#include <stdlib.h>
#include <string.h>

void alert_settings_free(struct alert_settings *settings)
{
    free(settings->json_path);
    free(settings->metrics_directory);
    if (settings->command != NULL)
        for (size_t i = 0; i < settings->command_count; i++)
            free(settings->command[i]);
    free(settings->command);
    memset(settings, 0, sizeof(*settings));
}

#include "probe/net/tcp_service.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

uint16_t tcp_service_port(const char *text)
{
    const struct addrinfo hints = {
        .ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    uint16_t port = 0;
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);

    if (end != text && *end == '\0') {
        return number <= UINT16_MAX ? (uint16_t)number : 0;
    }
    if (text[0] == '\0' || getaddrinfo(NULL, text, &hints, &found) != 0) {
        return 0;
    }
    port = ntohs(((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_port);
    freeaddrinfo(found);
    return port;
}

void tcp_service_name(uint16_t port, char out[TCP_SERVICE_SIZE])
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (getnameinfo((const struct sockaddr *)&place, sizeof(place), NULL, 0, out, TCP_SERVICE_SIZE,
                    0) != 0) {
        snprintf(out, TCP_SERVICE_SIZE, "%u", (unsigned int)port);
    }
}

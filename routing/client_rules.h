// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>

#include "core/slice.h"
#include "routing/place.h"

// Whose clients are asked for a certificate, and whose signatures count then.
enum client_asks { ASKS_NOTHING, ASKS_FOR_CERTIFICATE, ASKS_ALL_FOR_CERTIFICATE };
#define CLIENT_DEPTH_UNSET 100
struct client_rules {
    struct place place;
    char *asks_word; // "none", "request", "require"; NULL: the site leaves it to `tls`
    enum client_asks asks;
    char *ca, *crl; // files; NULL: none
    unsigned depth; // intermediate certificates at most
};

struct config;
// The client rules of the site that this (normalised, maybe empty) host belongs to: a number in c->client_rules.
size_t config_client_rules(const struct config *c, struct slice host);

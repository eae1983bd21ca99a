// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/site.h"

static bool networks_have(const struct networks *list, const struct address *client);

bool access_allows(const struct access *access, const struct address *client) {
    if (!access) return true;
    if (networks_have(&access->deny, client)) return false;
    return access->allow.count == 0 || networks_have(&access->allow, client);
}

static bool networks_have(const struct networks *list, const struct address *client) {
    for (size_t i = 0; i < list->count; i++)
        if (network_has(&list->at[i], client)) return true;
    return false;
}

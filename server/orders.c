// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/orders.h"

#include <string.h>

bool order_send(struct channel *c, enum order_type type, struct order order, struct slice text,
                const int *fds, size_t fd_count) {
    char body[sizeof order + ORDER_TEXT_MAX];
    if (text.len > ORDER_TEXT_MAX) text.len = ORDER_TEXT_MAX;
    memcpy(body, &order, sizeof order);
    if (text.len) memcpy(body + sizeof order, text.at, text.len);
    return channel_send(c, type, (struct slice){body, sizeof order + text.len}, fds, fd_count);
}

bool order_read(struct slice body, struct order *order, struct slice *text) {
    if (body.len < sizeof *order) return false;
    memcpy(order, body.at, sizeof *order);
    *text = slice_skip(body, sizeof *order);
    return true;
}

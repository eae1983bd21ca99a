// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdint.h>

#include "core/channel.h"

// What the supervisor and its processes tell each other. Every message is a struct order, then text (not terminated).
enum order_type {
    // from the supervisor
    ORDER_LOAD =
        1, // a generation begins: number; text: path of the route file; descriptor: the packed set of files
    ORDER_LOGS,     // descriptors: the error log, then the access log if `value` is 1
    ORDER_LISTENER, // number; value: index in config->listens (control: 0); descriptor: the socket
    ORDER_STATE,    // to control: text: path of the state file; descriptor: its folder; or neither
    ORDER_BUILD,    // all of it was sent: build it and say so
    ORDER_SWITCH, // number: use what was built; value 1: a trial ended with it, go back to what was before
    ORDER_DRAIN, // value: milliseconds; end when nothing is open any more. A second one: end now
    ORDER_RELOAD_ENDED, // to control: number of the request; value: the exit status; text: errors, problems
    ORDER_ASKED, // to control: number; value: how many workers were sent its question
    ORDER_LIST, // to workers, from control: number; value: milliseconds: what runs for at least so long?
    ORDER_KILL,   // to workers, from control: number; text: id of the request to be ended
    ORDER_LISTED, // to control, from a worker: number; descriptor: the list; without one and with value 1: it is too long
    ORDER_KILLED, // to control, from a worker: number; value: how many
    // to the supervisor
    ORDER_BUILT,    // number
    ORDER_UNBUILT,  // number; text: the errors
    ORDER_SWITCHED, // number
    ORDER_RELOAD, // from control: number of the request, to be repeated in the answer; value: ms of a trial, 0: none
    ORDER_CONFIRM // from control: the same number; the trial is over; ORDER_RELOAD_ENDED answers
};

struct order {
    unsigned number;
    unsigned value;
};

#define ORDER_TEXT_MAX (32u << 10) // what is longer is cut

// False: the other side is gone or does not read (logged).
bool order_send(struct channel *c, enum order_type type, struct order order, struct slice text,
                const int *fds, size_t fd_count);
// The order of a message and the text after it. False: it is too short to be one.
bool order_read(struct slice body, struct order *order, struct slice *text);

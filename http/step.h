// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// The steps of an exchange; what each does stands in exchange.c, in this order.
enum step {
    STEP_WAIT, // not a step: "nothing more to do now"
    STEP_read_request_head,
    STEP_choose_backend,
    STEP_answer_locally,
    STEP_filter_request,
    STEP_await_key,
    STEP_await_place,
    STEP_acquire_connection,
    STEP_send_request_head,
    STEP_read_response_head,
    STEP_filter_response,
    STEP_send_response_head,
    STEP_relay_bodies,
    STEP_tunnel,
    STEP_answer_ourselves,
    STEP_answer_failure,
    STEP_finish,
    STEP_over,
};

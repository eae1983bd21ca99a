// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/exchange_parts.h"

// When the pumps of an exchange start, and what they join.

bool has_request_body(const struct exchange *x) {
    return x->request.framing.kind != BODY_NONE;
}

// Once an answer has begun, a client that still has some of its request to send is told to close: nobody can say whether it will
// (RFC 9110 section 10.1.1), and its next request must not be taken for the rest.
bool has_all_of_request(const struct exchange *x) {
    return x->at.head_read && parser_body_left(x->request_parser) == 0;
}

// Not before the client sends: one that waits for "100 Continue" is not late with its body, and its request can be given up whole.
void begin_upload(struct exchange *x) {
    struct stream *client = x->client_ops->stream(x->client);
    bool is_expected = !x->request.expects_continue || x->is_continued;
    if (!has_request_body(x) || x->upload.state != PUMP_IDLE) return;
    if (!is_expected && stream_input_len(client) == 0) return;
    pump_start(&x->upload, &(struct pump_job){
                               .source = client,
                               .parser = x->request_parser,
                               .sink = backend_conn_stream(x->backend),
                               .is_chunked = x->request_out.framing.kind == BODY_CHUNKED,
                               .low = x->answer.policy->low_bytes,
                               .high = x->answer.policy->high_bytes,
                               .max_bytes = x->answer.policy->body_max_bytes,
                               .splice_bytes = x->answer.policy->splice_bytes,
                               .arena = x->arena,
                           });
}

void begin_download(struct exchange *x) {
    pump_start(&x->download, &(struct pump_job){
                                 .source = backend_conn_stream(x->backend),
                                 .parser = x->response_parser,
                                 .sink = x->client_ops->stream(x->client),
                                 .is_chunked = x->response_out.framing.kind == BODY_CHUNKED,
                                 .low = x->answer.policy->low_bytes,
                                 .high = x->answer.policy->high_bytes,
                                 .max_bytes = UINT64_MAX,
                                 .splice_bytes = x->answer.policy->splice_bytes,
                                 .arena = x->arena,
                             });
}

void begin_tunnel(struct exchange *x) {
    struct pump_job job = {
        .source = x->client_ops->stream(x->client),
        .sink = backend_conn_stream(x->backend),
        .low = x->answer.policy->low_bytes,
        .high = x->answer.policy->high_bytes,
        .max_bytes = UINT64_MAX,
        .splice_bytes = x->answer.policy->splice_bytes,
    };
    pump_start(&x->upload, &job);
    job.sink = job.source;
    job.source = backend_conn_stream(x->backend);
    pump_start(&x->download, &job);
    count_add(x->service->conf.counters, COUNT_TUNNELS, 1);
}

// We answer without having asked anybody for the body: what of it is there already is read and dropped.
void settle_upload(struct exchange *x) {
    if (!x->at.head_read || has_all_of_request(x)) return;
    pump_start(&x->upload, &(struct pump_job){
                               .source = x->client_ops->stream(x->client),
                               .parser = x->request_parser,
                               .max_bytes = UINT64_MAX,
                           });
    pump_run(&x->upload);
}

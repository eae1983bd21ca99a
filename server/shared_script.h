// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/cluster_parts.h"

// The two scripts with which one pool is read from the Redis server and written to it; each is carried out as a whole.

// What the server has of a pool. To be freed whatever shared_answer_take() says.
struct shared_answer {
    struct shared_point at;
    struct shares theirs;
    bool is_parted;      // its life began from less than we know...
    struct shares begun; // ...namely from these
    uint64_t doubt;      // the token of the last write of ours that was carried out
    uint64_t token;      // that stands there now
};

// False: it was not asked, and on_answer is not called. A write in doubt (p->doubt) is not carried out any more once this was answered.
bool shared_script_read(struct shared_pool *p, redis_reply_fn *on_answer);
// False: that is no answer of the script's, so the server is no Redis server.
bool shared_answer_take(const struct shared_pool *p, const struct redisReply *reply,
                        struct shared_answer *out);
void shared_answer_free(struct shared_answer *answer);

// Writes p->result as p->next_at onto what was read, and nothing if that has changed meanwhile: then the reply is 0. It is in doubt from
// now on. tells_line: the life that the server has from now on began from what we know. False as above.
bool shared_script_write(struct shared_pool *p, const struct shared_answer *answer, bool tells_line,
                         redis_reply_fn *on_written);

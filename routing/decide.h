// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "core/progress.h"
#include "routing/config.h"

// Where does a request go? Decisions on plain strings: no HTTP types, no sockets.

// What TLS agreed on with the client, and its certificate.
struct client_tls {
    struct slice version, cipher, name; // name: the one asked for (SNI)
    bool is_resumed;
    bool is_verified; // it sent a certificate, and that is good; what follows is about it
    struct slice subject, issuer, serial, fingerprint; // empty: none
    const struct slice *names;
    size_t name_count;
    int64_t not_before_s, not_after_s;
    int signature_bits;
    unsigned path_length;
};

// The request as routing sees it. http/ fills it; so do explain and the route tests.
struct route_request {
    struct slice id; // request id
    struct slice method;
    struct slice scheme;    // "http" or "https"
    struct slice host;      // normalised; may be empty (HTTP/1.0)
    struct slice authority; // host[:port] as written
    struct slice path;      // raw
    struct slice query;     // without '?'
    struct slice uri;       // raw path and query as received: {uri}
    const struct address *client;
    bool client_tls;
    // What is known of that; only called when a function asks. NULL, as for explain: nothing.
    void (*tls)(void *fields, struct client_tls *out);
    int local_port; // where it came in
    // Fields by name, ignoring case; *nth counts from 0; false when there are no more. set: value NULL removes.
    bool (*field)(void *fields, struct slice name, unsigned nth, struct slice *value);
    void (*set_field)(void *fields, struct slice name, const struct slice *value);
    bool (*field_at)(void *fields, unsigned i, struct slice *name,
                     struct slice *value); // for pairs(req.headers)
    void *fields;
};

enum answer_kind {
    ANSWER_POOL,     // pool, maybe key, maybe a fixed member
    ANSWER_RESPOND,  // status, fields, body
    ANSWER_REDIRECT, // status and location
    ANSWER_REFUSED,  // why: one of enum refused
};
enum refused {
    REFUSED_NO_SITE, // 404: no site of that name
    REFUSED_NO_PATH, // 404: no path rule fits, or the function said "not mine"
    REFUSED_DENIED,  // 403: allow/deny
    REFUSED_BAD_KEY, // 400: the key of a pool of host names is no host name
    REFUSED_SCRIPT,  // 500: a Lua function failed; logged already
    REFUSED_BAD_PATH, // 400: the path can be read in two ways, and they fit different rules (routing/path.h)
};

struct answer_field {
    struct slice name, value;
};

// An answer that the route file has in full.
struct respond {
    int status;
    struct slice body;
    const struct answer_field *fields;
    unsigned field_count;
};

struct route_answer {
    enum answer_kind kind;
    enum refused refused;
    const struct site *site;     // NULL: none matched
    const struct policy *policy; // never NULL: the built-in defaults where no site matched
    struct pool *pool;
    struct slice key; // normalised; at == NULL: no key
    uint64_t key_hash;
    struct slice fixed; // pool:member(addr): this one or none; at == NULL: any
    uint64_t clings_to; // value of the pool's sticky cookie; 0: there is none
    int status;
    struct slice body;     // of RESPOND
    struct slice location; // of REDIRECT
    const struct answer_field *fields;
    unsigned field_count;
};

extern const struct policy DEFAULT_POLICY;

// READY with *out filled, or PENDING (a function waits; not in this version). Memory of the answer is the arena's.
enum progress route_decide(const struct config *c, const struct route_request *r, struct arena *a,
                           struct route_answer *out);

// May a plain port answer with the same URL by HTTPS instead, where the name has a certificate? Not what is refused; and what redirects
// anyway does so at once, where everybody may know whereto.
bool route_may_move(const struct route_answer *answer);
// Makes it that: the same URL at the first HTTPS listener. Of what it was, only site and policy stay.
void route_to_https(const struct config *c, const struct route_request *r, struct arena *a,
                    struct route_answer *out);

// Who is left out of a choice.
struct left_out {
    struct member *const *tried; // asked before, in vain
    unsigned tried_count;
    uint64_t
        avoided_at_ms; // those that are avoided at this moment as well, if others are left; 0: nobody is
};
// The member for an attempt: a pure function of (answer, version of the table, in-flight counts) but for round robin's turn and
// random-2's dice. NULL: nobody is left. A hash pool gives the key's own next choice when one is left out, down, full or above the
// bound. The arena is for what lasts no longer than the call.
struct member *pool_choose(struct pool *p, const struct route_answer *answer,
                           const struct left_out *out, struct arena *a);
// After pool_choose() found nobody: somebody would take it, but all who would are full (max_connections).
bool pool_has_no_place(struct pool *p, const struct route_answer *answer,
                       const struct left_out *out);

// The one member that the answer is for, if it takes its requests: that of pool:member(address), or of a sticky cookie. NULL: any.
struct member *pool_certain_member(struct pool *p, const struct route_answer *answer,
                                   const struct left_out *out);
// The answer's key is paused: its requests wait.
bool pool_has_paused(const struct pool *p, const struct route_answer *answer);

// `rsp explain`: what would happen to METHOD URL from `from` (may be NULL: 127.0.0.1), in words, with file:line. False and a reason in
// out when the URL is none.
bool route_explain(const struct config *c, struct slice method, struct slice url,
                   const struct address *from, struct text *out);
// `rsp test FILE`: loads FILE (which includes the route file) with the word `test`; returns the number of failed tests, -1 when
// nothing could be loaded; out gets one line a test and a closing line "N passed, N failed".
int route_tests_run(struct files *files, const char *path, struct text *out);

// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/shared_script.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"

enum { WHY_BYTES_MAX = 4096, MEMORY_BYTES_MAX = 16 << 20 };

// ARGV: our life and revision, the token that bars a write in doubt. The list that a life began with is asked for only by who knows more.
static const char READ_SCRIPT[] =
    "local token = redis.call('GET', KEYS[5]) or '' "
    "if ARGV[3] ~= '' then redis.call('SET', KEYS[5], ARGV[3], 'EX', 604800) end "
    "local line = redis.call('HMGET', KEYS[3], 'life', 'of', 'at') "
    "local life, of, at = line[1] or '0', line[2] or '0', tonumber(line[3] or '0') "
    "local knows_less = of == ARGV[1] and at < tonumber(ARGV[2]) or of == '0' and ARGV[1] ~= '0' "
    "local is_parted = life ~= '0' and life ~= ARGV[1] and knows_less "
    "return {redis.call('GET', KEYS[1]) or '0', redis.call('HGETALL', KEYS[2]), life, token, "
    "is_parted and 1 or 0, is_parted and redis.call('HGETALL', KEYS[4]) or {}}";
// ARGV: channel, name; the revision and the token that were read; the new revision and token; life, and what it is of and at ("": it stays
// as it is); how many words the list has that it began with; that list; the edit.
static const char WRITE_SCRIPT[] =
    "if (tonumber(redis.call('GET', KEYS[1])) or 0) ~= tonumber(ARGV[3]) "
    "or (redis.call('GET', KEYS[5]) or '') ~= ARGV[4] then return 0 end "
    "local first = 11 + tonumber(ARGV[10]) "
    "for i = first, #ARGV, 2 do "
    "if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], ARGV[i]) "
    "else redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end end "
    "if ARGV[7] ~= '' then "
    "redis.call('HSET', KEYS[3], 'life', ARGV[7], 'of', ARGV[8], 'at', ARGV[9]) "
    "redis.call('DEL', KEYS[4]) "
    "for i = 11, first - 1, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end end "
    "redis.call('SET', KEYS[1], ARGV[5]) "
    "redis.call('SET', KEYS[5], ARGV[6], 'EX', 604800) "
    "redis.call('PUBLISH', ARGV[1], ARGV[5] .. ' ' .. ARGV[2]) "
    "return 1";

// The words of a command in the making. Those made for it are in `memory`, which moves while it grows: their `at` is NULL until all are there.
struct words {
    struct slice *at;
    size_t count;
    bool is_cut; // there were too many
    struct text memory;
};
// Two for each member that differs, and those are at most the ones there and ours; two for each that a life began with. Only a server
// that says something else each time brings together more.
_Static_assert(3 * 2 * TABLE_LIST_MAX + 32 <= REDIS_WORDS_MAX,
               "an edit of a whole list is one command");

static void begin(struct words *w, const struct shared_pool *p, struct slice script);
static void add_word(struct words *w, struct slice word);
static void add_number(struct words *w, uint64_t number);
static void add_token(struct words *w, uint64_t token);
static void add_key(struct words *w, const struct shared_pool *p, const char *kind);
static void add_member(void *arg, const char *address, const struct share *was,
                       const struct share *is);
static bool ask(struct shared_pool *p, struct words *w, redis_reply_fn *on_reply);
static uint64_t number_of(const struct redisReply *reply);
static bool read_shares(const struct shared_pool *p, const struct redisReply *hash,
                        struct shares *out);
static bool read_share(const struct redisReply *hash, size_t at, struct shares *out,
                       struct text *why);

bool shared_script_read(struct shared_pool *p, redis_reply_fn *on_answer) {
    struct words w;
    if (p->doubt) p->bar = ++p->cluster->tokens;
    begin(&w, p, SLICE(READ_SCRIPT));
    add_number(&w, p->known_at.life);
    add_number(&w, p->known_at.revision);
    add_token(&w, p->doubt ? p->bar : 0);
    return ask(p, &w, on_answer);
}

bool shared_answer_take(const struct shared_pool *p, const struct redisReply *reply,
                        struct shared_answer *out) {
    if (!redis_reply_fits(reply, "tpttip")) return false;
    uint64_t token = number_of(redis_reply_at(reply, 3));
    out->at.revision = number_of(redis_reply_at(reply, 0));
    out->at.life = number_of(redis_reply_at(reply, 2));
    out->doubt = token;
    out->token = p->doubt ? p->bar : token;
    out->is_parted = redis_reply_integer(redis_reply_at(reply, 4)) == 1;
    return read_shares(p, redis_reply_at(reply, 1), &out->theirs) &&
           read_shares(p, redis_reply_at(reply, 5), &out->begun);
}

void shared_answer_free(struct shared_answer *answer) {
    shares_free(&answer->theirs);
    shares_free(&answer->begun);
}

bool shared_script_write(struct shared_pool *p, const struct shared_answer *answer, bool tells_line,
                         redis_reply_fn *on_written) {
    const struct shares nothing = {0};
    struct words w;
    p->doubt = ++p->cluster->tokens;
    begin(&w, p, SLICE(WRITE_SCRIPT));
    add_word(&w, slice_of(p->cluster->channel));
    add_word(&w, slice_of(p->name));
    add_number(&w, answer->at.revision);
    add_token(&w, answer->token);
    add_number(&w, p->next_at.revision);
    add_token(&w, p->doubt);
    add_token(&w, tells_line ? p->next_at.life : 0);
    add_number(&w, p->known_at.life);
    add_number(&w, p->known_at.revision);
    add_number(&w, tells_line ? 2 * p->known.count : 0);
    if (tells_line) shares_each_difference(&nothing, &p->known, add_member, &w);
    shares_each_difference(&answer->theirs, &p->result, add_member, &w);
    return ask(p, &w, on_written);
}

// --- words ---

static void begin(struct words *w, const struct shared_pool *p, struct slice script) {
    *w = (struct words){.at = calloc(REDIS_WORDS_MAX, sizeof *w->at)};
    CHECK(w->at);
    text_init(&w->memory, MEMORY_BYTES_MAX);
    add_word(w, SLICE("EVAL"));
    add_word(w, script);
    add_word(w, SLICE("5"));
    add_key(w, p, "revision:");
    add_key(w, p, "pool:");
    add_key(w, p, "life:");
    add_key(w, p, "begun:");
    add_key(w, p, "token:");
}

static void add_word(struct words *w, struct slice word) {
    w->is_cut |= w->count == REDIS_WORDS_MAX;
    if (!w->is_cut) w->at[w->count++] = word;
}

static void add_number(struct words *w, uint64_t number) {
    size_t begin = w->memory.len;
    text_add_u64(&w->memory, number);
    add_word(w, (struct slice){NULL, w->memory.len - begin});
}

static void add_token(struct words *w, uint64_t token) {
    if (token)
        add_number(w, token);
    else
        add_word(w, SLICE(""));
}

static void add_key(struct words *w, const struct shared_pool *p, const char *kind) {
    size_t begin = w->memory.len;
    text_printf(&w->memory, "%s%s%s", p->cluster->prefix, kind, p->name);
    if (strcmp(kind, "token:") == 0) text_printf(&w->memory, ":%" PRIx64, p->cluster->id);
    add_word(w, (struct slice){NULL, w->memory.len - begin});
}

static void add_member(void *arg, const char *address, const struct share *was,
                       const struct share *is) {
    struct words *w = arg;
    size_t begin = w->memory.len;
    (void)was;
    if (is) share_write(is, &w->memory);
    add_word(w, slice_of(address));
    add_word(w, is ? (struct slice){NULL, w->memory.len - begin} : SLICE(""));
}

static bool ask(struct shared_pool *p, struct words *w, redis_reply_fn *on_reply) {
    size_t used = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->at[i].at) continue;
        w->at[i].at = w->memory.at + used;
        used += w->at[i].len;
    }
    bool is_whole = !w->is_cut && !w->memory.is_cut;
    if (!is_whole)
        log_repeated(LOG_LEVEL_ERROR, "cluster words",
                     "cluster: pool \"%s\": the server has more members than can be agreed on",
                     p->name);
    bool is_asked = is_whole && redis_ask(p->cluster->asks, w->at, w->count, on_reply, p);
    text_fini(&w->memory);
    free(w->at);
    return is_asked;
}

// --- answers ---

// What is no number there is none of ours.
static uint64_t number_of(const struct redisReply *reply) {
    uint64_t number;
    return slice_to_u64(redis_reply_text(reply), &number) ? number : 0;
}

// False: a hash that has a field twice.
static bool read_shares(const struct shared_pool *p, const struct redisReply *hash,
                        struct shares *out) {
    for (size_t i = 0; i < redis_reply_count(hash); i += 2) {
        struct text why;
        text_init(&why, WHY_BYTES_MAX);
        if (!read_share(hash, i, out, &why)) shared_pool_leave_out(p, &why);
        text_fini(&why);
    }
    shares_sort(out);
    for (size_t i = 1; i < out->count; i++)
        if (strcmp(out->at[i - 1].address, out->at[i].address) == 0) return false;
    return true;
}

static bool read_share(const struct redisReply *hash, size_t at, struct shares *out,
                       struct text *why) {
    struct share share;
    if (!share_read(redis_reply_text(redis_reply_at(hash, at)),
                    redis_reply_text(redis_reply_at(hash, at + 1)), &share, why))
        return false;
    bool is_added = shares_add(out, &share);
    if (!is_added) text_printf(why, "%s: a pool has at most %d", share.address, TABLE_LIST_MAX);
    free(share.address);
    return is_added;
}

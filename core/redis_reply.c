// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <hiredis/hiredis.h>
#include <string.h>

#include "core/redis.h"

static bool element_fits(const struct redisReply *element, char letter);

bool redis_reply_is_error(const struct redisReply *reply) {
    return !reply || reply->type == REDIS_REPLY_ERROR;
}

struct slice redis_reply_text(const struct redisReply *reply) {
    bool has_text =
        reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
                  reply->type == REDIS_REPLY_ERROR);
    return has_text ? (struct slice){reply->str, reply->len} : (struct slice){NULL, 0};
}

long long redis_reply_integer(const struct redisReply *reply) {
    return reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
}

size_t redis_reply_count(const struct redisReply *reply) {
    return reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const struct redisReply *redis_reply_at(const struct redisReply *reply, size_t i) {
    return i < redis_reply_count(reply) ? reply->element[i] : NULL;
}

bool redis_reply_fits(const struct redisReply *reply, const char *elements) {
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != strlen(elements))
        return false;
    for (size_t i = 0; elements[i]; i++)
        if (!element_fits(reply->element[i], elements[i])) return false;
    return true;
}

bool redis_reply_is_list(const struct redisReply *reply) {
    if (!reply || reply->type != REDIS_REPLY_ARRAY) return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type != REDIS_REPLY_STRING) return false;
    return true;
}

bool redis_reply_is_integer(const struct redisReply *reply) {
    return reply && reply->type == REDIS_REPLY_INTEGER;
}

static bool element_fits(const struct redisReply *element, char letter) {
    switch (letter) {
    case 't': return element->type == REDIS_REPLY_STRING;
    case 'i': return redis_reply_is_integer(element);
    case 'l': return redis_reply_is_list(element);
    case 'p': return redis_reply_is_list(element) && element->elements % 2 == 0;
    default: return false;
    }
}

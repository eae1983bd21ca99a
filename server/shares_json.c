// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "routing/address_text.h"
#include "server/pool_edit.h"
#include "server/shares.h"

// A share as the JSON that stands in the store.

static void give_defaults(struct share *out);
static bool read_key(const char *key, const json_t *value, struct share *out);
static bool read_setting(const char *key, const json_t *value, struct share *out);

bool share_read(struct slice address, struct slice json, struct share *out, struct text *why) {
    json_error_t error;
    *out = (struct share){.is_added = true};
    if (!member_is_spelled(address, why)) return false;
    json_t *root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        text_printf(why, "%.*s: %s", SLICE_ARGS(address), root ? "is no object" : error.text);
        json_decref(root);
        return false;
    }
    const char *key;
    json_t *value;
    bool is_good = true;
    json_object_foreach(root, key, value) {
        is_good = is_good && read_key(key, value, out);
        if (is_good) continue;
        text_printf(why, "%.*s: /%s is not what can stand there", SLICE_ARGS(address), key);
        break;
    }
    json_decref(root);
    if (out->is_added) give_defaults(out);
    out->address = strndup(address.at ? address.at : "", address.len);
    if (!is_good) {
        free(out->address);
        out->address = NULL;
    }
    return is_good;
}

static void give_defaults(struct share *out) {
    if (!(out->given & 1u << MEMBER_weight)) out->settings.weight = 1;
    out->given = (1u << MEMBER_SETTINGS_COUNT) - 1;
}

static bool read_key(const char *key, const json_t *value, struct share *out) {
    if (strcmp(key, "added") == 0) {
        out->is_added = json_is_true(value);
        return json_is_boolean(value);
    }
    if (strcmp(key, "until") == 0) {
        out->until_s = json_integer_value(value);
        return json_is_integer(value) && out->until_s >= 0;
    }
    if (strcmp(key, "wish") != 0) return read_setting(key, value, out);
    for (int wish = WISH_READY; json_is_string(value) && wish <= WISH_REMOVED; wish++) {
        if (strcmp(json_string_value(value), wish_name((enum table_wish)wish)) != 0) continue;
        out->wish = (enum table_wish)wish;
        return true;
    }
    return false;
}

static bool read_setting(const char *key, const json_t *value, struct share *out) {
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++) {
        json_int_t number = json_integer_value(value);
        if (strcmp(key, member_setting_name(i)) != 0) continue;
        if (!json_is_integer(value) || number < 0 || number > member_setting_most(i)) return false;
        *member_setting_at(&out->settings, i) = (uint32_t)number;
        out->given |= 1u << i;
        return true;
    }
    return false;
}

void share_write(const struct share *share, struct text *out) {
    json_t *root = json_object();
    struct table_settings settings = share->settings;
    json_object_set_new(root, "added", json_boolean(share->is_added));
    json_object_set_new(root, "wish", json_string(wish_name(share->wish)));
    for (int i = 0; i < MEMBER_SETTINGS_COUNT; i++)
        if (share->given & 1u << i)
            json_object_set_new(root, member_setting_name(i),
                                json_integer(*member_setting_at(&settings, i)));
    if (share->until_s) json_object_set_new(root, "until", json_integer(share->until_s));
    char *text = json_dumps(root, JSON_COMPACT);
    text_add(out, slice_of(text));
    free(text);
    json_decref(root);
}

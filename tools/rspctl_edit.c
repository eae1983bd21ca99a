// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/clock.h"
#include "routing/address_text.h"
#include "tools/rspctl.h"

// `rspctl pool NAME VERB ...`: words become one edit.

enum { POLL_FIRST_MS = 20, POLL_MOST_MS = 500 };
enum { KEYS_MOST = 20000, COMPARED_MOST = 2000000 }; // of one question (rsp-api(7))

// A file line by line; "-" is the standard input.
struct lines {
    const char *path;
    FILE *in;   // NULL: it cannot be opened, which was said
    char *line; // without its end
    size_t size;
    int number;
};

static const struct edit_verb {
    const char *name;
    bool takes_settings;
    enum {
        WAITS_NEVER,
        WAITS_BEFORE,
        WAITS_AFTER
    } waits; // with --wait, until nothing is in flight
} VERBS[] = {{"add", true, WAITS_NEVER},    {"remove", false, WAITS_BEFORE},
             {"drain", false, WAITS_AFTER}, {"ready", false, WAITS_NEVER},
             {"maint", false, WAITS_AFTER}, {"set", true, WAITS_NEVER}};

static const struct edit_verb *find_verb(const char *name);
static const char *wrong_with(const struct call *c, const char *verb, const struct edit_verb *v,
                              const json_t *settings, const json_t *addresses);
static bool read_words(const struct call *c, json_t *settings, json_t *addresses);
static json_t *address_json(const char *word);
static bool read_setting(const char *word, json_t *settings);
static int send_edits(const struct call *c, const char *pool, const char *verb,
                      const json_t *addresses, const json_t *settings);
static int drain_first(const struct call *c, const char *pool, const json_t *addresses);
static int wait_for(const struct call *c, const char *pool, const json_t *addresses);
static long long in_flight_of(const json_t *pool, const json_t *addresses);
static int replace(const struct call *c, const char *pool, const char *path);
static json_t *read_members(const char *path);
static bool add_member(struct lines *l, json_t *members);
static void lines_open(struct lines *l, const char *path);
static bool lines_next(struct lines *l);
static bool lines_close(struct lines *l);
static int plan(const struct call *c, const char *pool, const char *path);
static size_t keys_a_question(const struct call *c, const char *pool, const json_t *members,
                              int *status);
static json_t *read_keys(struct lines *in, size_t most);
static bool ask_plan(const struct call *c, const char *pool, json_t *members, json_t *keys,
                     json_t *total, int *status);
static void sum(json_t *total, const json_t *part);
static void show_plan(const json_t *total);

int edit_pool(const struct call *c, const char *pool, const char *verb) {
    if (strcmp(verb, "replace") == 0 && c->argc == 3) return replace(c, pool, c->argv[2]);
    bool is_plan = strcmp(verb, "plan") == 0 && c->argc == 4;
    if (is_plan && strcmp(c->argv[2], "replace") == 0 && c->keys) return plan(c, pool, c->argv[3]);
    const struct edit_verb *v = find_verb(verb);
    json_t *settings = json_object(), *addresses = json_array();
    bool are_read = !v || read_words(c, settings, addresses);
    const char *wrong = wrong_with(c, verb, v, settings, addresses);
    int status = CTL_GOOD;
    if (!are_read || wrong) {
        status = are_read ? ctl_wrong_word(verb, wrong) : ctl_usage();
    } else if (c->waits && v->waits == WAITS_BEFORE) {
        status = drain_first(c, pool, addresses);
    }
    if (status == CTL_GOOD) status = send_edits(c, pool, verb, addresses, settings);
    if (status == CTL_GOOD && c->waits && v->waits == WAITS_AFTER)
        status = wait_for(c, pool, addresses);
    json_decref(settings);
    json_decref(addresses);
    return status;
}

static const struct edit_verb *find_verb(const char *name) {
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
        if (strcmp(name, VERBS[i].name) == 0) return &VERBS[i];
    return NULL;
}

// NULL: nothing is.
static const char *wrong_with(const struct call *c, const char *verb, const struct edit_verb *v,
                              const json_t *settings, const json_t *addresses) {
    if (strcmp(verb, "replace") == 0) return "needs one FILE";
    if (strcmp(verb, "plan") == 0) return "is asked as: plan replace FILE --keys FILE";
    if (!v) return "there is no such verb";
    if (json_array_size(addresses) == 0) return "needs an address";
    if (!v->takes_settings && json_object_size(settings) > 0) return "takes no settings";
    if (c->waits && v->waits == WAITS_NEVER) return "has nothing to wait for (--wait)";
    return NULL;
}

// Addresses, and settings for all of them.
static bool read_words(const struct call *c, json_t *settings, json_t *addresses) {
    for (int i = 2; i < c->argc; i++) {
        bool is_setting = strchr(c->argv[i], '=') || strcmp(c->argv[i], "backup") == 0;
        if (is_setting && !read_setting(c->argv[i], settings)) return false;
        if (!is_setting && json_array_append_new(addresses, address_json(c->argv[i])) != 0)
            return false;
    }
    return true;
}

// As lists have it; what is no address is rsp's to refuse.
static json_t *address_json(const char *word) {
    char spelled[MEMBER_TEXT_MAX];
    struct text unused;
    text_init(&unused, 1024);
    bool is_good = member_spell(slice_of(word), spelled, &unused);
    text_fini(&unused);
    return json_string(is_good ? spelled : word);
}

// "weight=2"; "weight=file" goes back to the route file's; "backup" is priority=1.
static bool read_setting(const char *word, json_t *settings) {
    const char *value = strchr(word, '=');
    char name[32], *end;
    if (!value) return json_object_set_new(settings, "priority", json_integer(1)) == 0;
    snprintf(name, sizeof name, "%.*s", (int)(value - word), word);
    if (strcmp(value + 1, "file") == 0)
        return json_object_set_new(settings, name, json_null()) == 0;
    errno = 0;
    long number = strtol(value + 1, &end, 10);
    if (errno || end == value + 1 || *end) {
        fprintf(stderr, "rspctl: %s: needs a whole number\n", word);
        return false;
    }
    return json_object_set_new(settings, name, json_integer(number)) == 0;
}

static int send_edits(const struct call *c, const char *pool, const char *verb,
                      const json_t *addresses, const json_t *settings) {
    json_t *edits = json_array();
    for (size_t i = 0; i < json_array_size(addresses); i++) {
        json_t *edit = json_copy((json_t *)settings);
        json_object_set_new(edit, "do", json_string(verb));
        json_object_set(edit, "address", json_array_get(addresses, i));
        json_array_append_new(edits, edit);
    }
    int status;
    char *path = ctl_path(pool, "");
    json_t *answer = ctl_ask(c, "PATCH", path, json_pack("{s:o}", "edits", edits), &status);
    if (answer && c->as_json) ctl_print_json(answer);
    json_decref(answer);
    free(path);
    return status;
}

// --- until nothing is in flight ---

static int drain_first(const struct call *c, const char *pool, const json_t *addresses) {
    struct call quiet = *c;
    json_t *none = json_object();
    quiet.as_json = false;
    int status = send_edits(&quiet, pool, "drain", addresses, none);
    json_decref(none);
    return status == CTL_GOOD ? wait_for(c, pool, addresses) : status;
}

static int wait_for(const struct call *c, const char *pool, const json_t *addresses) {
    uint64_t end = clock_read_us() / 1000 + c->wait_ms;
    char *path = ctl_path(pool, "");
    int status = CTL_GOOD;
    long long left = 1;
    for (long pause_ms = POLL_FIRST_MS; status == CTL_GOOD && left > 0; pause_ms *= 2) {
        json_t *now = ctl_ask(c, "GET", path, NULL, &status);
        left = now ? in_flight_of(now, addresses) : left;
        json_decref(now);
        if (left == 0 || status != CTL_GOOD) break;
        if (clock_read_us() / 1000 > end) {
            fprintf(stderr,
                    "rspctl: %lld requests are still in flight; no new ones are sent there\n",
                    left);
            status = CTL_FAILED;
        }
        if (pause_ms > POLL_MOST_MS) pause_ms = POLL_MOST_MS;
        nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000}, NULL);
    }
    free(path);
    return status;
}

static long long in_flight_of(const json_t *pool, const json_t *addresses) {
    const json_t *members = json_object_get(pool, "members");
    long long sum_of_all = 0;
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *m = json_array_get(members, i), *address = json_object_get(m, "address");
        for (size_t k = 0; k < json_array_size(addresses); k++)
            if (json_equal((json_t *)address, json_array_get(addresses, k)))
                sum_of_all += json_integer_value(json_object_get(m, "in_flight"));
    }
    return sum_of_all;
}

// --- a whole set ---

static int replace(const struct call *c, const char *pool, const char *path) {
    json_t *members = read_members(path);
    if (!members) return CTL_USAGE;
    int status;
    char *resource = ctl_path(pool, "");
    json_t *answer = ctl_ask(c, "PUT", resource, json_pack("{s:o}", "members", members), &status);
    if (answer && c->as_json) ctl_print_json(answer);
    json_decref(answer);
    free(resource);
    return status;
}

// A line a member: ADDRESS weight=2 backup. "#" begins a comment. A file without a member is taken for a mistake: it would end the pool.
static json_t *read_members(const char *path) {
    struct lines l;
    lines_open(&l, path);
    json_t *members = json_array();
    bool is_good = l.in;
    while (is_good && lines_next(&l)) is_good = add_member(&l, members);
    if (!lines_close(&l)) is_good = false;
    if (is_good && json_array_size(members) == 0) {
        fprintf(stderr, "rspctl: %s: there is no member in it (remove takes members away)\n", path);
        is_good = false;
    }
    if (is_good) return members;
    json_decref(members);
    return NULL;
}

static bool add_member(struct lines *l, json_t *members) {
    char *rest = NULL;
    l->line[strcspn(l->line, "#")] = '\0';
    const char *address = strtok_r(l->line, " \t", &rest);
    if (!address) return true;
    json_t *member = json_object();
    bool is_good = json_object_set_new(member, "address", json_string(address)) == 0;
    for (char *word; is_good && (word = strtok_r(NULL, " \t", &rest));)
        is_good = read_setting(word, member);
    if (!is_good)
        fprintf(stderr, "rspctl: %s:%d: needs ADDRESS weight=N ...\n", l->path, l->number);
    json_array_append_new(members, member);
    return is_good;
}

static void lines_open(struct lines *l, const char *path) {
    *l = (struct lines){.path = path};
    l->in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!l->in) fprintf(stderr, "rspctl: %s: %s\n", path, strerror(errno));
}

static bool lines_next(struct lines *l) {
    ssize_t len = getline(&l->line, &l->size, l->in);
    if (len < 0) return false;
    l->number++;
    l->line[strcspn(l->line, "\r\n")] = '\0';
    return true;
}

// False: it could not be read to its end.
static bool lines_close(struct lines *l) {
    free(l->line);
    if (!l->in) return false;
    bool is_good = !ferror(l->in);
    if (!is_good) fprintf(stderr, "rspctl: %s: it cannot be read\n", l->path);
    if (l->in != stdin) fclose(l->in);
    return is_good;
}

// --- how many keys would move ---

static int plan(const struct call *c, const char *pool, const char *path) {
    json_t *members = read_members(path), *total = json_object(), *keys;
    struct lines in;
    int status = CTL_USAGE;
    lines_open(&in, c->keys);
    if (in.in && members) {
        size_t most = keys_a_question(c, pool, members, &status);
        while ((keys = read_keys(&in, most)) && ask_plan(c, pool, members, keys, total, &status))
            continue;
    }
    if (!lines_close(&in) && status == CTL_GOOD) status = CTL_FAILED;
    if (status == CTL_GOOD && c->as_json) ctl_print_json(total);
    if (status == CTL_GOOD && !c->as_json) show_plan(total);
    json_decref(members);
    json_decref(total);
    return status;
}

// 0: it cannot be asked, and *status says why.
static size_t keys_a_question(const struct call *c, const char *pool, const json_t *members,
                              int *status) {
    char *path = ctl_path(pool, "");
    json_t *answer = ctl_ask(c, "GET", path, NULL, status);
    size_t now = json_array_size(json_object_get(answer, "members"));
    size_t then = json_array_size(members), count = now > then ? now : then;
    json_decref(answer);
    free(path);
    if (*status != CTL_GOOD) return 0;
    return count > COMPARED_MOST / KEYS_MOST ? COMPARED_MOST / count : KEYS_MOST;
}

// As many as one question takes, a line each; NULL: that were all.
static json_t *read_keys(struct lines *in, size_t most) {
    json_t *keys = json_array();
    while (json_array_size(keys) < most && lines_next(in))
        if (in->line[0]) json_array_append_new(keys, json_string(in->line));
    if (json_array_size(keys) > 0) return keys;
    json_decref(keys);
    return NULL;
}

static bool ask_plan(const struct call *c, const char *pool, json_t *members, json_t *keys,
                     json_t *total, int *status) {
    char *path = ctl_path(pool, "/plan");
    json_t *question = json_pack("{s:O, s:o}", "members", members, "keys", keys);
    json_t *answer = ctl_ask(c, "POST", path, question, status);
    if (answer) sum(total, answer);
    json_decref(answer);
    free(path);
    return *status == CTL_GOOD;
}

// Numbers are added up, also those of objects; of everything else the first is kept.
static void sum(json_t *total, const json_t *part) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)part, key, value) {
        json_t *so_far = json_object_get(total, key);
        if (json_is_integer(value))
            json_object_set_new(
                total, key, json_integer(json_integer_value(so_far) + json_integer_value(value)));
        else if (json_is_object(value) && so_far)
            sum(so_far, value);
        else if (!so_far)
            json_object_set(total, key, value);
    }
}

static void show_plan(const json_t *total) {
    const char *address;
    json_t *n;
    long long keys = json_integer_value(json_object_get(total, "keys"));
    long long moved = json_integer_value(json_object_get(total, "moved"));
    long long refused = json_integer_value(json_object_get(total, "refused"));
    printf("%lld of %lld keys would move (%.2f %%)\n", moved, keys,
           keys ? 100.0 * (double)moved / (double)keys : 0.0);
    if (refused) printf("%lld are no keys of this pool\n", refused);
    json_object_foreach(json_object_get(total, "from"), address, n)
        printf("  %8lld from %s\n", (long long)json_integer_value(n), address);
    json_object_foreach(json_object_get(total, "to"), address, n)
        printf("  %8lld to   %s\n", (long long)json_integer_value(n), address);
}

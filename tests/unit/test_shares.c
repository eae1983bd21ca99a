// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/pool_edit.h"
#include "server/shares.h"

enum { ALL = (1u << MEMBER_SETTINGS_COUNT) - 1 };

// "a1 b2": members a of weight 1 and b of weight 2.
static struct shares shares_of_text(const char *text) {
    struct shares s = {0};
    for (const char *at = text; *at; at += at[2] ? 3 : 2) {
        char address[8];
        snprintf(address, sizeof address, "%c:1", at[0]);
        shares_put(&s, &(struct share){.address = address,
                                       .is_added = true,
                                       .given = ALL,
                                       .settings.weight = (uint32_t)(at[1] - '0')});
    }
    return s;
}

static void assert_shares(const struct shares *s, const char *wanted) {
    char found[200] = "";
    for (size_t i = 0; i < s->count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%c%u", i ? " " : "",
                 s->at[i].address[0], s->at[i].settings.weight);
    assert_string_equal(found, wanted);
}

static void edits_of_all_sides_come_together(void **state) {
    (void)state;
    static const struct {
        const char *base, *mine, *theirs, *result;
    } cases[] = {
        {"", "", "", ""},
        {"a1", "a1", "a1 b1", "a1 b1"},       // added there
        {"a1", "a1 b1", "a1", "a1 b1"},       // added here
        {"a1", "a1 b1", "a1 c1", "a1 b1 c1"}, // both
        {"a1 b1", "a1 b1", "a1", "a1"},       // removed there
        {"a1 b1", "a1", "a1 b1", "a1"},       // removed here: it does not come back
        {"a1 b1", "b1", "a1", ""},            // each removed one
        {"a1", "a2", "a1", "a2"},             // changed here
        {"a1", "a1", "a3", "a3"},             // changed there
        {"a1", "a2", "a3", "a2"},             // both: whoever writes last
        {"a1", "a2", "", "a2"},               // changed here, removed there
        {"a1", "", "a3", ""},                 // removed here, changed there
        {"", "a1 b1", "a1 b1", "a1 b1"},      // a write that was done, and whose answer was lost
        {"b1", "c1 b1 a1", "b1", "a1 b1 c1"}, // in any order
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shares base = shares_of_text(cases[i].base), mine = shares_of_text(cases[i].mine);
        struct shares theirs = shares_of_text(cases[i].theirs), result = {0};
        shares_merge(&base, &mine, &theirs, 1000, &result);
        assert_shares(&result, cases[i].result);
        shares_free(&base);
        shares_free(&mine);
        shares_free(&theirs);
        shares_free(&result);
    }
}

static struct shares one_of_json(const char *json) {
    struct shares s = {0};
    struct share share;
    struct text why;
    text_init(&why, 1000);
    assert_true(share_read(SLICE("a:1"), slice_of(json), &share, &why));
    shares_put(&s, &share);
    free(share.address);
    text_fini(&why);
    return s;
}

static void of_one_member_each_setting_goes_by_who_has_changed_it(void **state) {
    (void)state;
    static const struct {
        const char *base, *mine, *theirs, *result;
    } cases[] = {
        // added: both changed something
        {"{}", "{\"weight\": 2}", "{\"max_connections\": 9}",
         "{\"added\": true, \"weight\": 2, \"max_connections\": 9}"},
        {"{}", "{\"wish\": \"drain\"}", "{\"weight\": 3}", "{\"wish\": \"drain\", \"weight\": 3}"},
        {"{\"weight\": 2}", "{\"weight\": 3}", "{\"weight\": 4}", "{\"weight\": 3}"},
        // of route files: what is not given stays each file's
        {"{\"added\": false}", "{\"added\": false, \"weight\": 2}",
         "{\"added\": false, \"priority\": 1}",
         "{\"added\": false, \"weight\": 2, \"priority\": 1}"},
        {"{\"added\": false, \"weight\": 2, \"priority\": 1}",
         "{\"added\": false, \"priority\": 1}",
         "{\"added\": false, \"weight\": 2, \"priority\": 5}",
         "{\"added\": false, \"priority\": 5}"},
        {"{\"added\": false}", "{\"added\": false, \"priority\": 1}",
         "{\"added\": false, \"wish\": \"drain\"}",
         "{\"added\": false, \"wish\": \"drain\", \"priority\": 1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shares base = one_of_json(cases[i].base), mine = one_of_json(cases[i].mine);
        struct shares theirs = one_of_json(cases[i].theirs), wanted = one_of_json(cases[i].result);
        struct shares result = {0};
        shares_merge(&base, &mine, &theirs, 1000, &result);
        if (!shares_are_same(&result, &wanted)) fail_msg("case %zu", i);
        shares_free(&base);
        shares_free(&mine);
        shares_free(&theirs);
        shares_free(&wanted);
        shares_free(&result);
    }
}

static void what_is_not_in_force_here_was_not_removed_here(void **state) {
    (void)state;
    static const struct {
        const char *base, *mine, *now, *after, *agreed, *settled;
    } cases[] = {
        {"a1", "a1", "a1", "a1 b1", "a1 b1", "a1 b1"}, // all of it is in force
        {"a1", "a1", "a1", "a1", "a1 b1", "a1"},       // b is not
        {"a1", "a1", "a1", "a1", "", "a1"},            // a is still here
        {"a1", "a1 b1", "a1 b1", "a1 b1", "a1", "a1"}, // b is ours, and not there: still to be said
        {"a1 b1", "a1", "a1", "a1", "a1 b1", "a1 b1"}, // so is that b was removed
        {"a1", "a1", "a1 c1", "a1 c1", "a1", "a1"},    // c came meanwhile
        {"a1", "a1", "a2", "a2", "a3", "a3"},          // a was changed meanwhile
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shares base = shares_of_text(cases[i].base), mine = shares_of_text(cases[i].mine);
        struct shares now = shares_of_text(cases[i].now), after = shares_of_text(cases[i].after);
        struct shares agreed = shares_of_text(cases[i].agreed), settled = {0};
        shares_settle(&(struct settling){&base, &mine, &now, &after, &agreed}, &settled);
        assert_shares(&settled, cases[i].settled);
        shares_free(&base);
        shares_free(&mine);
        shares_free(&now);
        shares_free(&after);
        shares_free(&agreed);
        shares_free(&settled);
    }
}

static void a_member_that_nobody_renewed_goes_and_a_renewed_one_stays(void **state) {
    (void)state;
    struct shares base = shares_of_text("a1 b1"), theirs = shares_of_text("a1 b1"), result = {0};
    theirs.at[0].until_s = 1000;
    theirs.at[1].until_s = 1001;
    shares_merge(&base, &base, &theirs, 1000, &result);
    assert_shares(&result, "b1");
    assert_int_equal(result.at[0].until_s, 1001);
    shares_free(&base);
    shares_free(&theirs);
    shares_free(&result);
}

static void a_share_is_read_as_it_was_written(void **state) {
    (void)state;
    struct share share = {.address = (char *)"10.0.0.1:80",
                          .is_added = true,
                          .wish = WISH_DRAIN,
                          .given = ALL,
                          .settings = {.weight = 7, .tier = 1, .max_connections = 9},
                          .until_s = 1770000000};
    struct share again;
    struct text json, why;
    text_init(&json, 1000);
    text_init(&why, 1000);
    share_write(&share, &json);
    assert_true(share_read(SLICE("10.0.0.1:80"), text_slice(&json), &again, &why));
    assert_true(share_is_same(&share, &again));
    assert_int_equal(again.until_s, share.until_s);
    free(again.address);
    assert_true(share_read(SLICE("10.0.0.1:80"), SLICE("{}"), &again, &why));
    assert_true(again.is_added && again.wish == WISH_READY && again.settings.weight == 1);
    free(again.address);
    text_fini(&json);
    text_fini(&why);
}

static void what_others_write_is_not_believed(void **state) {
    (void)state;
    static const struct {
        const char *address, *json, *why;
    } cases[] = {
        {"a:1", "", "a:1"},
        {"a:1", "[]", "a:1: is no object"},
        {"a:1", "{\"weight\": 1, \"weight\": 2}", "a:1: duplicate"},
        {"a:1", "{\"weight\": \"2\"}", "a:1: /weight is not what can stand there"},
        {"a:1", "{\"weight\": 1001}", "a:1: /weight is not what can stand there"},
        {"a:1", "{\"weight\": -1}", "a:1: /weight is not what can stand there"},
        {"a:1", "{\"wish\": \"gone\"}", "a:1: /wish is not what can stand there"},
        {"a:1", "{\"color\": 1}", "a:1: /color is not what can stand there"},
        {"a:1", "{\"until\": -5}", "a:1: /until is not what can stand there"},
        {"not an address", "{}", "\"not an address\""},
        {"", "{}", "\"\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct share share;
        struct text why;
        text_init(&why, 1000);
        assert_false(share_read(slice_of(cases[i].address), slice_of(cases[i].json), &share, &why));
        if (strncmp(text_string(&why), cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s %s: %s", cases[i].address, cases[i].json, text_string(&why));
        assert_null(share.address);
        text_fini(&why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_of_all_sides_come_together),
        cmocka_unit_test(of_one_member_each_setting_goes_by_who_has_changed_it),
        cmocka_unit_test(what_is_not_in_force_here_was_not_removed_here),
        cmocka_unit_test(a_member_that_nobody_renewed_goes_and_a_renewed_one_stays),
        cmocka_unit_test(a_share_is_read_as_it_was_written),
        cmocka_unit_test(what_others_write_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certcheck/moment.h"
#include "certcheck/policy.h"
#include "tests/unit/test_certs.h"

#define DAY_S 86400

static time_t moment(const char *text) {
    time_t out;
    assert_true(moment_parse(text, &out));
    return out;
}

static struct policy *builtin(struct files *files, const char *name) {
    struct text problems;
    text_init(&problems, 1000);
    struct policy *p = policy_new(files, name, &problems);
    if (!p) fail_msg("%s", text_string(&problems));
    text_fini(&problems);
    return p;
}

// Does the policy refuse this path of two, by the rule with this id (NULL: by none)?
static void assert_breach(const struct policy *p, const struct made_cert *leaf,
                          const struct made_cert *root, const char *at, const char *id) {
    X509 *certs[] = {leaf->cert, root->cert};
    struct policy_breach breach;
    bool is_broken = policy_find_breach(p, certs, 2, moment(at), &breach);
    if (id && (!is_broken || strcmp(breach.rule->id, id) != 0))
        fail_msg("%s wanted, not %s", id, is_broken ? breach.rule->id : "none");
    if (!id && is_broken) fail_msg("%s is broken", breach.rule->id);
}

static void what_is_built_in_can_be_read_by_its_own_name(void **state) {
    static const char *const names[] = {"seed-2015", "chrome-2015", "cabf-2026",
                                        "mozilla-intermediate"};
    struct files *files = files_new();
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct policy *p = builtin(files, names[i]);
        assert_string_equal(policy_name(p), names[i]);
        policy_free(p);
    }
    files_free(files);
}

static void a_started_day_counts_and_the_limit_follows_the_day_of_issue(void **state) {
    static const struct {
        const char *issued;
        int days;
    } rows[] = {{"2026-03-14T23:59:59Z", 398}, {"2026-03-15T00:00:00Z", 200},
                {"2027-03-14T23:59:59Z", 200}, {"2027-03-15T00:00:00Z", 100},
                {"2029-03-14T23:59:59Z", 100}, {"2029-03-15T00:00:00Z", 47}};
    struct files *files = files_new();
    struct policy *p = builtin(files, "cabf-2026");
    struct made_cert root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int more = 0; more <= 1; more++) {
            time_t issued = moment(rows[i].issued);
            // notAfter is inside: the last second of the last day is one less.
            struct made_cert leaf = make_cert(
                &(struct cert_recipe){.subject = "a.example",
                                      .names = "DNS:a.example",
                                      .usages = "serverAuth",
                                      .issuer = &root,
                                      .begins_at = issued,
                                      .ends_at = issued + rows[i].days * DAY_S - 1 + more});
            char id[40];
            snprintf(id, sizeof id, "CABF-VALIDITY-%d", rows[i].days);
            assert_breach(p, &leaf, &root, rows[i].issued, more ? id : NULL);
            drop_cert(&leaf);
        }
    drop_cert(&root);
    policy_free(p);
    files_free(files);
}

static void cabf_asks_for_names_usage_strong_keys_and_the_digest_of_the_curve(void **state) {
    struct files *files = files_new();
    struct policy *p = builtin(files, "cabf-2026");
    struct made_cert root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    struct cert_recipe good = {
        .subject = "a.example", .names = "DNS:a.example", .usages = "serverAuth", .issuer = &root};
    struct cert_recipe nameless = good, useless = good, small = good, wrong = good, sha1 = good,
                       other = good;
    (void)state;
    nameless.names = NULL;
    useless.usages = NULL;
    small.key = "RSA1024";
    wrong.digest = "SHA384";
    sha1.digest = "SHA1";
    other.key = "ED25519";
    const struct {
        const struct cert_recipe *recipe;
        const char *at, *id;
    } rows[] = {{&good, "2026-10-01", NULL},
                {&nameless, "2026-10-01", "CABF-SAN"},
                {&useless, "2026-10-01", "CABF-SERVERAUTH"},
                {&small, "2026-10-01", "CABF-RSA-SHORT"},
                {&wrong, "2026-10-01", "CABF-CURVE-DIGEST"},
                {&other, "2026-10-01", "CABF-KEY"},
                {&sha1, "2026-09-15", "CABF-SHA1"},
                {&sha1, "2026-09-14T23:59:59Z", "CABF-SHA1-LEAF"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct made_cert leaf = make_cert(rows[i].recipe);
        assert_breach(p, &leaf, &root, rows[i].at, rows[i].id);
        drop_cert(&leaf);
    }
    drop_cert(&root);
    policy_free(p);
    files_free(files);
}

static void sha1_is_judged_by_the_end_of_the_leaf_and_not_at_the_anchor(void **state) {
    struct files *files = files_new();
    struct policy *seed = builtin(files, "seed-2015"), *chrome = builtin(files, "chrome-2015");
    struct made_cert root =
        make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true, .digest = "SHA1"});
    struct cert_recipe recipe = {.subject = "a.example",
                                 .issuer = &root,
                                 .begins_at = moment("2014-12-01"),
                                 .ends_at = moment("2015-12-31T23:59:59Z"),
                                 .digest = "SHA1"};
    (void)state;
    struct made_cert until_2015 = make_cert(&recipe);
    recipe.ends_at++;
    struct made_cert until_2016 = make_cert(&recipe);
    recipe.ends_at = moment("2017-01-01");
    struct made_cert until_2017 = make_cert(&recipe);
    recipe.digest = "SHA256";
    struct made_cert strong = make_cert(&recipe);
    assert_breach(seed, &until_2015, &root, "2015-08-06", NULL);
    assert_breach(seed, &until_2016, &root, "2015-08-06", "SEED-SHA1");
    assert_breach(seed, &strong, &root, "2015-08-06", NULL);
    assert_breach(chrome, &until_2016, &root, "2015-08-06", NULL);
    assert_breach(chrome, &until_2017, &root, "2015-03-02", NULL);
    assert_breach(chrome, &until_2017, &root, "2015-03-03", "CHROME-SHA1-INSECURE");
    assert_breach(chrome, &until_2015, &root, "2017-01-25", "CHROME-SHA1");
    assert_breach(chrome, &strong, &root, "2017-01-25", NULL);
    drop_cert(&until_2015);
    drop_cert(&until_2016);
    drop_cert(&until_2017);
    drop_cert(&strong);
    drop_cert(&root);
    policy_free(seed);
    policy_free(chrome);
    files_free(files);
}

static void what_is_wrong_in_a_file_is_said_with_its_line(void **state) {
    static const struct {
        const char *json, *said;
    } rows[] = {
        {"{\n \"name\": \"x\",\n", "p.json:3: "},
        {"{\"name\": \"x\",\n\"title\": \"t\",\n\"rule\": [], \"rules\": []}",
         "p.json:3: rule: unknown key \"rule\""},
        {"{\"name\": \"x\", \"name\": \"y\"}", "duplicate"},
        {"{\"title\": \"x\"}", "a policy needs a name and rules"},
        {"[]", "a policy is an object"},
        {"{\"name\": \"x\", \"rules\": [\n{\"id\": \"A\", \"why\": \"w\",\n\"mend\": \"m\", "
         "\"days_max\": 0}]}",
         "p.json:3: rules[0].days_max: this must be a number"},
        {"{\"name\": \"x\", \"rules\": [\n{\"id\": \"A\", \"why\": \"w\", \"mend\": \"m\",\n"
         "\"when\": {\n\"at_from\": \"soon\"}, \"days_max\": 3}]}",
         "p.json:4: rules[0].when.at_from: this must be a date"},
        {"{\"name\": \"x\", \"rules\": [\n{\"id\": \"A\", \"why\": \"w\", \"mend\": \"m\",\n"
         "\"digests\": [\"sha256\",\n\"sha42\"]}]}",
         "p.json:4: rules[0].digests[1]: \"sha42\" is not known here"},
        {"{\"name\": \"x\", \"rules\": [{\"id\": \"a\", \"why\": \"\", \"mend\": \"m\", "
         "\"days_max\": 1, \"months_max\": 1, \"severity\": \"grave\"}]}",
         "an id consists of"},
        {"{\"name\": \"x\", \"rules\": [{\"id\": \"A\", \"why\": \"w\", \"mend\": \"m\"}]}",
         "a rule needs one of"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text problems;
        text_init(&problems, 10000);
        assert_null(policy_parse(slice_of(rows[i].json), "p.json", &problems));
        if (!strstr(text_string(&problems), rows[i].said))
            fail_msg("\"%s\" is not in \"%s\"", rows[i].said, text_string(&problems));
        text_fini(&problems);
    }
}

static void an_unknown_name_is_answered_with_those_that_are_built_in(void **state) {
    struct files *files = files_new();
    struct text problems;
    (void)state;
    text_init(&problems, 1000);
    assert_null(policy_new(files, "/nonexistent/cabf-1999", &problems));
    assert_non_null(strstr(text_string(&problems), "built in are seed-2015, chrome-2015"));
    text_fini(&problems);
    files_free(files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_in_can_be_read_by_its_own_name),
        cmocka_unit_test(a_started_day_counts_and_the_limit_follows_the_day_of_issue),
        cmocka_unit_test(cabf_asks_for_names_usage_strong_keys_and_the_digest_of_the_curve),
        cmocka_unit_test(sha1_is_judged_by_the_end_of_the_leaf_and_not_at_the_anchor),
        cmocka_unit_test(what_is_wrong_in_a_file_is_said_with_its_line),
        cmocka_unit_test(an_unknown_name_is_answered_with_those_that_are_built_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

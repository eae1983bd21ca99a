// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/constraints.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/slice.h"
#include "tls/chain/constraint_forms.h"

// One certificate's constraints against the names of those below it.
struct judge {
    const NAME_CONSTRAINTS *constraints;
    bool is_web;
    int work; // comparisons so far
};

static const char *check_constraints(const NAME_CONSTRAINTS *constraints, bool is_web);
static const char *check_subtrees(const STACK_OF(GENERAL_SUBTREE) * trees, bool is_web);
static const char *judge_cert(struct judge *j, X509 *cert);
static const char *judge_subject(struct judge *j, X509 *cert, bool has_san);
static const char *judge_name(struct judge *j, const GENERAL_NAME *name);

static const char malformed[] = "its nameConstraints are malformed or empty";

const char *constraints_judge(X509 *const *certs, size_t count, bool is_web, size_t *at) {
    const char *why = NULL;
    int work = 0;
    for (size_t i = count; i-- > 1 && !why;) {
        int critical = 0;
        *at = i;
        NAME_CONSTRAINTS *all = X509_get_ext_d2i(certs[i], NID_name_constraints, &critical, NULL);
        if (!all && critical != -1) why = malformed;
        if (all) why = check_constraints(all, is_web);
        struct judge j = {.constraints = all, .is_web = is_web, .work = work};
        for (size_t k = i; all && !why && k-- > 0;) {
            bool is_self_issued = X509_get_extension_flags(certs[k]) & EXFLAG_SI;
            *at = k;
            if (k == 0 || !is_self_issued) why = judge_cert(&j, certs[k]);
        }
        work = j.work;
        NAME_CONSTRAINTS_free(all);
    }
    ERR_clear_error();
    return why;
}

static const char *check_constraints(const NAME_CONSTRAINTS *constraints, bool is_web) {
    int permitted = sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees);
    int excluded = sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees);
    if (permitted <= 0 && excluded <= 0) return malformed;
    const char *why = check_subtrees(constraints->permittedSubtrees, is_web);
    return why ? why : check_subtrees(constraints->excludedSubtrees, is_web);
}

// minimum must be 0 and maximum absent (RFC 5280 section 4.2.1.10).
static const char *check_subtrees(const STACK_OF(GENERAL_SUBTREE) * trees, bool is_web) {
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        const GENERAL_SUBTREE *tree = sk_GENERAL_SUBTREE_value(trees, i);
        bool is_whole = !tree->maximum && (!tree->minimum || ASN1_INTEGER_get(tree->minimum) == 0);
        if (!is_whole || !constraint_is_good(tree->base, is_web)) return malformed;
    }
    return NULL;
}

static const char *judge_cert(struct judge *j, X509 *cert) {
    int critical = 0;
    const char *why = NULL;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
    if (!names && critical != -1) return "its subjectAltName is malformed";
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !why; i++)
        why = judge_name(j, sk_GENERAL_NAME_value(names, i));
    if (!why) why = judge_subject(j, cert, names != NULL);
    GENERAL_NAMES_free(names);
    return why;
}

// The subject is a directory name; without a subjectAltName its e-mail addresses count as well.
static const char *judge_subject(struct judge *j, X509 *cert, bool has_san) {
    const X509_NAME *subject = X509_get_subject_name(cert);
    GENERAL_NAME name = {.type = GEN_DIRNAME,
                         .d.directoryName = (X509_NAME *)subject}; // is read only
    if (X509_NAME_entry_count(subject) == 0) return NULL;
    const char *why = judge_name(j, &name);
    if (has_san) return why;
    for (int at = -1; !why;) {
        at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, at);
        if (at < 0) break;
        name.type = GEN_EMAIL;
        name.d.rfc822Name =
            (ASN1_IA5STRING *)X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
        why = judge_name(j, &name);
    }
    return why;
}

static const char *judge_name(struct judge *j, const GENERAL_NAME *name) {
    const STACK_OF(GENERAL_SUBTREE) *permitted = j->constraints->permittedSubtrees;
    const STACK_OF(GENERAL_SUBTREE) *excluded = j->constraints->excludedSubtrees;
    const char *fault = constraint_find_fault(name);
    bool is_asked = false, is_inside = false;
    int permitted_count = sk_GENERAL_SUBTREE_num(permitted);
    int excluded_count = sk_GENERAL_SUBTREE_num(excluded);
    j->work +=
        (permitted_count > 0 ? permitted_count : 0) + (excluded_count > 0 ? excluded_count : 0);
    if (j->work > CONSTRAINTS_WORK_MAX) return "it has too many names for its issuers' constraints";
    for (int i = 0; i < excluded_count; i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(excluded, i)->base;
        if (base->type != name->type) continue;
        if (fault) return fault;
        if (constraint_touches(base, name)) return "a name of it is excluded by an issuer";
    }
    for (int i = 0; i < permitted_count && !is_inside; i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(permitted, i)->base;
        if (base->type != name->type) continue;
        if (fault) return fault;
        is_asked = true;
        is_inside = constraint_holds(base, name);
    }
    return is_asked && !is_inside ? "a name of it is not among those its issuers may certify"
                                  : NULL;
}

// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/policies.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static bool is_whole(X509 *cert);
static bool are_whole_mappings(const X509 *cert);
static bool has_whole_constraints(const X509 *cert, size_t *explicit_policy);
static bool has_policies(const X509 *cert);
static bool read_number(const ASN1_INTEGER *number, size_t *out);

enum policies_verdict policies_judge(X509 *const *certs, size_t count, bool is_required,
                                     const char **objection, size_t *at) {
    // The path without the anchor, and one more: nobody requires one.
    size_t explicit_policy = is_required ? 0 : count;
    bool has_tree = true;
    for (size_t i = count > 0 ? count - 1 : 0; i-- > 0;) {
        bool is_leaf = i == 0, is_self_issued = X509_get_extension_flags(certs[i]) & EXFLAG_SI;
        size_t own = count;
        *at = i;
        *objection = "its policyConstraints, policyMappings or inhibitAnyPolicy are malformed";
        if (!is_whole(certs[i]) || !has_whole_constraints(certs[i], &own)) return POLICIES_BAD;
        has_tree = has_tree && has_policies(certs[i]);
        if (explicit_policy > 0 && (is_leaf || !is_self_issued)) explicit_policy--;
        if (own < explicit_policy && (!is_leaf || own == 0)) explicit_policy = own;
    }
    *at = 0;
    *objection = "a policy is required, and there is none in common on its path";
    if (has_tree) return POLICIES_NEED_TREE;
    return explicit_policy > 0 ? POLICIES_GOOD : POLICIES_BAD;
}

static bool is_whole(X509 *cert) {
    int critical = 0;
    size_t number;
    ASN1_INTEGER *skip = X509_get_ext_d2i(cert, NID_inhibit_any_policy, &critical, NULL);
    bool is_good = skip ? read_number(skip, &number) : critical == -1;
    ASN1_INTEGER_free(skip);
    is_good = is_good && are_whole_mappings(cert);
    ERR_clear_error();
    return is_good;
}

// anyPolicy is neither mapped nor mapped to (section 6.1.4 (a)).
static bool are_whole_mappings(const X509 *cert) {
    int critical = 0;
    POLICY_MAPPINGS *all = X509_get_ext_d2i(cert, NID_policy_mappings, &critical, NULL);
    bool is_good = all ? sk_POLICY_MAPPING_num(all) > 0 : critical == -1;
    for (int i = 0; i < sk_POLICY_MAPPING_num(all) && is_good; i++) {
        const POLICY_MAPPING *one = sk_POLICY_MAPPING_value(all, i);
        is_good = OBJ_obj2nid(one->issuerDomainPolicy) != NID_any_policy &&
                  OBJ_obj2nid(one->subjectDomainPolicy) != NID_any_policy;
    }
    sk_POLICY_MAPPING_pop_free(all, POLICY_MAPPING_free);
    return is_good;
}

// Leaves `explicit_policy` as it is where none is asked for.
static bool has_whole_constraints(const X509 *cert, size_t *explicit_policy) {
    int critical = 0;
    size_t mapping;
    POLICY_CONSTRAINTS *one = X509_get_ext_d2i(cert, NID_policy_constraints, &critical, NULL);
    if (!one) return critical == -1;
    const ASN1_INTEGER *required = one->requireExplicitPolicy,
                       *inhibited = one->inhibitPolicyMapping;
    bool is_good = (required || inhibited) &&
                   (!required || read_number(required, explicit_policy)) &&
                   (!inhibited || read_number(inhibited, &mapping));
    POLICY_CONSTRAINTS_free(one);
    return is_good;
}

static bool has_policies(const X509 *cert) {
    return X509_get_ext_by_NID(cert, NID_certificate_policies, -1) >= 0;
}

// How many certificates may follow; more than any path has is as good as any number.
static bool read_number(const ASN1_INTEGER *number, size_t *out) {
    uint64_t value = UINT64_MAX;
    if (ASN1_STRING_type(number) != V_ASN1_INTEGER) return false; // negative
    ASN1_INTEGER_get_uint64(&value, number);
    *out = (size_t)value;
    ERR_clear_error();
    return true;
}

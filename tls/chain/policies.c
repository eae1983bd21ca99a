// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/policies.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static const char *find_fault(const X509 *cert, size_t *explicit_policy);
static const char *find_fault_of_policies(const X509 *cert);
static int compare(const POLICYINFO *const *a, const POLICYINFO *const *b);
static bool has_known_qualifiers(const POLICYINFO *policy);
static bool has_whole_inhibition(const X509 *cert);
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
        *objection = find_fault(certs[i], &own);
        if (*objection) return POLICIES_BAD;
        has_tree = has_tree && has_policies(certs[i]);
        if (explicit_policy > 0 && (is_leaf || !is_self_issued)) explicit_policy--;
        if (own < explicit_policy && (!is_leaf || own == 0)) explicit_policy = own;
    }
    *at = 0;
    *objection = "a policy is required, and there is none in common on its path";
    if (has_tree) return POLICIES_NEED_TREE;
    return explicit_policy > 0 ? POLICIES_GOOD : POLICIES_BAD;
}

static const char *find_fault(const X509 *cert, size_t *explicit_policy) {
    const char *fault = find_fault_of_policies(cert);
    bool is_whole = has_whole_inhibition(cert) && are_whole_mappings(cert) &&
                    has_whole_constraints(cert, explicit_policy);
    ERR_clear_error();
    if (fault || is_whole) return fault;
    return "its policyConstraints, policyMappings or inhibitAnyPolicy are malformed";
}

// Section 4.2.1.4: one or more, each once; where they are critical, all of it must be understood.
static const char *find_fault_of_policies(const X509 *cert) {
    int critical = 0;
    bool is_whole, is_known = true;
    CERTIFICATEPOLICIES *all = X509_get_ext_d2i(cert, NID_certificate_policies, &critical, NULL);
    is_whole = all ? sk_POLICYINFO_num(all) > 0 : critical == -1;
    if (all) sk_POLICYINFO_set_cmp_func(all, compare);
    sk_POLICYINFO_sort(all);
    for (int i = 0; i < sk_POLICYINFO_num(all); i++) {
        const POLICYINFO *one = sk_POLICYINFO_value(all, i);
        const POLICYINFO *before = i > 0 ? sk_POLICYINFO_value(all, i - 1) : NULL;
        is_whole = is_whole && (!before || OBJ_cmp(before->policyid, one->policyid) != 0);
        is_known = is_known && (!critical || has_known_qualifiers(one));
    }
    CERTIFICATEPOLICIES_free(all);
    if (!is_whole) return "its certificatePolicies are malformed, empty or name a policy twice";
    return is_known ? NULL : "its certificatePolicies are critical and have an unknown qualifier";
}

static int compare(const POLICYINFO *const *a, const POLICYINFO *const *b) {
    return OBJ_cmp((*a)->policyid, (*b)->policyid);
}

static bool has_known_qualifiers(const POLICYINFO *policy) {
    for (int i = 0; i < sk_POLICYQUALINFO_num(policy->qualifiers); i++) {
        int kind = OBJ_obj2nid(sk_POLICYQUALINFO_value(policy->qualifiers, i)->pqualid);
        if (kind != NID_id_qt_cps && kind != NID_id_qt_unotice) return false;
    }
    return true;
}

static bool has_whole_inhibition(const X509 *cert) {
    int critical = 0;
    size_t number;
    ASN1_INTEGER *skip = X509_get_ext_d2i(cert, NID_inhibit_any_policy, &critical, NULL);
    bool is_good = skip ? read_number(skip, &number) : critical == -1;
    ASN1_INTEGER_free(skip);
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

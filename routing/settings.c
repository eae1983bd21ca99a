// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/settings.h"

#include "routing/balance.h"
#include "routing/decide.h"
#include "routing/site.h"

// clang-format off
#define ROW(of, name_, type_, member, least_, most_, fallback_, text_, choices_, help_) \
    {.name = name_, .type = CONF_##type_, .offset = offsetof(struct of, member), .least = least_, \
     .most = most_, .fallback = (uint64_t)(fallback_), .text = text_, .choices = choices_, .help = help_},
#define TABLE(fields_, has_items_)                                                                 \
    { .fields = fields_, .count = sizeof fields_ / sizeof *fields_, .has_items = has_items_ }

#define SETTINGS_GLOBAL(...) ROW(config, __VA_ARGS__)
static const struct conf_field global_rows[] = {
#include "routing/settings.def"
};
const struct conf_table GLOBAL_SETTINGS = TABLE(global_rows, false);

#define SETTINGS_LISTEN(...) ROW(listen_conf, __VA_ARGS__)
static const struct conf_field listen_rows[] = {
#include "routing/settings.def"
};
const struct conf_table LISTEN_SETTINGS = TABLE(listen_rows, false);

#define SETTINGS_LISTEN_LIMITS(...) ROW(listen_conf, __VA_ARGS__)
static const struct conf_field listen_limits_rows[] = {
#include "routing/settings.def"
};
const struct conf_table LISTEN_LIMITS_SETTINGS = TABLE(listen_limits_rows, false);

#define SETTINGS_LISTEN_TIMEOUT(...) ROW(listen_conf, __VA_ARGS__)
static const struct conf_field listen_timeout_rows[] = {
#include "routing/settings.def"
};
const struct conf_table LISTEN_TIMEOUT_SETTINGS = TABLE(listen_timeout_rows, false);

#define SETTINGS_TLS(...) ROW(tls_conf, __VA_ARGS__)
static const struct conf_field tls_rows[] = {
#include "routing/settings.def"
};
const struct conf_table TLS_SETTINGS = TABLE(tls_rows, false);

#define SETTINGS_LOG(...) ROW(log_conf, __VA_ARGS__)
static const struct conf_field log_rows[] = {
#include "routing/settings.def"
};
const struct conf_table LOG_SETTINGS = TABLE(log_rows, false);

#define SETTINGS_ADMIN(...) ROW(admin_conf, __VA_ARGS__)
static const struct conf_field admin_rows[] = {
#include "routing/settings.def"
};
const struct conf_table ADMIN_SETTINGS = TABLE(admin_rows, false);

#define SETTINGS_CLUSTER(...) ROW(cluster_conf, __VA_ARGS__)
static const struct conf_field cluster_rows[] = {
#include "routing/settings.def"
};
const struct conf_table CLUSTER_SETTINGS = TABLE(cluster_rows, false);

#define SETTINGS_POOL(...) ROW(pool, __VA_ARGS__)
static const struct conf_field pool_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POOL_SETTINGS = TABLE(pool_rows, true);

#define SETTINGS_POOL_QUEUE(...) ROW(queue_conf, __VA_ARGS__)
static const struct conf_field pool_queue_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POOL_QUEUE_SETTINGS = TABLE(pool_queue_rows, false);

#define SETTINGS_POOL_STICKY(...) ROW(sticky_conf, __VA_ARGS__)
static const struct conf_field pool_sticky_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POOL_STICKY_SETTINGS = TABLE(pool_sticky_rows, false);

#define SETTINGS_POOL_TLS(...) ROW(backend_conf, __VA_ARGS__)
static const struct conf_field pool_tls_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POOL_TLS_SETTINGS = TABLE(pool_tls_rows, false);

#define SETTINGS_POOL_HEALTH(...) ROW(check_conf, __VA_ARGS__)
static const struct conf_field pool_health_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POOL_HEALTH_SETTINGS = TABLE(pool_health_rows, false);

#define SETTINGS_POOL_PASSIVE(...) ROW(passive_conf, __VA_ARGS__)
static const struct conf_field pool_passive_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POOL_PASSIVE_SETTINGS = TABLE(pool_passive_rows, false);

#define SETTINGS_MEMBER(...) ROW(table_settings, __VA_ARGS__)
static const struct conf_field member_rows[] = {
#include "routing/settings.def"
};
const struct conf_table MEMBER_SETTINGS = TABLE(member_rows, true);

#define SETTINGS_RULE(...) ROW(access, __VA_ARGS__)
static const struct conf_field rule_rows[] = {
#include "routing/settings.def"
};
const struct conf_table RULE_SETTINGS = {
    .fields = rule_rows,
    .count = sizeof rule_rows / sizeof *rule_rows,
    .mistaken_for = &POOL_SETTINGS,
    .instead = "it belongs to a pool: to = { \"host:port\", ... }, or pool \"name\" { ... }"};

#define SETTINGS_SITE_TLS(...) ROW(site_tls, __VA_ARGS__)
#define SETTINGS_SITE_CLIENT(...) ROW(site_tls, __VA_ARGS__)
static const struct conf_field site_tls_rows[] = {
#include "routing/settings.def"
};
const struct conf_table SITE_TLS_SETTINGS = TABLE(site_tls_rows, false);

#define SETTINGS_SITE_TLS(...) ROW(site_tls, __VA_ARGS__)
static const struct conf_field site_cert_rows[] = {
#include "routing/settings.def"
};
const struct conf_table SITE_CERT_SETTINGS = TABLE(site_cert_rows, false);

#define SETTINGS_SITE_CLIENT(...) ROW(site_tls, __VA_ARGS__)
static const struct conf_field site_client_rows[] = {
#include "routing/settings.def"
};
const struct conf_table SITE_CLIENT_SETTINGS = TABLE(site_client_rows, true);

#define SETTINGS_POLICY_TIMEOUT(...) ROW(policy, __VA_ARGS__)
static const struct conf_field policy_timeout_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POLICY_TIMEOUT_SETTINGS = TABLE(policy_timeout_rows, false);

#define SETTINGS_POLICY_LIMITS(...) ROW(policy, __VA_ARGS__)
static const struct conf_field policy_limits_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POLICY_LIMITS_SETTINGS = TABLE(policy_limits_rows, false);

#define SETTINGS_POLICY(...) ROW(policy, __VA_ARGS__)
static const struct conf_field policy_rows[] = {
#include "routing/settings.def"
};
const struct conf_table POLICY_SETTINGS = TABLE(policy_rows, false);

#define MEMBER_OF_POLICY(name, type, member, least, most, fallback, text, choices, help) .member = fallback,
#define SETTINGS_POLICY_TIMEOUT MEMBER_OF_POLICY
#define SETTINGS_POLICY_LIMITS MEMBER_OF_POLICY
#define SETTINGS_POLICY MEMBER_OF_POLICY
const struct policy DEFAULT_POLICY = {
#include "routing/settings.def"
};

// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/loop.h"
#include "core/text.h"
#include "routing/config.h"
#include "server/pools.h"

// The live pools of several rsp kept alike through a Redis server, by control. Each rsp has its own table and serves from it whether or
// not the server is there; what is edited at one is in force at all as soon as they can talk. Layout, with the prefix of the file:
//
//   PREFIX pool:NAME      a hash: address -> JSON (server/shares.h)
//   PREFIX revision:NAME  a number that grows with every edit of the pool
//   PREFIX changes        a channel: "REVISION NAME" for every edit
//
//   PREFIX life:NAME, begun:NAME, token:NAME:ID    of rsp alone (server/cluster_parts.h)
//
//   frontend:HOST         a list of hipache's, of pools that say so: it is read every two seconds and never written
//
// Other programs may edit too, if they do the first three. Everything is read anew when the connection comes up and every 10 s. A server that
// has lost a pool, or has an older one than was seen before, gets what the one of all rsp has that knows most: no edit is lost, and nothing
// that was removed comes back.
struct cluster;

struct cluster *cluster_new(struct loop *loop, struct pools *pools);
void cluster_free(struct cluster *c);
// The configuration in force from now on, after pools_merge(). It is borrowed until the next one; one without cluster { } ends all talk.
void cluster_follow(struct cluster *c, const struct config *config);
// Members of the status page, and metrics: since when the server has been there or away, and the age of what it said last. Nothing where
// there is no cluster.
void cluster_write_status(const struct cluster *c, struct text *out);
void cluster_write_metrics(const struct cluster *c, struct text *out);

// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/files.h"
#include "core/slice.h"
#include "core/stream.h"
#include "core/text.h"

// TLS for streams, on OpenSSL. Nobody who uses this needs OpenSSL's headers.

// --- as a server ---

// Intermediates that complete what certificate files lack: every *.pem, *.crt, *.cer, *.der, *.p7b and *.p7c of a directory. What cannot be
// read is a line in `problems`, after the label (NULL: none), and left out. The files must outlive it.
struct tls_chains;
struct tls_chains *tls_chains_new(struct files *files, const char *directory, const char *label,
                                  struct text *problems);
void tls_chains_free(struct tls_chains *c);

// One certificate with its key. cert may hold key and chain as well (then key is NULL). Names of files in the set.
struct tls_identity_conf {
    const char *cert, *key;
    const char *site; // NULL: from the directory
    const char *
        label; // stands before what is said of it ("rsp.lua:5: site \"a.example\": "); NULL: nothing
    const struct tls_chains *chains; // NULL: none
    bool allows_weak; // SHA-1 or short keys in it are said, and it is served all the same
};
// What is asked of clients: nothing, a certificate if they have one, a certificate. One that is sent must be good: it is verified
// over the strongest path (tls/chain), and a handshake with one that is not fails.
enum tls_client_asks { TLS_ASKS_NOTHING, TLS_REQUESTS_CERTIFICATE, TLS_REQUIRES_CERTIFICATE };
struct tls_client_rules {
    enum tls_client_asks asks;
    const char *ca_file;        // whose self-signed certificates are trusted
    const char *crl_file;       // what they have revoked; NULL: nothing is looked up
    unsigned intermediates_max; // of a client's chain
    const char *label;          // stands before what is said of them; NULL: nothing
};
struct tls_server_conf {
    const char *certificates; // directory: every *.pem in it; NULL: none
    const char *label;        // before what is said of the directory and the default; NULL: nothing
    const struct tls_chains *chains; // for those of the directory; NULL: none
    const struct tls_identity_conf
        *identities; // those that sites name; their sites use them whatever names they carry
    size_t identity_count;
    const char *profile; // "intermediate" (default) or "modern"
    bool
        logs_notes; // what was mended or is served although it is weak: due once, not in every process
    bool strict_sni;
    const char *default_name; // NULL: the first identity, else the first of the directory
    bool has_tickets;
    void *ticket_keys; // TLS_TICKET_AREA_BYTES of shared memory, or NULL: private ones
    const struct tls_client_rules *client_rules; // copied; none: nobody is asked
    size_t client_rules_count;
    // Which of them hold for a (normalised, maybe empty) name; called during handshakes, so `rules_arg` must outlive the server.
    size_t (*rules_of)(const void *rules_arg, struct slice name);
    const void *rules_arg;
};
// Contexts for all names. Certificates that cannot be used do not make it fail: each problem is one line in `problems` (which file,
// what is wrong, what to do) and its names are refused during the handshake. NULL only on our own failure.
struct tls_server;
struct tls_server *tls_server_new(struct files *files, const struct tls_server_conf *conf,
                                  struct text *problems);
void tls_server_free(struct tls_server *t);
// Checks one identity without keeping it: false and a line in `problems`. (The supervisor keeps the old bytes of one that went bad.)
bool tls_identity_check(struct files *files, const struct tls_identity_conf *identity,
                        struct text *problems);
// The same for client rules.
bool tls_client_rules_check(struct files *files, const struct tls_client_rules *rules,
                            struct text *problems);
// The pattern of the files that a directory of certificates is read from: "/etc/rsp/certs/*.pem".
void tls_directory_pattern(const char *directory, char *out, size_t max);
// Does a handshake for this (normalised) name find a certificate? Plain ports redirect to HTTPS only then.
bool tls_server_has_name(const struct tls_server *t, struct slice host);
size_t tls_server_count(const struct tls_server *t); // usable certificates
// Puts TLS on an accepted stream; the server must outlive it.
void tls_accept(struct tls_server *t, struct stream *s);

#define TLS_TICKET_AREA_BYTES 512
void tls_tickets_init(void *area); // first keys; by the supervisor, before the fork
void tls_tickets_rotate(
    void *area); // called by control every hour; the last key still opens old tickets

// --- as a client (backends) ---
struct tls_client_conf {
    const char *ca_file; // NULL: the system's store
    const char *label;   // before what is said of it; NULL: nothing
    bool verifies;
};
struct tls_client;
struct tls_client *tls_client_new(struct files *files, const struct tls_client_conf *conf,
                                  struct text *problems); // NULL and a line
void tls_client_free(struct tls_client *t);
// Puts TLS on a connected stream; the client must outlive it. name: for SNI (not for IP literals) and verification; copied.
// Sessions are resumed per name.
void tls_connect(struct tls_client *t, struct stream *s, const char *name);

// --- what was agreed; on a stream whose handshake is READY ---
const char *tls_version(const struct stream *s); // "TLSv1.3"; "-" on a plain stream
const char *tls_cipher(const struct stream *s);
struct slice tls_name(const struct stream *s); // the client's SNI, normalised; empty
bool tls_is_resumed(const struct stream *s);
size_t tls_client_rules_of(const struct stream *s); // the number that rules_of() gave for its name
bool tls_has_refused(const struct stream *s); // a broken one: because of the peer's certificate
bool tls_has_heard_http(
    const struct stream *s); // a broken one: plain HTTP came instead of a handshake
bool tls_has_certificate(const struct stream *s); // the client sent one, and it is good

// The client's certificate, verified. NULL: there is none. Made when it is asked for first; the stream's.
struct tls_peer {
    struct slice subject, issuer; // RFC 2253
    struct slice serial;          // hexadecimal
    struct slice fingerprint;     // SHA-256 over the DER, hexadecimal
    const struct slice *names; // subjectAltName: "DNS:a.example", "email:...", "URI:...", "IP:..."
    size_t name_count;
    int64_t not_before_s, not_after_s; // since 1970
    int signature_bits;                // of the weakest signature of its path
    unsigned path_length;              // in certificates, the authority's included
};
const struct tls_peer *tls_peer(const struct stream *s);
// The value of Client-Cert, or with is_chain of Client-Cert-Chain (the rest of the path without its authority), as RFC 9440
// writes them. Empty: there is none. The stream's.
struct slice tls_peer_field(const struct stream *s, bool is_chain);

// A certificate and key for localhost and the given names, made in memory (rsp quick --https): PEM text.
bool tls_self_signed(const char *const *names, size_t count, struct text *pem);

// "OpenSSL 3.0.22 25 Aug 2026"
const char *tls_library_version(void);

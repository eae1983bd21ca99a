// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/parser.h"

// Six messages that a strict llhttp refuses and a lenient build, or one before the fixes, takes. Our scanner would stop most of them; the point is that
// two independent checks stand between a smuggled request and a backend, and that a lenient library is not noticed otherwise.
static const struct {
    bool is_request;
    const char *message;
    const char *what;
} CANARIES[] = {
    {true, "GET / HTTP/1.1\r\nHost: x\r\nA:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "a bare CR as the end of a field line (CVE-2023-30589)"},
    {true, "GET / HTTP/1.1\r\nHost: x\r\n\r\rGET /b HTTP/1.1\r\nHost: y\r\n\r\n",
     "CR CR as the end of a head (CVE-2025-23167)"},
    {true,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "5\r\n\r\n0\r\n\r\n",
     "Transfer-Encoding and Content-Length together"},
    {true, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
     "a request whose last transfer coding is not chunked"},
    {true, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
     "a space before the colon of a field"},
    {false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
     "a chunk that does not end with CRLF"},
};

const char *parser_check_llhttp(void) {
    for (size_t i = 0; i < sizeof CANARIES / sizeof *CANARIES; i++)
        if (parser_llhttp_accepts(CANARIES[i].is_request, slice_of(CANARIES[i].message)))
            return CANARIES[i].what;
    return NULL;
}

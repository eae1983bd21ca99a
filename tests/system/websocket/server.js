// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0
// server.js: a WebSocket server on a free port, which it prints. Echoes text and binary; "close NNNN" closes with that code; plain
// requests get a page.
const http = require('http');
const { WebSocketServer } = require('ws');

const server = http.createServer((request, response) => response.end('plain\n'));
const sockets = new WebSocketServer({ server, maxPayload: 16 << 20 });
sockets.on('connection', socket => {
  socket.on('message', (bytes, isBinary) => {
    const asked = isBinary ? null : /^close (\d+)$/.exec(bytes.toString());
    if (asked) socket.close(Number(asked[1]), 'as asked');
    else socket.send(bytes, { binary: isBinary });
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

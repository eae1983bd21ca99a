// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0
// client.js URL: everything that WebSocket peers do. client.js URL hold N: opens N, prints "open", and for each line on standard input
// sends one message on every socket and prints how many echoes came.
const crypto = require('crypto');
const readline = require('readline');
const { WebSocket } = require('ws');

const [url, mode, count] = process.argv.slice(2);
const options = { rejectUnauthorized: false };

function open() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, options);
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

function echo(socket, message) {
  return new Promise((resolve, reject) => {
    socket.once('message', (bytes, isBinary) => {
      const isSame = Buffer.compare(Buffer.from(bytes), Buffer.from(message)) === 0 && isBinary === (typeof message !== 'string');
      isSame ? resolve() : reject(new Error(`another echo for ${message.length} bytes`));
    });
    socket.once('close', code => reject(new Error(`closed with ${code}`)));
    socket.send(message);
  });
}

async function ping(socket) {
  const payload = crypto.randomBytes(100);
  const pong = new Promise(resolve => socket.once('pong', resolve));
  socket.ping(payload);
  if (Buffer.compare(await pong, payload) !== 0) throw new Error('another pong');
}

async function closeWith(code) {
  const socket = await open();
  const closed = new Promise(resolve => socket.once('close', (c, reason) => resolve(`${c} ${reason}`)));
  socket.send(`close ${code}`);
  const got = await closed;
  if (got !== `${code} as asked`) throw new Error(`asked for ${code}, got ${got}`);
}

async function tryAll() {
  const socket = await open();
  socket.setMaxListeners(100);
  await echo(socket, 'text, and ünïcode');
  await echo(socket, Buffer.alloc(0));
  for (const size of [1, 125, 126, 65535, 65536, 1 << 20]) await echo(socket, crypto.randomBytes(size));
  for (let i = 0; i < 200; i++) await echo(socket, `message ${i}`);
  await ping(socket);
  socket.terminate();
  for (const code of [1000, 1001, 1008, 1011, 3000, 4999]) await closeWith(code);
  console.log('all is well');
}

async function hold(n) {
  const sockets = await Promise.all(Array.from({ length: n }, open));
  console.log('open');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const echoes = await Promise.allSettled(sockets.map(s => echo(s, line)));
    sockets.forEach(s => { s.removeAllListeners('message'); s.removeAllListeners('close'); });
    console.log(echoes.filter(e => e.status === 'fulfilled').length);
  }
  process.exit(0);
}

(mode === 'hold' ? hold(Number(count)) : tryAll()).catch(error => {
  console.error(String(error));
  process.exit(1);
});
setTimeout(() => { console.error('too slow'); process.exit(2); }, 90000).unref();

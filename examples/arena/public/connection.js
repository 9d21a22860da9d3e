import { comesBack, reconnectDelayMs } from './backoff.js';

const PING_MS = 2000;
/** sessionStorage is per tab: two tabs are two players, and a reload keeps its player. */
const TOKEN_KEY = 'arena.token';

/**
 * The connection to the server: joins, comes back by itself and resumes the player. `on` receives
 * state(state, detail), message(object), latency(ms).
 */
export class ArenaConnection {
  #on;
  #socket = null;
  #name = '';
  #attempt = 0;
  #retryTimer = 0;
  #pingTimer = 0;
  #seq = 0;
  #isJoined = false;

  constructor(on) {
    this.#on = on;
    // The network is back: do not wait for the rest of a long delay.
    window.addEventListener('online', () => {
      if (this.#retryTimer !== 0) this.#connect();
    });
  }

  /** True when this tab played before and may still have its player. */
  static mayResume() {
    return sessionStorage.getItem(TOKEN_KEY) !== null;
  }

  join(name) {
    this.#name = name;
    this.#attempt = 0;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#sendJoin();
    else this.#connect();
  }

  /** Returns the number of this input, or -1 when there is no connection. */
  input(dx, dy, dash) {
    if (!this.#isJoined) return -1;
    this.#seq += 1;
    this.#send({ type: 'input', seq: this.#seq, dx, dy, dash });
    return this.#seq;
  }

  chat(text) {
    this.#send({ type: 'chat', text });
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.#discard();
    this.#on.state(this.#attempt === 0 ? 'connecting' : 'reconnecting', '');
    const url = new URL('ws', document.baseURI);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener('open', () => this.#sendJoin());
    socket.addEventListener('message', (event) => this.#receive(event.data));
    socket.addEventListener('close', (event) => {
      if (this.#socket === socket) this.#closed(event.code, event.reason);
    });
  }

  #discard() {
    const socket = this.#socket;
    this.#socket = null;
    this.#isJoined = false;
    clearInterval(this.#pingTimer);
    socket?.close(1000);
  }

  #sendJoin() {
    const token = sessionStorage.getItem(TOKEN_KEY);
    this.#send(token === null ? { type: 'join', name: this.#name } : { type: 'join', name: this.#name, token });
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof message !== 'object' || message === null) return;
    if (message.type === 'welcome') {
      sessionStorage.setItem(TOKEN_KEY, message.token);
      this.#name = message.name;
      this.#attempt = 0;
      this.#seq = 0;
      this.#isJoined = true;
      clearInterval(this.#pingTimer);
      this.#pingTimer = setInterval(() => this.#ping(), PING_MS);
      this.#ping();
      this.#on.state('online', '');
    }
    if (message.type === 'error' && !this.#isJoined && message.code.startsWith('NAME_')) {
      // Choosing another name may take longer than the server waits for a join.
      this.#discard();
      this.#on.state('offline', '');
    }
    if (message.type === 'pong') this.#on.latency(Math.max(0, performance.now() - message.at));
    else this.#on.message(message);
  }

  #closed(code, reason) {
    this.#discard();
    const detail = reason === '' ? `code ${code}` : `${reason} (code ${code})`;
    if (!comesBack(code)) {
      this.#on.state('closed', detail);
      return;
    }
    const waitMs = reconnectDelayMs(this.#attempt, Math.random);
    this.#attempt += 1;
    this.#on.state('reconnecting', detail);
    this.#retryTimer = setTimeout(() => this.#connect(), waitMs);
  }

  #ping() {
    this.#send({ type: 'ping', at: performance.now() });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
